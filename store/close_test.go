package store_test

import (
	"context"
	"database/sql"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"postern/aws/fault"
	"postern/record"
	"postern/store"
	shared "postern/store/sql"
)

// Close returns when nothing is under way any more, to whoever calls it, and nothing begins after it.
func TestCloseWaits(t *testing.T) {
	for name, begin := range map[string]func(db *store.DB, work func()) error{
		"a change": func(db *store.DB, work func()) error {
			return db.Update(context.Background(), shared.Transaction{Do: func(*shared.Tx) error { work(); return nil }})
		},
		"a change that is told": func(db *store.DB, work func()) error {
			do := func(*shared.Tx) error { return nil }
			return db.Update(context.Background(), shared.Transaction{Do: do, Applied: work})
		},
		"a view": func(db *store.DB, work func()) error {
			return db.View(context.Background(), func(context.Context, *sql.Tx) error { work(); return nil })
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db, err := store.Open(context.Background(), store.Options{})
				if err != nil {
					t.Fatal(err)
				}
				release := make(chan struct{})
				var ended, closed atomic.Int32
				go func() {
					if err := begin(db, func() { <-release }); err != nil {
						t.Error(err)
					}
					ended.Add(1)
				}()
				synctest.Wait()
				for range 2 {
					go func() {
						if err := db.Close(); err != nil {
							t.Error(err)
						}
						closed.Add(1)
					}()
				}
				synctest.Wait()
				if n := closed.Load(); n != 0 {
					t.Errorf("%d of two calls of Close returned before the work had ended", n)
				}
				refusesAll(t, db)
				close(release)
				synctest.Wait()
				if ended.Load() != 1 || closed.Load() != 2 {
					t.Errorf("%d of the work has ended, %d calls of Close", ended.Load(), closed.Load())
				}
			})
		})
	}
}

// refusesAll expects a store that is being closed to refuse every kind of question and change.
func refusesAll(t *testing.T, db *store.DB) {
	t.Helper()
	s := db.Set("s")
	_, list := s.List(t.Context(), record.Listing{Kind: "vpc"})
	_, since := s.Since(t.Context(), 0)
	_, _, setting := db.Setting(t.Context(), "x")
	for what, err := range map[string]error{
		"List": list, "Since": since, "Setting": setting, "PutSetting": db.PutSetting(t.Context(), "x", nil),
	} {
		if !fault.Is(err, fault.Unavailable) {
			t.Errorf("%s: %v, want Unavailable", what, err)
		}
	}
}
