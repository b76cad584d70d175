package fabric

import (
	"net/netip"

	"postern/aws/fault"
	"postern/network/fabric/internal/conntrack"
	"postern/network/fabric/internal/packet"
	"postern/network/link"
	"postern/network/vpc"
)

type (
	flow  = conntrack.Flow[direction]
	shard = conntrack.Shard[direction]
)

// direction says where the packets of one direction of a flow go, or why they do not.
type direction struct {
	to      *port
	refused Drop
	// step and rule decided that the flow may be; only the direction that began has them.
	step vpc.Step
	rule string
}

// Trace says what the filter decided on one packet.
type Trace struct {
	// Flow is the packet as the judge sees it; it is zero for one that cannot be read.
	Flow vpc.Flow
	// Drop is Carried for a packet that was delivered to the interface To (a VPC's services have the VPC's id).
	Drop Drop
	To   string
}

// judgement is one batch on its way through the filter.
type judgement struct {
	fabric *Fabric
	rules  *rules
	now    int64
	header packet.Header
	// from is the sender of the packet at hand.
	from *port
	// answer holds what the filter replies to the sender, once no lock is held.
	answer   link.Packet
	answered bool
}

// carry takes a batch from where it came in to where it may go. One that the program cannot cope with is lost, and the
// link goes on.
func (f *Fabric) carry(in entrance, batch []link.Packet) {
	fault.ContainTo(f.options.Log, "fabric.filter", func() { f.carryBatch(in, batch) })
}

// carryBatch judges a batch packet by packet. Packets for one receiver stay together.
func (f *Fabric) carryBatch(in entrance, batch []link.Packet) {
	j := judgement{fabric: f, rules: f.rules.Load(), now: f.now()}
	var to *port
	kept := 0
	for i := range batch {
		p := &batch[i]
		next, drop := j.judge(in, p)
		if f.options.Watch != nil {
			f.options.Watch(j.trace(next, drop))
		}
		if j.answered {
			j.reply()
		}
		if drop != Carried {
			f.counts.drop(drop)
			p.Release()
			continue
		}
		if next != to && kept > 0 {
			f.deliver(to, batch[:kept])
			kept = 0
		}
		to = next
		if kept != i {
			batch[kept] = *p
		}
		kept++
	}
	if kept > 0 {
		f.deliver(to, batch[:kept])
	}
}

func (f *Fabric) deliver(to *port, batch []link.Packet) {
	plug := to.plug.Load()
	if plug == nil { // unplugged since it was judged
		for range batch {
			f.counts.drop(Unattached)
		}
		link.Release(batch)
		return
	}
	f.counts.carry(batch)
	plug.link.Send(batch)
}

// judge decides on one packet.
func (j *judgement) judge(in entrance, p *link.Packet) (*port, Drop) {
	h := &j.header
	j.from = nil
	if wrong := packet.Parse(p, h); wrong != packet.None {
		return nil, dropFault(wrong)
	}
	if j.rules == nil {
		return nil, NoNetwork
	}
	var reason vpc.Reason
	if j.from, reason = in.sender(h.Source); j.from == nil {
		return nil, dropReason(reason)
	}
	if h.IsError() {
		return j.related()
	}
	key := conntrack.Key{
		Sender: j.from.number, Source: h.Source, Destination: h.Destination,
		SourcePort: h.SourcePort, DestinationPort: h.DestinationPort, Protocol: h.Protocol,
	}
	if h.Protocol == packet.ICMP {
		key.Kind = h.Type
	}
	to, drop := j.tracked(&key, p)
	if drop == OutOfState {
		j.refuse()
	}
	return to, drop
}

// tracked is track with the flow's shard locked, and free again whatever happens.
func (j *judgement) tracked(key *conntrack.Key, p *link.Packet) (*port, Drop) {
	s := j.fabric.flows.Lock(key)
	defer s.Unlock()
	return j.track(s, key, p)
}

// track finds or begins the packet's flow, with its shard locked, and says where it goes.
func (j *judgement) track(s *shard, key *conntrack.Key, p *link.Packet) (*port, Drop) {
	h := &j.header
	f, side := s.Find(key, j.now)
	if f != nil {
		switch f.Classify(side, h.Flags) {
		case conntrack.OutOfState:
			return nil, OutOfState
		case conntrack.Begin:
			f = nil
		}
	}
	if f == nil {
		to, v, drop := j.begin()
		if drop == Carried {
			drop = j.pass(p, to)
		}
		if drop != Carried {
			return nil, drop
		}
		if to.kind == service && h.Protocol == packet.UDP {
			return to, Carried // a question and its answer need no memory, and a flood of them finds none
		}
		if int(j.from.begun.Load()) >= j.fabric.options.FlowsPerInterface {
			return nil, FlowAllowance
		}
		f, side = j.remember(s, key, to, v), 0
		if to.kind == gateway && !j.fabric.beyond.Load().translate(j.from, to, key, v) {
			s.Remove(f, conntrack.Ended)
			return nil, PortAllocation
		}
	} else if drop := j.proceed(s, f, side, p); drop != Carried {
		return nil, drop
	}
	use := conntrack.Packet{
		Now: j.now, Packets: h.Segments(p), Bytes: uint32(h.Total),
		Flags: h.Flags, Seq: h.Seq, Ack: h.Ack, Payload: uint32(h.Payload()),
	}
	closing := f.Closing()
	s.Use(f, side, use)
	if f.Closing() && !closing {
		f.Sides[1].To.to.begun.Add(-1)
	}
	to := f.Sides[side].To.to
	if j.settled(f, side) {
		s.Remove(f, conntrack.Ended)
	}
	return to, Carried
}

// proceed judges a packet of a flow again if its VPCs have new rules, and asks whether it can be delivered.
func (j *judgement) proceed(s *shard, f *flow, side int, p *link.Packet) Drop {
	d := &f.Sides[side]
	if d.Version != j.rules.generation && !j.holds(f, side) {
		if drop := j.again(s, f, side); drop != Carried {
			j.refused()
			return drop
		}
	}
	if d.To.refused != Carried {
		j.refused()
		return d.To.refused
	}
	return j.pass(p, d.To.to)
}

// refused has the flow log record a packet of a conversation that went on until new rules refused it.
func (j *judgement) refused() {
	if !j.fabric.log.on.Load() {
		return
	}
	asked := j.flow()
	if v := j.rules.DecideTracked(asked); !v.Allow {
		j.fabric.log.reject(j, asked, v)
	}
}

// pass asks whether the packet at hand can be delivered to a port that may have it.
func (j *judgement) pass(p *link.Packet, to *port) Drop {
	h := &j.header
	plug := to.plug.Load()
	switch {
	case plug == nil:
		return Unattached
	case to.kind == service && !j.from.allowance.take(j.now, float64(j.fabric.options.ServiceRate)):
		return ServiceAllowance
	case to.kind == asking && h.Protocol == packet.UDP && h.DestinationPort == dnsPort &&
		!to.allowance.take(j.now, resolverRate):
		return ServiceAllowance
	case h.Largest(p) > plug.mtu:
		j.tooLarge(p, to, plug)
		return TooLarge
	}
	if h.Flags&conntrack.SYN != 0 {
		mtu := plug.mtu
		if from := j.from.plug.Load(); from != nil {
			mtu = min(mtu, from.mtu)
		}
		packet.ClampMSS(p, h, mtu)
	}
	return Carried
}

// tooLarge tells a machine that its packet is too large for another's link or for a gateway. Endpoints say nothing, as
// AWS documents.
func (j *judgement) tooLarge(p *link.Packet, to *port, plug *plug) {
	if j.from.kind == machine && (to.kind == machine || to.kind == gateway) {
		j.answer, j.answered = packet.TooBig(p, &j.header, plug.mtu)
	}
}

// refuse answers a TCP segment of an unknown connection with a reset if it was meant for an endpoint or a service that
// would take a new one: after a restart of the fabric, nodes then learn at once that their connections are gone.
// Machines get no such answer, nor does a sender whose connection would be refused.
func (j *judgement) refuse() {
	h := &j.header
	if h.Protocol != packet.TCP || h.Flags&conntrack.RST != 0 || j.from.kind != machine {
		return
	}
	switch v := j.rules.Decide(j.flow()); {
	case !v.Allow:
		return
	case v.Kind == vpc.ToInterface:
		if i, ok := j.rules.Interface(v.To); !ok || i.Kind != vpc.EndpointInterface && i.Kind != vpc.ResolverInterface {
			return
		}
	case v.Kind != vpc.ToResolver && v.Kind != vpc.ToMetadata && v.Kind != vpc.ToInternet && v.Kind != vpc.ToGateway:
		return
	}
	j.answer, j.answered = packet.Refuse(h), true
}

func (j *judgement) reply() {
	answer := j.answer
	j.answer, j.answered = link.Packet{}, false
	j.from.send(answer)
}

// flow is the packet at hand as the judge sees it.
func (j *judgement) flow() vpc.Flow {
	h := &j.header
	f := vpc.Flow{Protocol: vpc.Protocol(h.Protocol), ICMPType: h.Type, ICMPCode: h.Code}
	if j.from != nil {
		f.From = j.from.id
	}
	if h.Protocol == packet.ICMP {
		f.Source, f.Destination = toAddrPort(h.Source, 0), toAddrPort(h.Destination, 0)
		return f
	}
	f.ICMPType, f.ICMPCode = 0, 0
	f.Source, f.Destination = toAddrPort(h.Source, h.SourcePort), toAddrPort(h.Destination, h.DestinationPort)
	return f
}

func (j *judgement) trace(to *port, drop Drop) Trace {
	s := Trace{Drop: drop}
	if to != nil {
		s.To = to.id
	}
	if j.from != nil || drop == dropReason(vpc.ReasonSpoofed) {
		s.Flow = j.flow()
	}
	return s
}

// opened is the flow that a conversation began with, as the judge sees it.
func opened(f *flow) vpc.Flow {
	k := &f.Keys[0]
	v := vpc.Flow{
		From: f.Sides[1].To.to.id, Protocol: vpc.Protocol(k.Protocol),
		Source: toAddrPort(k.Source, k.SourcePort), Destination: toAddrPort(k.Destination, k.DestinationPort),
	}
	if k.Protocol == packet.ICMP {
		v.ICMPType = k.Kind
		v.Source, v.Destination = netip.AddrPortFrom(v.Source.Addr(), 0), netip.AddrPortFrom(v.Destination.Addr(), 0)
	}
	return v
}
