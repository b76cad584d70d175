package fabric

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"postern/aws/fault"
	"postern/network/fabric/internal/packet"
	"postern/network/link"
	"postern/network/vpc"
)

const (
	dnsPort      = 53
	metadataPort = 80

	// datagramQueue bounds how many queries may wait for the resolver.
	datagramQueue = 1024
)

// arrivals is a listener for the connections of every VPC to one of the link-local services, or to public ones.
type arrivals struct {
	addr   netip.AddrPort
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newArrivals(addr netip.AddrPort) *arrivals {
	return &arrivals{addr: addr, conns: make(chan net.Conn), closed: make(chan struct{})}
}

// put hands over a connection, or returns false if nobody will take it.
func (a *arrivals) put(c net.Conn) bool {
	select {
	case a.conns <- c:
		return true
	case <-a.closed:
		return false
	}
}

func (a *arrivals) Accept() (net.Conn, error) {
	select {
	case c := <-a.conns:
		return c, nil
	case <-a.closed:
		return nil, net.ErrClosed
	}
}

func (a *arrivals) Close() error {
	a.once.Do(func() { close(a.closed) })
	return nil
}

func (a *arrivals) Addr() net.Addr { return net.TCPAddrFromAddrPort(a.addr) }

// Peer names who sent a datagram to a VPC's resolver, at its own addresses or at an inbound endpoint's. It is the
// address that an answer is sent to.
type Peer struct {
	fabric        *Fabric
	from, at      *port
	local, remote netip.AddrPort
}

// Network is "udp".
func (*Peer) Network() string { return "udp" }

func (p *Peer) String() string { return p.remote.String() }

// Origin returns where the datagram comes from, by the snapshot in force now.
func (p *Peer) Origin() vpc.Origin {
	return p.fabric.rules.Load().Origin(p.from.id, p.at.id, p.remote)
}

// Local is the address that was asked: base plus two, 169.254.169.253, or a Resolver inbound endpoint's.
func (p *Peer) Local() netip.AddrPort { return p.local }

// datagrams is a socket for the queries of every VPC to its resolver.
type datagrams struct {
	fabric *Fabric
	queue  chan datagram
	closed chan struct{}
	once   sync.Once

	mu       sync.Mutex
	deadline time.Time
	// moved is closed when the deadline changes.
	moved chan struct{}
}

type datagram struct {
	p    link.Packet
	peer *Peer
}

func newDatagrams(f *Fabric) *datagrams {
	return &datagrams{
		fabric: f, queue: make(chan datagram, datagramQueue), closed: make(chan struct{}), moved: make(chan struct{}),
	}
}

// arrive queues a packet that the filter has let pass to a port.
func (d *datagrams) arrive(r *vpcStack, at *port, h *packet.Header, p *link.Packet) {
	remote := toAddrPort(h.Source, h.SourcePort)
	from := d.fabric.asker(r, at, h)
	if from == nil || !link.Intact(p) {
		p.Release()
		return
	}
	q := datagram{
		*p, &Peer{fabric: d.fabric, from: from, at: at, local: toAddrPort(h.Destination, h.DestinationPort), remote: remote},
	}
	select {
	case d.queue <- q:
	default:
		d.fabric.counts.drop(ServiceBusy)
		q.p.Release()
	}
}

// asker is the port that a datagram to the VPC's resolver came from. What comes to an inbound endpoint may come from
// another VPC: the flow knows.
func (f *Fabric) asker(r *vpcStack, at *port, h *packet.Header) *port {
	if at.kind == asking {
		return f.peer(at, packet.UDP, toAddrPort(h.Destination, h.DestinationPort), toAddrPort(h.Source, h.SourcePort))
	}
	if i, ok := f.rules.Load().InterfaceAt(r.vpc, netip.AddrFrom4(h.Source)); ok {
		return f.port(i.ID)
	}
	return nil
}

// ReadFrom waits for a query; its sender is a *Peer. What does not fit into b is lost.
func (d *datagrams) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		d.mu.Lock()
		deadline, moved := d.deadline, d.moved
		d.mu.Unlock()
		q, err := d.wait(deadline, moved)
		if err != nil {
			return 0, nil, err
		}
		if q.peer == nil {
			continue
		}
		n := q.p.Copy(b, packet.HeaderSize+8)
		q.p.Release()
		return n, q.peer, nil
	}
}

// wait returns the zero datagram when the deadline has moved.
func (d *datagrams) wait(deadline time.Time, moved <-chan struct{}) (datagram, error) {
	var late <-chan time.Time
	if !deadline.IsZero() {
		timer := time.NewTimer(time.Until(deadline))
		defer timer.Stop()
		late = timer.C
	}
	select {
	case q := <-d.queue:
		return q, nil
	case <-moved:
		return datagram{}, nil
	case <-late:
		return datagram{}, os.ErrDeadlineExceeded
	case <-d.closed:
		return datagram{}, net.ErrClosed
	}
}

// WriteTo answers a *Peer that ReadFrom returned. An answer that is larger than the asker's link takes is dropped and
// counted.
func (d *datagrams) WriteTo(b []byte, to net.Addr) (int, error) {
	peer, ok := to.(*Peer)
	if !ok {
		return 0, fault.New(fault.Invalid, "fabric.WriteTo", "%T is not the sender of a query", to)
	}
	select {
	case <-d.closed:
		return 0, net.ErrClosed
	default:
	}
	p, ok := packet.Datagram(peer.local.Addr().As4(), peer.remote.Addr().As4(), peer.local.Port(), peer.remote.Port(), b)
	if !ok {
		return 0, fault.New(fault.TooLarge, "fabric.WriteTo", "%d bytes do not fit into a datagram", len(b))
	}
	switch plug := peer.from.plug.Load(); {
	case plug == nil:
		d.fabric.counts.drop(Unattached)
		p.Release()
	case p.Len() > plug.mtu:
		d.fabric.counts.drop(TooLarge)
		p.Release()
	case peer.at.kind == asking:
		d.fabric.carry(peer.at.stack, []link.Packet{p})
	default:
		d.fabric.deliver(peer.from, []link.Packet{p})
	}
	return len(b), nil
}

// Close ends waiting reads.
func (d *datagrams) Close() error {
	d.once.Do(func() { close(d.closed) })
	return nil
}

// LocalAddr is the address that every VPC's resolver has.
func (*datagrams) LocalAddr() net.Addr {
	return net.UDPAddrFromAddrPort(netip.AddrPortFrom(vpc.LinkLocalResolver, dnsPort))
}

// SetReadDeadline ends reads that wait beyond t; the zero time ends none.
func (d *datagrams) SetReadDeadline(t time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.deadline = t
	close(d.moved)
	d.moved = make(chan struct{})
	return nil
}

// SetWriteDeadline does nothing: writes do not wait.
func (*datagrams) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline is SetReadDeadline.
func (d *datagrams) SetDeadline(t time.Time) error { return d.SetReadDeadline(t) }
