package record

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"sync"

	"postern/aws/fault"
)

// Memory is a Store and a Finder that keeps its records in memory: the reference implementation, for tests and for
// servers that keep nothing. The zero value is empty and ready.
type Memory struct {
	committing sync.Mutex // held through a commit and its Applied, which may read

	mu      sync.Mutex // guards what follows
	version uint64
	// last has the last change of each record, deletions too.
	last map[Key]Change
	// log has the changes in the order of their versions, among them some that are not the last of their record.
	log []change
	// forgotten is the version up to which deletions are not told any more.
	forgotten uint64
	fail      error
	grace     int // commits that still succeed before fail
	commits   int
}

type change struct {
	version uint64
	Key
}

var (
	_ Store  = (*Memory)(nil)
	_ Finder = (*Memory)(nil)
)

// Since implements Store.
func (m *Memory) Since(ctx context.Context, version uint64) (Feed, error) {
	if err := ctx.Err(); err != nil {
		return Feed{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	f := Feed{Version: m.version, Whole: version < m.forgotten || version > m.version}
	if f.Whole {
		version = 0
	}
	for c := range m.sinceLocked(version) {
		if version > 0 || !c.Delete {
			f.Changes = append(f.Changes, c.clone())
		}
	}
	return f, nil
}

// sinceLocked returns the last change of each record that was changed after a version, in the order of their versions.
func (m *Memory) sinceLocked(version uint64) iter.Seq[*Change] {
	i, _ := slices.BinarySearchFunc(m.log, version+1, func(c change, v uint64) int { return cmp.Compare(c.version, v) })
	return func(yield func(*Change) bool) {
		for _, logged := range m.log[i:] {
			if c, ok := m.last[logged.Key]; ok && c.Version == logged.version && !yield(&c) {
				return
			}
		}
	}
}

// logLocked notes a change, and drops what is no record's last where that is the most of the log.
func (m *Memory) logLocked(c *Change) {
	if len(m.log) > 2*len(m.last)+1000 {
		m.log = slices.DeleteFunc(m.log, func(old change) bool { return m.last[old.Key].Version != old.version })
	}
	m.log = append(m.log, change{c.Version, c.Key})
}

func (c *Change) clone() Change {
	out := *c
	out.Groups, out.Body = slices.Clone(c.Groups), slices.Clone(c.Body)
	return out
}

// Commit implements Store. It calls Applied in the order of the versions.
func (m *Memory) Commit(ctx context.Context, c Commit) (uint64, error) {
	m.committing.Lock()
	defer m.committing.Unlock()
	version, err := m.commit(ctx, func() ([]Change, error) { return c.Changes, m.checkLocked(&c) })
	if err == nil && c.Applied != nil {
		c.Applied(version)
	}
	return version, err
}

// checkLocked reports a conflict of what a commit was planned from with what has changed since.
func (m *Memory) checkLocked(c *Commit) error {
	if c.Base < m.forgotten || c.Base > m.version {
		return c.Outdated(m.version)
	}
	for changed := range m.sinceLocked(c.Base) {
		if c.Conflicts(changed) {
			return c.Outdated(m.version)
		}
	}
	return nil
}

// commit applies what plan returns.
func (m *Memory) commit(ctx context.Context, planLocked func() ([]Change, error)) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	changes, err := planLocked()
	if err != nil {
		return 0, err
	}
	if m.fail != nil && m.grace == 0 {
		return 0, m.fail
	}
	m.grace = max(m.grace-1, 0)
	m.commits++
	m.version++
	if m.last == nil {
		m.last = map[Key]Change{}
	}
	for _, c := range changes {
		m.applyLocked(c.clone())
	}
	return m.version, nil
}

func (m *Memory) applyLocked(c Change) {
	c.Version = m.version
	if !c.Delete {
		m.last[c.Key] = c
		m.logLocked(&c)
		return
	}
	old, ok := m.last[c.Key]
	if !ok || old.Delete {
		return
	}
	c.Body = nil
	if len(c.Groups) == 0 {
		c.Groups = old.Groups
	}
	m.last[c.Key] = c
	m.logLocked(&c)
}

// Find implements Finder.
func (m *Memory) Find(ctx context.Context, keys ...Key) ([]Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.findLocked(keys), nil
}

func (m *Memory) findLocked(keys []Key) []Record {
	found := make([]Record, 0, len(keys))
	for _, k := range keys {
		if c, ok := m.last[k]; ok && !c.Delete {
			found = append(found, c.clone().Record)
		}
	}
	return found
}

// List implements Finder.
func (m *Memory) List(ctx context.Context, l Listing) ([]Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []Record
	for k, c := range m.last {
		if k.Kind == l.Kind && k.ID > l.After && !c.Delete && (l.Group == "" || len(c.Groups) > 0 && c.Groups[0] == l.Group) {
			list = append(list, c.clone().Record)
		}
	}
	slices.SortFunc(list, func(a, b Record) int { return cmp.Compare(a.ID, b.ID) })
	if l.Limit > 0 && len(list) > l.Limit {
		list = list[:l.Limit]
	}
	return list, nil
}

// Update implements Finder.
func (m *Memory) Update(ctx context.Context, keys []Key, plan func(found []Record) ([]Change, error)) error {
	m.committing.Lock()
	defer m.committing.Unlock()
	_, err := m.commit(ctx, func() ([]Change, error) { return plan(m.findLocked(keys)) })
	return err
}

// Fail makes every further Commit and Update that nothing else refuses return err; nil ends it.
func (m *Memory) Fail(err error) { m.FailAfter(0, err) }

// FailAfter makes every Commit and Update after n more return err.
func (m *Memory) FailAfter(n int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail, m.grace = err, n
}

// Forget drops what is known of deletions, as stores do with old ones: Since tells everything from then on to whoever
// asks about an earlier version.
func (m *Memory) Forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forgotten = m.version
	for k, c := range m.last {
		if c.Delete {
			delete(m.last, k)
		}
	}
}

// Len returns the number of records.
func (m *Memory) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for _, c := range m.last {
		if !c.Delete {
			n++
		}
	}
	return n
}

// Commits returns the number of commits and updates so far.
func (m *Memory) Commits() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.commits
}

// Conflicts reports whether a change makes what the commit was planned from out of date.
func (c *Commit) Conflicts(changed *Change) bool {
	return slices.ContainsFunc(c.Reads, func(r Read) bool { return r.Conflicts(changed) }) ||
		slices.ContainsFunc(c.Changes, func(own Change) bool { return own.Key == changed.Key })
}

// Outdated returns the fault of a commit that conflicts with what has changed since its Base.
func (c *Commit) Outdated(version uint64) error {
	return fault.New(fault.Conflict, "record.Commit",
		"what was read at version %d was changed by another writer: the set stands at %d", c.Base, version)
}
