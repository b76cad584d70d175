package fabric

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"postern/aws/fault"
	"postern/network/fabric/internal/packet"
	"postern/network/link"
	"postern/network/link/userstack"
	"postern/network/vpc"
)

// vpcStack answers for the fabric itself in one VPC: a TCP/IP stack that terminates the connections to the
// endpoints' interfaces and to the link-local services. It is made when first needed.
type vpcStack struct {
	fabric *Fabric
	vpc    string
	tcpip  *userstack.Stack
	// service is the port of the resolver and the metadata service.
	service *port
	// ports tells who sends from which of the stack's addresses.
	ports atomic.Pointer[map[[4]byte]*port]

	mu       sync.Mutex
	closed   bool
	serving  map[netip.AddrPort]*userstack.Listener
	conns    map[*Conn]struct{}
	listener map[*Listener]struct{}
	// accepting waits for the goroutines that accept connections to the services.
	accepting sync.WaitGroup
}

// stackOf returns the VPC's stack and makes it if need be.
func (f *Fabric) stackOf(id string) (*vpcStack, error) {
	f.mu.RLock()
	v := f.vpcs[id]
	if v != nil && v.stack != nil {
		defer f.mu.RUnlock()
		return v.stack, nil
	}
	f.mu.RUnlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, net.ErrClosed
	}
	if rules := f.rules.Load(); rules == nil || rules.Compiled(id) == nil {
		return nil, fault.New(fault.NotFound, "fabric.stackOf", "%s is gone", id)
	}
	v = f.stateLocked(id)
	if v.stack != nil {
		return v.stack, nil
	}
	tcpip, err := userstack.New(EndpointMTU)
	if err != nil {
		return nil, err
	}
	r := &vpcStack{
		fabric: f, vpc: id, tcpip: tcpip, serving: map[netip.AddrPort]*userstack.Listener{},
		conns: map[*Conn]struct{}{}, listener: map[*Listener]struct{}{},
	}
	r.ports.Store(&map[[4]byte]*port{})
	r.service = f.newPort(id, service)
	r.service.stack = r
	r.service.vpc.Store(v)
	r.service.plug.Store(&plug{link: services{r}, mtu: EndpointMTU})
	tcpip.Open(func(batch []link.Packet) { f.carry(r, batch) })
	v.stack = r
	return r, nil
}

// sender returns the port that has one of the stack's addresses.
func (r *vpcStack) sender(source [4]byte) (*port, vpc.Reason) {
	if p := (*r.ports.Load())[source]; p != nil {
		return p, vpc.ReasonNone
	}
	return nil, vpc.ReasonSpoofed
}

// takeLocked gives the stack an address that belongs to the port.
func (r *vpcStack) takeLocked(p *port, a netip.Addr) error {
	if holder, _ := r.sender(a.As4()); holder != nil {
		if holder == p {
			return nil
		}
		return fmt.Errorf("%s belongs to %s", a, holder.id)
	}
	if err := r.tcpip.AddAddress(a); err != nil {
		return err
	}
	ports := maps.Clone(*r.ports.Load())
	ports[a.As4()] = p
	r.ports.Store(&ports)
	return nil
}

// serve makes sure that the stack listens for connections to a link-local service at one of its addresses.
func (r *vpcStack) serve(at [4]byte, kind vpc.DestinationKind) bool {
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
func (r *vpcStack) acceptLocked(local netip.AddrPort, at *port, to *arrivals) error {
	if r.serving[local] != nil {
		return nil
	}
	l, err := r.tcpip.ListenTCP(local)
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
func (r *vpcStack) admit(c *userstack.Conn, at *port) *Conn {
	from := r.fabric.peer(at, packet.TCP, c.Local(), c.Remote())
	rules := r.fabric.rules.Load()
	if from == nil || rules == nil {
		c.Abort()
		return nil
	}
	conn := &Conn{Conn: c, stack: r, from: from, at: at, origin: rules.Origin(from.id, at.id, c.Remote())}
	if !conn.register(func() bool { return r.fabric.peer(at, packet.TCP, c.Local(), c.Remote()) == from }) {
		c.Abort()
		return nil
	}
	return conn
}

// remove takes an endpoint's interface away.
func (r *vpcStack) remove(p *port) {
	r.mu.Lock()
	ports := maps.Clone(*r.ports.Load())
	for a, holder := range ports {
		if holder == p {
			delete(ports, a)
			r.tcpip.RemoveAddress(netip.AddrFrom4(a))
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
func (r *vpcStack) close() {
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
	_ = r.tcpip.Close()
	r.accepting.Wait()
}

// services is the link of a VPC's service port: datagrams go to the resolver, segments to the stack.
type services struct{ *vpcStack }

func (services) Open(func([]link.Packet)) {}
func (services) MTU() int                 { return EndpointMTU }
func (services) Close() error             { return nil }

func (s services) Send(batch []link.Packet) {
	for i := range batch {
		var h packet.Header
		if packet.Parse(&batch[i], &h) == packet.None && h.Protocol == packet.UDP {
			s.fabric.resolver.arrive(s.vpcStack, s.service, &h, &batch[i])
			continue
		}
		s.tcpip.Send(batch[i : i+1])
	}
}
