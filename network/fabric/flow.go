package fabric

import (
	"postern/network/fabric/internal/conntrack"
	"postern/network/fabric/internal/packet"
	"postern/network/link"
	"postern/network/vpc"
)

// begin judges a packet that belongs to no flow, and says where it goes if it may begin one.
func (g *passage) begin() (*port, vpc.Verdict, Drop) {
	h := &g.header
	switch {
	case g.from.kind != machine && g.from.kind != provider && g.from.kind != asking, h.Protocol == packet.TCP && !conntrack.Begins(h.Flags):
		return nil, vpc.Verdict{}, OutOfState
	case h.Protocol == packet.ICMP && h.Type == packet.EchoReply:
		return nil, vpc.Verdict{}, Unrelated
	}
	asked := g.flow()
	v := g.rules.Decide(asked)
	if !v.Allow {
		g.fabric.log.reject(g, asked, v)
		return nil, v, dropReason(v.Reason)
	}
	to, drop := g.destination(v)
	return to, v, drop
}

// remember puts a new flow into the table.
func (g *passage) remember(s *shard, key *conntrack.Key, to *port, v vpc.Verdict) *flow {
	g.from.begun.Add(1)
	f := s.Insert(*key, key.Reverse(to.number), g.now)
	f.Sides[0].To = road{to: to, step: v.Step, rule: v.Resource}
	f.Sides[0].Version = g.rules.generation
	f.Sides[1].To = road{to: g.from}
	return f
}

// destination is the port that an allowed flow goes to.
func (g *passage) destination(v vpc.Verdict) (*port, Drop) {
	switch v.Kind {
	case vpc.ToInterface:
		if to := g.fabric.port(v.To); to != nil {
			return to, Carried
		}
		if i, ok := g.rules.Interface(v.To); ok && i.Kind == vpc.ResolverInterface {
			if to, err := g.fabric.resolverPort(v.To); err == nil {
				return to, Carried
			}
		}
		return nil, Unattached
	case vpc.ToResolver, vpc.ToMetadata:
		c := g.from.card.Load()
		if c == nil {
			return nil, dropReason(vpc.ReasonUnknownSender)
		}
		r, err := g.fabric.realm(c.vpc)
		if err != nil {
			return nil, ServiceBusy
		}
		if g.header.Protocol == packet.TCP && !r.serve(g.header.Destination, v.Kind) {
			return nil, ServiceBusy
		}
		return r.service, Carried
	case vpc.ToInternet:
		return g.leave(v)
	case vpc.ToGateway:
		return g.toEndpoint(v)
	}
	return nil, NoGateway
}

// again judges one direction of a flow under new rules: all but the security groups, which are stateful. What a packet
// of a flow to the link-local services may do follows from what the flow may.
func (g *passage) again(s *shard, f *flow, side int) Drop {
	d := &f.Sides[side]
	var v vpc.Verdict
	var same bool
	if f.Sides[0].To.to.kind == service {
		v = g.rules.Decide(opened(f))
		same = v.Kind == vpc.ToResolver || v.Kind == vpc.ToMetadata
	} else {
		v = g.rules.DecideTracked(g.flow())
		same = v.Kind == vpc.ToInterface && v.To == d.To.to.id || g.sameGateway(f, side, v)
	}
	switch {
	case v.Allow && same:
		d.To.refused = Carried
	case v.Allow: // the address is somebody else's now
		s.Remove(f, conntrack.Ended)
		return OutOfState
	case v.Step == vpc.StepSource || v.Step == vpc.StepService || v.Step == vpc.StepTarget:
		s.Remove(f, conntrack.Ended)
		return dropReason(v.Reason)
	default:
		d.To.refused = dropReason(v.Reason)
	}
	d.Version = g.rules.generation
	return Carried
}

// sameGateway reports whether a flow to the Internet goes out by the same gateway and from the same address as before.
func (g *passage) sameGateway(f *flow, side int, v vpc.Verdict) bool {
	to := f.Sides[side].To.to
	n := g.fabric.beyond.Load()
	return (v.Kind == vpc.ToInternet || v.Kind == vpc.ToGateway) && v.To == to.id && n != nil && n.translates(to, &f.Keys[0], to.outer(v))
}

// related carries an ICMP error that is about a packet of a known flow, the way that flow's answers go.
func (g *passage) related() (*port, Drop) {
	h := &g.header
	q := &h.About
	if q.Destination != h.Source || q.Source != h.Destination {
		return nil, Unrelated
	}
	key := conntrack.Key{
		Sender: g.from.number, Source: q.Destination, Destination: q.Source,
		SourcePort: q.DestinationPort, DestinationPort: q.SourcePort, Protocol: q.Protocol,
	}
	if q.Protocol == packet.ICMP {
		key.Kind = q.Type ^ packet.Echo
	}
	s := g.fabric.flows.Lock(&key)
	var to *port
	if f, side := s.Find(&key, g.now); f != nil {
		to = f.Sides[side].To.to
	}
	s.Unlock()
	if to == nil {
		return nil, Unrelated
	}
	switch v := g.rules.DecideTracked(g.flow()); {
	case !v.Allow:
		return nil, dropReason(v.Reason)
	case to.plug.Load() == nil:
		return nil, Unattached
	}
	return to, Carried
}

// removed is told of every flow that leaves the table.
func (f *Fabric) removed(fl *flow, _ conntrack.Removal) {
	if !fl.Closing() {
		fl.Sides[1].To.to.begun.Add(-1)
	}
	f.log.accepted(fl, false)
	if to := fl.Sides[0].To.to; to.kind == gateway {
		f.beyond.Load().forget(to, &fl.Keys[0])
	}
}

// end ends the conversations of ports that are gone: the fabric forgets them, the other ends that are machines get a
// reset, and those that are ours are aborted, so that their memory is free at once.
func (f *Fabric) end(gone map[*port]bool) {
	type reset struct {
		to *port
		p  link.Packet
	}
	var resets []reset
	f.flows.Each(func(s *shard, fl *flow) {
		began, took := fl.Sides[1].To.to, fl.Sides[0].To.to
		if !gone[began] && !gone[took] {
			return
		}
		for side, to := range [2]*port{began, took} {
			if gone[to] || to.kind != machine || fl.Keys[side].Protocol != packet.TCP {
				continue
			}
			for _, seq := range fl.Expects(side) {
				resets = append(resets, reset{to, resetFor(&fl.Keys[side], seq)})
			}
		}
		s.Remove(fl, conntrack.Ended)
	})
	for _, r := range resets {
		r.to.send(r.p)
	}
	f.mu.RLock()
	realms := make([]*realm, 0, len(f.realms))
	for _, r := range f.realms {
		realms = append(realms, r)
	}
	f.mu.RUnlock()
	for _, r := range realms {
		r.abort(gone)
	}
}

// resetFor makes the reset that the sender of a flow's direction takes for its peer's if it expects the sequence number
// next (RFC 5961, 3.2).
func resetFor(k *conntrack.Key, seq uint32) link.Packet {
	return packet.Reset(k.Destination, k.Source, k.DestinationPort, k.SourcePort, seq, 0, false)
}
