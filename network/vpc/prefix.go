package vpc

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"
	"sort"
)

// key is an address as a number, so that ranges compare without a branch on the family.
type key struct{ hi, lo uint64 }

func keyOf(a netip.Addr) key {
	b := a.As16()
	return key{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

// lastOf is the last address of p as a key.
func lastOf(p netip.Prefix) key {
	k := keyOf(p.Addr())
	host := p.Addr().BitLen() - p.Bits()
	switch {
	case host >= 128:
		k.hi, k.lo = ^uint64(0), ^uint64(0)
	case host >= 64:
		k.hi |= 1<<(host-64) - 1
		k.lo = ^uint64(0)
	default:
		k.lo |= 1<<host - 1
	}
	return k
}

// nest holds values by prefix, for one family. Prefixes only ever nest or lie apart, so one binary search finds the
// narrowest that holds an address and its parents are the wider ones.
type nest[T any] struct {
	first []key
	nodes []nestNode[T]
}

type nestNode[T any] struct {
	last   key
	parent int32
	value  T
}

// narrowest returns the index of the narrowest prefix that holds k, or -1.
func (n *nest[T]) narrowest(k key) int32 {
	low, high := 0, len(n.first)
	for low < high {
		mid := int(uint(low+high) >> 1)
		if f := &n.first[mid]; f.hi < k.hi || f.hi == k.hi && f.lo <= k.lo {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return n.holder(int32(low)-1, k)
}

// wider returns the next wider prefix that holds what node i holds, or -1.
func (n *nest[T]) wider(i int32) int32 { return n.nodes[i].parent }

func (n *nest[T]) holder(i int32, k key) int32 {
	for i >= 0 {
		if l := &n.nodes[i].last; l.hi > k.hi || l.hi == k.hi && l.lo >= k.lo {
			return i
		}
		i = n.nodes[i].parent
	}
	return -1
}

// prefixes holds values by prefix, for both families.
type prefixes[T any] struct{ v4, v6 nest[T] }

func (p *prefixes[T]) family(a netip.Addr) *nest[T] {
	if a.Is4() {
		return &p.v4
	}
	return &p.v6
}

// find returns the value of the narrowest prefix that holds a, or nil.
func (p *prefixes[T]) find(a netip.Addr) *T {
	n := p.family(a)
	if i := n.narrowest(keyOf(a)); i >= 0 {
		return &n.nodes[i].value
	}
	return nil
}

// entry is one prefix with its value, before a set is built.
type entry[T any] struct {
	prefix netip.Prefix
	value  T
}

func compareEntries[T any](a, b entry[T]) int { return comparePrefixes(a.prefix, b.prefix) }

// comparePrefixes orders by family, first address, and the wider first.
func comparePrefixes(a, b netip.Prefix) int {
	if c := a.Addr().Compare(b.Addr()); c != 0 {
		return c
	}
	return cmp.Compare(a.Bits(), b.Bits())
}

// newPrefixes builds the set. It sorts entries; of several with the same prefix, the one given first is kept.
func newPrefixes[T any](entries []entry[T]) prefixes[T] {
	if !slices.IsSortedFunc(entries, compareEntries[T]) {
		slices.SortStableFunc(entries, compareEntries[T])
	}
	entries = slices.CompactFunc(entries, func(a, b entry[T]) bool { return a.prefix == b.prefix })
	six := sort.Search(len(entries), func(i int) bool { return entries[i].prefix.Addr().Is6() })
	return prefixes[T]{newNest(entries[:six]), newNest(entries[six:])}
}

func newNest[T any](entries []entry[T]) nest[T] {
	if len(entries) == 0 {
		return nest[T]{}
	}
	n := nest[T]{first: make([]key, len(entries)), nodes: make([]nestNode[T], len(entries))}
	for i, e := range entries {
		n.first[i] = keyOf(e.prefix.Addr())
		n.nodes[i] = nestNode[T]{last: lastOf(e.prefix), parent: n.holder(int32(i)-1, n.first[i]), value: e.value}
	}
	return n
}
