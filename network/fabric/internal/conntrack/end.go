package conntrack

import "sync"

// End lists the flows that one sender has an end in, so that they are found without a look at all others. Its zero
// value has none. A shard's lock may be held where mu is taken, not the other way round.
type End[D any] struct {
	mu    sync.Mutex
	first *Flow[D]
}

// place is a flow's place in the list of the sender of one of its directions. The end does not change once the flow is
// in a list; its mu guards prev and next.
type place[D any] struct {
	end        *End[D]
	prev, next *Flow[D]
}

// place returns the flow's place in e's list.
func (f *Flow[D]) place(e *End[D]) *place[D] {
	if f.places[0].end == e {
		return &f.places[0]
	}
	return &f.places[1]
}

// joins reports whether the flow is in e's list.
func (f *Flow[D]) joins(e *End[D]) bool { return f.places[0].end == e || f.places[1].end == e }

// join puts the flow into the lists of its ends. A flow from a sender to itself is there once.
func (f *Flow[D]) join(ends [2]*End[D]) {
	if ends[1] == ends[0] {
		ends[1] = nil
	}
	f.places[0].end, f.places[1].end = ends[0], ends[1]
	for side, e := range ends {
		if e == nil {
			continue
		}
		p := &f.places[side]
		e.mu.Lock()
		if p.next = e.first; p.next != nil {
			p.next.place(e).prev = f
		}
		e.first = f
		e.mu.Unlock()
	}
}

// leave takes the flow out of the lists of its ends.
func (f *Flow[D]) leave() {
	for side := range f.places {
		p := &f.places[side]
		e := p.end
		if e == nil {
			continue
		}
		e.mu.Lock()
		if p.prev != nil {
			p.prev.place(e).next = p.next
		} else {
			e.first = p.next
		}
		if p.next != nil {
			p.next.place(e).prev = p.prev
		}
		p.prev, p.next = nil, nil
		e.mu.Unlock()
	}
}

// keys returns the key of every flow in the list.
func (e *End[D]) keys() (keys []Key) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for f := e.first; f != nil; f = f.place(e).next {
		keys = append(keys, f.Keys[0])
	}
	return keys
}

// EachOf calls visit for every flow of the end, with its shard locked. Visit may remove the flow.
func (t *Table[D]) EachOf(e *End[D], visit func(*Shard[D], *Flow[D])) {
	for _, k := range e.keys() {
		s := t.Lock(&k)
		if f, _ := s.find(&k); f != nil && f.joins(e) {
			visit(s, f)
		}
		s.Unlock()
	}
}
