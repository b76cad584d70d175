package network

import (
	"cmp"
	"slices"
	"strings"
)

// table is a set of records in the order of their ids. Copying the value shares the rows: a copy whose owned is false
// copies them before its first change, so that a State never changes under its readers.
//
// A sorted slice of pointers beats a map here: a copy of 10,000 rows is one memmove of 80 KB, reads go in order for
// pages, and a look-up takes some 14 comparisons.
type table[T interface{ key() string }] struct {
	rows  []T
	owned bool
}

func (t *table[T]) find(id string) (int, bool) {
	return slices.BinarySearchFunc(t.rows, id, func(r T, id string) int { return strings.Compare(r.key(), id) })
}

func (t *table[T]) get(id string) (T, bool) {
	if i, ok := t.find(id); ok {
		return t.rows[i], true
	}
	var none T
	return none, false
}

// record is get, for who does not know the rows' type.
func (t *table[T]) record(id string) (record, bool) {
	if r, ok := t.get(id); ok {
		found, ok := any(r).(record)
		return found, ok
	}
	return nil, false
}

func (t *table[T]) put(r T) {
	i, ok := t.find(r.key())
	t.own()
	if ok {
		t.rows[i] = r
		return
	}
	t.rows = slices.Insert(t.rows, i, r)
}

func (t *table[T]) remove(id string) {
	if i, ok := t.find(id); ok {
		t.own()
		t.rows = slices.Delete(t.rows, i, i+1)
	}
}

func (t *table[T]) own() {
	if t.owned {
		return
	}
	rows := make([]T, len(t.rows), len(t.rows)+1)
	copy(rows, t.rows)
	t.rows, t.owned = rows, true
}

// sort brings rows that were appended into order.
func (t *table[T]) sort() {
	slices.SortFunc(t.rows, func(a, b T) int { return cmp.Compare(a.key(), b.key()) })
}

// same reports whether two tables are the same rows, not merely equal ones.
func (t *table[T]) same(u *table[T]) bool {
	return len(t.rows) == len(u.rows) && (len(t.rows) == 0 || &t.rows[0] == &u.rows[0])
}
