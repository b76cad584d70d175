package fabric

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"postern/network/fabric/internal/packet"
	"postern/network/link"
	"postern/network/link/userstack"
	"postern/network/vpc"
)

// realm is what the fabric itself answers for in one VPC: a TCP/IP stack that terminates the connections to the
// endpoints' interfaces and to the link-local services. It is made when first needed.
type realm struct {
	fabric *Fabric
	vpc    string
	stack  *userstack.Stack
	// service is the port of the resolver and the metadata service.
	service *port
	// ports are who sends from which of the stack's addresses.
	ports atomic.Pointer[map[[4]byte]*port]

	mu       sync.Mutex
	closed   bool
	serving  map[netip.AddrPort]*userstack.Listener
	conns    map[*Conn]struct{}
	listener map[*Listener]struct{}
	// accepting waits for the goroutines that accept connections to the services.
	accepting sync.WaitGroup
}

// realm returns the VPC's and makes it if need be.
func (f *Fabric) realm(id string) (*realm, error) {
	f.mu.RLock()
	r := f.realms[id]
	f.mu.RUnlock()
	if r != nil {
		return r, nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if r := f.realms[id]; r != nil {
		return r, nil
	}
	if f.closed {
		return nil, net.ErrClosed
	}
	stack, err := userstack.New(EndpointMTU)
	if err != nil {
		return nil, err
	}
	r = &realm{
		fabric: f, vpc: id, stack: stack, serving: map[netip.AddrPort]*userstack.Listener{},
		conns: map[*Conn]struct{}{}, listener: map[*Listener]struct{}{},
	}
	r.ports.Store(&map[[4]byte]*port{})
	r.service = f.newPort(id, service)
	r.service.realm = r
	r.service.plug.Store(&plug{link: services{r}, mtu: EndpointMTU})
	stack.Open(func(batch []link.Packet) { f.carry(r, batch) })
	f.realms[id] = r
	return r, nil
}

// sender returns the port that has one of the stack's addresses.
func (r *realm) sender(source [4]byte) (*port, vpc.Reason) {
	if p := (*r.ports.Load())[source]; p != nil {
		return p, vpc.ReasonNone
	}
	return nil, vpc.ReasonSpoofed
}

// takeLocked gives the stack an address that belongs to the port.
func (r *realm) takeLocked(p *port, a netip.Addr) error {
	if holder, _ := r.sender(a.As4()); holder != nil {
		if holder == p {
			return nil
		}
		return fmt.Errorf("%s belongs to %s", a, holder.id)
	}
	if err := r.stack.AddAddress(a); err != nil {
		return err
	}
	ports := maps.Clone(*r.ports.Load())
	ports[a.As4()] = p
	r.ports.Store(&ports)
	return nil
}

// serve makes sure that the stack listens for connections to a link-local service at one of its addresses.
func (r *realm) serve(at [4]byte, kind vpc.DestinationKind) bool {
	local, to := toAddrPort(at, dnsPort), r.fabric.resolving
	if kind == vpc.ToMetadata {
		local, to = toAddrPort(at, metadataPort), r.fabric.metadata
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	if r.serving[local] != nil {
		return true
	}
	if err := r.takeLocked(r.service, local.Addr()); err != nil {
		return false
	}
	return r.acceptLocked(local, r.service, to) == nil
}

// acceptLocked begins to hand the connections to one of the stack's addresses, which is the port's, to a service.
func (r *realm) acceptLocked(local netip.AddrPort, at *port, to *arrivals) error {
	if r.serving[local] != nil {
		return nil
	}
	l, err := r.stack.ListenTCP(local)
	if err != nil {
		return err
	}
	r.serving[local] = l
	r.accepting.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if conn := r.admit(c, at); conn != nil && !to.put(conn) {
				_ = conn.Close()
			}
		}
	})
	return nil
}

// admit gives an accepted connection its origin. It returns nil, and aborts the connection, if that is not known: the
// flow has been ended meanwhile.
func (r *realm) admit(c *userstack.Conn, at *port) *Conn {
	from := r.fabric.peer(at, packet.TCP, c.Local(), c.Remote())
	rules := r.fabric.rules.Load()
	if from == nil || rules == nil {
		c.Abort()
		return nil
	}
	conn := &Conn{Conn: c, realm: r, from: from, at: at, origin: rules.Origin(from.id, at.id, c.Remote())}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		c.Abort()
		return nil
	}
	r.conns[conn] = struct{}{}
	return conn
}

// abort ends the connections of ports that are gone.
func (r *realm) abort(gone map[*port]bool) {
	r.mu.Lock()
	var ending []*Conn
	for c := range r.conns {
		if gone[c.from] || gone[c.at] {
			ending = append(ending, c)
		}
	}
	r.mu.Unlock()
	for _, c := range ending {
		c.Abort()
	}
}

// remove takes an endpoint's interface away.
func (r *realm) remove(p *port) {
	r.mu.Lock()
	ports := maps.Clone(*r.ports.Load())
	for a, holder := range ports {
		if holder == p {
			delete(ports, a)
			r.stack.RemoveAddress(netip.AddrFrom4(a))
			if l := r.serving[toAddrPort(a, dnsPort)]; l != nil {
				delete(r.serving, l.Local())
				_ = l.Close()
			}
		}
	}
	r.ports.Store(&ports)
	var closing []*Listener
	for l := range r.listener {
		if l.at == p {
			closing = append(closing, l)
		}
	}
	r.mu.Unlock()
	for _, l := range closing {
		_ = l.Close()
	}
}

// close ends everything in the VPC.
func (r *realm) close() {
	r.mu.Lock()
	r.closed = true
	serving, listeners, conns := r.serving, r.listener, r.conns
	r.serving, r.listener, r.conns = nil, nil, nil
	r.mu.Unlock()
	for l := range listeners {
		_ = l.inner.Close()
	}
	for _, l := range serving {
		_ = l.Close()
	}
	for c := range conns {
		c.Abort()
	}
	r.service.plug.Store(nil)
	_ = r.stack.Close()
	r.accepting.Wait()
}

// services is the link of a VPC's service port: datagrams go to the resolver, segments to the stack.
type services struct{ *realm }

func (services) Open(func([]link.Packet)) {}
func (services) MTU() int                 { return EndpointMTU }
func (services) Close() error             { return nil }

func (s services) Send(batch []link.Packet) {
	for i := range batch {
		var h packet.Header
		if packet.Parse(&batch[i], &h) == packet.None && h.Protocol == packet.UDP {
			s.fabric.resolver.arrive(s.realm, s.service, &h, &batch[i])
			continue
		}
		s.stack.Send(batch[i : i+1])
	}
}
