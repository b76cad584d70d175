package fabric

import (
	"fmt"
	"net"
	"net/netip"
	"sync"

	"postern/aws/fault"
	"postern/network/fabric/internal/conntrack"
	"postern/network/link/userstack"
	"postern/network/vpc"
)

// Conn is a connection from a network interface to an endpoint or a link-local service, or from an endpoint service's
// own interface to a target. It stays beneath TLS: what (*tls.Conn).NetConn returns has the Origin.
type Conn struct {
	*userstack.Conn
	stack    *vpcStack
	from, at *port
	origin   vpc.Origin
}

// Origin returns where the connection comes from, as it was when the connection was accepted.
func (c *Conn) Origin() vpc.Origin { return c.origin }

// Close ends the connection.
func (c *Conn) Close() error {
	c.leave()
	return c.Conn.Close()
}

// peer finds the port at the other end of a connection that the stack has accepted, or of a datagram that has arrived.
func (f *Fabric) peer(at *port, protocol uint8, local, remote netip.AddrPort) *port {
	k := conntrack.Key{
		Sender: at.number, Source: local.Addr().As4(), Destination: remote.Addr().As4(),
		SourcePort: local.Port(), DestinationPort: remote.Port(), Protocol: protocol,
	}
	s := f.flows.Lock(&k)
	defer s.Unlock()
	if fl, side := s.Find(&k, f.now()); fl != nil && side == 1 {
		return fl.Sides[1].To.to
	}
	return nil
}

// Listener accepts connections to one port of an endpoint's interface.
type Listener struct {
	stack *vpcStack
	at    *port
	inner *userstack.Listener
	once  sync.Once
}

// Listen accepts TCP connections to a port of the endpoint's interface with the id; each is a *Conn. It fails with
// NotFound if the snapshot in force has no such interface of an endpoint, and with Exists if the port is taken. When a
// later snapshot no longer has the interface, the listener is closed.
func (f *Fabric) Listen(eni string, tcpPort uint16) (net.Listener, error) {
	const op = "fabric.Listen"
	rules := f.rules.Load()
	if rules == nil {
		return nil, fault.New(fault.Unavailable, op, "no network has been applied yet")
	}
	i, ok := rules.Interface(eni)
	if !ok || i.Kind != vpc.EndpointInterface {
		return nil, fault.New(fault.NotFound, op, "no endpoint has the network interface %s", eni)
	}
	address := i.Addresses[0]
	if !address.Is4() {
		return nil, fault.New(fault.NotImplemented, op, "%s has no IPv4 address", eni)
	}
	r, err := f.stackOf(i.VPC)
	if err != nil {
		return nil, fmt.Errorf("listen at %s: %w", eni, err)
	}
	p, err := f.stackPort(eni, endpoint, r)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, net.ErrClosed
	}
	if err := r.takeLocked(p, address); err != nil {
		return nil, fmt.Errorf("listen at %s: %w", eni, err)
	}
	inner, err := r.tcpip.ListenTCP(netip.AddrPortFrom(address, tcpPort))
	if err != nil {
		return nil, fault.New(fault.Exists, op, "%s port %d: %w", eni, tcpPort, err)
	}
	l := &Listener{stack: r, at: p, inner: inner}
	r.listener[l] = struct{}{}
	return l, nil
}

// stackPort returns the port of an interface that is the VPC's stack's, plugged into it.
func (f *Fabric) stackPort(eni string, kind portKind, r *vpcStack) (*port, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, net.ErrClosed
	}
	p := f.portLocked(eni, kind)
	if p.kind != kind {
		return nil, fault.New(fault.Exists, "fabric.Listen", "a link is attached to %s", eni)
	}
	if p.stack == nil {
		p.stack = r
		p.plug.Store(&plug{link: r.tcpip, mtu: EndpointMTU})
	}
	f.refreshLocked(p)
	return p, nil
}

// Accept waits for a connection; it returns net.ErrClosed once the listener is closed.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		c, err := l.inner.Accept()
		if err != nil {
			return nil, err
		}
		if conn := l.stack.admit(c, l.at); conn != nil {
			return conn, nil
		}
	}
}

// Close stops accepting. Connections go on.
func (l *Listener) Close() error {
	l.once.Do(func() {
		l.stack.mu.Lock()
		delete(l.stack.listener, l)
		l.stack.mu.Unlock()
		_ = l.inner.Close()
	})
	return nil
}

// Addr is the interface's address and the port.
func (l *Listener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.inner.Local()) }
