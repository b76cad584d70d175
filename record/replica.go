package record

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"postern/aws/fault"
)

// Replica holds the records of a Store in memory and changes them there. It learns of the changes of other replicas
// when it is told to look, and when a plan of its own conflicts with them.
type Replica struct {
	store  Store
	set    *Set
	hooks  Hooks
	tables atomic.Pointer[Tables]
	// doubts counts the commits whose fate is unknown or which are not in tables, and settled those of them after which
	// the store was asked: it has to be before the next change is planned.
	doubts, settled atomic.Uint64

	mu sync.Mutex // orders what becomes of tables
}

// Hooks let a service act beside a change. They may be nil.
type Hooks struct {
	// Applied is called with each change of the tables, in order and one at a time, before it is to be seen in Tables.
	// before is nil where everything was read anew; there are no edits then. It must not wait.
	Applied func(before, after *Tables, edits []Edit)
	// Loaded completes records that were stored by an earlier version, in tables that nobody sees yet.
	Loaded func(p *Plan)
	// Changed is called after own commits. It must not wait.
	Changed func()
}

// tries is how often a change is planned anew because somebody else changed what it had read.
const tries = 1000

// Open reads all records of a store.
func Open(ctx context.Context, store Store, set *Set, h Hooks) (*Replica, error) {
	r := &Replica{store: store, set: set, hooks: h}
	r.tables.Store(newTables(set))
	feed, err := store.Since(ctx, 0)
	if err != nil {
		return nil, fmt.Errorf("load records: %w", err)
	}
	feed.Whole = true
	return r, r.take(feed, 0)
}

// Tables returns the records as they stand. Readers never wait for writers.
func (r *Replica) Tables() *Tables { return r.tables.Load() }

// Refresh reads what other replicas have changed.
func (r *Replica) Refresh(ctx context.Context) error {
	since := r.Tables().version
	feed, err := r.store.Since(ctx, since)
	if err != nil {
		return fmt.Errorf("read what has changed: %w", err)
	}
	return r.take(feed, since)
}

// take applies a feed of what has changed since a version to the tables.
func (r *Replica) take(f Feed, since uint64) error {
	edits := make([]Edit, 0, len(f.Changes))
	for i := range f.Changes {
		e, err := r.set.decode(&f.Changes[i])
		if err != nil {
			return err
		}
		edits = append(edits, e)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.Tables()
	if f.Version <= before.version && f.Version >= since && before.version > 0 {
		return nil // own commits have overtaken it; a store that was put back has a version below since
	}
	if f.Whole {
		return r.restartLocked(f.Version, edits)
	}
	after := before.copy(nil)
	missing := edits[:0]
	for i, e := range edits {
		if f.Changes[i].Version > before.version {
			e.apply(after)
			missing = append(missing, e)
		}
	}
	after.version = f.Version
	r.showLocked(before, after, missing)
	return nil
}

func (r *Replica) restartLocked(version uint64, edits []Edit) error {
	tables := newTables(r.set)
	for _, e := range edits {
		e.apply(tables)
	}
	tables.version = version
	if r.hooks.Loaded != nil {
		p := NewPlan(tables, "")
		r.hooks.Loaded(p)
		if p.err != nil {
			return p.err
		}
		tables = p.Tables
		tables.plan = nil
	}
	r.showLocked(nil, tables, nil)
	return nil
}

func (r *Replica) showLocked(before, after *Tables, edits []Edit) {
	if r.hooks.Applied != nil {
		r.hooks.Applied(before, after, edits)
	}
	r.tables.Store(after)
}

// Change plans a change and commits it: anew, for as long as others change meanwhile what it has read. group is as in
// NewPlan. It returns the version of the commit, 0 where the plan changes nothing.
//
// With an error nothing was changed where the version is 0, unless the error is of kind Unavailable: the answer of a
// commit that was made may have been lost. A version beside an error is that of a commit which was made, and which
// Tables will show only when the store can be read again.
func (r *Replica) Change(ctx context.Context, group string, plan func(*Plan) error) (uint64, error) {
	for range tries {
		if err := r.settle(ctx); err != nil {
			return 0, err
		}
		p := NewPlan(r.Tables(), group)
		if err := plan(p); err != nil {
			return 0, err
		}
		if len(p.order) == 0 {
			return 0, p.err
		}
		version, err := r.commit(ctx, p)
		if version > 0 {
			return version, err
		}
		if !fault.Is(err, fault.Conflict) {
			return version, err
		}
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if r.Tables().version > p.before.version {
			continue // it was a neighbour, whose change is here already
		}
		if err := r.Refresh(ctx); err != nil {
			return 0, err
		}
	}
	return 0, fault.New(fault.Unavailable, "record.Change", "others change the same records all the time; try again")
}

// settle asks the store where the fate of a commit is in doubt.
func (r *Replica) settle(ctx context.Context) error {
	for n := r.doubts.Load(); n > r.settled.Load(); n = r.doubts.Load() {
		if err := r.Refresh(ctx); err != nil {
			return err
		}
		for s := r.settled.Load(); s < n && !r.settled.CompareAndSwap(s, n); s = r.settled.Load() {
		}
	}
	return nil
}

// commit returns the version of a commit that was made, with an error too.
func (r *Replica) commit(ctx context.Context, p *Plan) (uint64, error) {
	c, err := p.Commit()
	if err != nil {
		return 0, err
	}
	c.Applied = func(version uint64) { r.applied(version, p.Edits()) }
	version, err := r.store.Commit(ctx, c)
	if err != nil {
		if !fault.Is(err, fault.Conflict) {
			r.doubts.Add(1)
		}
		return 0, err
	}
	if r.Tables().version < version { // there are changes of other replicas below it
		if err = r.Refresh(context.WithoutCancel(ctx)); err != nil {
			r.doubts.Add(1)
			err = unseen(version, err)
		}
	}
	if r.hooks.Changed != nil {
		r.hooks.Changed()
	}
	return version, err
}

// unseen is the fault of a commit that was made and is not to be seen. It is no Conflict, whatever the cause: the
// change must not be planned anew.
func unseen(version uint64, cause error) error {
	kind := fault.Internal
	if fault.Is(cause, fault.Unavailable) {
		kind = fault.Unavailable
	}
	return fault.New(kind, "record.Change",
		"the change was made, as version %d, but what others changed before it could not be read: %w", version, cause)
}

// applied applies own changes, unless there are versions below theirs that are not here.
func (r *Replica) applied(version uint64, edits []Edit) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.Tables()
	if version != before.version+1 {
		return
	}
	after := before.copy(nil)
	for _, e := range edits {
		e.apply(after)
	}
	after.version = version
	r.showLocked(before, after, edits)
}
