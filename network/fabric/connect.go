package fabric

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"postern/aws/fault"
	"postern/network/fabric/internal/conntrack"
	"postern/network/fabric/internal/packet"
	"postern/network/link/userstack"
	"postern/network/vpc"
)

// Connect connects from an endpoint service's own interface to an address of its VPC. Its packets pass the filter like
// any machine's. It fails with NotFound if the snapshot in force has no such interface. When a later snapshot no longer
// has one of the two ends, the connection is aborted.
func (f *Fabric) Connect(ctx context.Context, eni string, to netip.AddrPort) (*Conn, error) {
	const op = "fabric.Connect"
	rules := f.rules.Load()
	if rules == nil {
		return nil, fault.New(fault.Unavailable, op, "no network has been applied yet")
	}
	i, ok := rules.Interface(eni)
	if !ok || i.Kind != vpc.ServiceInterface {
		return nil, fault.New(fault.NotFound, op, "no endpoint service has the network interface %s", eni)
	}
	r, err := f.stackOf(i.VPC)
	if err != nil {
		return nil, fmt.Errorf("connect from %s: %w", eni, err)
	}
	p, err := f.stackPort(eni, provider, r)
	if err != nil {
		return nil, err
	}
	if err := r.take(p, i.Addresses[0]); err != nil {
		return nil, fmt.Errorf("connect from %s: %w", eni, err)
	}
	c, err := r.tcpip.DialTCP(ctx, netip.AddrPortFrom(i.Addresses[0], 0), to)
	if err != nil {
		return nil, err
	}
	return r.dialled(p, c)
}

// take gives the stack an address that belongs to the port.
func (r *vpcStack) take(p *port, a netip.Addr) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return net.ErrClosed
	}
	return r.takeLocked(p, a)
}

// dialled registers a connection that the stack has made, so that it ends when one of its ends goes.
func (r *vpcStack) dialled(from *port, c *userstack.Conn) (*Conn, error) {
	conn := &Conn{Conn: c, stack: r, from: from, at: r.fabric.reached(from, c)}
	if conn.at == nil || !conn.register(func() bool { return r.fabric.reached(from, c) == conn.at }) {
		c.Abort()
		_ = c.Close()
		return nil, net.ErrClosed
	}
	return conn, nil
}

// reached is the port that a connection of the stack's goes to, nil if its flow has been ended.
func (f *Fabric) reached(from *port, c *userstack.Conn) *port {
	k := conntrack.Key{
		Sender: from.number, Source: c.Local().Addr().As4(), Destination: c.Remote().Addr().As4(),
		SourcePort: c.Local().Port(), DestinationPort: c.Remote().Port(), Protocol: packet.TCP,
	}
	s := f.flows.Lock(&k)
	defer s.Unlock()
	if fl, side := s.Find(&k, f.now()); fl != nil && side == 0 {
		return fl.Sides[0].To.to
	}
	return nil
}
