package record

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/tidwall/btree"

	"postern/aws/fault"
)

// Kind declares one kind of record, once. T is the type that holds a record in memory; what tables return is shared and
// must not be changed: a plan puts a changed copy.
type Kind[T any] struct {
	// Name is the kind's name in a Store.
	Name string
	// Key returns the record's id, which is unique within the kind.
	Key func(*T) string
	// Groups returns the record's groups, which are the same for as long as the record is there; see Record.
	Groups func(*T) []string
	// Indexes find records by what may change.
	Indexes []*Index[T]
	// Prepare, if set, is called once with each record before it enters a table: it compiles what the record says. A
	// record that it refuses enters none, and neither does what was read or planned with it.
	Prepare func(*T) error
	// Views, if set, returns the names of what is derived from the record elsewhere and has to be made anew when it
	// changes. The tables are those that the record is in.
	Views func(*Tables, *T) []string

	place int // in its Set, from 1
}

// Index finds records of a kind by terms that follow from them and may change with them.
type Index[T any] struct {
	// Terms returns what the record is found by.
	Terms func(*T) []Term
	// Grouped says that a term's value is one of the record's groups, so that who finds records by a value has read that
	// group. Of another index a plan reads the group that it was made for.
	Grouped bool
	// Counted keeps the number of terms of each value.
	Counted bool

	kind  *Kind[T]
	place int // in its kind's tables; groups have 0
}

// Term is a value that records are found by, and what orders the records of one value.
type Term struct{ Value, Sort string }

// Instant returns a Sort that orders records by time.
func Instant(t time.Time) string {
	return string(binary.BigEndian.AppendUint64(nil, uint64(t.UnixNano())^1<<63))
}

// Declared is a Kind of any type.
type Declared interface {
	// String returns the kind's name.
	String() string

	declare(place int)
	empty() anyTable
	decode(c *Change) (Edit, error)
}

// Set is the kinds of records that one service keeps.
type Set struct {
	kinds  []Declared
	byName map[string]Declared
}

// NewSet makes a set of kinds. It panics where two have one name, or one is in two sets.
func NewSet(kinds ...Declared) *Set {
	s := &Set{kinds: kinds, byName: map[string]Declared{}}
	for i, k := range kinds {
		if s.byName[k.String()] != nil {
			panic("record: two kinds are named " + k.String())
		}
		s.byName[k.String()] = k
		k.declare(i + 1)
	}
	return s
}

// Kinds returns the kinds in the order in which they were declared.
func (s *Set) Kinds() []Declared { return slices.Clone(s.kinds) }

func (s *Set) decode(c *Change) (Edit, error) {
	k := s.byName[c.Kind]
	if k == nil {
		return nil, fault.New(fault.Internal, "record.decode", "unknown kind %q", c.Kind)
	}
	e, err := k.decode(c)
	if err != nil {
		return nil, fmt.Errorf("read %s %s: %w", c.Kind, c.ID, err)
	}
	return e, nil
}

func (k *Kind[T]) String() string { return k.Name }

func (k *Kind[T]) declare(place int) {
	if k.place != 0 {
		panic("record: " + k.Name + " is in two sets")
	}
	k.place = place
	for i, x := range k.Indexes {
		x.kind, x.place = k, i+1
	}
}

func (k *Kind[T]) empty() anyTable {
	t := &table[T]{kind: k, rows: btree.NewMap[string, *T](degree), owned: true}
	t.indexes = append(t.indexes, newIndex(true))
	for _, x := range k.Indexes {
		t.indexes = append(t.indexes, newIndex(x.Counted))
	}
	return t
}

func (k *Kind[T]) decode(c *Change) (Edit, error) {
	e := &edit[T]{kind: k, id: c.ID}
	if c.Delete {
		return e, nil
	}
	e.next = new(T)
	if err := json.Unmarshal(c.Body, e.next); err != nil {
		return nil, err
	}
	return e, k.prepare(e.next)
}

func (k *Kind[T]) prepare(r *T) error {
	if k.Prepare == nil {
		return nil
	}
	return k.Prepare(r)
}

// terms returns what an index finds the record by; the first index is that of its groups.
func (k *Kind[T]) terms(index int, r *T) []Term {
	if index > 0 {
		return k.Indexes[index-1].Terms(r)
	}
	groups := k.Groups(r)
	terms := make([]Term, len(groups))
	for i, g := range groups {
		terms[i].Value = g
	}
	return terms
}
