package fabric

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

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
	Start, End          time.Time
	Accept              bool
	// Step, Reason and Resource are the judge's: what let the flow begin, or what refused it.
	Step     vpc.Step
	Reason   vpc.Reason
	Resource string
}

const (
	// maxRefused is how many different refused flows one interval tells apart.
	maxRefused = 16384
	// maxEnded is how many records of flows that have ended wait for the interval's end.
	maxEnded = 65536
)

// flowLog gathers records until they are flushed.
type flowLog struct {
	fabric *Fabric
	lost   atomic.Uint64

	mu      sync.Mutex
	began   time.Time
	refused map[refusal]*Record
	ended   []Record
}

// refusal is what refused packets of one flow have in common. A client's source port differs with each attempt, but AWS
// tells the attempts apart, so it belongs to it.
type refusal struct {
	on       string
	from, to netip.AddrPort
	protocol vpc.Protocol
	reason   vpc.Reason
}

func newFlowLog(f *Fabric) *flowLog {
	return &flowLog{fabric: f, began: f.began, refused: map[refusal]*Record{}}
}

// reject records a refused packet.
func (l *flowLog) reject(g *passage, asked vpc.Flow, v vpc.Verdict) {
	if l.fabric.options.FlowLog == nil || v.Step == vpc.StepService {
		return
	}
	on := g.from.id
	if c := g.from.card.Load(); c != nil && (v.Step == vpc.StepACLIn || v.Step == vpc.StepIngress) {
		if i, ok := g.rules.InterfaceAt(c.vpc, asked.Destination.Addr()); ok {
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
	r.Bytes += uint64(g.header.Total)
	r.End = now
}

// accepted takes away what a flow has carried since the last time, because the flow ends or because all are flushing.
// The flow's shard is locked.
func (l *flowLog) accepted(f *flow, flushing bool) {
	if l.fabric.options.FlowLog == nil {
		return
	}
	var records [4]Record
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
			Protocol: vpc.Protocol(k.Protocol), Packets: d.Packets, Bytes: d.Bytes,
			Start: l.fabric.began.Add(time.Duration(f.Began)), End: l.fabric.began.Add(time.Duration(f.Used)),
			Accept: true, Step: opening.step, Resource: opening.rule,
		}
		if r.Protocol == vpc.ICMP {
			r.Source, r.Destination = toAddrPort(k.Source, 0), toAddrPort(k.Destination, 0)
		}
		d.Packets, d.Bytes = 0, 0
		for _, p := range [2]*port{began, took} {
			r.Interface = p.id
			records[n] = r
			n++
		}
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
	if l.fabric.options.FlowLog == nil {
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
	l.began = l.fabric.date()
	l.mu.Unlock()
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
