package identitytest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"postern/aws/fault"
	"postern/services/identity"
)

// TestStore is the suite that every identity.Store passes. open opens the same store each time it is called within one
// t, as a second process or a restart would; for a new t it is empty.
func TestStore(t *testing.T, open func(t *testing.T) identity.Store) {
	t.Run("empty", func(t *testing.T) { want(t, open(t), 0) })
	t.Run("changes", func(t *testing.T) { testChanges(t, open) })
	t.Run("stale", func(t *testing.T) { testStale(t, open(t)) })
	t.Run("race", func(t *testing.T) { testRace(t, open(t)) })
}

func put(kind identity.Kind, id, body string) identity.Change {
	return identity.Change{Record: identity.Record{Kind: kind, ID: id, Body: []byte(body)}}
}

func remove(kind identity.Kind, id string) identity.Change {
	return identity.Change{Record: identity.Record{Kind: kind, ID: id}, Delete: true}
}

// want compares the store's version and records, each written as "kind id body".
func want(t *testing.T, s identity.Store, version uint64, records ...string) {
	t.Helper()
	found, at, err := s.Load(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range found {
		got = append(got, fmt.Sprintf("%s %s %s", r.Kind, r.ID, r.Body))
	}
	slices.Sort(got)
	if at != version || !slices.Equal(got, records) {
		t.Errorf("version %d: %s\nwant %d: %s", at, strings.Join(got, ", "), version, strings.Join(records, ", "))
	}
}

func testChanges(t *testing.T, open func(t *testing.T) identity.Store) {
	for i, step := range []struct {
		changes []identity.Change
		want    []string
	}{
		{[]identity.Change{put(identity.KindUser, "1/a", "{}"), put(identity.KindRole, "1/a", "[]")}, []string{"role 1/a []", "user 1/a {}"}},
		{[]identity.Change{put(identity.KindUser, "1/a", `{"x":1}`)}, []string{"role 1/a []", `user 1/a {"x":1}`}},
		{[]identity.Change{remove(identity.KindUser, "1/a"), remove(identity.KindUser, "1/none")}, []string{"role 1/a []"}},
		{[]identity.Change{remove(identity.KindRole, "1/a"), put(identity.KindRole, "1/a", "2")}, []string{"role 1/a 2"}},
	} {
		if err := open(t).Commit(context.Background(), uint64(i), step.changes); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		want(t, open(t), uint64(i+1), step.want...)
	}
}

func testStale(t *testing.T, s identity.Store) {
	first := []identity.Change{put(identity.KindUser, "1/a", "1")}
	if err := s.Commit(context.Background(), 0, first); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(context.Background(), 0, []identity.Change{put(identity.KindUser, "1/a", "2")}); !fault.Is(err, fault.Conflict) {
		t.Errorf("a stale commit: %v", err)
	}
	want(t, s, 1, "user 1/a 1")
}

// testRace has many writers at one store: each version is won by exactly one of them.
func testRace(t *testing.T, s identity.Store) {
	const writers, versions = 8, 10
	var wg sync.WaitGroup
	wins := make(chan uint64, writers*versions)
	for w := range writers {
		wg.Go(func() {
			for base := uint64(0); base < versions; {
				err := s.Commit(context.Background(), base, []identity.Change{put(identity.KindUser, fmt.Sprintf("1/%d-%d", base, w), "")})
				switch {
				case err == nil:
					wins <- base
				case !fault.Is(err, fault.Conflict):
					t.Error(err)
					return
				}
				_, version, err := s.Load(context.Background())
				if err != nil {
					t.Error(err)
					return
				}
				base = version
			}
		})
	}
	wg.Wait()
	close(wins)
	var won []uint64
	for base := range wins {
		won = append(won, base)
	}
	slices.Sort(won)
	if len(won) != len(slices.Compact(slices.Clone(won))) || len(won) < versions {
		t.Errorf("versions were won %v", won)
	}
	if found, _, err := s.Load(context.Background()); err != nil || len(found) != len(won) {
		t.Errorf("%d records after %d commits, %v", len(found), len(won), err)
	}
}
