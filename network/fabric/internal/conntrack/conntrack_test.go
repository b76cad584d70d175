package conntrack

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

const second = int64(time.Second)

func tcpKey(sender uint32, sourcePort uint16) Key {
	return Key{
		Sender: sender, Source: [4]byte{10, 0, 0, 1}, Destination: [4]byte{10, 0, 0, 2},
		SourcePort: sourcePort, DestinationPort: 443, Protocol: protocolTCP,
	}
}

func TestTCPStates(t *testing.T) {
	type segment struct {
		side  int
		flags uint8
		want  Outcome
	}
	const SA, FA = SYN | ACK, FIN | ACK
	open := []segment{{0, SYN, Belongs}, {1, SA, Belongs}, {0, ACK, Belongs}}
	for name, c := range map[string]struct {
		segments []segment
		end      state
	}{
		"handshake": {open, established},
		"both sent again": {
			[]segment{{0, SYN, Belongs}, {1, SA, Belongs}, {1, SA, Belongs}, {0, SYN, Begin}}, answered,
		},
		"data before handshake":   {[]segment{{0, SYN, Belongs}, {0, ACK | PSH, OutOfState}}, opening},
		"SYN-ACK from the opener": {[]segment{{0, SYN, Belongs}, {0, SA, OutOfState}}, opening},
		"challenge then reset":    {[]segment{{0, SYN, Belongs}, {1, ACK, Belongs}, {0, RST, Belongs}}, closing},
		"refused":                 {[]segment{{0, SYN, Belongs}, {1, RST | ACK, Belongs}}, closing},
		"answer before the ACK":   {[]segment{{0, SYN, Belongs}, {1, SA, Belongs}, {1, ACK | PSH, OutOfState}}, answered},
		"half closed":             {append(open[:3:3], segment{0, FA, Belongs}, segment{1, ACK | PSH, Belongs}), closing},
		"scan": {append(open[:3:3], segment{
			0, SYN | FIN, OutOfState,
		}, segment{0, 0, OutOfState}, segment{1, FIN | URG | PSH, OutOfState}), established},
		"again with the port": {append(open[:3:3], segment{0, SYN, Begin}, segment{1, SYN, Begin}), established},
	} {
		t.Run(name, func(t *testing.T) {
			table := New(Options[int]{})
			k := tcpKey(1, 1000)
			s := table.Lock(&k)
			defer s.Unlock()
			f := s.Insert(k, k.Reverse(2), [2]*End[int]{}, 0)
			for i, g := range c.segments {
				got := f.Classify(g.side, g.flags)
				if got != g.want {
					t.Errorf("segment %d: %d, want %d", i, got, g.want)
				}
				if got == Belongs {
					s.Use(f, g.side, Packet{Flags: g.flags})
				}
			}
			if f.state != c.end {
				t.Errorf("state %d, want %d", f.state, c.end)
			}
		})
	}
}

func TestTimeouts(t *testing.T) {
	for _, c := range []struct {
		protocol uint8
		sides    []int
		flags    []uint8
		idle     time.Duration
	}{
		{protocolTCP, []int{0}, []uint8{SYN}, 60 * time.Second},
		{protocolTCP, []int{0, 1, 0}, []uint8{SYN, SYN | ACK, ACK}, 432000 * time.Second},
		{protocolTCP, []int{0, 1, 0, 1}, []uint8{SYN, SYN | ACK, ACK, FIN | ACK}, 120 * time.Second},
		{protocolUDP, []int{0}, nil, 30 * time.Second},
		{protocolUDP, []int{0, 1}, nil, 30 * time.Second},
		{protocolUDP, []int{0, 1, 0}, nil, 180 * time.Second},
		{protocolICMP, []int{0, 1}, nil, 30 * time.Second},
		{50, []int{0}, nil, 600 * time.Second},
	} {
		table := New(Options[int]{})
		k := Key{Sender: 1, Protocol: c.protocol}
		k.Destination[3] = 2
		s := table.Lock(&k)
		f := s.Insert(k, k.Reverse(2), [2]*End[int]{}, 0)
		for i, side := range c.sides {
			p := Packet{}
			if c.flags != nil {
				p.Flags = c.flags[i]
			}
			s.Use(f, side, p)
		}
		if found, _ := s.Find(&k, int64(c.idle)); found == nil {
			t.Errorf("protocol %d after %v: forgotten before %v", c.protocol, c.sides, c.idle)
		}
		s.Unlock()
		table.Expire(int64(c.idle))
		if table.Len() != 1 {
			t.Errorf("protocol %d after %v: swept before %v", c.protocol, c.sides, c.idle)
		}
		table.Expire(int64(c.idle) + 1)
		if table.Len() != 0 {
			t.Errorf("protocol %d after %v: kept after %v", c.protocol, c.sides, c.idle)
		}
	}
}

func TestFullTableForgetsUnansweredFirst(t *testing.T) {
	var gone []uint16
	table := New(Options[int]{Max: 4, Removed: func(f *Flow[int], why Removal) {
		if why != Evicted {
			t.Errorf("removed for %d", why)
		}
		gone = append(gone, f.Keys[0].SourcePort)
	}})
	add := func(port uint16, now int64, answered bool) {
		k := tcpKey(1, port)
		s := table.Lock(&k)
		defer s.Unlock()
		f := s.Insert(k, k.Reverse(2), [2]*End[int]{}, now)
		s.Use(f, 0, Packet{Flags: SYN, Now: now})
		if answered {
			s.Use(f, 1, Packet{Flags: SYN | ACK, Now: now})
			s.Use(f, 0, Packet{Flags: ACK, Now: now})
		}
	}
	add(1, 0, true)
	add(2, 1*second, true)
	add(3, 2*second, false)
	add(4, 3*second, false)
	add(5, 4*second, true) // 3 is the oldest without an answer
	add(6, 5*second, true) // then 4
	add(7, 6*second, true) // then the one idle longest
	if want := []uint16{3, 4, 1}; len(gone) != 3 || gone[0] != want[0] || gone[1] != want[1] || gone[2] != want[2] {
		t.Errorf("removed %v, want %v", gone, want)
	}
	if table.Len() != 4 || table.Evicted() != 3 {
		t.Errorf("%d flows, %d evicted", table.Len(), table.Evicted())
	}
}

// Whatever happens, the lists, the keys and the count agree, both directions are found, every flow is in the list of
// each of its ends once, and the bound holds.
func TestTableInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const bound = 8
		table := New(Options[int]{Max: bound})
		ends := make([]End[int], 4)
		now := int64(0)
		t.Repeat(map[string]func(*rapid.T){
			"packet": func(t *rapid.T) {
				now += rapid.Int64Range(0, 40*second).Draw(t, "later")
				k := Key{
					Sender:     rapid.Uint32Range(0, 3).Draw(t, "sender"),
					Protocol:   rapid.SampledFrom([]uint8{1, 6, 17, 50}).Draw(t, "protocol"),
					SourcePort: uint16(rapid.IntRange(1, 12).Draw(t, "port")), Source: [4]byte{1}, Destination: [4]byte{2},
				}
				if k.Protocol == protocolICMP {
					k.DestinationPort, k.Kind = k.SourcePort, echo
				}
				s := table.Lock(&k)
				defer s.Unlock()
				f, side := s.Find(&k, now)
				if f == nil {
					to := rapid.Uint32Range(0, 3).Draw(t, "receiver")
					f, side = s.Insert(k, k.Reverse(to), [2]*End[int]{&ends[k.Sender], &ends[to]}, now), 0
				}
				if rapid.Bool().Draw(t, "answer") {
					side = 1
				}
				flags := rapid.SampledFrom([]uint8{SYN, SYN | ACK, ACK, FIN | ACK, RST}).Draw(t, "flags")
				if f.Classify(side, flags) == Belongs {
					s.Use(f, side, Packet{Now: now, Flags: flags, Packets: 1})
				}
				if back, other := s.Find(&f.Keys[1], now); back != f || other != 1 {
					t.Fatalf("the answering direction is not found")
				}
			},
			"sweep": func(t *rapid.T) { table.Expire(now) },
			"end": func(t *rapid.T) {
				e := &ends[rapid.IntRange(0, 3).Draw(t, "end")]
				table.EachOf(e, func(s *Shard[int], f *Flow[int]) { s.Remove(f, Ended) })
				if n := len(e.keys()); n > 0 {
					t.Fatalf("%d flows are left", n)
				}
			},
			"": func(t *rapid.T) {
				listed := 0
				table.Each(func(s *Shard[int], f *Flow[int]) {
					listed++
					for side := range f.Keys {
						if found, at := s.find(&f.Keys[side]); found != f || at != side {
							t.Fatalf("a listed flow is not found by its key %d", side)
						}
					}
				})
				for i := range ends {
					flowsOf(t, table, ends, uint32(i))
				}
				if n := table.Len(); n != listed || n > bound || table.shards[0].flows.used != 2*n {
					t.Fatalf("%d flows, %d listed, %d keys, bound %d", n, listed, table.shards[0].flows.used, bound)
				}
			},
		})
	})
}

// flowsOf checks that the list of an end has the flows of which it sends one direction, each once.
func flowsOf(t *rapid.T, table *Table[int], ends []End[int], sender uint32) {
	seen := map[*Flow[int]]int{}
	table.EachOf(&ends[sender], func(_ *Shard[int], f *Flow[int]) { seen[f]++ })
	table.Each(func(_ *Shard[int], f *Flow[int]) {
		want := 0
		if f.Keys[0].Sender == sender || f.Keys[1].Sender == sender {
			want = 1
		}
		if seen[f] != want {
			t.Fatalf("%v is %d times among the flows of %d, want %d", f.Keys, seen[f], sender, want)
		}
		delete(seen, f)
	})
	if len(seen) > 0 {
		t.Fatalf("%d flows of %d are not in the table", len(seen), sender)
	}
}

func TestBothDirectionsShareAShard(t *testing.T) {
	table := New(Options[int]{})
	rapid.Check(t, func(t *rapid.T) {
		k := Key{
			Sender: rapid.Uint32().Draw(t, "sender"), Protocol: rapid.SampledFrom([]uint8{1, 6, 17}).Draw(t, "protocol"),
			Source: [4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "source")), SourcePort: rapid.Uint16().Draw(t, "port"),
			Destination: [4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "destination")), DestinationPort: 443,
		}
		if k.Protocol == protocolICMP {
			k.DestinationPort, k.Kind = k.SourcePort, echo
		}
		r := k.Reverse(7)
		a := table.Lock(&k)
		a.Unlock()
		b := table.Lock(&r)
		b.Unlock()
		if a != b {
			t.Fatalf("%v and %v lie apart", k, r)
		}
		if r.Reverse(k.Sender) != k {
			t.Fatalf("%v twice reversed is %v", k, r.Reverse(k.Sender))
		}
	})
}

func BenchmarkFindAndUse(b *testing.B) {
	table := New(Options[int]{})
	keys := make([]Key, 4096)
	for i := range keys {
		keys[i] = tcpKey(1, uint16(i+1))
		s := table.Lock(&keys[i])
		f := s.Insert(keys[i], keys[i].Reverse(2), [2]*End[int]{}, 0)
		s.Use(f, 0, Packet{Flags: SYN})
		s.Use(f, 1, Packet{Flags: SYN | ACK})
		s.Use(f, 0, Packet{Flags: ACK})
		s.Unlock()
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		k := &keys[i&4095]
		i++
		s := table.Lock(k)
		f, side := s.Find(k, int64(i))
		if f.Classify(side, ACK) == Belongs {
			s.Use(f, side, Packet{Now: int64(i), Packets: 1, Bytes: 100, Flags: ACK})
		}
		s.Unlock()
	}
}
