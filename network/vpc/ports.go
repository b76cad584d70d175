package vpc

import (
	"cmp"
	"slices"
)

// span is an inclusive range of ports that one rule allows.
type span struct {
	low, high uint16
	rule      int32
}

// spans is sorted and without overlap.
type spans []span

// find returns the rule that allows the port, or -1.
func (s spans) find(port uint16) int32 {
	low, high := 0, len(s)
	for low < high {
		mid := int(uint(low+high) >> 1)
		switch {
		case port < s[mid].low:
			high = mid
		case port > s[mid].high:
			low = mid + 1
		default:
			return s[mid].rule
		}
	}
	return -1
}

// newSpans removes overlaps: where two rules cover a port, the rule with the lower index keeps it. It may reorder raw.
func newSpans(raw []span) spans {
	if len(raw) == 1 {
		return spans{raw[0]}
	}
	points := make([]int, 0, 2*len(raw))
	for _, r := range raw {
		points = append(points, int(r.low), int(r.high)+1)
	}
	slices.Sort(points)
	points = slices.Compact(points)
	slices.SortFunc(raw, func(a, b span) int { return cmp.Compare(a.rule, b.rule) })
	return merge(paint(raw, points), points)
}

// paint gives each elementary interval between points the lowest rule that covers it, or -1. next skips what is
// painted already, so that the work is n log n.
func paint(raw []span, points []int) []int32 {
	cells := make([]int32, len(points)-1)
	next := make([]int, len(points))
	for i := range cells {
		cells[i], next[i] = -1, i
	}
	next[len(cells)] = len(cells)
	free := func(i int) int {
		for next[i] != i {
			next[i] = next[next[i]]
			i = next[i]
		}
		return i
	}
	for _, r := range raw {
		first, _ := slices.BinarySearch(points, int(r.low))
		end, _ := slices.BinarySearch(points, int(r.high)+1)
		for i := free(first); i < end; i = free(i) {
			cells[i], next[i] = r.rule, i+1
		}
	}
	return cells
}

func merge(cells []int32, points []int) spans {
	var out spans
	for i, rule := range cells {
		if rule < 0 {
			continue
		}
		low, high := uint16(points[i]), uint16(points[i+1]-1)
		if last := len(out) - 1; last >= 0 && out[last].rule == rule && int(out[last].high)+1 == int(low) {
			out[last].high = high
			continue
		}
		out = append(out, span{low, high, rule})
	}
	return out
}

// portOf returns what a rule's port range is compared with: the destination port, type and code of ICMP in one number,
// and 0 for protocols without either.
func (f *Flow) portOf() uint16 {
	switch f.Protocol {
	case TCP, UDP:
		return f.Destination.Port()
	case ICMP, ICMPv6:
		return uint16(f.ICMPType)<<8 | uint16(f.ICMPCode)
	}
	return 0
}

// bounds is the range of portOf that a rule of this protocol covers.
func (r PortRange) bounds(p Protocol) (low, high uint16) {
	switch p {
	case TCP, UDP:
		return uint16(r.From), uint16(r.To)
	case ICMP, ICMPv6:
		switch {
		case r.From < 0:
			return 0, 65535
		case r.To < 0:
			return uint16(r.From) << 8, uint16(r.From)<<8 | 255
		}
		port := uint16(r.From)<<8 | uint16(r.To)
		return port, port
	}
	return 0, 65535
}

// valid reports whether the range means something for the protocol.
func (r PortRange) valid(p Protocol) bool {
	switch p {
	case TCP, UDP:
		return 0 <= r.From && r.From <= r.To && r.To <= 65535
	case ICMP, ICMPv6:
		return -1 <= r.From && r.From <= 255 && -1 <= r.To && r.To <= 255
	}
	return true
}
