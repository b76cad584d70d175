package record

import (
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/tidwall/btree"
)

// Tables hold the records of a Set as they were at one version. They never change: a plan works on a copy, which shares
// with them whatever it leaves as it is, so that a copy costs as much as there are kinds.
type Tables struct {
	version uint64
	all     []anyTable // by the places of their kinds
	// copying is held while trees are copied: they then mark their nodes as shared.
	copying *sync.Mutex
	// plan is told what is read; nil for tables that are no plan's.
	plan *Plan
}

func newTables(s *Set) *Tables {
	t := &Tables{copying: new(sync.Mutex)}
	for _, k := range s.kinds {
		t.all = append(t.all, k.empty())
	}
	return t
}

// copy returns tables that copy on write what they share with t.
func (t *Tables) copy(p *Plan) *Tables {
	next := &Tables{version: t.version, all: make([]anyTable, len(t.all)), copying: t.copying, plan: p}
	for i, table := range t.all {
		next.all[i] = table.share()
	}
	return next
}

// Version returns the version of the Store's set that the tables stand at.
func (t *Tables) Version() uint64 { return t.version }

// Len returns the number of records of all kinds.
func (t *Tables) Len() int {
	n := 0
	for _, table := range t.all {
		n += table.len()
	}
	return n
}

// anyTable is a table of any type.
type anyTable interface {
	share() anyTable
	len() int
}

// table holds the records of one kind: in the order of their ids, and in the order of each index.
type table[T any] struct {
	kind    *Kind[T]
	rows    *btree.Map[string, *T]
	indexes []index
	owned   bool // the trees may be changed where they are
}

// index is an index at work. It leads to the ids of records and not to the records, so that a change of one that
// changes none of its terms leaves the index alone: most changes do, and each index is three or four nodes to copy.
type index struct {
	entries *btree.BTreeG[entry]
	counts  *btree.Map[string, int] // of the entries of each value; nil where they are not counted
}

type entry struct {
	Term
	id string
}

// degree is that of the trees. A change copies the nodes on the way to what it changes, so they are small.
const degree = 8

func newIndex(counted bool) index {
	x := index{entries: btree.NewBTreeGOptions(entry.before, btree.Options{Degree: degree, NoLocks: true})}
	if counted {
		x.counts = btree.NewMap[string, int](degree)
	}
	return x
}

func (e entry) before(f entry) bool {
	if c := strings.Compare(e.Value, f.Value); c != 0 {
		return c < 0
	}
	if c := strings.Compare(e.Sort, f.Sort); c != 0 {
		return c < 0
	}
	return e.id < f.id
}

func (k *Kind[T]) of(t *Tables) *table[T] { return t.all[k.place-1].(*table[T]) }

func (t *table[T]) len() int { return t.rows.Len() }

func (t *table[T]) share() anyTable {
	return &table[T]{kind: t.kind, rows: t.rows, indexes: t.indexes}
}

// own copies the trees before the first change. What iterates over them goes on over those that there were.
func (t *table[T]) own(copying *sync.Mutex) {
	if t.owned {
		return
	}
	copying.Lock()
	defer copying.Unlock()
	t.rows, t.indexes, t.owned = t.rows.Copy(), slices.Clone(t.indexes), true
	for i, x := range t.indexes {
		t.indexes[i].entries = x.entries.Copy()
		if x.counts != nil {
			t.indexes[i].counts = x.counts.Copy()
		}
	}
}

// put puts a record, or with nil removes it, and returns the one that was there.
func (t *table[T]) put(tables *Tables, id string, next *T) (old *T) {
	old, _ = t.rows.Get(id)
	if old == nil && next == nil {
		return nil
	}
	t.own(tables.copying)
	if next != nil {
		t.rows.Set(id, next)
	} else {
		t.rows.Delete(id)
	}
	for i := range t.indexes {
		t.indexes[i].move(id, t.terms(i, old), t.terms(i, next))
	}
	return old
}

func (t *table[T]) terms(index int, r *T) []Term {
	if r == nil {
		return nil
	}
	return t.kind.terms(index, r)
}

func (x *index) move(id string, from, to []Term) {
	if slices.Equal(from, to) {
		return
	}
	stays, was := lister(to), lister(from)
	for _, term := range from {
		if stays(term) {
			continue
		}
		if _, ok := x.entries.Delete(entry{term, id}); ok {
			x.count(term.Value, -1)
		}
	}
	for _, term := range to {
		if was(term) {
			continue
		}
		if _, twice := x.entries.Set(entry{term, id}); !twice {
			x.count(term.Value, 1)
		}
	}
}

// lister returns a function that reports whether a term is in a list.
func lister(terms []Term) func(Term) bool {
	if len(terms) <= 16 {
		return func(t Term) bool { return slices.Contains(terms, t) }
	}
	all := make(map[Term]bool, len(terms))
	for _, t := range terms {
		all[t] = true
	}
	return func(t Term) bool { return all[t] }
}

func (x *index) count(value string, more int) {
	if x.counts == nil {
		return
	}
	n, _ := x.counts.Get(value)
	if n += more; n == 0 {
		x.counts.Delete(value)
		return
	}
	x.counts.Set(value, n)
}

// from iterates over the records of an index's entries from a term on, for as long as they are wanted.
func (t *table[T]) from(index int, first Term, wanted func(Term) bool) iter.Seq[*T] {
	return func(yield func(*T) bool) {
		t.indexes[index].entries.Ascend(entry{Term: first}, func(e entry) bool {
			if !wanted(e.Term) {
				return false
			}
			r, _ := t.rows.Get(e.id)
			return yield(r)
		})
	}
}

// Get returns the record with an id.
func (k *Kind[T]) Get(t *Tables, id string) (*T, bool) {
	t.read(Read{Kind: k.Name, ID: id})
	return k.of(t).rows.Get(id)
}

// All returns all records, in the order of their ids.
func (k *Kind[T]) All(t *Tables) iter.Seq[*T] {
	return func(yield func(*T) bool) {
		t.read(Read{Kind: k.Name})
		k.of(t).frozen(t).rows.Scan(func(_ string, r *T) bool { return yield(r) })
	}
}

// Len returns the number of records.
func (k *Kind[T]) Len(t *Tables) int {
	t.read(Read{Kind: k.Name})
	return k.of(t).len()
}

// In returns the records of a group, in the order of their ids.
func (k *Kind[T]) In(t *Tables, group string) iter.Seq[*T] {
	return func(yield func(*T) bool) {
		t.read(Read{Kind: k.Name, Group: group})
		table := k.of(t).frozen(t)
		table.from(0, Term{Value: group}, func(at Term) bool { return at.Value == group })(yield)
	}
}

// Count returns the number of records in a group.
func (k *Kind[T]) Count(t *Tables, group string) int {
	t.read(Read{Kind: k.Name, Group: group})
	n, _ := k.of(t).indexes[0].counts.Get(group)
	return n
}

// slack is how far below a limit a plan does not look at what others add at the same time: they are fewer.
const slack = 1000

// Fits reports whether a group has no more than limit records after more of them. The group counts as read only where
// the limit is near, so that plans far below it do not conflict.
func (k *Kind[T]) Fits(t *Tables, group string, more, limit int) bool {
	n, _ := k.of(t).indexes[0].counts.Get(group)
	if n+more+slack > limit {
		t.read(Read{Kind: k.Name, Group: group})
	}
	return n+more <= limit
}

// frozen returns the table for an iteration: what is changed meanwhile is changed in copies.
func (t *table[T]) frozen(tables *Tables) *table[T] {
	if tables.plan == nil {
		return t
	}
	t.owned = false
	return t.share().(*table[T])
}

// Find returns the records with a value, in the order of their terms and then of their ids. One with several terms of
// that value is returned for each.
func (x *Index[T]) Find(t *Tables, value string) iter.Seq[*T] {
	return x.seek(t, Term{Value: value}, func(at Term) bool { return at.Value == value })
}

// FindTerm returns the records with the term, in the order of their ids.
func (x *Index[T]) FindTerm(t *Tables, term Term) iter.Seq[*T] {
	return x.seek(t, term, func(at Term) bool { return at == term })
}

// At returns the first record with the term.
func (x *Index[T]) At(t *Tables, term Term) (*T, bool) {
	for r := range x.FindTerm(t, term) {
		return r, true
	}
	return nil, false
}

// Until returns the records with a value whose Sort is below an end.
func (x *Index[T]) Until(t *Tables, value, end string) iter.Seq[*T] {
	return x.seek(t, Term{Value: value}, func(at Term) bool { return at.Value == value && at.Sort < end })
}

// Sorts returns the Sort of each term with the value of first, from first on and in order.
func (x *Index[T]) Sorts(t *Tables, first Term) iter.Seq[string] {
	return func(yield func(string) bool) {
		x.read(t, first.Value)
		entries := x.kind.of(t).frozen(t).indexes[x.place].entries
		entries.Ascend(entry{Term: first}, func(e entry) bool {
			return e.Value == first.Value && yield(e.Sort)
		})
	}
}

// Values returns each value that a record has, once and in order. It is for tables that are no plan's.
func (x *Index[T]) Values(t *Tables) iter.Seq[string] {
	return func(yield func(string) bool) {
		entries, next, more := x.kind.of(t).indexes[x.place].entries, "", true
		for more {
			more = false
			entries.Ascend(entry{Term: Term{Value: next}}, func(e entry) bool {
				next, more = e.Value+"\x00", yield(e.Value)
				return false
			})
		}
	}
}

// Count returns the number of terms with a value, in a Counted index.
func (x *Index[T]) Count(t *Tables, value string) int {
	x.read(t, value)
	n, _ := x.kind.of(t).indexes[x.place].counts.Get(value)
	return n
}

func (x *Index[T]) seek(t *Tables, first Term, wanted func(Term) bool) iter.Seq[*T] {
	return func(yield func(*T) bool) {
		alone := !x.read(t, first.Value)
		table := x.kind.of(t).frozen(t)
		table.from(x.place, first, wanted)(func(r *T) bool {
			if alone {
				t.read(Read{Kind: x.kind.Name, ID: x.kind.Key(r)})
			}
			return yield(r)
		})
	}
}

// read tells the plan which group was read. It reports false where that is none, and each record is read by itself.
func (x *Index[T]) read(t *Tables, value string) bool {
	switch {
	case t.plan == nil:
		return true
	case x.Grouped:
		t.read(Read{Kind: x.kind.Name, Group: value})
	case t.plan.group != "":
		t.read(Read{Kind: x.kind.Name, Group: t.plan.group})
	default:
		return false
	}
	return true
}

func (t *Tables) read(r Read) {
	if t.plan != nil {
		t.plan.reads[r] = true
	}
}
