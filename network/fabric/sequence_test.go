package fabric_test

import (
	"maps"
	"net/netip"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"postern/network/fabric"
	"postern/network/fabric/fabrictest"
	"postern/network/fabric/internal/packet"
	"postern/network/vpc"
	"postern/network/vpc/vpctest"
)

// runner is a fabric with a wire at every machine's interface and a listener at every endpoint's, that snapshots are
// applied to.
type runner struct {
	*rapid.T
	fabric    *fabric.Fabric
	snapshot  *vpc.Snapshot
	wires     map[string]*fabrictest.Wire
	listening map[string]bool

	mu sync.Mutex
	// asked is the flow whose packet is under way, and trace what became of it.
	asked vpc.Flow
	trace fabric.Trace
}

func newRunner(t *rapid.T) *runner {
	r := &runner{T: t, wires: map[string]*fabrictest.Wire{}, listening: map[string]bool{}}
	r.fabric = fabric.New(fabric.Options{Watch: r.watch})
	return r
}

// watch keeps what becomes of the packet that was asked for: endpoints' stacks send on their own.
func (r *runner) watch(s fabric.Trace) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.Flow.Source == r.asked.Source && s.Flow.Destination == r.asked.Destination {
		r.trace = s
	}
}

func (r *runner) apply(s *vpc.Snapshot) {
	r.snapshot = s
	r.fabric.Apply(s)
	for id := range r.listening {
		if _, ok := s.Interface(id); !ok {
			delete(r.listening, id) // the fabric has closed it
		}
	}
	for i := range s.Interfaces() {
		switch {
		case i.Kind == vpc.ResolverInterface || r.wires[i.ID] != nil || r.listening[i.ID] || !i.Addresses[0].Is4():
		case i.Kind == vpc.EndpointInterface:
			r.listening[i.ID] = true
			listener, err := r.fabric.Listen(i.ID, 443)
			if err != nil {
				r.Fatal(err)
			}
			go serveNothing(listener)
		default:
			r.wires[i.ID] = fabrictest.NewWire(9001)
			r.fabric.Attach(i.ID, r.wires[i.ID])
		}
	}
}

// send puts the first packet of a flow on its sender's wire, and returns what becomes of it.
func (r *runner) send(f vpc.Flow) fabric.Trace {
	r.mu.Lock()
	r.asked, r.trace = f, fabric.Trace{}
	r.mu.Unlock()
	r.wires[f.From].Put(packetOf(f, synFlag))
	for _, w := range r.wires {
		w.Take()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.trace
}

// sequence is a fabric that goes from snapshot to snapshot, with what it must remember.
type sequence struct {
	*runner
	// flows are the conversations between machines.
	flows map[vpc.Flow]*known
	// begun has every flow that ever began.
	begun map[vpc.Flow]bool
	// noisy says that endpoints' stacks send as well, so that the counter of judgements is not the test's own.
	noisy bool
}

// known is a conversation: where it goes, and the snapshot under which its last packet went.
type known struct {
	to   string
	last *vpc.Snapshot
}

// apply ends the conversations whose interfaces are gone.
func (q *sequence) apply(s *vpc.Snapshot) {
	before := q.snapshot
	q.runner.apply(s)
	there := func(id string) bool {
		was, _ := before.Interface(id)
		now, ok := s.Interface(id)
		return ok && was.VPC == now.VPC && slices.Equal(was.Addresses, now.Addresses)
	}
	maps.DeleteFunc(q.flows, func(f vpc.Flow, k *known) bool { return !there(f.From) || !there(k.to) })
}

// reply returns the flow of the answers.
func (k *known) reply(f vpc.Flow) vpc.Flow {
	f.From, f.Source, f.Destination = k.to, f.Destination, f.Source
	return f
}

// begin sends a packet of no known conversation. The fabric that went through all changes, one made from nothing,
// Decide and Explain agree about it.
func (q *sequence) begin(f vpc.Flow, scratch *runner) {
	verdict, explanation := scratch.snapshot.Decide(f), scratch.snapshot.Explain(f)
	got, want := q.send(f), scratch.send(f)
	if got.Drop != want.Drop || got.To != want.To {
		q.Fatalf(
			"%v: %s to %q, on a fabric made from nothing %s to %q\n%s", f, got.Drop, got.To, want.Drop, want.To, &explanation,
		)
	}
	w := &world{T: q.T, snapshot: scratch.snapshot}
	if explanation.Verdict != verdict || !w.agrees(f, verdict, got) {
		q.Fatalf(
			"%v: the judge says %+v, Explain %+v\nthe fabric: %s to %q", f, verdict, explanation.Verdict, got.Drop, got.To,
		)
	}
	switch {
	case got.Drop != fabric.Carried:
	case q.wires[got.To] == nil || f.Protocol == vpc.TCP:
		q.noisy = true
	default:
		k := &known{got.To, q.snapshot}
		maps.DeleteFunc(q.flows, func(old vpc.Flow, o *known) bool { return o.reply(old) == k.reply(f) })
		q.flows[f] = k
	}
}

// goOn sends another packet of a conversation. It is judged as the snapshot made from nothing says, and not at all
// where nothing changed in the VPCs of its ends.
func (q *sequence) goOn(f vpc.Flow, nothing *vpc.Snapshot) {
	k, before := q.flows[f], q.fabric.Stats().Rejudged
	v, got := nothing.DecideTracked(f), q.send(f)
	want := fabric.Trace{Drop: got.Drop, To: k.to}
	switch {
	case v.Allow && v.To == k.to:
		want.Drop = fabric.Carried
	case v.Allow:
		want = fabric.Trace{Drop: fabric.OutOfState}
		delete(q.flows, f)
	default:
		if want.To = ""; got.Drop.String() != v.Reason.String() {
			want.Drop = fabric.Carried
		}
		if v.Step == vpc.StepSource || v.Step == vpc.StepTarget {
			delete(q.flows, f)
		}
	}
	if got.Drop != want.Drop || got.To != want.To {
		q.Fatalf("%v: %s to %q, the judge says %+v", f, got.Drop, got.To, v)
	}
	changed := q.snapshot.ChangedSince(k.last)
	touches := func(id string) bool {
		i, _ := q.snapshot.Interface(id)
		return changed.All || slices.Contains(changed.VPCs, i.VPC)
	}
	if n := q.fabric.Stats().Rejudged - before; n > 0 && !q.noisy && !touches(f.From) && !touches(k.to) {
		q.Fatalf("%v was judged again, and only %v changed", f, changed.VPCs)
	}
	k.last = q.snapshot
}

// packets sends packets of conversations and of none.
func (q *sequence) packets(n vpc.Network, version uint64) {
	nothing, err := vpc.NewSnapshot(version, n)
	if err != nil {
		q.Fatal(err)
	}
	scratch := newRunner(q.T)
	defer scratch.fabric.Close()
	scratch.apply(nothing)
	for f := range maps.Clone(q.flows) {
		q.goOn(f, nothing)
	}
	flows := q.allowed(nothing)
	for range 6 {
		flows = append(flows, vpctest.Flows(n).Draw(q.T, "flow"))
	}
	for _, f := range flows {
		if f.Protocol == vpc.ICMP {
			f.ICMPType, f.ICMPCode = packet.Echo, 0 // what else begins no conversation
		}
		if q.wires[f.From] == nil || !f.Source.Addr().Is4() || !f.Destination.Addr().Is4() || q.remembers(f) {
			continue
		}
		q.begin(f, scratch)
	}
}

// allowed returns some flows between machines that the snapshot allows: few of those drawn at random are.
func (q *sequence) allowed(s *vpc.Snapshot) (flows []vpc.Flow) {
	var machines []vpc.Interface
	for i := range s.Interfaces() {
		if q.wires[i.ID] != nil && i.Addresses[0].Is4() {
			machines = append(machines, i)
		}
	}
	for _, from := range machines {
		for _, to := range machines {
			for _, protocol := range []vpc.Protocol{vpc.UDP, 50} {
				f := vpc.Flow{From: from.ID, Protocol: protocol}
				f.Source, f.Destination = netip.AddrPortFrom(from.Addresses[0], 0), netip.AddrPortFrom(to.Addresses[0], 0)
				if protocol == vpc.UDP {
					port := rapid.SampledFrom([]uint16{443, 53, 8080, 40000}).Draw(q.T, "port")
					f.Source, f.Destination = netip.AddrPortFrom(f.Source.Addr(), 1000), netip.AddrPortFrom(f.Destination.Addr(), port)
				}
				if s.Decide(f).Allow {
					flows = append(flows, f)
				}
			}
		}
	}
	if len(flows) > 12 {
		flows = rapid.Permutation(flows).Draw(q.T, "flows")[:12]
	}
	return flows
}

// remembers reports whether a packet may belong to a conversation that was begun before. The conversations with what is
// no machine are not followed, so that their ports are not used again.
func (q *sequence) remembers(f vpc.Flow) bool {
	if q.flows[f] != nil || q.begun[f] {
		return true
	}
	q.begun[f] = true
	for old, k := range q.flows {
		if k.reply(old) == f {
			return true
		}
	}
	return false
}

// TestFabricThroughSequencesOfChanges: a fabric that is given every snapshot of a sequence, or only some of them, does
// after each what one made from nothing does, and carries on with what began before.
func TestFabricThroughSequencesOfChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := vpctest.Networks().Draw(t, "network")
		s, err := vpc.NewSnapshot(1, n)
		if err != nil {
			t.Fatal(err)
		}
		q := &sequence{runner: newRunner(t), flows: map[vpc.Flow]*known{}, begun: map[vpc.Flow]bool{}}
		defer q.fabric.Close()
		q.runner.apply(s)
		q.packets(n, 1)
		past := []vpc.Network{n}
		for i := range rapid.Uint64Range(2, 6).Draw(t, "steps") {
			version := i + 2
			after := vpctest.Edits(n).Draw(t, "edits")
			if rapid.IntRange(0, 3).Draw(t, "back") == 3 {
				after = rapid.SampledFrom(past).Draw(t, "past")
			}
			switch rapid.IntRange(0, 9).Draw(t, "made") {
			case 9:
				s, err = vpc.NewSnapshot(version, after)
			default:
				s, err = s.Next(version, vpctest.Update(n, after))
			}
			if err != nil {
				t.Fatal(err)
			}
			n, past = after, append(past, after)
			if rapid.IntRange(0, 4).Draw(t, "skipped") == 4 {
				continue
			}
			q.apply(s)
			q.packets(n, version)
		}
	})
}
