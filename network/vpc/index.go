package vpc

import (
	"hash/maphash"
	"iter"
	"slices"
)

const (
	indexBits = 5
	indexFan  = 1 << indexBits
	// leafSize says how many entries a leaf holds before it becomes a branch.
	leafSize = 8
	hashBits = 64
)

var indexSeed = maphash.MakeSeed()

// index is a map that is copied on write: a trie over the hashes of the keys, in which a changed copy shares all but
// the nodes on the way to what changed. Copying the struct copies the map. The zero index is empty.
type index[K comparable, V any] struct {
	root  child[K, V]
	count int
}

// child is a branch, a leaf, or neither.
type child[K comparable, V any] struct {
	branch *branch[K, V]
	leaf   *leaf[K, V]
}

type branch[K comparable, V any] struct {
	by       *edit
	children [indexFan]child[K, V]
}

type leaf[K comparable, V any] struct {
	by      *edit
	entries []indexEntry[K, V]
}

// indexEntry keeps the key's hash, so that a look-up reads one key only.
type indexEntry[K comparable, V any] struct {
	hash  uint64
	key   K
	value V
}

// edit marks the nodes that one change has made: nobody else sees them yet, so it may write to them.
type edit struct{ _ byte }

// get returns the key's value.
func (x *index[K, V]) get(k K) (v V, ok bool) {
	hash := maphash.Comparable(indexSeed, k)
	c := &x.root
	for rest := hash; c.branch != nil; rest >>= indexBits {
		c = &c.branch.children[rest%indexFan]
	}
	if c.leaf != nil {
		for i := range c.leaf.entries {
			if e := &c.leaf.entries[i]; e.hash == hash && e.key == k {
				return e.value, true
			}
		}
	}
	return v, false
}

// set gives the key a value.
func (x *index[K, V]) set(by *edit, k K, v V) {
	hash := maphash.Comparable(indexSeed, k)
	c, used := &x.root, 0
	for ; c.branch != nil; used += indexBits {
		c = c.ownBranch(by, hash>>used)
	}
	l := c.ownLeaf(by)
	for i := range l.entries {
		if l.entries[i].key == k {
			l.entries[i].value = v
			return
		}
	}
	x.count++
	l.entries = append(l.entries, indexEntry[K, V]{hash, k, v})
	for len(l.entries) > leafSize && used < hashBits {
		c, l = c.split(by, used, hash>>used)
		used += indexBits
	}
}

// delete takes the key out.
func (x *index[K, V]) delete(by *edit, k K) {
	if _, ok := x.get(k); !ok {
		return
	}
	x.count--
	x.root.remove(by, maphash.Comparable(indexSeed, k), k)
}

// all yields every entry, in an order of its own.
func (x *index[K, V]) all() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) { x.root.each(yield) }
}

// ownBranch makes the branch one that by may write to and returns its child for the hash.
func (c *child[K, V]) ownBranch(by *edit, hash uint64) *child[K, V] {
	if c.branch.by != by {
		made := *c.branch
		made.by = by
		c.branch = &made
	}
	return &c.branch.children[hash%indexFan]
}

// ownLeaf makes the leaf one that by may write to; an empty child becomes one.
func (c *child[K, V]) ownLeaf(by *edit) *leaf[K, V] {
	switch {
	case c.leaf == nil:
		c.leaf = &leaf[K, V]{by: by}
	case c.leaf.by != by:
		entries := make([]indexEntry[K, V], len(c.leaf.entries), len(c.leaf.entries)+1)
		copy(entries, c.leaf.entries)
		c.leaf = &leaf[K, V]{by, entries}
	}
	return c.leaf
}

// split makes a branch of a leaf whose entries have used bits of their hashes in common, and returns the child and its
// leaf for the hash.
func (c *child[K, V]) split(by *edit, used int, hash uint64) (*child[K, V], *leaf[K, V]) {
	b := &branch[K, V]{by: by}
	for _, e := range c.leaf.entries {
		l := b.children[(e.hash>>used)%indexFan].ownLeaf(by)
		l.entries = append(l.entries, e)
	}
	c.branch, c.leaf = b, nil
	c = &b.children[hash%indexFan]
	return c, c.ownLeaf(by)
}

// remove takes out a key that is there, and the nodes that become empty.
func (c *child[K, V]) remove(by *edit, hash uint64, k K) {
	if c.branch == nil {
		l := c.ownLeaf(by)
		l.entries = slices.DeleteFunc(l.entries, func(e indexEntry[K, V]) bool { return e.key == k })
		if len(l.entries) == 0 {
			c.leaf = nil
		}
		return
	}
	below := c.ownBranch(by, hash)
	below.remove(by, hash>>indexBits, k)
	if *below == (child[K, V]{}) && c.branch.children == [indexFan]child[K, V]{} {
		c.branch = nil
	}
}

func (c *child[K, V]) each(yield func(K, V) bool) bool {
	if c.branch != nil {
		for i := range c.branch.children {
			if !c.branch.children[i].each(yield) {
				return false
			}
		}
		return true
	}
	if c.leaf != nil {
		for i := range c.leaf.entries {
			if !yield(c.leaf.entries[i].key, c.leaf.entries[i].value) {
				return false
			}
		}
	}
	return true
}

// differ calls f with the values of each key that has another one in c than in d, the zero value where it has none. It
// passes over what both share.
func (c *child[K, V]) differ(d child[K, V], f func(old, now V)) {
	if *c == d {
		return
	}
	if c.branch != nil && d.branch != nil {
		for i := range c.branch.children {
			c.branch.children[i].differ(d.branch.children[i], f)
		}
		return
	}
	old, now := c.collect(), d.collect()
	var none V
	for k, v := range old {
		f(v, now[k])
	}
	for k, v := range now {
		if _, was := old[k]; !was {
			f(none, v)
		}
	}
}

// collect returns the entries as a map.
func (c *child[K, V]) collect() map[K]V {
	all := map[K]V{}
	c.each(func(k K, v V) bool { all[k] = v; return true })
	return all
}
