package fabric

import (
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"

	"postern/network/fabric/internal/conntrack"
	"postern/network/fabric/internal/packet"
	"postern/network/link"
	"postern/network/link/userstack"
	"postern/network/vpc"
)

const (
	// InternetMTU is the largest packet that an Internet or NAT gateway takes, in bytes (VPC User Guide, "Network maximum
	// transmission unit").
	InternetMTU = 1500

	publicPort = 443
	// A NAT gateway uses the ports from firstNATPort on (VPC User Guide, "NAT gateway basics").
	firstNATPort = 1024
	natPorts     = 65536 - firstNATPort
)

// internet stands for what lies behind the Internet and NAT gateways of every VPC: a TCP/IP stack that has the public
// addresses of services, and between it and the gateways the translation of private addresses into public ones. To the
// filter a gateway is a port like others, so a conversation's packets are judged before they are translated and after
// they were translated back. It is made when first needed.
type internet struct {
	fabric *Fabric
	stack  *userstack.Stack

	mu        sync.RWMutex
	closed    bool
	inside    map[insideKey]*mapping
	outside   map[outsideKey]*mapping
	serving   map[netip.Addr]*userstack.Listener
	accepting sync.WaitGroup
	// forwards carries what goes on to the real Internet.
	forwards *forwards
}

// insideKey is a conversation as it comes to a gateway, outsideKey as the Internet sees it.
type (
	insideKey struct {
		gateway *port
		outsideKey
	}
	outsideKey struct {
		local, remote         [4]byte
		localPort, remotePort uint16
		protocol              uint8
	}
)

// mapping is one conversation's translation.
type mapping struct {
	from    *port
	in      insideKey
	out     outsideKey
	aborted func() // ends the connection that was accepted for it; guarded by the internet's mu
}

func keyInside(gateway *port, k *conntrack.Key) insideKey {
	return insideKey{gateway, outsideKey{k.Source, k.Destination, k.SourcePort, k.DestinationPort, k.Protocol}}
}

// theInternet returns it and makes it if need be.
func (f *Fabric) theInternet() (*internet, error) {
	if n := f.beyond.Load(); n != nil {
		return n, nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := f.beyond.Load(); n != nil {
		return n, nil
	}
	if f.closed {
		return nil, net.ErrClosed
	}
	stack, err := userstack.New(InternetMTU)
	if err != nil {
		return nil, err
	}
	n := &internet{
		fabric: f, stack: stack, inside: map[insideKey]*mapping{}, outside: map[outsideKey]*mapping{},
		serving: map[netip.Addr]*userstack.Listener{},
	}
	n.forwards = newForwards(n, f.options.Dial)
	stack.Open(n.inward)
	f.beyond.Store(n)
	return n, nil
}

// leave finds the gateway's port for an allowed flow to the Internet, if something there takes it.
func (j *judgement) leave(v vpc.Verdict) (*port, Drop) {
	to := netip.AddrFrom4(j.header.Destination)
	if !v.Public.Is4() {
		return nil, NoGateway
	}
	n, err := j.fabric.theInternet()
	if err != nil {
		return nil, ServiceBusy
	}
	switch _, ok := j.rules.PublicServiceAt(to); {
	case !ok && (j.header.Protocol == packet.ICMP || !n.forwards.open()):
		return nil, NoGateway
	case ok && !n.serve(to):
		return nil, ServiceBusy
	}
	_, shared := j.rules.NATGateway(v.To)
	return j.fabric.gatewayPort(v.To, n, shared)
}

// toEndpoint finds the gateway endpoint's port for an allowed flow to its service, if the service answers there.
func (j *judgement) toEndpoint(v vpc.Verdict) (*port, Drop) {
	to := netip.AddrFrom4(j.header.Destination)
	service, _ := j.rules.PublicServiceAt(to)
	e, _ := j.rules.Endpoint(v.To)
	if service.Service != e.Service || j.header.Protocol != packet.TCP || j.header.DestinationPort != publicPort {
		return nil, NoGateway
	}
	n, err := j.fabric.theInternet()
	if err != nil || !n.serve(to) {
		return nil, ServiceBusy
	}
	return j.fabric.gatewayPort(v.To, n, true)
}

// outer is the address that a flow has beyond the gateway. A gateway endpoint has no public address: beyond it, where
// no other address is private, its flows have one that is made of its port's number.
func (p *port) outer(v vpc.Verdict) netip.Addr {
	if v.Kind == vpc.ToGateway {
		return netip.AddrFrom4([4]byte{10, byte(p.number >> 16), byte(p.number >> 8), byte(p.number)})
	}
	return v.Public
}

// gatewayPort returns the port of an Internet or NAT gateway, or of a gateway endpoint, unless it is gone meanwhile.
func (f *Fabric) gatewayPort(id string, n *internet, shared bool) (*port, Drop) {
	if p := f.port(id); p != nil {
		return p, Carried
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.portLocked(id, gateway)
	if p.plug.Load() == nil {
		p.shared = shared
		p.plug.Store(&plug{link: outward{n, p}, mtu: InternetMTU})
	}
	f.refreshLocked(p)
	if p.dead.Load() {
		f.forgetLocked(p)
		return nil, NoGateway
	}
	return p, Carried
}

// serve makes sure that the stack takes connections at a service's address.
func (n *internet) serve(a netip.Addr) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return false
	}
	if n.serving[a] != nil {
		return true
	}
	if err := n.stack.AddAddress(a); err != nil {
		return false
	}
	l, err := n.stack.ListenTCP(netip.AddrPortFrom(a, publicPort))
	if err != nil {
		return false
	}
	n.serving[a] = l
	n.accepting.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if conn := n.admit(c); conn != nil && !n.fabric.public.put(conn) {
				_ = conn.Close()
			}
		}
	})
	return true
}

// admit gives an accepted connection its origin: the public address it comes from and nothing of the VPC behind, or the
// interface that it comes from through a gateway endpoint. It returns nil, and aborts the connection, if its
// conversation has been ended meanwhile.
func (n *internet) admit(c *userstack.Conn) *PublicConn {
	local, remote := c.Local(), c.Remote()
	n.mu.Lock()
	defer n.mu.Unlock()
	m := n.outside[outsideKey{remote.Addr().As4(), local.Addr().As4(), remote.Port(), local.Port(), packet.TCP}]
	if m == nil || n.closed {
		c.Abort()
		return nil
	}
	m.aborted = c.Abort
	conn := &PublicConn{Conn: c, origin: vpc.Origin{Source: remote}}
	if rules := n.fabric.rules.Load(); rules != nil {
		if _, ok := rules.Endpoint(m.in.gateway.id); ok {
			conn.origin = rules.Origin(m.from.id, m.in.gateway.id, toAddrPort(m.in.local, m.in.localPort))
		}
	}
	return conn
}

// PublicConn is a connection to a service's public address.
type PublicConn struct {
	*userstack.Conn
	origin vpc.Origin
}

// Origin returns where the connection comes from: an address of the Internet, outside every VPC, or an interface behind
// a gateway endpoint.
func (c *PublicConn) Origin() vpc.Origin { return c.origin }

// RemoteAddr is the address in Origin.
func (c *PublicConn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.origin.Source) }

// translate begins a conversation's translation, from the public address that the judge named. An Internet gateway
// keeps the port; a NAT gateway takes a free one.
func (n *internet) translate(from, gateway *port, k *conntrack.Key, v vpc.Verdict) bool {
	in := keyInside(gateway, k)
	out := in.outsideKey
	out.local = gateway.outer(v).As4()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed || !n.freeLocked(&out, gateway.shared) {
		return false
	}
	m := &mapping{from: from, in: in, out: out}
	n.inside[in], n.outside[out] = m, m
	return true
}

// freeLocked finds a port of the public address with which the remote end has no conversation yet.
func (n *internet) freeLocked(out *outsideKey, shared bool) bool {
	if n.outside[*out] == nil && (!shared || out.localPort >= firstNATPort) {
		return true
	}
	if !shared {
		return false
	}
	start := rand.IntN(natPorts)
	for i := range natPorts {
		out.localPort = uint16(firstNATPort + (start+i)%natPorts)
		if n.outside[*out] == nil {
			return true
		}
	}
	return false
}

// translates reports whether a conversation still has the public address that the judge names now.
func (n *internet) translates(gateway *port, k *conntrack.Key, public netip.Addr) bool {
	n.mu.RLock()
	defer n.mu.RUnlock()
	m := n.inside[keyInside(gateway, k)]
	return m != nil && netip.AddrFrom4(m.out.local) == public
}

// portOf is the public port of a conversation, 0 if it has none.
func (n *internet) portOf(gateway *port, k *conntrack.Key) uint16 {
	n.mu.RLock()
	defer n.mu.RUnlock()
	if m := n.inside[keyInside(gateway, k)]; m != nil {
		return m.out.localPort
	}
	return 0
}

// forget ends a conversation's translation, and the connection beyond it.
func (n *internet) forget(gateway *port, k *conntrack.Key) {
	n.mu.Lock()
	in := keyInside(gateway, k)
	m := n.inside[in]
	var abort func()
	if m != nil {
		delete(n.inside, in)
		delete(n.outside, m.out)
		abort = m.aborted
	}
	n.mu.Unlock()
	if abort != nil {
		abort()
	}
}

// outward is a gateway's link: what the filter lets pass to it is translated and goes to the stack.
type outward struct {
	*internet
	gateway *port
}

func (outward) Open(func([]link.Packet)) {}
func (outward) MTU() int                 { return InternetMTU }
func (outward) Close() error             { return nil }

func (o outward) Send(batch []link.Packet) {
	for i := range batch {
		p := &batch[i]
		var h packet.Header
		if packet.Parse(p, &h) != packet.None || h.Protocol == packet.ICMP {
			p.Release()
			continue
		}
		in := insideKey{o.gateway, outsideKey{h.Source, h.Destination, h.SourcePort, h.DestinationPort, h.Protocol}}
		o.mu.RLock()
		m := o.inside[in]
		o.mu.RUnlock()
		if m == nil { // ended since it was judged
			p.Release()
			continue
		}
		packet.Rewrite(p, &h, packet.Source, m.out.local, m.out.localPort)
		o.stack.Send(batch[i : i+1])
	}
}

// inward takes what the stack sends back to the gateway that the conversation came by, and from there through the
// filter.
func (n *internet) inward(batch []link.Packet) {
	for i := range batch {
		p := &batch[i]
		var h packet.Header
		if packet.Parse(p, &h) != packet.None || h.Protocol == packet.ICMP {
			p.Release()
			continue
		}
		out := outsideKey{h.Destination, h.Source, h.DestinationPort, h.SourcePort, h.Protocol}
		n.mu.RLock()
		m := n.outside[out]
		n.mu.RUnlock()
		if m == nil {
			n.fabric.counts.drop(OutOfState)
			p.Release()
			continue
		}
		packet.Rewrite(p, &h, packet.Destination, m.in.local, m.in.localPort)
		n.fabric.carry(entry{m.in.gateway}, batch[i:i+1])
	}
}

// entry takes packets that come in through a gateway.
type entry struct{ *port }

func (e entry) sender([4]byte) (*port, vpc.Reason) { return e.port, vpc.ReasonNone }

func (n *internet) close() {
	n.mu.Lock()
	n.closed = true
	serving := n.serving
	n.serving = map[netip.Addr]*userstack.Listener{}
	clear(n.inside)
	clear(n.outside)
	n.mu.Unlock()
	n.forwards.cancel()
	for _, l := range serving {
		_ = l.Close()
	}
	_ = n.stack.Close()
	n.accepting.Wait()
}

// Public accepts the connections from every VPC to the public addresses of services; they are *PublicConn.
func (f *Fabric) Public() net.Listener { return f.public }
