package conntrack

import (
	"slices"
	"testing"
)

// begun returns a table with a flow that began at 0, its shard locked.
func begun(t *testing.T, o Options[int], k Key) (*Table[int], *Shard[int], *Flow[int]) {
	t.Helper()
	table := New(o)
	s := table.Lock(&k)
	t.Cleanup(s.Unlock)
	return table, s, s.Insert(k, k.Reverse(2), [2]*End[int]{}, 0)
}

// TestExpects: what a side may expect next follows from what it acknowledged and from what was sent to it.
func TestExpects(t *testing.T) {
	const SA, FA = SYN | ACK, FIN | ACK
	type segment struct {
		side                   int
		flags                  uint8
		seq, acked, payloadLen uint32
	}
	handshake := []segment{{0, SYN, 100, 0, 0}, {1, SA, 900, 101, 0}, {0, ACK, 101, 901, 0}}
	after := func(more ...segment) []segment { return append(slices.Clone(handshake), more...) }
	for _, tt := range []struct {
		name        string
		segments    []segment
		first, last []uint32
	}{
		{"nothing", nil, nil, nil},
		{"SYN", handshake[:1], nil, []uint32{101}},
		{"SYN-ACK", handshake[:2], []uint32{901}, []uint32{101}},
		{"handshake", handshake, []uint32{901}, []uint32{101}},
		{"data", after(segment{0, ACK, 101, 901, 50}), []uint32{901}, []uint32{101, 151}},
		{"data acknowledged", after(segment{
			0, ACK, 101, 901, 50,
		}, segment{1, ACK, 901, 151, 0}), []uint32{901}, []uint32{151}},
		{"data sent again", after(segment{
			0, ACK, 101, 901, 50,
		}, segment{0, ACK, 101, 901, 20}), []uint32{901}, []uint32{101, 151}},
		{"FIN", after(segment{0, FA, 101, 901, 5}), []uint32{901}, []uint32{101, 107}},
		{"numbers that wrap", []segment{
			{0, SYN, 1<<32 - 1, 0, 0}, {1, SA, 900, 0, 0}, {0, ACK, 0, 901, 7},
		}, []uint32{901}, []uint32{0, 7}},
		{"another SYN", []segment{{0, SYN, 5000, 0, 0}, {0, SYN, 100, 0, 0}}, nil, []uint32{101}},
	} {
		_, s, f := begun(t, Options[int]{}, tcpKey(1, 1000))
		for _, g := range tt.segments {
			s.Use(f, g.side, Packet{Flags: g.flags, Seq: g.seq, Ack: g.acked, Payload: g.payloadLen})
		}
		if got := f.Expects(0); !slices.Equal(got, tt.first) {
			t.Errorf("%s: the first side expects %v, want %v", tt.name, got, tt.first)
		}
		if got := f.Expects(1); !slices.Equal(got, tt.last) {
			t.Errorf("%s: the other side expects %v, want %v", tt.name, got, tt.last)
		}
	}
}

func TestMarksAndCounts(t *testing.T) {
	_, s, f := begun(t, Options[int]{}, tcpKey(1, 1000))
	s.Use(f, 0, Packet{Flags: SYN, Packets: 1, Bytes: 40})
	s.Use(f, 1, Packet{Flags: SYN | ACK, Packets: 1, Bytes: 44})
	s.Use(f, 0, Packet{Flags: ACK | PSH, Packets: 3, Bytes: 400})
	if a, b := f.Sides[0], f.Sides[1]; a.Marks != SYN || b.Marks != SYN|ACK || a.Packets != 4 || a.Bytes != 440 ||
		b.Packets != 1 || b.Bytes != 44 {
		t.Errorf("after the handshake: %+v %+v", a, b)
	}
	s.Use(f, 0, Packet{Flags: FIN | ACK})
	s.Use(f, 1, Packet{Flags: RST | ACK})
	if a, b := f.Sides[0].Marks, f.Sides[1].Marks; a != SYN|FIN || b != SYN|ACK|RST || !f.Closing() {
		t.Errorf("marks %x and %x, closing %t", a, b, f.Closing())
	}
}

// TestInsertReplaces: a flow with one of the keys of another takes its place, whichever direction has it.
func TestInsertReplaces(t *testing.T) {
	first := tcpKey(1, 1000)
	for _, tt := range []struct {
		name     string
		k        Key
		receiver uint32
		replaced bool
	}{
		{"the same", first, 2, true},
		{"to another receiver", first, 3, true},
		{"of another sender to the same receiver", tcpKey(7, 1000), 2, true},
		{"the answering direction", first.Reverse(2), 1, true},
		{"of another sender to another receiver", tcpKey(7, 1000), 3, false},
		{"of another port", tcpKey(1, 1001), 2, false},
	} {
		var gone []Removal
		table := New(Options[int]{Removed: func(_ *Flow[int], why Removal) { gone = append(gone, why) }})
		for i, in := range []struct {
			k        Key
			receiver uint32
		}{{first, 2}, {tt.k, tt.receiver}} {
			s := table.Lock(&in.k)
			s.Insert(in.k, in.k.Reverse(in.receiver), [2]*End[int]{}, int64(i))
			s.Unlock()
		}
		if want := map[bool][]Removal{true: {Replaced}}[tt.replaced]; !slices.Equal(gone, want) {
			t.Errorf("%s: removed for %v, want %v", tt.name, gone, want)
		}
		if n, want := table.Len(), map[bool]int{true: 1, false: 2}[tt.replaced]; n != want {
			t.Errorf("%s: %d flows, want %d", tt.name, n, want)
		}
	}
}

// TestBusyFlowsStay: a full table forgets the flow that has been idle longest, not the one that began first; and a flow
// that is idle beyond its time-out has expired, rather than made room.
func TestBusyFlowsStay(t *testing.T) {
	for _, tt := range []struct {
		name   string
		used   int64 // when the first flow is used again
		at     int64 // when a third begins
		gone   uint16
		why    Removal
		tables uint64 // how many Evicted counts
	}{
		{"idle", 0, 20 * second, 1, Evicted, 1},
		{"busy", 10 * second, 20 * second, 2, Evicted, 1},
		{"idle for just its time", 0, 432000 * second, 1, Evicted, 1},
		{"idle beyond its time", 0, 432001 * second, 1, Expired, 0},
	} {
		var gone uint16
		why := Removal(99)
		table := New(Options[int]{Max: 2, Removed: func(f *Flow[int], w Removal) { gone, why = f.Keys[0].SourcePort, w }})
		add := func(port uint16, now int64) {
			k := tcpKey(1, port)
			s := table.Lock(&k)
			defer s.Unlock()
			f := s.Insert(k, k.Reverse(2), [2]*End[int]{}, now)
			for side, flags := range []uint8{SYN, SYN | ACK} {
				s.Use(f, side, Packet{Flags: flags, Now: now})
			}
			s.Use(f, 0, Packet{Flags: ACK, Now: now})
		}
		add(1, 0)
		add(2, 5*second)
		if tt.used > 0 {
			k := tcpKey(1, 1)
			s := table.Lock(&k)
			f, _ := s.Find(&k, tt.used)
			s.Use(f, 0, Packet{Flags: ACK, Now: tt.used})
			s.Unlock()
		}
		add(3, tt.at)
		if gone != tt.gone || why != tt.why || table.Evicted() != tt.tables {
			t.Errorf("%s: %d is gone for %d, %d evicted", tt.name, gone, why, table.Evicted())
		}
	}
}

// TestExpire: a sweep forgets what has been idle longer than its time, and leaves what was used since it was last
// listed.
func TestExpire(t *testing.T) {
	const idle = 30 * second
	for _, tt := range []struct {
		name    string
		used    int64
		at      int64
		expired bool
	}{
		{"just within", 0, idle, false},
		{"beyond", 0, idle + 1, true},
		{"used meanwhile", second / 2, idle + 1, false},
		{"used meanwhile, and idle since", second / 2, second/2 + idle + 1, true},
		{"used and listed again", 5 * second, 5*second + idle, false},
		{"used, listed again and idle since", 5 * second, 5*second + idle + 1, true},
	} {
		table := New(Options[int]{})
		k := tcpKey(1, 1000)
		k.Protocol = protocolUDP
		s := table.Lock(&k)
		f := s.Insert(k, k.Reverse(2), [2]*End[int]{}, 0)
		if tt.used > 0 {
			s.Use(f, 0, Packet{Now: tt.used})
		}
		s.Unlock()
		table.Expire(tt.at)
		if n := table.Len(); (n == 0) != tt.expired {
			t.Errorf("%s: %d flows", tt.name, n)
		}
	}
}

// TestListed: a flow goes to the front of its list when its state changes, and else once in relist at the most.
func TestListed(t *testing.T) {
	_, s, f := begun(t, Options[int]{}, Key{Sender: 1, Protocol: protocolUDP})
	for _, tt := range []struct {
		side         int
		at, listedAt int64
	}{
		{0, relist, 0}, {0, relist + 1, relist + 1}, {0, 2*relist + 1, relist + 1}, {1, 2*relist + 1, 2*relist + 1},
	} {
		s.Use(f, tt.side, Packet{Now: tt.at})
		if f.listed != tt.listedAt || f.Used != tt.at {
			t.Errorf("used at %d: listed at %d, want %d", tt.at, f.listed, tt.listedAt)
		}
	}
}

func TestTableSizes(t *testing.T) {
	for _, tt := range []struct{ max, shards, each int }{
		{0, 64, 4096}, {1, 1, 1}, {2047, 1, 2047}, {2048, 2, 1024}, {4096, 4, 1024}, {65536, 64, 1024}, {1 << 20, 64, 16384},
	} {
		table := New(Options[int]{Max: tt.max})
		if table.Shards() != tt.shards || table.shards[0].max != tt.each {
			t.Errorf("Max %d: %d shards of %d", tt.max, table.Shards(), table.shards[0].max)
		}
	}
}

// TestEvictedAcrossProtocols: among what was never answered the least recently used goes, whatever its protocol.
func TestEvictedAcrossProtocols(t *testing.T) {
	var gone []uint8
	table := New(Options[int]{Max: 2, Removed: func(f *Flow[int], _ Removal) { gone = append(gone, f.Keys[0].Protocol) }})
	for i, protocol := range []uint8{protocolUDP, protocolTCP, protocolICMP} {
		k := tcpKey(1, 1000)
		k.Protocol = protocol
		if protocol == protocolICMP {
			k.DestinationPort, k.Kind = k.SourcePort, echo
		}
		s := table.Lock(&k)
		s.Insert(k, k.Reverse(2), [2]*End[int]{}, int64(i)*second)
		s.Unlock()
	}
	if !slices.Equal(gone, []uint8{protocolUDP}) {
		t.Errorf("removed %v, want the datagrams' flow", gone)
	}
}
