package fabric

import (
	"postern/network/fabric/internal/conntrack"
	"postern/network/fabric/internal/packet"
	"postern/network/link"
	"postern/network/vpc"
)

// begin judges a packet that belongs to no flow, and says where it goes if it may begin one.
func (j *judgement) begin() (*port, vpc.Verdict, Drop) {
	h := &j.header
	switch {
	case j.from.kind != machine && j.from.kind != provider && j.from.kind != asking,
		h.Protocol == packet.TCP && !conntrack.Begins(h.Flags):
		return nil, vpc.Verdict{}, OutOfState
	case h.Protocol == packet.ICMP && h.Type == packet.EchoReply:
		return nil, vpc.Verdict{}, Unrelated
	}
	asked := j.flow()
	v := j.rules.Decide(asked)
	if !v.Allow {
		j.fabric.log.reject(j, asked, v)
		return nil, v, dropReason(v.Reason)
	}
	to, drop := j.destination(v)
	return to, v, drop
}

// remember puts a new flow into the table.
func (j *judgement) remember(s *shard, key *conntrack.Key, to *port, v vpc.Verdict) *flow {
	j.from.begun.Add(1)
	ends := [2]*conntrack.End[direction]{&j.from.flows, &to.flows}
	f := s.Insert(*key, key.Reverse(to.number), ends, j.now)
	f.Sides[0].To = direction{to: to, step: v.Step, rule: v.Resource}
	f.Sides[0].Version = j.rules.generation
	f.Sides[1].To = direction{to: j.from}
	return f
}

// destination is the port that an allowed flow goes to.
func (j *judgement) destination(v vpc.Verdict) (*port, Drop) {
	switch v.Kind {
	case vpc.ToInterface:
		if to := j.fabric.port(v.To); to != nil {
			return to, Carried
		}
		if i, ok := j.rules.Interface(v.To); ok && i.Kind == vpc.ResolverInterface {
			if to, err := j.fabric.resolverPort(v.To); err == nil {
				return to, Carried
			}
		}
		return nil, Unattached
	case vpc.ToResolver, vpc.ToMetadata:
		c := j.from.nic.Load()
		if c == nil {
			return nil, dropReason(vpc.ReasonUnknownSender)
		}
		r, err := j.fabric.stackOf(c.vpc)
		if err != nil {
			return nil, ServiceBusy
		}
		if j.header.Protocol == packet.TCP && !r.serve(j.header.Destination, v.Kind) {
			return nil, ServiceBusy
		}
		return r.service, Carried
	case vpc.ToInternet:
		return j.leave(v)
	case vpc.ToGateway:
		return j.toEndpoint(v)
	}
	return nil, NoGateway
}

// holds reports whether what was decided about one direction of a flow holds under the rules in force: where nothing
// changed since in the VPCs of both ends.
func (j *judgement) holds(f *flow, side int) bool {
	d := &f.Sides[side]
	if !f.Sides[0].To.to.holds(d.Version) || !f.Sides[1].To.to.holds(d.Version) {
		return false
	}
	d.Version = max(d.Version, j.rules.generation)
	return true
}

// again judges one direction of a flow under new rules: all but the security groups, which are stateful. What a packet
// of a flow to the link-local services may do follows from what the flow may.
func (j *judgement) again(s *shard, f *flow, side int) Drop {
	d := &f.Sides[side]
	if d.Version > 0 {
		j.fabric.counts.rejudged.Add(1)
	}
	var v vpc.Verdict
	var same bool
	if f.Sides[0].To.to.kind == service {
		v = j.rules.Decide(opened(f))
		same = v.Kind == vpc.ToResolver || v.Kind == vpc.ToMetadata
	} else {
		v = j.rules.DecideTracked(j.flow())
		same = v.Kind == vpc.ToInterface && v.To == d.To.to.id || j.sameGateway(f, side, v)
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
	d.Version = j.rules.generation
	return Carried
}

// sameGateway reports whether a flow to the Internet goes out by the same gateway and from the same address as before.
func (j *judgement) sameGateway(f *flow, side int, v vpc.Verdict) bool {
	to := f.Sides[side].To.to
	n := j.fabric.beyond.Load()
	return (v.Kind == vpc.ToInternet || v.Kind == vpc.ToGateway) && v.To == to.id && n != nil &&
		n.translates(to, &f.Keys[0], to.outer(v))
}

// related carries an ICMP error that is about a packet of a known flow, the way that flow's answers go.
func (j *judgement) related() (*port, Drop) {
	h := &j.header
	q := &h.About
	if q.Destination != h.Source || q.Source != h.Destination {
		return nil, Unrelated
	}
	key := conntrack.Key{
		Sender: j.from.number, Source: q.Destination, Destination: q.Source,
		SourcePort: q.DestinationPort, DestinationPort: q.SourcePort, Protocol: q.Protocol,
	}
	if q.Protocol == packet.ICMP {
		key.Kind = q.Type ^ packet.Echo
	}
	s := j.fabric.flows.Lock(&key)
	var to *port
	if f, side := s.Find(&key, j.now); f != nil {
		to = f.Sides[side].To.to
	}
	s.Unlock()
	if to == nil {
		return nil, Unrelated
	}
	if v := j.rules.DecideTracked(j.flow()); !v.Allow {
		return nil, dropReason(v.Reason)
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
	end := func(s *shard, fl *flow) {
		began, took := fl.Sides[1].To.to, fl.Sides[0].To.to
		for side, to := range [2]*port{began, took} {
			if gone[to] || to.kind != machine || fl.Keys[side].Protocol != packet.TCP {
				continue
			}
			for _, seq := range fl.Expects(side) {
				resets = append(resets, reset{to, resetFor(&fl.Keys[side], seq)})
			}
		}
		s.Remove(fl, conntrack.Ended)
	}
	for p := range gone {
		f.flows.EachOf(&p.flows, end)
	}
	for _, r := range resets {
		r.to.send(r.p)
	}
	for p := range gone {
		p.conns.abort()
	}
}

// resetFor makes the reset that the sender of a flow's direction takes for its peer's if it expects the sequence number
// next (RFC 5961, 3.2).
func resetFor(k *conntrack.Key, seq uint32) link.Packet {
	return packet.Reset(k.Destination, k.Source, k.DestinationPort, k.SourcePort, seq, 0, false)
}
