package fabric

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"postern/aws/fault"
	"postern/network/fabric/internal/packet"
	"postern/network/link"
	"postern/network/vpc"
)

// resolverRate bounds how many questions per second one address of an inbound endpoint takes (Route 53 Developer Guide,
// "Quotas on Route 53 Resolver"): a flood of them leaves the resolvers of other VPCs alone.
const resolverRate = 10_000

// resolverPort returns the port of a Resolver endpoint's interface, and makes it if need be: plugged into its VPC's
// stack, and listening where it takes questions.
func (f *Fabric) resolverPort(eni string) (*port, error) {
	rules := f.rules.Load()
	if rules == nil {
		return nil, fault.New(fault.Unavailable, "fabric.DialResolver", "no network has been applied yet")
	}
	i, _ := rules.Interface(eni)
	e, ok := rules.ResolverEndpoint(i.Owner)
	if !ok || i.Kind != vpc.ResolverInterface {
		return nil, fault.New(fault.NotFound, "fabric.DialResolver", "no Resolver endpoint has the network interface %s", eni)
	}
	r, err := f.stackOf(i.VPC)
	if err != nil {
		return nil, err
	}
	p, err := f.stackPort(eni, asking, r)
	if err != nil {
		return nil, err
	}
	if now := p.plug.Load(); now == nil || now.link == link.Link(r.tcpip) {
		p.plug.Store(&plug{link: questions{r, p}, mtu: EndpointMTU})
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, net.ErrClosed
	}
	if err := r.takeLocked(p, i.Addresses[0]); err != nil {
		return nil, fmt.Errorf("open %s: %w", eni, err)
	}
	if e.Direction == vpc.Inbound {
		if err := r.acceptLocked(netip.AddrPortFrom(i.Addresses[0], dnsPort), p, f.resolving); err != nil {
			return nil, fmt.Errorf("open %s: %w", eni, err)
		}
	}
	return p, nil
}

// DialResolver connects from an interface of an outbound Resolver endpoint to a DNS server, over the fabric: the judge
// decides on every packet. The network is "udp" or "tcp".
func (f *Fabric) DialResolver(ctx context.Context, eni, network string, to netip.AddrPort) (net.Conn, error) {
	p, err := f.resolverPort(eni)
	if err != nil {
		return nil, err
	}
	c := p.nic.Load()
	if c == nil || !to.Addr().Is4() {
		return nil, fault.New(fault.Unavailable, "fabric.DialResolver", "%s cannot reach %s", eni, to)
	}
	local := toAddrPort(c.addresses[0], 0)
	if network == "udp" {
		return p.stack.tcpip.DialUDP(local, to)
	}
	return p.stack.tcpip.DialTCP(ctx, local, to)
}

// questions is the link of a Resolver endpoint's interface: what asks goes to the resolver, the rest to the VPC's
// stack.
type questions struct {
	*vpcStack
	at *port
}

func (questions) Open(func([]link.Packet)) {}
func (questions) MTU() int                 { return EndpointMTU }
func (questions) Close() error             { return nil }

func (q questions) Send(batch []link.Packet) {
	for i := range batch {
		var h packet.Header
		if packet.Parse(&batch[i], &h) == packet.None && h.Protocol == packet.UDP && h.DestinationPort == dnsPort {
			q.fabric.resolver.arrive(q.vpcStack, q.at, &h, &batch[i])
			continue
		}
		q.tcpip.Send(batch[i : i+1])
	}
}

// settled reports whether a flow of a Resolver endpoint has as many answers as questions: then nothing more belongs to
// it, and the table need not wait until it has been idle.
func (j *judgement) settled(f *flow, side int) bool {
	return side == 1 && j.header.Protocol == packet.UDP && f.Sides[0].Packets <= f.Sides[1].Packets &&
		(f.Sides[0].To.to.kind == asking || f.Sides[1].To.to.kind == asking)
}
