package conntrack

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
)

// Options are a table's bounds.
type Options[D any] struct {
	// Max bounds how many flows it holds at most; 0 means DefaultMax.
	Max int
	// Timeouts; the zero value means DefaultTimeouts.
	Timeouts Timeouts
	// Removed, if set, is told of every flow that leaves the table, under its shard's lock.
	Removed func(f *Flow[D], why Removal)
}

// DefaultMax says how many flows a table holds by default.
const DefaultMax = 262144

// Removal says why a flow left the table.
type Removal uint8

// The reasons.
const (
	Expired  Removal = iota // idle too long
	Evicted                 // the table was full
	Replaced                // a new flow with the same addresses began
	Ended                   // one of its ends is gone
)

// Table holds the flows, in shards that are locked one by one.
type Table[D any] struct {
	shards   []Shard[D]
	mask     uint64
	seed     uint64
	timeouts [classes]int64
	removed  func(*Flow[D], Removal)
	evicted  atomic.Uint64
}

// Shard is a locked part of the table: what Lock returned, until Unlock.
type Shard[D any] struct {
	mu    sync.Mutex
	table *Table[D]
	flows slots[D]
	lists [classes]list[D]
	// spare is a flow that was removed and has its memory for the next one.
	spare *Flow[D]
	count int
	max   int
	_     [64]byte // shards do not share a cache line
}

// perShard is the least a shard holds: fewer would make the bound uneven.
const perShard = 1024

// New makes an empty table.
func New[D any](o Options[D]) *Table[D] {
	if o.Max <= 0 {
		o.Max = DefaultMax
	}
	if o.Timeouts == (Timeouts{}) {
		o.Timeouts = DefaultTimeouts()
	}
	n := 1
	for n < 64 && o.Max/(2*n) >= perShard {
		n *= 2
	}
	t := &Table[D]{
		shards: make([]Shard[D], n), mask: uint64(n - 1), seed: rand.Uint64(),
		timeouts: o.Timeouts.byClass(), removed: o.Removed,
	}
	for i := range t.shards {
		t.shards[i] = Shard[D]{table: t, max: max(o.Max/n, 1)}
	}
	return t
}

// Lock locks the shard where both directions of k's flow lie.
func (t *Table[D]) Lock(k *Key) *Shard[D] {
	h := k.spread(t.seed)
	s := &t.shards[(h>>32^h)&t.mask]
	s.mu.Lock()
	return s
}

// Unlock ends the use of the shard and of every flow found in it.
func (s *Shard[D]) Unlock() { s.mu.Unlock() }

// Find returns the flow that k is a direction of, and which (0 began it). It returns nil for none, and for one that has
// been idle too long.
func (s *Shard[D]) Find(k *Key, now int64) (*Flow[D], int) {
	f, side := s.find(k)
	if f == nil {
		return nil, 0
	}
	if now-f.Used > s.table.timeouts[f.class] {
		s.Remove(f, Expired)
		return nil, 0
	}
	return f, side
}

func (s *Shard[D]) find(k *Key) (*Flow[D], int) { return s.flows.find(k.hash(s.table.seed), k) }

// Insert adds a flow that began now with a packet of key k; its answers will have the key reverse. The flow joins the
// lists of its ends, the beginner's first; either may be nil. If a flow has one of the keys already, or if there is no
// room, another is removed.
func (s *Shard[D]) Insert(k, reverse Key, ends [2]*End[D], now int64) *Flow[D] {
	keys := [2]Key{k, reverse}
	var hashes [2]uint32
	for side := range keys {
		hashes[side] = keys[side].hash(s.table.seed)
		if old, _ := s.flows.find(hashes[side], &keys[side]); old != nil {
			s.Remove(old, Replaced)
		}
	}
	if s.count >= s.max {
		s.evict(now)
	}
	f := s.spare
	if s.spare = nil; f == nil {
		f = new(Flow[D])
	}
	f.Keys, f.Began, f.Used, f.listed, f.class = keys, now, now, now, classOf(k.Protocol, opening)
	for side := range f.directions() {
		s.flows.add(slot[D]{f, hashes[side], uint8(side)})
	}
	s.lists[f.class].push(f)
	f.join(ends)
	s.count++
	return f
}

// Remove takes f out of the table. It must not be used any more.
func (s *Shard[D]) Remove(f *Flow[D], why Removal) {
	for side := range f.directions() {
		s.flows.remove(slot[D]{f, f.Keys[side].hash(s.table.seed), uint8(side)})
	}
	s.lists[f.class].remove(f)
	f.leave()
	s.count--
	if s.table.removed != nil {
		s.table.removed(f, why)
	}
	*f = Flow[D]{}
	s.spare = f
}

// directions is the number of directions that keys tell apart: what a sender sends to itself, from a port to the same
// one, has one.
func (f *Flow[D]) directions() int {
	if f.Keys[0] == f.Keys[1] {
		return 1
	}
	return 2
}

// evict makes room for one flow: a flow that was never answered goes before one that was.
func (s *Shard[D]) evict(now int64) {
	victim := s.oldest(0, unanswered+1)
	if victim == nil {
		victim = s.oldest(unanswered+1, classes)
	}
	if now-victim.Used > s.table.timeouts[victim.class] {
		s.Remove(victim, Expired)
		return
	}
	s.table.evicted.Add(1)
	s.Remove(victim, Evicted)
}

// oldest is the flow of the classes from a to before b that has been idle longest.
func (s *Shard[D]) oldest(a, b class) *Flow[D] {
	var victim *Flow[D]
	for c := a; c < b; c++ {
		if f := s.lists[c].back; f != nil && (victim == nil || f.Used < victim.Used) {
			victim = f
		}
	}
	return victim
}

// Outcome says what a packet is to a flow.
type Outcome uint8

// The outcomes.
const (
	Belongs    Outcome = iota // it is part of the flow
	Begin                     // it would begin a new flow with the same addresses
	OutOfState                // it cannot be part of it
)

// Classify tells what a packet from one side of f is, without changing f. Flags are TCP's.
func (f *Flow[D]) Classify(side int, flags uint8) Outcome {
	if f.Keys[0].Protocol != protocolTCP {
		return Belongs
	}
	switch what, _ := advance(f.state, side, flags); what {
	case begin:
		return Begin
	case wrong:
		return OutOfState
	}
	return Belongs
}

// relist says how stale a flow's place in its list may be: the list need not be exact, and most packets then leave it
// alone.
const relist = int64(1e9)

// Use records a packet that belongs to f: state, time, place among the idle, counts.
func (s *Shard[D]) Use(f *Flow[D], side int, p Packet) {
	d := &f.Sides[side]
	d.Packets += uint64(p.Packets)
	d.Bytes += uint64(p.Bytes)
	var next state
	if f.Keys[0].Protocol == protocolTCP {
		_, next = advance(f.state, side, p.Flags)
		d.segment(&p)
	} else {
		next = exchange(f.state, side)
	}
	f.Used = p.Now
	if next == f.state {
		if p.Now-f.listed > relist {
			s.lists[f.class].toFront(f)
			f.listed = p.Now
		}
		return
	}
	f.state = next
	s.lists[f.class].remove(f)
	f.class, f.listed = classOf(f.Keys[0].Protocol, next), p.Now
	s.lists[f.class].push(f)
}

// Packet holds what Use needs to know of a packet.
type Packet struct {
	// Now is the time in nanoseconds of the fabric's clock.
	Now int64
	// Packets and Bytes count what a super-segment stands for.
	Packets, Bytes uint32
	// Seq, Ack, Payload (its length) and Flags are TCP's; 0 otherwise.
	Seq, Ack, Payload uint32
	Flags             uint8
}

// Expire forgets every flow that has been idle too long.
func (t *Table[D]) Expire(now int64) {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		for c := range classes {
			for f := s.lists[c].back; f != nil && now-f.listed > t.timeouts[c]; f = s.lists[c].back {
				if now-f.Used <= t.timeouts[c] {
					break // its place is stale by less than relist: the next sweep finds it
				}
				s.Remove(f, Expired)
			}
		}
		s.mu.Unlock()
	}
}

// Each calls visit for every flow, with its shard locked. Visit may remove the flow.
func (t *Table[D]) Each(visit func(*Shard[D], *Flow[D])) {
	for i := range t.shards {
		t.EachIn(i, visit)
	}
}

// Shards is the number of shards.
func (t *Table[D]) Shards() int { return len(t.shards) }

// EachIn is Each for one shard.
func (t *Table[D]) EachIn(shard int, visit func(*Shard[D], *Flow[D])) {
	s := &t.shards[shard]
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range classes {
		for f := s.lists[c].front; f != nil; {
			next := f.next
			visit(s, f)
			f = next
		}
	}
}

// Len is the number of flows.
func (t *Table[D]) Len() int {
	n := 0
	for i := range t.shards {
		t.shards[i].mu.Lock()
		n += t.shards[i].count
		t.shards[i].mu.Unlock()
	}
	return n
}

// Evicted counts the flows that made room for others before their time.
func (t *Table[D]) Evicted() uint64 { return t.evicted.Load() }
