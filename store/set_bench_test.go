package store_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"postern/record"
	"postern/record/recordtest"
	"postern/store"
	"postern/store/postgres/postgrestest"
)

// filled opens a store with records in a set.
func filled(b *testing.B, engine string, records int) record.Store {
	b.Helper()
	o := store.Options{Path: filepath.Join(b.TempDir(), "state.db")}
	if engine == "postgres" {
		o = store.Options{URL: postgrestest.URL(b)}
	}
	s := open(b, o).Set("network")
	body := fmt.Sprintf(`{"ID":%q}`, make([]byte, 200))
	var changes []record.Change
	for n := range records {
		changes = append(changes, recordtest.Put("eni", fmt.Sprint(n), body, "1/here", fmt.Sprint("vpc-", n%100)))
	}
	base := uint64(0)
	for some := range slices.Chunk(changes, 5000) { // PostgreSQL takes them one by one, and not for ever
		var err error
		if base, err = s.Commit(context.Background(), record.Commit{Base: base, Changes: some}); err != nil {
			b.Fatal(err)
		}
	}
	return s
}

// BenchmarkCommit commits one record that belongs to a group which the plan has read, as each of several writers.
func BenchmarkCommit(b *testing.B) {
	for _, engine := range []string{"file", "postgres"} {
		for _, records := range []int{100, 100_000} {
			b.Run(fmt.Sprintf("%s/records=%d", engine, records), func(b *testing.B) {
				s := filled(b, engine, records)
				for _, writers := range []int{1, 16} {
					b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) { commits(b, s, writers) })
				}
			})
		}
	}
}

func commits(b *testing.B, s record.Store, writers int) {
	f, err := s.Since(b.Context(), 1<<62)
	if err != nil {
		b.Fatal(err)
	}
	var all sync.WaitGroup
	b.ResetTimer()
	for w := range writers {
		all.Go(func() {
			c := record.Commit{
				Base: f.Version, Reads: []record.Read{{Kind: "eni", Group: fmt.Sprint("writer-", w)}},
				Changes: []record.Change{recordtest.Put("eni", fmt.Sprint("own-", w), "{}", fmt.Sprint("writer-", w))},
			}
			for n := w; n < b.N; n += writers {
				version, err := s.Commit(context.Background(), c)
				if err != nil {
					b.Error(err)
					return
				}
				c.Base = version
			}
		})
	}
	all.Wait()
}

// BenchmarkSince reads one change beside many records.
func BenchmarkSince(b *testing.B) {
	for _, engine := range []string{"file", "postgres"} {
		b.Run(engine, func(b *testing.B) {
			s := filled(b, engine, 100_000)
			f, err := s.Since(b.Context(), 1<<62)
			if err != nil {
				b.Fatal(err)
			}
			c := record.Commit{Base: f.Version, Changes: []record.Change{recordtest.Put("eni", "7", "{}", "1/here")}}
			if _, err := s.Commit(b.Context(), c); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if f, err := s.Since(b.Context(), c.Base); err != nil || len(f.Changes) != 1 {
					b.Fatal(len(f.Changes), err)
				}
			}
		})
	}
}
