package fabric

import (
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"postern/network/fabric/internal/conntrack"
	"postern/network/link"
	"postern/network/vpc"
)

// portKind says what stands behind a port.
type portKind uint8

const (
	machine  portKind = iota // whatever holds the link: an instance, an attached machine
	endpoint                 // an endpoint's interface: the VPC's stack
	service                  // the VPC's resolver and instance metadata
	provider                 // an endpoint service's own interface: the VPC's stack, which connects from there
	asking                   // a Resolver endpoint's interface: the VPC's stack, and its resolver for what asks there
	gateway                  // an Internet or NAT gateway: what lies behind it
)

// port joins one network interface to the fabric.
type port struct {
	// id is the interface's; of a service, the VPC's.
	id     string
	number uint32
	kind   portKind
	// vpc is the VPC that it is in; nil while the snapshot does not know it.
	vpc atomic.Pointer[vpcState]
	// nic holds what the snapshot says of the interface; nil while it does not know it.
	nic atomic.Pointer[nic]
	// plug is the link; nil while nobody holds it.
	plug atomic.Pointer[plug]
	// flows lists the flows in the table that the port is an end of; begun counts the ones that it began and that are not
	// closing.
	flows     conntrack.End[direction]
	begun     atomic.Int32
	allowance bucket
	// dead is set while the interface cannot hold conversations.
	dead atomic.Bool
	// conns are the connections of VPCs' stacks that the port is an end of.
	conns connections
	// stack is the VPC's, of a port that is the stack's.
	stack *vpcStack
	// shared says that many interfaces have the gateway's public address.
	shared bool
}

type nic struct {
	addresses [][4]byte
	anySource bool
	vpc       string
}

type plug struct {
	link link.Link
	mtu  int
}

// entrance takes packets in: a port, or a VPC's stack that many ports share.
type entrance interface {
	// sender returns the port that may send from the address, or why none may.
	sender(source [4]byte) (*port, vpc.Reason)
}

// ours reports whether the port is an interface that the VPC's stack has.
func (p *port) ours() bool { return p.kind == endpoint || p.kind == provider || p.kind == asking }

func (p *port) sender(source [4]byte) (*port, vpc.Reason) {
	switch c := p.nic.Load(); {
	case c == nil:
		return nil, vpc.ReasonUnknownSender
	case !c.anySource && !slices.Contains(c.addresses, source):
		return nil, vpc.ReasonSpoofed
	}
	return p, vpc.ReasonNone
}

// send gives the port one packet that the filter itself made.
func (p *port) send(pkt link.Packet) {
	if plug := p.plug.Load(); plug != nil {
		plug.link.Send([]link.Packet{pkt})
		return
	}
	pkt.Release()
}

// reading says what a snapshot knows of a port.
type reading struct {
	// vpc is the id of the VPC that the port is in, empty if it is in none.
	vpc string
	// alive says that it can hold conversations, moved that it has lost the addresses of those that it had.
	alive, moved bool
}

// read takes over what the snapshot says of the interface.
func (p *port) read(s *vpc.Snapshot) reading {
	if p.kind == gateway {
		id := s.GatewayVPC(p.id)
		return reading{vpc: id, alive: id != ""}
	}
	i, ok := s.Interface(p.id)
	if !ok {
		p.nic.Store(nil)
		return reading{}
	}
	c := &nic{anySource: i.AnySource, vpc: i.VPC}
	for _, a := range i.Addresses {
		if a.Is4() {
			c.addresses = append(c.addresses, a.As4())
		}
	}
	old := p.nic.Load()
	if old == nil || old.anySource != c.anySource || old.vpc != c.vpc || !slices.Equal(old.addresses, c.addresses) {
		p.nic.Store(c)
	}
	lost := func(a [4]byte) bool { return !slices.Contains(c.addresses, a) }
	return reading{
		vpc: i.VPC, alive: available(s, &i),
		moved: old != nil && (old.vpc != c.vpc || slices.ContainsFunc(old.addresses, lost)),
	}
}

// available reports whether the endpoint that the interface belongs to, if it does to one, takes connections.
func available(s *vpc.Snapshot, i *vpc.Interface) bool {
	switch i.Kind {
	case vpc.EndpointInterface:
		e, ok := s.Endpoint(i.Owner)
		return ok && e.Available
	case vpc.ResolverInterface:
		e, ok := s.ResolverEndpoint(i.Owner)
		return ok && e.Available
	}
	return true
}

// Attach plugs a link into the interface with the id, in place of the link that was there. The fabric owns the link
// from now on: detach unplugs and closes it and ends the interface's conversations, unless another link has taken its
// place. The snapshot may know the interface already, or learn of it later; until then its packets are dropped.
func (f *Fabric) Attach(eni string, l link.Link) (detach func()) {
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		_ = l.Close()
		return func() {}
	}
	p := f.portLocked(eni, machine)
	f.refreshLocked(p)
	now := &plug{link: l, mtu: l.MTU()}
	old := p.plug.Swap(now)
	f.mu.Unlock()
	if old != nil {
		_ = old.link.Close()
	}
	l.Open(func(batch []link.Packet) { f.carry(p, batch) })
	return sync.OnceFunc(func() { f.detach(p, now) })
}

func (f *Fabric) detach(p *port, held *plug) {
	_ = held.link.Close()
	if !p.plug.CompareAndSwap(held, nil) {
		return
	}
	f.end(map[*port]bool{p: true})
	f.forget(p)
}

// forget drops a port that neither a link nor the snapshot needs.
func (f *Fabric) forget(p *port) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p.plug.Load() == nil {
		f.forgetLocked(p)
	}
}

// refreshLocked takes over what the snapshot in force says of a port. Apply looks at it from then on.
func (f *Fabric) refreshLocked(p *port) {
	var found reading
	if r := f.rules.Load(); r != nil {
		found = p.read(r.Snapshot)
	}
	f.placeLocked(p, found.vpc)
	p.dead.Store(!found.alive)
}

// portLocked returns the interface's port and makes it if need be.
func (f *Fabric) portLocked(eni string, kind portKind) *port {
	p := f.ports[eni]
	if p == nil {
		p = f.newPort(eni, kind)
		f.ports[eni] = p
	}
	return p
}

func (f *Fabric) newPort(id string, kind portKind) *port {
	return &port{id: id, number: f.numbers.Add(1), kind: kind}
}

// port returns the interface's port, nil if nobody was ever attached to it.
func (f *Fabric) port(eni string) *port {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.ports[eni]
}

// bucket limits how many packets per second go to the link-local services.
type bucket struct {
	mu     sync.Mutex
	filled int64
	tokens float64
}

// take uses up one packet. A rate of 0 has no limit. The bucket holds what one second allows.
func (b *bucket) take(now int64, rate float64) bool {
	if rate <= 0 {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tokens = min(rate, b.tokens+rate*float64(now-b.filled)/1e9)
	if b.filled == 0 {
		b.tokens = rate
	}
	b.filled = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

func toAddrPort(a [4]byte, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4(a), port)
}
