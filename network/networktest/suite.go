package networktest

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"postern/aws/fault"
	"postern/network"
)

// TestStore is the suite that every network.Store passes. open opens the same store each time it is called within
// one t, as a second process or a restart would; for a new t it is empty.
func TestStore(t *testing.T, open func(t *testing.T) network.Store) {
	t.Run("empty", func(t *testing.T) { wantState(t, open(t), 0) })
	t.Run("put, replace, delete", func(t *testing.T) { testChanges(t, open) })
	t.Run("stale", func(t *testing.T) { testStale(t, open(t)) })
	t.Run("race", func(t *testing.T) { testRace(t, open(t)) })
}

func put(kind network.Kind, id, body string) network.Change {
	return network.Change{Record: network.Record{Kind: kind, ID: id, Body: []byte(body)}}
}

func remove(kind network.Kind, id string) network.Change {
	return network.Change{Record: network.Record{Kind: kind, ID: id}, Delete: true}
}

func testChanges(t *testing.T, open func(t *testing.T) network.Store) {
	s := open(t)
	for i, step := range []struct {
		changes []network.Change
		want    []string
	}{
		{[]network.Change{put("vpc", "vpc-1", `{"A":1}`), put("subnet", "vpc-1", `{}`)},
			[]string{`subnet vpc-1 {}`, `vpc vpc-1 {"A":1}`}},
		{[]network.Change{put("vpc", "vpc-1", `{"A":2}`), put("vpc", "vpc-2", `{"A":"é\u0000"}`)},
			[]string{`subnet vpc-1 {}`, `vpc vpc-1 {"A":2}`, `vpc vpc-2 {"A":"é\u0000"}`}},
		{[]network.Change{remove("vpc", "vpc-1"), remove("vpc", "vpc-9"), put("vpc", "vpc-3", `3`), remove("vpc", "vpc-3")},
			[]string{`subnet vpc-1 {}`, `vpc vpc-2 {"A":"é\u0000"}`}},
		{[]network.Change{remove("subnet", "vpc-1"), put("subnet", "vpc-1", `4`)},
			[]string{`subnet vpc-1 4`, `vpc vpc-2 {"A":"é\u0000"}`}},
	} {
		if err := s.Commit(t.Context(), uint64(i), step.changes); err != nil {
			t.Fatalf("commit %d: %v", i, err)
		}
		wantState(t, s, uint64(i+1), step.want...)
		wantState(t, open(t), uint64(i+1), step.want...)
	}
}

func testStale(t *testing.T, s network.Store) {
	if err := s.Commit(t.Context(), 0, []network.Change{put("vpc", "vpc-1", `1`)}); err != nil {
		t.Fatal(err)
	}
	for _, base := range []uint64{0, 2} {
		err := s.Commit(t.Context(), base, []network.Change{put("vpc", "vpc-2", `2`), remove("vpc", "vpc-1")})
		if !fault.Is(err, fault.Conflict) {
			t.Errorf("commit on version %d: %v, want a conflict", base, err)
		}
	}
	wantState(t, s, 1, `vpc vpc-1 1`)
}

// testRace has writers add to one list of records, each on the version it has loaded: none may be lost.
func testRace(t *testing.T, s network.Store) {
	const writers, each = 4, 10
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range each {
				for {
					_, version, err := s.Load(t.Context())
					if err != nil {
						t.Error(err)
						return
					}
					err = s.Commit(t.Context(), version, []network.Change{put("vpc", fmt.Sprintf("vpc-%d-%d", w, i), `1`)})
					if err == nil {
						break
					}
					if !fault.Is(err, fault.Conflict) {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	all.Wait()
	records, version, err := s.Load(t.Context())
	if err != nil || len(records) != writers*each || version != writers*each {
		t.Errorf("%d records at version %d (%v), want %d at %d", len(records), version, err, writers*each, writers*each)
	}
}

func wantState(t *testing.T, s network.Store, version uint64, want ...string) {
	t.Helper()
	records, got, err := s.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got != version {
		t.Errorf("version = %d, want %d", got, version)
	}
	slices.SortFunc(records, func(a, b network.Record) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID))
	})
	var lines []string
	for _, r := range records {
		lines = append(lines, fmt.Sprintf("%s %s %s", r.Kind, r.ID, r.Body))
	}
	if diff := gocmp.Diff(want, lines); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}
