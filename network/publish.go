package network

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"postern/network/vpc"
	"postern/record"
)

// publisher makes the judge's snapshots of the state and hands them out. What a snapshot is made of are views: VPCs and
// what belongs to none of them, by their ids. A change makes those views anew that it touches, and waits for nobody who
// makes others.
type publisher struct {
	// tables returns the state as it stands.
	tables func() *record.Tables
	// internet lies behind Internet gateways.
	internet *vpc.Internet
	snapshot atomic.Pointer[vpc.Snapshot]

	// all is held while everything is made anew, and shared by who makes single views.
	all sync.RWMutex
	// base is the version of the state that everything was made from last; all guards it.
	base uint64

	mu sync.Mutex // guards what follows
	// own has the changes of running verbs by their first edit.
	own map[record.Edit]*ownChange
	// rest has the versions of changes of views that no running verb brings into force.
	rest map[string]uint64
	// anew says that the state was read anew.
	anew bool
	// latest holds the newest state, which is about to be shown or is.
	latest *record.Tables
	views  map[string]*view
	others otherInterfaces

	installing sync.Mutex // orders snapshots and what subscribers see; guards what follows
	// regions has those whose prefix lists of Amazon's are in the snapshot.
	regions     map[string]bool
	subscribers map[int]func(*vpc.Snapshot)
	next        int
}

// view is a part of the snapshot that is made by itself.
type view struct {
	mu      sync.Mutex
	version uint64 // of the state that it was made from; mu guards it
	users   int    // who holds or waits for mu; publisher.mu guards it
}

// ownChange is a verb's change on its way into force.
type ownChange struct {
	version uint64
	views   []string
}

func (b *publisher) subscribe(f func(*vpc.Snapshot)) (cancel func()) {
	b.installing.Lock()
	defer b.installing.Unlock()
	if b.subscribers == nil {
		b.subscribers = map[int]func(*vpc.Snapshot){}
	}
	id := b.next
	b.next++
	b.subscribers[id] = f
	if s := b.snapshot.Load(); s != nil {
		f(s)
	}
	return func() {
		b.installing.Lock()
		defer b.installing.Unlock()
		delete(b.subscribers, id)
	}
}

// expect notes that a verb is about to commit edits. It brings into force itself what follows from them.
func (b *publisher) expect(edits []record.Edit) *ownChange {
	if len(edits) == 0 {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.own == nil {
		b.own = map[record.Edit]*ownChange{}
	}
	c := new(ownChange)
	b.own[edits[0]] = c
	return c
}

// forget ends expect.
func (b *publisher) forget(edits []record.Edit) {
	if len(edits) > 0 {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.own, edits[0])
	}
}

// applied notes what a change of the state touches. It is called for each, in order.
func (b *publisher) applied(before, after *record.Tables, edits []record.Edit) {
	touched := map[string]bool{}
	for _, e := range edits {
		e.Views(before, after, func(id string) { touched[id] = true })
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.latest = after
	if before == nil {
		b.anew, b.rest = true, nil
		b.others.restart()
		return
	}
	b.others.note(edits, after.Version())
	if len(edits) > 0 && b.own[edits[0]] != nil {
		*b.own[edits[0]] = ownChange{after.Version(), slices.Sorted(maps.Keys(touched))}
		return
	}
	if b.rest == nil {
		b.rest = map[string]uint64{}
	}
	for id := range touched {
		b.rest[id] = after.Version()
	}
}

// publish brings a verb's change into force, and what others have left.
func (b *publisher) publish(own *ownChange) error {
	if own != nil && len(own.views) > 0 {
		if err := b.make(own.views, own.version); err != nil {
			return err
		}
	}
	return b.publishRest()
}

// publishRest brings into force what no running verb does.
func (b *publisher) publishRest() error {
	restart, ids, version := b.takeRest()
	if restart > 0 {
		return b.makeAll(restart)
	}
	if len(ids) == 0 {
		return nil
	}
	return b.make(ids, version)
}

// takeRest takes what is left to whoever comes, as far as it can be seen in the tables: single views, or everything.
// Then restart is the number of times that the state was read anew, otherwise 0.
func (b *publisher) takeRest() (restart int, ids []string, version uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	seen := b.tables()
	if b.anew {
		if seen != b.latest {
			return 0, nil, 0 // who shows it comes by
		}
		b.anew = false
		return b.others.restarts, nil, 0
	}
	for id, at := range b.rest {
		if at <= seen.Version() {
			ids, version = append(ids, id), max(version, at)
			delete(b.rest, id)
		}
	}
	slices.Sort(ids)
	return 0, ids, version
}

// takeOthers takes the interfaces of each view that are others than in the snapshot.
func (b *publisher) takeOthers(views []string, version uint64) []map[string]uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.others.take(views, version)
}

// putBack leaves views to the next who comes.
func (b *publisher) putBack(ids []string, version uint64, others []map[string]uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.others.putBack(ids, others)
	if b.rest == nil {
		b.rest = map[string]uint64{}
	}
	for _, id := range ids {
		b.rest[id] = max(b.rest[id], version)
	}
}

// make brings the views, which are in order, into force as they are at a version of the state or later.
func (b *publisher) make(ids []string, version uint64) error {
	b.all.RLock()
	defer b.all.RUnlock()
	views := b.hold(ids)
	defer b.release(ids, views)
	state := &State{b.tables()}
	old, oldViews := make([]string, 0, len(ids)), make([]*view, 0, len(ids))
	for i, v := range views {
		if max(v.version, b.base) < version {
			old, oldViews = append(old, ids[i]), append(oldViews, v)
		}
	}
	if len(old) == 0 {
		return nil
	}
	others := b.takeOthers(old, state.Version())
	if err := b.install(state, old, others); err != nil {
		b.putBack(old, version, others)
		return fmt.Errorf("publish version %d of the network: %w", state.Version(), err)
	}
	for _, v := range oldViews { // one that was not made has not seen what came since
		v.version = state.Version()
	}
	return nil
}

// hold takes the views, in the order of their ids.
func (b *publisher) hold(ids []string) []*view {
	views := make([]*view, len(ids))
	b.mu.Lock()
	if b.views == nil {
		b.views = map[string]*view{}
	}
	for i, id := range ids {
		if b.views[id] == nil {
			b.views[id] = new(view)
		}
		views[i] = b.views[id]
		views[i].users++
	}
	b.mu.Unlock()
	for _, v := range views {
		v.mu.Lock()
	}
	return views
}

func (b *publisher) release(ids []string, views []*view) {
	for _, v := range views {
		v.mu.Unlock()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, v := range views {
		if v.users--; v.users == 0 {
			delete(b.views, ids[i])
		}
	}
}

// install makes the views anew and puts them in force. others are the interfaces of each that are others than in the
// snapshot, nil where all may be.
func (b *publisher) install(state *State, ids []string, others []map[string]uint64) error {
	var vpcs []compiling
	var shared vpc.Shared
	for i, id := range ids {
		if k := kindOf(id); k == vpcKind {
			vpcs = append(vpcs, compiling{id, others[i]})
		} else if k != nil {
			k.share(state, id, &shared)
		}
	}
	compiled, gone, err := b.compile(state, vpcs)
	if err != nil {
		return err
	}
	shared.Gone = append(shared.Gone, gone...)
	b.installing.Lock()
	defer b.installing.Unlock()
	return b.installLocked(b.snapshot.Load(), state.Version(), compiled, shared)
}

// compiling is a VPC to be compiled, and its interfaces that are others than in the snapshot, nil where all may be.
type compiling struct {
	id     string
	others map[string]uint64
}

// compile compiles VPCs, several at a time. Those that are gone are named.
func (b *publisher) compile(state *State, vpcs []compiling) (compiled []*vpc.Compiled, gone []string, err error) {
	all, errs := make([]*vpc.Compiled, len(vpcs)), make([]error, len(vpcs))
	snapshot := b.snapshot.Load()
	one := func(i int) {
		v, ok := vpcKind.Get(state.Tables, vpcs[i].id)
		if !ok {
			return
		}
		var previous *vpc.Compiled
		if snapshot != nil {
			previous = snapshot.Compiled(v.ID)
		}
		if previous != nil && vpcs[i].others != nil {
			all[i], errs[i] = previous.With(state.content(v, false), state.interfaceChanges(v.ID, vpcs[i].others))
			return
		}
		all[i], errs[i] = vpc.Compile(state.content(v, true), previous)
	}
	atOnce(len(vpcs), one)
	for i, err := range errs {
		if err != nil {
			return nil, nil, err
		}
		if all[i] == nil {
			gone = append(gone, vpcs[i].id)
			continue
		}
		compiled = append(compiled, all[i])
	}
	return compiled, gone, nil
}

// atOnce does n things, as many at a time as there are processors.
func atOnce(n int, do func(int)) {
	if n == 1 {
		do(0)
		return
	}
	var next atomic.Int64
	var running sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		running.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	running.Wait()
}

// content returns what the judge sees of a VPC, with its interfaces or without.
func (s *State) content(v *VPC, interfaces bool) vpc.Content {
	c := vpc.Content{VPC: v.value()}
	if interfaces { // they are the most by far, and large
		c.Interfaces = make([]vpc.Interface, 0, interfaceKind.Count(s.Tables, v.ID))
	}
	for _, k := range kinds {
		if interfaces || k != declared(interfaceKind) {
			k.fill(s, v.ID, &c)
		}
	}
	return c
}

// installLocked puts in force what follows a snapshot.
func (b *publisher) installLocked(
	before *vpc.Snapshot, version uint64, compiled []*vpc.Compiled, shared vpc.Shared,
) error {
	b.amazonListsLocked(compiled, &shared)
	// The views of one version may come into force one after the other, and each is a snapshot of its own.
	next, err := before.With(max(before.Version()+1, version), compiled, shared)
	if err != nil {
		return err
	}
	b.snapshot.Store(next)
	for i := range b.next {
		if f := b.subscribers[i]; f != nil {
			f(next)
		}
	}
	return nil
}

// amazonListsLocked adds Amazon's prefix lists of a region with its first VPC, and takes them away with its last.
func (b *publisher) amazonListsLocked(compiled []*vpc.Compiled, shared *vpc.Shared) {
	for _, c := range compiled {
		if b.regions[c.Region] {
			continue
		}
		if b.regions == nil {
			b.regions = map[string]bool{}
		}
		b.regions[c.Region] = true
		for _, l := range amazonLists(c.Region) {
			shared.PrefixLists = append(shared.PrefixLists, l.value())
		}
	}
	if len(shared.Gone) == 0 {
		return
	}
	now := b.tables()
	for _, region := range slices.Sorted(maps.Keys(b.regions)) {
		if vpcsByRegion.Count(now, region) > 0 {
			continue
		}
		delete(b.regions, region)
		for _, l := range amazonLists(region) {
			shared.Gone = append(shared.Gone, l.ID)
		}
	}
}

// makeAll makes everything of the state that was read anew for the restart-th time, or later.
func (b *publisher) makeAll(restart int) error {
	b.all.Lock()
	defer b.all.Unlock()
	state := &State{b.tables()}
	shared := vpc.Shared{Internet: b.internet}
	var vpcs []compiling
	for v := range vpcKind.All(state.Tables) {
		vpcs = append(vpcs, compiling{id: v.ID})
	}
	for _, k := range kinds {
		k.shareAll(state, &shared)
	}
	compiled, _, err := b.compile(state, vpcs)
	if err != nil {
		return fmt.Errorf("publish version %d of the network: %w", state.Version(), err)
	}
	b.installing.Lock()
	defer b.installing.Unlock()
	before := new(vpc.Snapshot)
	if last := b.snapshot.Load(); last != nil {
		if before, err = before.With(last.Version(), nil, vpc.Shared{}); err != nil {
			return err
		}
	}
	b.regions = nil
	if err := b.installLocked(before, state.Version(), compiled, shared); err != nil {
		return fmt.Errorf("publish version %d of the network: %w", state.Version(), err)
	}
	b.base = state.Version()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.others.made = max(b.others.made, restart)
	return nil
}

// inVPC returns the VPC whose view a record is part of.
func inVPC[T any](of func(*T) string) func(*record.Tables, *T) []string {
	return func(_ *record.Tables, r *T) []string {
		if id := of(r); id != "" {
			return []string{id}
		}
		return nil
	}
}
