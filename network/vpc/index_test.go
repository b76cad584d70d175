package vpc

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

// TestSpans compares with looking at every rule.
func TestSpans(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) span {
			low, size := rapid.Uint16Max(300).Draw(t, "low"), rapid.Uint16Max(100).Draw(t, "size")
			if rapid.IntRange(0, 9).Draw(t, "top") == 0 {
				return span{low: low, high: 65535}
			}
			return span{low: low, high: low + size}
		}), 1, 20).Draw(t, "rules")
		for i := range raw {
			raw[i].rule = int32(i)
		}
		given := append([]span(nil), raw...)
		s := newSpans(raw)
		for port := range 66000 {
			if port > 500 && port < 65500 || port > 65535 {
				continue
			}
			want := int32(-1)
			for _, g := range given {
				if int(g.low) <= port && port <= int(g.high) {
					want = g.rule
					break
				}
			}
			if got := s.find(uint16(port)); got != want {
				t.Fatalf("port %d: rule %d, want %d, of %v as %v", port, got, want, given, s)
			}
		}
	})
}

func drawAddress(t *rapid.T, label string) netip.Addr {
	b := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 10, 127, 128, 255}), 4, 4).Draw(t, label)
	if rapid.Bool().Draw(t, "six") {
		return netip.AddrFrom16([16]byte{b[0], 0, b[1], 14: b[2], 15: b[3]})
	}
	return netip.AddrFrom4([4]byte(b))
}

// TestPrefixes compares with looking at every prefix.
func TestPrefixes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var entries []entry[int]
		for i := range rapid.IntRange(0, 30).Draw(t, "count") {
			a := drawAddress(t, "prefix")
			p, _ := a.Prefix(rapid.IntRange(0, a.BitLen()).Draw(t, "bits"))
			entries = append(entries, entry[int]{p, i})
		}
		given := append([]entry[int](nil), entries...)
		set := newPrefixes(entries)
		for range 50 {
			a := drawAddress(t, "address")
			want, holders := -1, map[netip.Prefix]bool{}
			for i, e := range given {
				if e.prefix.Contains(a) {
					if !holders[e.prefix] && (want < 0 || e.prefix.Bits() > given[want].prefix.Bits()) {
						want = i
					}
					holders[e.prefix] = true
				}
			}
			got := set.find(a)
			if (got == nil) != (want < 0) || got != nil && *got != want {
				t.Fatalf("%s: %v, want %d of %v", a, got, want, given)
			}
			n, count := set.family(a), 0
			for i := n.narrowest(keyOf(a)); i >= 0; i = n.wider(i) {
				count++
			}
			if count != len(holders) {
				t.Fatalf("%s: %d prefixes hold it, want %d", a, count, len(holders))
			}
		}
	})
}
