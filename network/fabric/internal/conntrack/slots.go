package conntrack

// slots finds flows by the keys of their directions. It is a hash table with linear probing: the hashes stand beside
// each other, so that most look-ups read one line of memory, and no flow but the one that is found.
type slots[D any] struct {
	all  []slot[D] // a power of two
	used int
}

// slot holds one direction of a flow.
type slot[D any] struct {
	flow *Flow[D] // nil in a slot that is free
	hash uint32
	side uint8
}

// leastSlots is the number of slots that a table begins with.
const leastSlots = 16

// find returns the flow one of whose keys is k, and which; nil where there is none.
func (t *slots[D]) find(hash uint32, k *Key) (*Flow[D], int) {
	if t.used == 0 {
		return nil, 0
	}
	mask := uint32(len(t.all) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		s := &t.all[i]
		if s.flow == nil {
			return nil, 0
		}
		if s.hash == hash && s.flow.Keys[s.side] == *k {
			return s.flow, int(s.side)
		}
	}
}

// add adds a direction whose key no other has.
func (t *slots[D]) add(s slot[D]) {
	if 4*t.used >= 3*len(t.all) {
		t.grow()
	}
	t.used++
	t.place(s)
}

func (t *slots[D]) place(s slot[D]) {
	mask := uint32(len(t.all) - 1)
	i := s.hash & mask
	for t.all[i].flow != nil {
		i = (i + 1) & mask
	}
	t.all[i] = s
}

// remove takes a direction out, and moves those up that stand behind it only because its slot was taken.
func (t *slots[D]) remove(s slot[D]) {
	if t.used == 0 {
		return
	}
	mask := uint32(len(t.all) - 1)
	free := s.hash & mask
	for ; t.all[free] != s; free = (free + 1) & mask {
		if t.all[free].flow == nil {
			return
		}
	}
	for i := (free + 1) & mask; t.all[i].flow != nil; i = (i + 1) & mask {
		if away := i - t.all[i].hash; away&mask >= (i-free)&mask {
			t.all[free], free = t.all[i], i
		}
	}
	t.all[free] = slot[D]{}
	t.used--
}

// grow doubles the number of slots.
func (t *slots[D]) grow() {
	old := t.all
	t.all = make([]slot[D], max(2*len(old), leastSlots))
	for _, s := range old {
		if s.flow != nil {
			t.place(s)
		}
	}
}
