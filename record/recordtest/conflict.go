package recordtest

import (
	"fmt"
	"sync"
	"testing"

	"postern/aws/fault"
	"postern/record"
)

// conflicts tells, case by case, whether a commit that was planned before another one was made goes through. Both are
// planned from a vpc a and a subnet a in groups g and a.
func conflicts(t *testing.T, open func(t *testing.T) record.Store) {
	read := func(kind, id, group string) []record.Read { return []record.Read{{Kind: kind, ID: id, Group: group}} }
	vpc, subnet := Put("vpc", "a", "2", "g"), Put("subnet", "a", "2", "g", "a") // what others make of them
	other := Put("vpc", "z", "3")
	for _, tt := range []struct {
		name     string
		reads    []record.Read
		own      record.Change // what is committed second
		before   record.Change // what was committed in between
		conflict bool
	}{
		{"a record that was read is changed", read("vpc", "a", ""), other, vpc, true},
		{"a record that was read is deleted", read("vpc", "a", ""), other, Delete("vpc", "a", "g"), true},
		{"a record that was not there appears", read("vpc", "new", ""), other, Put("vpc", "new", "2"), true},
		{"a record appears in a group", read("subnet", "", "g"), other, Put("subnet", "b", "2", "g", "b"), true},
		{"a record of a group is changed", read("subnet", "", "a"), other, subnet, true},
		{"a record of a group is deleted", read("subnet", "", "a"), other, Delete("subnet", "a", "g", "a"), true},
		{"a deletion that does not tell its groups", read("subnet", "", "a"), other, Delete("subnet", "a"), true},
		{"a record of a kind that was read appears", read("subnet", "", ""), other, Put("subnet", "b", "2"), true},
		{"the record that is put was changed", nil, Put("vpc", "a", "3"), vpc, true},
		{"the record that is put was deleted", nil, Put("vpc", "a", "3"), Delete("vpc", "a"), true},
		{"the record that is deleted was changed", nil, Delete("vpc", "a"), vpc, true},
		{"the record that is made was made", nil, Put("vpc", "new", "3"), Put("vpc", "new", "2"), true},
		{"nothing was read", nil, other, vpc, false},
		{"another record was read", read("vpc", "b", ""), other, vpc, false},
		{"one of the same name, of another kind", read("vpc", "a", ""), other, subnet, false},
		{"another group was read", read("subnet", "", "b"), other, subnet, false},
		{"the same group, of another kind", read("vpc", "", "a"), other, subnet, false},
		{"a group whose name begins alike", read("subnet", "", "aa"), other, subnet, false},
		{"what was not there was deleted", read("vpc", "new", ""), other, Delete("vpc", "new"), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t)
			base := commit(t, s, Put("vpc", "a", "1", "g"), Put("subnet", "a", "1", "g", "a"))
			commit(t, s, tt.before)
			c := record.Commit{Base: base, Reads: tt.reads, Changes: []record.Change{tt.own}}
			version, err := s.Commit(t.Context(), c)
			if tt.conflict != fault.Is(err, fault.Conflict) || !tt.conflict && err != nil {
				t.Fatalf("err = %v, want a conflict: %v", err, tt.conflict)
			}
			if !tt.conflict {
				if version != base+2 {
					t.Errorf("version %d, want %d", version, base+2)
				}
				return
			}
			// Planned anew from what there is now, it goes through.
			c.Base = feed(t, s, base).Version
			if _, err := s.Commit(t.Context(), c); err != nil {
				t.Errorf("planned anew: %v", err)
			}
		})
	}
}

// race has writers count in one record and make records of their own, each planning anew at a conflict.
func race(t *testing.T, s record.Store) {
	commit(t, s, Put("counter", "n", "0"))
	const writers, each = 8, 15
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if err := count(t, s, Put("own", fmt.Sprintf("%d-%d", w, i), "1", fmt.Sprint(w))); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	f := feed(t, s, 0)
	own, counted := 0, ""
	for _, c := range f.Changes {
		if c.Kind == "counter" {
			counted = string(c.Body)
			continue
		}
		own++
	}
	if own != writers*each || counted != fmt.Sprint(writers*each) || f.Version != writers*each+1 {
		t.Errorf("%d records, counted %s, version %d; want %d of each", own, counted, f.Version, writers*each)
	}
}

// count adds one to the counter and puts a record, in one commit.
func count(t *testing.T, s record.Store, own record.Change) error {
	for {
		f, err := s.Since(t.Context(), 0)
		if err != nil {
			return err
		}
		n := 0
		for _, c := range f.Changes {
			if c.Kind == "counter" {
				if _, err := fmt.Sscan(string(c.Body), &n); err != nil {
					return err
				}
			}
		}
		changes := []record.Change{Put("counter", "n", fmt.Sprint(n+1)), own}
		_, err = s.Commit(t.Context(), record.Commit{Base: f.Version, Changes: changes})
		if !fault.Is(err, fault.Conflict) {
			return err
		}
	}
}

// applied has writers that do not meet commit at once, from the version that they began with.
func applied(t *testing.T, s record.Store) {
	base := commit(t, s, Put("vpc", "a", "1"))
	const writers, each = 8, 15
	var mu sync.Mutex
	var order []uint64
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				var told uint64
				version, err := s.Commit(t.Context(), record.Commit{
					Base: base, Changes: []record.Change{Put("vpc", fmt.Sprintf("%d-%d", w, i), "1")},
					Applied: func(version uint64) {
						mu.Lock()
						defer mu.Unlock()
						told, order = version, append(order, version)
					},
				})
				if err != nil || told != version {
					t.Errorf("Applied was told %d, Commit returned %d, %v", told, version, err)
					return
				}
			}
		})
	}
	wg.Wait()
	if len(order) != writers*each {
		t.Fatalf("%d were applied, want %d", len(order), writers*each)
	}
	for n, version := range order {
		if version != base+1+uint64(n) {
			t.Fatalf("applied in the order %v", order)
		}
	}
}
