package recordtest

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"postern/aws/fault"
	"postern/record"
)

// TestFinder is the conformance suite of record.Finder, over what is a Store too. open returns an empty one; called
// again within the same test it returns the same, opened anew where it can be.
func TestFinder(t *testing.T, open func(t *testing.T) FinderStore) {
	t.Run("finds and lists what was put", func(t *testing.T) { findAndList(t, open) })
	t.Run("an error of the plan undoes everything", func(t *testing.T) { planRefuses(t, open(t)) })
	t.Run("no update is lost among many", func(t *testing.T) { concurrent(t, open(t)) })
	t.Run("updates stand in the feed, and conflict", func(t *testing.T) { updatesAreTold(t, open(t)) })
}

// FinderStore is both.
type FinderStore interface {
	record.Store
	record.Finder
}

func update(t *testing.T, s record.Finder, changes ...record.Change) {
	t.Helper()
	err := s.Update(t.Context(), nil, func([]record.Record) ([]record.Change, error) { return changes, nil })
	if err != nil {
		t.Fatal(err)
	}
}

func bodies(t *testing.T, records []record.Record, err error) []string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	out := []string{}
	for _, r := range records {
		out = append(out, r.Kind+"/"+r.ID+"="+string(r.Body)+" "+strconv.FormatUint(r.Version, 10)+" "+r.Groups[0])
	}
	return out
}

func findAndList(t *testing.T, open func(t *testing.T) FinderStore) {
	s := open(t)
	update(t, s,
		Put("node", "mi-2", "2", "1/here"), Put("node", "mi-1", "1", "1/here"), Put("node", "mi-3", "3", "1/there", "fleet"),
		Put("activation", "mi-1", "{}", "1/here"), Put("node", "mi-4", "4", "1/here"), Put("node", "MI-1", "5", "1/here"))
	update(t, s, Put("node", "mi-1", "10", "1/here"), Delete("node", "mi-4", "1/here"), Delete("node", "mi-9"))
	s = open(t)
	upper, one := "node/MI-1=5 1 1/here", "node/mi-1=10 2 1/here"
	two, three := "node/mi-2=2 1 1/here", "node/mi-3=3 1 1/there"
	for _, tt := range []struct {
		listing record.Listing
		want    []string
	}{
		{record.Listing{Kind: "node", Group: "1/here"}, []string{upper, one, two}},
		{record.Listing{Kind: "node", Group: "1/there"}, []string{three}},
		{record.Listing{Kind: "node", Group: "fleet"}, []string{}}, // it is the second one
		{record.Listing{Kind: "node", Group: "1/HERE"}, []string{}},
		{record.Listing{Kind: "node", Group: "here"}, []string{}},
		{record.Listing{Kind: "node"}, []string{upper, one, two, three}},
		{record.Listing{Kind: "none"}, []string{}},
		{record.Listing{Kind: "node", Group: "1/here", After: "mi-1"}, []string{two}},
		{record.Listing{Kind: "node", After: "mi-1", Limit: 1}, []string{two}},
		{record.Listing{Kind: "node", Limit: 3}, []string{upper, one, two}},
		{record.Listing{Kind: "node", Group: "1/here", After: "mi-10", Limit: 5}, []string{two}},
		{record.Listing{Kind: "node", Group: "1/here", After: "mi-2", Limit: 5}, []string{}},
	} {
		list, err := s.List(t.Context(), tt.listing)
		if diff := gocmp.Diff(tt.want, bodies(t, list, err)); diff != "" {
			t.Errorf("list %+v (-want +got):\n%s", tt.listing, diff)
		}
	}
	found, err := s.Find(
		t.Context(),
		key("node", "mi-3"),
		key("node", "mi-4"),
		key("activation", "mi-2"),
		key("node", "mi-1"),
	)
	slices.SortFunc(found, func(a, b record.Record) int { return cmp.Compare(a.ID, b.ID) })
	if diff := gocmp.Diff([]string{one, three}, bodies(t, found, err)); diff != "" {
		t.Errorf("find (-want +got):\n%s", diff)
	}
}

func key(kind, id string) record.Key { return record.Key{Kind: kind, ID: id} }

func planRefuses(t *testing.T, s FinderStore) {
	update(t, s, Put("node", "mi-1", "1", "1/here"))
	refused := errors.New("no")
	err := s.Update(t.Context(), []record.Key{key("node", "mi-1"), key("node", "mi-2")},
		func(found []record.Record) ([]record.Change, error) {
			if len(found) != 1 || string(found[0].Body) != "1" {
				t.Errorf("the plan was given %v", found)
			}
			return []record.Change{Put("node", "mi-1", "2", "1/here")}, refused
		})
	if !errors.Is(err, refused) {
		t.Errorf("Update = %v, want the plan's own error", err)
	}
	list, err := s.List(t.Context(), record.Listing{Kind: "node"})
	if got := bodies(t, list, err); !slices.Equal(got, []string{"node/mi-1=1 1 1/here"}) {
		t.Errorf("after a refused plan: %v", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	nothing := func([]record.Record) ([]record.Change, error) { return nil, nil }
	if err := s.Update(ctx, nil, nothing); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
	if _, err := s.List(ctx, record.Listing{Kind: "node"}); err == nil {
		t.Error("List with a context that has ended answered")
	}
	if _, err := s.Find(ctx, key("node", "mi-1")); err == nil {
		t.Error("Find with a context that has ended answered")
	}
}

// concurrent counts in a record that is there and in one that the first writer makes.
func concurrent(t *testing.T, s FinderStore) {
	update(t, s, Put("setting", "n", "0", "1/here"))
	keys := []record.Key{key("setting", "n"), key("setting", "made")}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 15 {
				err := s.Update(t.Context(), keys, func(found []record.Record) ([]record.Change, error) {
					counts := map[string]int{}
					for _, r := range found {
						n, err := strconv.Atoi(string(r.Body))
						if err != nil {
							return nil, err
						}
						counts[r.ID] = n
					}
					return []record.Change{
						Put("setting", "n", strconv.Itoa(counts["n"]+1), "1/here"),
						Put("setting", "made", strconv.Itoa(counts["made"]+1), "1/here"),
					}, nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	found, err := s.Find(t.Context(), keys...)
	slices.SortFunc(found, func(a, b record.Record) int { return cmp.Compare(b.ID, a.ID) })
	want := []string{"setting/n=120 121 1/here", "setting/made=120 121 1/here"}
	if diff := gocmp.Diff(want, bodies(t, found, err)); diff != "" {
		t.Errorf("after 120 updates (-want +got):\n%s", diff)
	}
}

func updatesAreTold(t *testing.T, s FinderStore) {
	base := commit(t, s, Put("node", "mi-1", "1", "1/here"))
	update(t, s, Put("node", "mi-1", "2", "1/here"), Put("node", "mi-2", "2", "1/here"))
	expect(t, s, base, "2 node/mi-1=2 [1/here]", "2 node/mi-2=2 [1/here]")
	c := record.Commit{Base: base, Changes: []record.Change{Put("node", "mi-1", "3", "1/here")}}
	if _, err := s.Commit(t.Context(), c); !fault.Is(err, fault.Conflict) {
		t.Errorf("a commit over an update: %v, want a conflict", err)
	}
}
