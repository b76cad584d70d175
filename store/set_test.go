package store_test

import (
	"fmt"
	"testing"

	"postern/record"
	"postern/record/recordtest"
	"postern/store"
)

// Two sets of one store know nothing of each other.
func TestSetsAreApart(t *testing.T) {
	for _, engine := range engines {
		t.Run(engine.name, func(t *testing.T) {
			db := engine.opener(t)()
			for n, set := range []string{"a", "b"} {
				for range n + 1 {
					put(t, db.Set(set), recordtest.Put("vpc", "same", set))
				}
			}
			for n, set := range []string{"a", "b"} {
				f, err := db.Set(set).Since(t.Context(), 0)
				if err != nil || f.Version != uint64(n+1) || len(f.Changes) != 1 || string(f.Changes[0].Body) != set {
					t.Errorf("%s: %+v, %v", set, f, err)
				}
				list, err := db.Set(set).List(t.Context(), record.Listing{Kind: "vpc"})
				if err != nil || len(list) != 1 || string(list[0].Body) != set {
					t.Errorf("%s lists %v, %v", set, list, err)
				}
			}
		})
	}
}

func put(t *testing.T, s record.Finder, changes ...record.Change) {
	t.Helper()
	err := s.Update(t.Context(), nil, func([]record.Record) ([]record.Change, error) { return changes, nil })
	if err != nil {
		t.Fatal(err)
	}
}

// What was deleted long ago is forgotten: its row goes, and whoever asks from before is told everything.
func TestOldDeletionsAreForgotten(t *testing.T) {
	db := open(t, store.Options{})
	s := db.Set("network")
	put(t, s, recordtest.Put("vpc", "old", "1"), recordtest.Put("vpc", "stays", "1"))
	put(t, s, recordtest.Delete("vpc", "old"))
	const last = 12_000 // beyond the 10,000 versions that deletions are told of
	for version := 3; version <= last; version++ {
		if version == last-10 {
			put(t, s, recordtest.Delete("vpc", "none"), recordtest.Delete("vpc", fmt.Sprint(version-1)))
			continue
		}
		put(t, s, recordtest.Put("vpc", fmt.Sprint(version%7), "1"))
	}
	for _, tt := range []struct {
		since uint64
		whole bool
	}{{0, true}, {1, true}, {1999, true}, {2000, false}, {last - 1, false}, {last, false}} {
		f, err := s.Since(t.Context(), tt.since)
		if err != nil || f.Whole != tt.whole || f.Version != last {
			t.Errorf("since %d: whole %v, version %d, %v", tt.since, f.Whole, f.Version, err)
		}
	}
	c := record.Commit{Base: 1999, Changes: []record.Change{recordtest.Put("vpc", "new", "1")}}
	if _, err := s.Commit(t.Context(), c); err == nil {
		t.Error("a commit from before what is forgotten was made")
	}
	c.Base = 2000
	if _, err := s.Commit(t.Context(), c); err != nil {
		t.Error(err)
	}
	var left int
	row := db.Reader().QueryRow(`SELECT COUNT(*) FROM records WHERE deleted = 1 AND version <= 2000`)
	if err := row.Scan(&left); err != nil || left != 0 {
		t.Errorf("%d rows of what was deleted are left, %v", left, err)
	}
}
