package record_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"postern/aws/fault"
	"postern/record"
	"postern/record/recordtest"
)

// nothing is a store without records.
type nothing struct{ record.Store }

func (nothing) Since(context.Context, uint64) (record.Feed, error) { return record.Feed{}, nil }

func replicaOf(t *testing.T, s record.Store, h record.Hooks) *record.Replica {
	t.Helper()
	r, err := record.Open(t.Context(), s, kinds, h)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func change(t *testing.T, r *record.Replica, plan func(*record.Plan)) {
	t.Helper()
	if _, err := r.Change(t.Context(), "a", func(p *record.Plan) error { plan(p); return nil }); err != nil {
		t.Fatal(err)
	}
}

// TestReplicas has writers on two replicas of one store change the same records: each change is planned from all before
// it, and both replicas show all of them.
func TestReplicas(t *testing.T) {
	store := new(record.Memory)
	replicas := []*record.Replica{replicaOf(t, store, record.Hooks{}), replicaOf(t, store, record.Hooks{})}
	change(t, replicas[0], func(p *record.Plan) { things.Put(p, &thing{ID: "shared", Scope: "a", VPC: "v"}, false) })
	const writers, each = 6, 20
	var all sync.WaitGroup
	for w := range writers {
		r := replicas[w%2]
		all.Go(func() {
			for i := range each {
				if _, err := r.Change(t.Context(), "a", func(p *record.Plan) error {
					old, ok := things.Get(p.Tables, "shared")
					if !ok {
						return fault.New(fault.NotFound, "test", "the shared record is not there")
					}
					more := *old
					more.Names = append(slices.Clone(old.Names), fmt.Sprintf("%d-%d", w, i))
					things.Put(p, &more, false)
					things.Put(p, &thing{ID: fmt.Sprintf("%d-%d", w, i), Scope: "a", VPC: "v"}, false)
					return nil
				}); err != nil && !fault.Is(err, fault.NotFound) {
					t.Error(err)
				} else if err != nil {
					_ = r.Refresh(t.Context()) // the other replica made it
				}
			}
		})
	}
	all.Wait()
	for n, r := range replicas {
		if err := r.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		x, _ := things.Get(r.Tables(), "shared")
		if made := things.Count(r.Tables(), "v") - 1; made < writers*each-writers || len(x.Names) != made {
			t.Errorf("replica %d: %d names and %d records of about %d", n, len(x.Names), made, writers*each)
		}
	}
}

// TestFeed follows another replica's changes, deletions too, and begins anew where they are forgotten or the store was
// put back.
func TestFeed(t *testing.T) {
	store := new(record.Memory)
	writer := replicaOf(t, store, record.Hooks{})
	var edits []string
	whole := 0
	reader := replicaOf(t, store, record.Hooks{Applied: func(before, _ *record.Tables, all []record.Edit) {
		if before == nil {
			whole++
		}
		for _, e := range all {
			edits = append(edits, fmt.Sprint(e.Record().ID, " ", e.Old() != nil, " ", e.New() != nil))
		}
	}})
	want := func(more ...string) {
		t.Helper()
		edits = nil
		if err := reader.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(edits, more) || reader.Tables().Version() != writer.Tables().Version() {
			t.Errorf("edits %q up to %d, want %q up to %d", edits, reader.Tables().Version(), more, writer.Tables().Version())
		}
	}
	put := func(id string) func(*record.Plan) {
		return func(p *record.Plan) { things.Put(p, &thing{ID: id, Scope: "a", VPC: "v"}, false) }
	}
	change(t, writer, put("t-1"))
	change(t, writer, put("t-2"))
	want("t-1 false true", "t-2 false true")
	want()
	change(t, writer, put("t-1"))
	change(t, writer, func(p *record.Plan) { things.Delete(p, "t-2", false) })
	want("t-1 true true", "t-2 true false")
	change(t, writer, func(p *record.Plan) { things.Delete(p, "t-1", false) })
	change(t, writer, put("t-3"))
	store.Forget()
	want()
	if got := idsOf(things.All(reader.Tables())); whole != 2 || !slices.Equal(got, []string{"t-3"}) {
		t.Errorf("after %d whole feeds %q, want t-3", whole, got)
	}
}

// TestDoubt: after a commit that failed the replica asks the store, and goes on.
func TestDoubt(t *testing.T) {
	store := new(record.Memory)
	r := replicaOf(t, store, record.Hooks{})
	store.Fail(fault.New(fault.Unavailable, "test", "the disk is full"))
	put := func(p *record.Plan) error {
		things.Put(p, &thing{ID: "t-1", Scope: "a", VPC: "v"}, false)
		return nil
	}
	if _, err := r.Change(t.Context(), "a", put); !fault.Is(err, fault.Unavailable) {
		t.Fatalf("change: %v", err)
	}
	if n := r.Tables().Len(); n != 0 {
		t.Errorf("%d records are seen that were not committed", n)
	}
	store.Fail(nil)
	if v, err := r.Change(t.Context(), "a", put); err != nil || v != 1 || r.Tables().Version() != 1 {
		t.Errorf("change: version %d, %v", v, err)
	}
}

// TestUnknownKind: records that nobody declares are an error, not lost in silence.
func TestUnknownKind(t *testing.T) {
	store := new(record.Memory)
	if _, err := store.Commit(t.Context(), record.Commit{Changes: []record.Change{
		{Record: record.Record{Key: record.Key{Kind: "other", ID: "1"}, Body: []byte("{}")}},
	}}); err != nil {
		t.Fatal(err)
	}
	if _, err := record.Open(t.Context(), store, kinds, record.Hooks{}); !fault.Is(err, fault.Internal) {
		t.Errorf("open: %v, want a fault of kind Internal", err)
	}
}

// TestPrepareRefuses: what a kind refuses is neither planned nor read, whatever else is planned beside it.
func TestPrepareRefuses(t *testing.T) {
	broken := errors.New("it has no name")
	named := &record.Kind[thing]{
		Name: "named", Key: func(x *thing) string { return x.ID }, Groups: func(*thing) []string { return nil },
		Prepare: func(x *thing) error {
			if len(x.Names) == 0 {
				return broken
			}
			x.Owner = x.Names[0]
			return nil
		},
	}
	set, store := record.NewSet(named), new(record.Memory)
	r, err := record.Open(t.Context(), store, set, record.Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	put := func(all ...*thing) error {
		_, err := r.Change(t.Context(), "", func(p *record.Plan) error {
			for _, x := range all {
				named.Put(p, x, false)
			}
			return nil
		})
		return err
	}
	good, bad := &thing{ID: "1", Names: []string{"n"}}, &thing{ID: "2"}
	for _, all := range [][]*thing{{bad}, {good, bad}, {bad, good}} {
		if err := put(all...); !errors.Is(err, broken) || !strings.Contains(err.Error(), "named 2") {
			t.Errorf("%d records, one without name: %v", len(all), err)
		}
	}
	if err := put(good); err != nil {
		t.Fatal(err)
	}
	if x, ok := named.Get(r.Tables(), "1"); !ok || x.Owner != "n" {
		t.Errorf("%+v, %v", x, ok)
	}
	c := record.Commit{Base: 1, Changes: []record.Change{recordtest.Put("named", "3", "{}")}}
	if _, err := store.Commit(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if err := r.Refresh(t.Context()); !errors.Is(err, broken) || !strings.Contains(err.Error(), "named 3") {
		t.Errorf("refresh: %v", err)
	}
	if _, err := record.Open(t.Context(), store, set, record.Hooks{}); !errors.Is(err, broken) {
		t.Errorf("open: %v", err)
	}
}

// lossy commits, and loses the answer of the next commit.
type lossy struct {
	record.Store
	lose bool
}

func (s *lossy) Commit(ctx context.Context, c record.Commit) (uint64, error) {
	if s.lose {
		s.lose = false
		c.Applied = nil
		if _, err := s.Store.Commit(ctx, c); err != nil {
			return 0, err
		}
		return 0, fault.New(fault.Unavailable, "test", "no answer came")
	}
	return s.Store.Commit(ctx, c)
}

// TestLostAnswer: a commit that was made although its answer was lost is seen by the plan that follows.
func TestLostAnswer(t *testing.T) {
	store := &lossy{Store: new(record.Memory), lose: true}
	r := replicaOf(t, store, record.Hooks{})
	add := func(p *record.Plan) error {
		if _, ok := things.Get(p.Tables, "t-1"); ok {
			return fault.New(fault.Exists, "test", "it is there")
		}
		things.Put(p, &thing{ID: "t-1", Scope: "a", VPC: "v"}, false)
		return nil
	}
	if _, err := r.Change(t.Context(), "a", add); !fault.Is(err, fault.Unavailable) {
		t.Fatalf("change: %v", err)
	}
	if _, err := r.Change(t.Context(), "a", add); !fault.Is(err, fault.Exists) {
		t.Errorf("planned anew: %v, want what the lost commit made", err)
	}
	if r.Tables().Version() != 1 || r.Tables().Len() != 1 {
		t.Errorf("%d records at version %d", r.Tables().Len(), r.Tables().Version())
	}
}

// TestCommitBesideOthers: after an own commit the tables show it, with what others committed before it.
func TestCommitBesideOthers(t *testing.T) {
	store := new(record.Memory)
	one, two := replicaOf(t, store, record.Hooks{}), replicaOf(t, store, record.Hooks{})
	for n, r := range []*record.Replica{one, two, one, two} {
		version, err := r.Change(t.Context(), "a", func(p *record.Plan) error {
			things.Put(p, &thing{ID: fmt.Sprint("t-", n), Scope: "a", VPC: "v"}, false)
			return nil
		})
		if err != nil || version != uint64(n+1) || r.Tables().Version() != version || r.Tables().Len() != n+1 {
			t.Errorf("commit %d: version %d, %v; %d records at %d", n, version, err, r.Tables().Len(), r.Tables().Version())
		}
	}
}
