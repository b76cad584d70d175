package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"postern/aws/fault"
	"postern/record"
	"postern/record/recordtest"
	shared "postern/store/sql"
	"postern/store/sqlite"
)

var errOfPlan = errors.New("no")

// groupResults check what TestGroup's changes return.
var groupResults = []func(error) bool{
	0: func(err error) bool { return err == nil },
	1: func(err error) bool { return errors.Is(err, errOfPlan) },
	2: func(err error) bool {
		return fault.Is(err, fault.Internal) && strings.Contains(err.Error(), "a mistake")
	},
	3: func(err error) bool { return err == nil },
	4: func(err error) bool { return errors.Is(err, context.Canceled) },
	5: func(err error) bool { return err == nil },
}

// occupy makes the writer wait in a change until release is called.
func occupy(t *testing.T, db *shared.DB) (release func()) {
	until := make(chan struct{})
	go func() {
		do := func(*shared.Tx) error { <-until; return nil }
		if err := db.Update(context.Background(), shared.Transaction{Do: do}); err != nil {
			t.Error(err)
		}
	}()
	synctest.Wait()
	return func() { close(until) }
}

// TestGroup has changes wait for the one under way, so that they are committed together: what one of them does wrong is
// its own, and versions and calls of Applied follow each other without a gap.
func TestGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, err := sqlite.Open(context.Background(), sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		release, plans, ended := occupy(t, db), 0, make(chan struct{})
		givenUp, cancel := context.WithCancel(context.Background())
		var applied []uint64
		errs := make([]error, 6)
		for n, plan := range []func() error{
			func() error { return nil },
			func() error { return errOfPlan },
			func() error { panic("a mistake") },
			func() error { return nil },
			func() error { t.Error("a change that was given up was run"); return nil },
			func() error { return nil },
		} {
			go func() {
				defer func() { ended <- struct{}{} }()
				ctx := context.Background()
				if n == 4 {
					ctx = givenUp
				}
				if n == 5 { // planned from before the others, and beside them
					change := []record.Change{recordtest.Put("vpc", "5", "1")}
					_, errs[n] = db.Set("network").Commit(ctx, record.Commit{Base: 0, Changes: change, Applied: func(v uint64) {
						applied = append(applied, v)
					}})
					return
				}
				errs[n] = db.Set("network").Update(ctx, nil, func([]record.Record) ([]record.Change, error) {
					plans++
					return []record.Change{recordtest.Put("vpc", fmt.Sprint(n), "1")}, plan()
				})
			}()
			synctest.Wait()
		}
		cancel()
		release()
		for range errs {
			<-ended
		}
		for n, want := range groupResults {
			if !want(errs[n]) {
				t.Errorf("change %d: %v", n, errs[n])
			}
		}
		f, err := db.Set("network").Since(context.Background(), 0)
		var got []string
		for _, c := range f.Changes {
			got = append(got, fmt.Sprint(c.Version, " ", c.ID))
		}
		if err != nil || f.Version != 3 || !slices.Equal(got, []string{"1 0", "2 3", "3 5"}) || plans != 4 ||
			!slices.Equal(applied, []uint64{3}) {
			t.Errorf("version %d with %q, %v; %d plans, applied %v", f.Version, got, err, plans, applied)
		}
	})
}

// TestLargeDatabase: one that is too large to be read through before it is opened is read through beside the work.
func TestLargeDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	db := open(t, path)
	if err := db.PutSetting(t.Context(), "large", make([]byte, 34<<20)); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	found := make(chan error, 1)
	options := sqlite.Options{Path: path, Damaged: func(err error) { found <- err }}
	// again opens it, writes and, where it is damaged, waits until that is told.
	again := func(damaged bool) (told error) {
		t.Helper()
		db, err := sqlite.Open(t.Context(), options)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.PutSetting(t.Context(), "small", []byte("1")); err != nil {
			t.Error(err)
		}
		if damaged {
			told = <-found
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		return told
	}
	again(false)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{0xff, 0xff, 0xff, 0xff}, 20<<20); err != nil { // the number of the page that follows
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	says := "the state in " + path + " is damaged"
	if err := again(true); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), says) {
		t.Errorf("told %v", err)
	}
	options.Damaged = nil
	again(false)
	if len(found) != 0 {
		t.Errorf("told again: %v", <-found)
	}
}
