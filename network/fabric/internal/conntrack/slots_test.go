package conntrack

import (
	"testing"

	"pgregory.net/rapid"
)

// TestSlots holds a table whose hashes collide against a map.
func TestSlots(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var table slots[int]
		there := map[Key]slot[int]{}
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				k := tcpKey(rapid.Uint32Range(0, 40).Draw(t, "sender"), 1)
				if _, ok := there[k]; ok {
					t.Skip("it is there")
				}
				s := slot[int]{&Flow[int]{}, rapid.Uint32Range(0, 20).Draw(t, "hash"), uint8(rapid.IntRange(0, 1).Draw(t, "side"))}
				s.flow.Keys[s.side] = k
				table.add(s)
				there[k] = s
			},
			"remove": func(t *rapid.T) {
				k := tcpKey(rapid.Uint32Range(0, 40).Draw(t, "sender"), 1)
				if s, ok := there[k]; ok {
					table.remove(s)
					delete(there, k)
				}
			},
			"": func(t *rapid.T) {
				if table.used != len(there) {
					t.Fatalf("%d are used, want %d", table.used, len(there))
				}
				for sender := range uint32(41) {
					k := tcpKey(sender, 1)
					want, ok := there[k]
					for hash := range uint32(21) {
						f, side := table.find(hash, &k)
						if found := ok && hash == want.hash; (f != nil) != found || found && (f != want.flow || side != int(want.side)) {
							t.Fatalf("%d at hash %d: found %p, want %v", sender, hash, f, want)
						}
					}
				}
			},
		})
	})
}

// TestToItself: a flow whose directions have one key is there once, and goes.
func TestToItself(t *testing.T) {
	table := New(Options[int]{})
	k := tcpKey(1, 443)
	k.Source = k.Destination
	s := table.Lock(&k)
	defer s.Unlock()
	f := s.Insert(k, k.Reverse(1), [2]*End[int]{}, 0)
	if found, side := s.Find(&k, 0); found != f || side != 0 || s.flows.used != 1 {
		t.Errorf("found %p as its direction %d of %d, want %p as 0 of 1", found, side, s.flows.used, f)
	}
	s.Remove(f, Ended)
	if found, _ := s.Find(&k, 0); found != nil || s.flows.used != 0 {
		t.Errorf("it is there still, in %d slots", s.flows.used)
	}
}

// TestNewFlowIsEmpty: a flow that has the memory of one before has nothing else of it.
func TestNewFlowIsEmpty(t *testing.T) {
	table := New(Options[int]{})
	k := tcpKey(1, 1000)
	s := table.Lock(&k)
	defer s.Unlock()
	for range 2 {
		f := s.Insert(k, k.Reverse(2), [2]*End[int]{}, 7)
		if f.Sides != [2]Side[int]{} || f.Closing() || f.Began != 7 {
			t.Errorf("it has carried %+v, began at %d and closes: %t", f.Sides, f.Began, f.Closing())
		}
		f.Sides[1].To = 3
		s.Use(f, 0, Packet{Flags: SYN | RST, Packets: 1, Bytes: 60, Now: 8})
		s.Remove(f, Ended)
	}
}
