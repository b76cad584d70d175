package fabric

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"postern/network/fabric/internal/conntrack"
	"postern/network/vpc"
)

// Record is one line of a flow log: one direction of one conversation at one network interface during one interval.
// Traffic to the resolver and to instance metadata is not recorded, as AWS documents.
type Record struct {
	// Interface is the interface whose log it is: of accepted flows both ends', of refused ones the end that refused.
	Interface           string
	Source, Destination netip.AddrPort
	Protocol            vpc.Protocol
	Packets, Bytes      uint64
	// Flags are the TCP flags FIN, SYN and RST that were seen, and ACK beside a SYN.
	Flags      uint8
	Start, End time.Time
	Accept     bool
	// PacketSource and PacketDestination are the addresses of the packets themselves where a NAT gateway's record names
	// its own in their place; else they are invalid.
	PacketSource, PacketDestination netip.Addr
	// Step, Reason and Resource are the judge's: what let the flow begin, or what refused it.
	Step     vpc.Step
	Reason   vpc.Reason
	Resource string
}

const (
	// maxRefused bounds how many different refused flows one interval tells apart.
	maxRefused = 16384
	// maxEnded bounds how many records of flows that have ended wait for the interval's end.
	maxEnded = 65536
)

// flowLog gathers records until they are flushed.
type flowLog struct {
	fabric *Fabric
	// on is false while nobody wants records.
	on   atomic.Bool
	lost atomic.Uint64

	mu      sync.Mutex
	began   time.Time
	refused map[refusal]*Record
	ended   []Record
}

// refusal holds what refused packets of one flow have in common. A client's source port differs with each attempt, but
// AWS tells the attempts apart, so it belongs to it.
type refusal struct {
	on       string
	from, to netip.AddrPort
	protocol vpc.Protocol
	reason   vpc.Reason
}

func newFlowLog(f *Fabric) *flowLog {
	l := &flowLog{fabric: f, began: f.began, refused: map[refusal]*Record{}}
	l.on.Store(f.options.FlowLog != nil)
	return l
}

// reject records a refused packet.
func (l *flowLog) reject(j *judgement, asked vpc.Flow, v vpc.Verdict) {
	if !l.on.Load() || v.Step == vpc.StepService {
		return
	}
	on := j.from.id
	if c := j.from.nic.Load(); c != nil && (v.Step == vpc.StepACLIn || v.Step == vpc.StepIngress) {
		if i, ok := j.rules.InterfaceAt(c.vpc, asked.Destination.Addr()); ok {
			on = i.ID
		}
	}
	now := l.fabric.date()
	k := refusal{on, asked.Source, asked.Destination, asked.Protocol, v.Reason}
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.refused[k]
	if r == nil {
		if len(l.refused) >= maxRefused {
			l.lost.Add(1)
			return
		}
		r = &Record{
			Interface: on, Source: asked.Source, Destination: asked.Destination, Protocol: asked.Protocol, Start: now,
			Step: v.Step, Reason: v.Reason, Resource: v.Resource,
		}
		l.refused[k] = r
	}
	r.Packets++
	r.Bytes += uint64(j.header.Total)
	r.Flags |= j.header.Flags & (conntrack.SYN | conntrack.FIN | conntrack.RST)
	r.End = now
}

// accepted takes away what a flow has carried since the last time, because the flow ends or because all are flushing.
// The flow's shard is locked.
func (l *flowLog) accepted(f *flow, flushing bool) {
	if !l.on.Load() {
		return
	}
	var records [6]Record
	n := 0
	opening := &f.Sides[0].To
	began, took := f.Sides[1].To.to, opening.to
	if took == nil || took.kind == service {
		return
	}
	for side := range f.Sides {
		d, k := &f.Sides[side], &f.Keys[side]
		if d.Packets == 0 {
			continue
		}
		r := Record{
			Source: toAddrPort(k.Source, k.SourcePort), Destination: toAddrPort(k.Destination, k.DestinationPort),
			Protocol: vpc.Protocol(k.Protocol), Packets: d.Packets, Bytes: d.Bytes, Flags: d.Marks,
			Start: l.fabric.began.Add(time.Duration(f.Began)), End: l.fabric.began.Add(time.Duration(f.Used)),
			Accept: true, Step: opening.step, Resource: opening.rule,
		}
		if r.Protocol == vpc.ICMP {
			r.Source, r.Destination = toAddrPort(k.Source, 0), toAddrPort(k.Destination, 0)
		}
		d.Packets, d.Bytes, d.Marks = 0, 0, 0
		r.Interface = began.id
		records[n] = r
		n++
		if took.kind == gateway {
			n += l.fabric.natRecords(took, f, side, &r, records[n:])
			continue
		}
		r.Interface = took.id
		records[n] = r
		n++
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.ended) >= maxEnded && !flushing {
		l.lost.Add(uint64(n))
		return
	}
	for i := range records[:n] {
		if records[i].Start.Before(l.began) {
			records[i].Start = l.began
		}
		l.ended = append(l.ended, records[i])
	}
}

// flush hands over what the interval has gathered, a part of the table at a time.
func (l *flowLog) flush() {
	if !l.on.Load() {
		return
	}
	l.mu.Lock()
	refused := l.refused
	l.refused = map[refusal]*Record{}
	for _, r := range refused {
		l.ended = append(l.ended, *r)
	}
	l.mu.Unlock()
	for i := range l.fabric.flows.Shards() {
		l.fabric.flows.EachIn(i, func(_ *shard, f *flow) { l.accepted(f, true) })
		l.hand()
	}
	l.mu.Lock()
	began := l.began
	l.began = l.fabric.date()
	ended := l.began
	l.mu.Unlock()
	if end := l.fabric.options.FlowLogEnd; end != nil {
		end(began, ended)
	}
}

// LogFlows has the flow log's hook called, as it is from the beginning, or not. What passed meanwhile is not recorded
// later.
func (f *Fabric) LogFlows(on bool) {
	if f.options.FlowLog == nil || f.log.on.Load() == on {
		return
	}
	if on {
		f.flows.Each(func(_ *shard, fl *flow) {
			for side := range fl.Sides {
				d := &fl.Sides[side]
				d.Packets, d.Bytes, d.Marks = 0, 0, 0
			}
		})
		f.log.mu.Lock()
		f.log.began = f.date()
		f.log.mu.Unlock()
	}
	f.log.on.Store(on)
}

// natRecords are the records of a NAT gateway's interface: the packets on its private side and on its public one.
func (f *Fabric) natRecords(gateway *port, fl *flow, side int, r *Record, out []Record) int {
	rules, n := f.rules.Load(), f.beyond.Load()
	if rules == nil || n == nil {
		return 0
	}
	g, ok := rules.NATGateway(gateway.id)
	if !ok {
		return 0
	}
	i, ok := rules.Interface(g.Interface)
	if !ok {
		return 0
	}
	own := netip.AddrPortFrom(i.Addresses[0], n.portOf(gateway, &fl.Keys[0]))
	inner, outer := *r, *r
	inner.Interface, outer.Interface = i.ID, i.ID
	inner.PacketSource, inner.PacketDestination = r.Source.Addr(), r.Destination.Addr()
	if side == 0 {
		inner.Destination = netip.AddrPortFrom(own.Addr(), r.Destination.Port())
		outer.Source = own
	} else {
		inner.Source = netip.AddrPortFrom(own.Addr(), r.Source.Port())
		outer.Destination = own
	}
	out[0], out[1] = inner, outer
	return 2
}

// hand gives the hook what there is.
func (l *flowLog) hand() {
	l.mu.Lock()
	records := l.ended
	l.ended = nil
	l.mu.Unlock()
	if len(records) > 0 {
		l.fabric.options.FlowLog(records)
	}
}
