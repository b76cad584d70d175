// Package recordtest is the suites that every record.Store and every record.Finder must pass.
package recordtest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"postern/aws/fault"
	"postern/record"
)

// TestStore is the conformance suite of record.Store. open returns an empty store; called again within the same test it
// returns the same store, opened anew where it can be.
func TestStore(t *testing.T, open func(t *testing.T) record.Store) {
	t.Run("an empty store", func(t *testing.T) { empty(t, open) })
	t.Run("what was committed is there when it is opened again", func(t *testing.T) { reopen(t, open) })
	t.Run("the feed tells what changed", func(t *testing.T) { since(t, open(t)) })
	t.Run("a commit is whole or not at all", func(t *testing.T) { whole(t, open(t)) })
	t.Run("what was read and changed since conflicts", func(t *testing.T) { conflicts(t, open) })
	t.Run("a body is bytes", func(t *testing.T) { bytes(t, open) })
	t.Run("a commit that was given up is not made", func(t *testing.T) { cancelled(t, open(t)) })
	t.Run("writers that race lose nothing", func(t *testing.T) { race(t, open(t)) })
	t.Run("commits are applied in the order of their versions", func(t *testing.T) { applied(t, open(t)) })
	t.Run("a reader that follows the feed has what the store has", func(t *testing.T) { follow(t, open(t)) })
}

// Put makes the change that puts a record.
func Put(kind, id, body string, groups ...string) record.Change {
	return record.Change{Record: record.Record{Key: record.Key{Kind: kind, ID: id}, Groups: groups, Body: []byte(body)}}
}

// Delete makes the change that deletes a record.
func Delete(kind, id string, groups ...string) record.Change {
	return record.Change{Record: record.Record{Key: record.Key{Kind: kind, ID: id}, Groups: groups}, Delete: true}
}

// commit commits changes that were planned from the store as it is.
func commit(t *testing.T, s record.Store, changes ...record.Change) uint64 {
	t.Helper()
	version, err := s.Commit(t.Context(), record.Commit{Base: feed(t, s, 0).Version, Changes: changes})
	if err != nil {
		t.Fatal(err)
	}
	return version
}

func feed(t *testing.T, s record.Store, version uint64) record.Feed {
	t.Helper()
	f, err := s.Since(t.Context(), version)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// lines shows changes in the order of their versions and, within a commit, of their names.
func lines(t *testing.T, changes []record.Change) []string {
	t.Helper()
	if !slices.IsSortedFunc(changes, func(a, b record.Change) int { return cmp.Compare(a.Version, b.Version) }) {
		t.Errorf("the feed is not in the order of the versions: %v", changes)
	}
	changes = slices.Clone(changes)
	slices.SortFunc(changes, func(a, b record.Change) int {
		return cmp.Or(cmp.Compare(a.Version, b.Version), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID))
	})
	out := make([]string, 0, len(changes))
	for _, c := range changes {
		text := fmt.Sprintf("%d %s/%s=%s %v", c.Version, c.Kind, c.ID, c.Body, c.Groups)
		if c.Delete {
			text = fmt.Sprintf("%d %s/%s gone %v", c.Version, c.Kind, c.ID, c.Groups)
		}
		out = append(out, text)
	}
	return out
}

func expect(t *testing.T, s record.Store, version uint64, want ...string) {
	t.Helper()
	f := feed(t, s, version)
	if f.Whole {
		t.Errorf("since %d: Whole, although nothing is forgotten", version)
	}
	if diff := gocmp.Diff(append([]string{}, want...), lines(t, f.Changes)); diff != "" {
		t.Errorf("since %d (-want +got):\n%s", version, diff)
	}
}

func empty(t *testing.T, open func(t *testing.T) record.Store) {
	s := open(t)
	if f := feed(t, s, 0); f.Version != 0 || f.Whole || len(f.Changes) != 0 {
		t.Errorf("since 0: %+v", f)
	}
	if version := commit(t, s, Delete("vpc", "gone")); version != 1 {
		t.Errorf("the first commit has version %d", version)
	}
	if f := feed(t, open(t), 0); f.Version != 1 || len(f.Changes) != 0 {
		t.Errorf("after the deletion of what was not there: %+v", f)
	}
}

func reopen(t *testing.T, open func(t *testing.T) record.Store) {
	s := open(t)
	commit(t, s,
		Put("vpc", "a", `{"n":1}`, "1/here"),
		Put("vpc", "b", `{}`, "1/here"),
		Put("subnet", "a", `[]`, "1/here", "a"))
	s = open(t)
	version := commit(t, s,
		Put("vpc", "a", `{"n":2}`, "1/here"),
		Delete("vpc", "b", "1/here"),
		Put("vpc", "c", `1`))
	if version != 2 {
		t.Errorf("the second commit has version %d", version)
	}
	s = open(t)
	expect(t, s, 0, "1 subnet/a=[] [1/here a]", `2 vpc/a={"n":2} [1/here]`, "2 vpc/c=1 []")
	if f := feed(t, s, 0); f.Version != 2 {
		t.Errorf("opened again at version %d", f.Version)
	}
}

func since(t *testing.T, s record.Store) {
	commit(t, s, Put("vpc", "a", "1", "g"), Put("vpc", "b", "1", "g"), Put("vpc", "c", "1"))
	commit(t, s, Put("vpc", "b", "2", "g"))
	commit(t, s, Delete("vpc", "a", "g"), Put("vpc", "d", "3"))
	commit(t, s, Put("vpc", "d", "4"))
	commit(t, s, Put("vpc", "a", "5", "g"))
	commit(t, s, Delete("vpc", "c"))
	for _, tt := range []struct {
		version uint64
		want    []string
	}{
		{0, []string{"2 vpc/b=2 [g]", "4 vpc/d=4 []", "5 vpc/a=5 [g]"}},
		{1, []string{"2 vpc/b=2 [g]", "4 vpc/d=4 []", "5 vpc/a=5 [g]", "6 vpc/c gone []"}},
		{3, []string{"4 vpc/d=4 []", "5 vpc/a=5 [g]", "6 vpc/c gone []"}},
		{5, []string{"6 vpc/c gone []"}},
		{6, nil},
	} {
		expect(t, s, tt.version, tt.want...)
	}
	if f := feed(t, s, 7); !f.Whole || f.Version != 6 || len(f.Changes) != 3 {
		t.Errorf("since a version that was never reached: %+v, want the whole set", f)
	}
	// A deletion that does not say what groups the record was in is told with them.
	commit(t, s, Delete("vpc", "b"))
	expect(t, s, 6, "7 vpc/b gone [g]")
}

func whole(t *testing.T, s record.Store) {
	commit(t, s, Put("vpc", "a", "1"), Put("vpc", "b", "1"))
	_, err := s.Commit(t.Context(), record.Commit{
		Base:    0,
		Changes: []record.Change{Put("vpc", "c", "2"), Delete("vpc", "b"), Put("vpc", "a", "2")},
		Applied: func(uint64) { t.Error("a commit that conflicts was applied") },
	})
	if !fault.Is(err, fault.Conflict) {
		t.Errorf("err = %v, want a conflict", err)
	}
	expect(t, s, 0, "1 vpc/a=1 []", "1 vpc/b=1 []")
	if f := feed(t, s, 0); f.Version != 1 {
		t.Errorf("the version is %d after a conflict, want 1", f.Version)
	}
}

func bytes(t *testing.T, open func(t *testing.T) record.Store) {
	id, group, body := `a/"b"\ é%_`, `g/é '"%_`, "\x00\xff é\n'"
	changes := []record.Change{Put("vpc", id, body, group), Put("vpc", "none", "")}
	commit(t, open(t), changes...)
	clear(changes[0].Body) // the store keeps a copy
	f := feed(t, open(t), 0)
	if len(f.Changes) != 2 {
		t.Fatalf("read %v", f.Changes)
	}
	if c := f.Changes[0]; c.ID != id || string(c.Body) != body || !slices.Equal(c.Groups, []string{group}) {
		t.Errorf("read %q of %q: %q", c.ID, c.Groups, c.Body)
	}
	if body := f.Changes[1].Body; len(body) != 0 {
		t.Errorf("an empty body came back as %q", body)
	}
	clear(f.Changes[0].Body) // what it returns as well
	if f := feed(t, open(t), 0); string(f.Changes[0].Body) != body {
		t.Error("a reader changed the record")
	}
}

func cancelled(t *testing.T, s record.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Commit(ctx, record.Commit{Changes: []record.Change{Put("vpc", "a", "1")}}); err == nil {
		t.Error("a commit with a context that has ended was made")
	}
	if _, err := s.Since(ctx, 0); err == nil {
		t.Error("Since with a context that has ended answered")
	}
	expect(t, s, 0)
}

// mirror brings a feed into a copy of the set, as readers do.
func mirror(set map[record.Key]string, f record.Feed) {
	if f.Whole {
		clear(set)
	}
	for _, c := range f.Changes {
		if c.Delete {
			delete(set, c.Key)
			continue
		}
		set[c.Key] = string(c.Body)
	}
}

// follow lets a reader follow a random walk, from where it was each time, and compares.
func follow(t *testing.T, s record.Store) {
	set, at := map[record.Key]string{}, uint64(0)
	for step := range 60 {
		id := fmt.Sprint(step * step % 11)
		change := Put("vpc", id, fmt.Sprint(step), "g")
		if step%3 == 2 {
			change = Delete("vpc", id, "g")
		}
		commit(t, s, change)
		if step%4 == 0 {
			f := feed(t, s, at)
			mirror(set, f)
			at = f.Version
			want := map[record.Key]string{}
			mirror(want, feed(t, s, 0))
			if !maps.Equal(set, want) {
				t.Fatalf("step %d: followed %v, want %v", step, set, want)
			}
		}
	}
}
