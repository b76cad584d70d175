package record

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"postern/aws/fault"
)

// Plan is a change in the making. It has tables of its own, which show what it has changed, and knows what it has read
// of them: it can be committed for as long as nobody else has changed that.
type Plan struct {
	*Tables
	before *Tables
	group  string
	reads  map[Read]bool
	edits  map[Key]Edit
	order  []Key // of the last edit of each record
	err    error
}

// NewPlan begins a plan from tables. What it finds by an index that is not Grouped it reads as part of a group, which
// is usually the scope of whoever asked for the change. Without one each record that it finds is read by itself, and
// the plan does not conflict with a record that comes to the index meanwhile.
func NewPlan(from *Tables, group string) *Plan {
	p := &Plan{before: from, group: group, reads: map[Read]bool{}, edits: map[Key]Edit{}}
	p.Tables = from.copy(p)
	return p
}

// Before returns the tables that the plan began from. To look at them is not noticed.
func (p *Plan) Before() *Tables { return p.before }

// Edit is the change of one record. Old and New are records of the kind's type, nil where there was or will be none.
type Edit interface {
	Record() Key
	Old() any
	New() any
	// Quiet says that nothing follows from the change in what is derived from the record.
	Quiet() bool
	// Views calls add with the names of what is derived from the record and has to be made anew.
	Views(before, after *Tables, add func(string))

	apply(t *Tables)
	change() (Change, error)
}

type edit[T any] struct {
	kind      *Kind[T]
	id        string
	old, next *T
	quiet     bool
}

func (e *edit[T]) Record() Key { return Key{Kind: e.kind.Name, ID: e.id} }
func (e *edit[T]) Old() any    { return untyped(e.old) }
func (e *edit[T]) New() any    { return untyped(e.next) }
func (e *edit[T]) Quiet() bool { return e.quiet }

// untyped makes nil of no record.
func untyped[T any](r *T) any {
	if r == nil {
		return nil
	}
	return r
}

// Views implements Edit.
func (e *edit[T]) Views(before, after *Tables, add func(string)) {
	if e.quiet || e.kind.Views == nil {
		return
	}
	if e.old != nil {
		for _, v := range e.kind.Views(before, e.old) {
			add(v)
		}
	}
	if e.next != nil {
		for _, v := range e.kind.Views(after, e.next) {
			add(v)
		}
	}
}

func (e *edit[T]) apply(t *Tables) { e.old = e.kind.of(t).put(t, e.id, e.next) }

func (e *edit[T]) change() (Change, error) {
	c := Change{Record: Record{Key: e.Record()}, Delete: e.next == nil}
	if c.Delete {
		if e.old != nil {
			c.Groups = e.kind.Groups(e.old)
		}
		return c, nil
	}
	body, err := json.Marshal(e.next)
	if err != nil {
		return c, fmt.Errorf("encode %s %s: %w", c.Kind, c.ID, err)
	}
	c.Body, c.Groups = body, e.kind.Groups(e.next)
	return c, nil
}

// Put plans a new record, or one in the place of another. A quiet change is one that nothing derived follows from.
func (k *Kind[T]) Put(p *Plan, r *T, quiet bool) {
	if err := k.prepare(r); err != nil {
		p.err = fmt.Errorf("put %s %s: %w", k.Name, k.Key(r), err)
		return
	}
	k.edit(p, &edit[T]{kind: k, id: k.Key(r), next: r, quiet: quiet})
}

// Delete plans that a record goes.
func (k *Kind[T]) Delete(p *Plan, id string, quiet bool) {
	k.edit(p, &edit[T]{kind: k, id: id, quiet: quiet})
}

func (k *Kind[T]) edit(p *Plan, e *edit[T]) {
	key := e.Record()
	e.apply(p.Tables)
	old, _ := k.of(p.before).rows.Get(e.id)
	if earlier, ok := p.edits[key]; ok {
		e.quiet = e.quiet && earlier.Quiet()
		p.order = slices.DeleteFunc(p.order, func(k Key) bool { return k == key })
	}
	if e.old = old; old != nil && e.next != nil && !slices.Equal(k.Groups(old), k.Groups(e.next)) {
		p.err = fault.New(fault.Internal, "record.Put", "the groups of %s %s changed from %q to %q",
			k.Name, e.id, k.Groups(old), k.Groups(e.next))
	}
	p.edits[key] = e
	p.order = append(p.order, key)
}

// Edits returns what the plan changes, each record once, in the order in which it was changed last.
func (p *Plan) Edits() []Edit {
	out := make([]Edit, len(p.order))
	for i, key := range p.order {
		out[i] = p.edits[key]
	}
	return out
}

// Commit returns the plan as a Store takes it.
func (p *Plan) Commit() (Commit, error) {
	c := Commit{Base: p.before.version, Changes: make([]Change, len(p.order))}
	if p.err != nil {
		return c, p.err
	}
	var err error
	for i, key := range p.order {
		if c.Changes[i], err = p.edits[key].change(); err != nil {
			return c, err
		}
	}
	for r := range p.reads {
		if r.ID == "" || p.edits[Key{Kind: r.Kind, ID: r.ID}] == nil { // what is changed counts as read
			c.Reads = append(c.Reads, r)
		}
	}
	slices.SortFunc(c.Reads, Read.compare)
	return c, nil
}

func (r Read) compare(s Read) int {
	return cmp.Or(cmp.Compare(r.Kind, s.Kind), cmp.Compare(r.ID, s.ID), cmp.Compare(r.Group, s.Group))
}
