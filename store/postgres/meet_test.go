package postgres_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"postern/aws/fault"
	"postern/record"
	"postern/record/recordtest"
	"postern/store/postgres/postgrestest"
	shared "postern/store/sql"
)

// with sets a parameter of a database's sessions.
func with(t *testing.T, address, name, value string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set(name, value)
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20")
	return u.String()
}

func raw(t *testing.T, address string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// awaitCount waits until a query counts so many.
func awaitCount(t *testing.T, db *sql.DB, want int, query string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for n := -1; n != want; {
		if err := db.QueryRowContext(ctx, query).Scan(&n); err != nil {
			t.Fatalf("%v; counted %d, want %d", err, n, want)
		}
		<-tick.C
	}
}

// waiters counts the sessions that wait for another one's transaction.
const waiters = `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`

// TestDeadlock has two changes take the same settings in opposite order: PostgreSQL undoes one of them, which is run
// again, and both are made.
func TestDeadlock(t *testing.T) {
	address := postgrestest.URL(t)
	db := open(t, with(t, address, "deadlock_timeout", "50ms"))
	for _, name := range []string{"a", "b"} {
		if err := db.PutSetting(t.Context(), name, []byte("0")); err != nil {
			t.Fatal(err)
		}
	}
	hasFirst := []chan struct{}{make(chan struct{}), make(chan struct{})}
	runs, errs := make([]int, 2), make(chan error)
	for n, names := range [][]string{{"a", "b"}, {"b", "a"}} {
		go func() {
			errs <- db.Update(t.Context(), shared.Transaction{Do: func(tx *shared.Tx) error {
				runs[n]++
				for i, name := range names {
					const add = `UPDATE settings SET value = convert_to((convert_from(value, 'UTF8')::int + 1)::text, 'UTF8')
						WHERE name = $1`
					if _, err := tx.Exec(add, name); err != nil {
						return err
					}
					if i == 0 && runs[n] == 1 {
						close(hasFirst[n])
						<-hasFirst[1-n]
					}
				}
				return nil
			}})
		}()
	}
	for range 2 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"a", "b"} {
		if value, _, err := db.Setting(t.Context(), name); string(value) != "2" || err != nil {
			t.Errorf("%s is %s after two changes, %v", name, value, err)
		}
	}
	if n := runs[0] + runs[1]; n < 3 {
		t.Errorf("the changes ran %v times: they did not meet", runs)
	}
}

// TestDeadlockOfACommit has a commit meet a session that writes the same set as another replica does, in another order:
// the commit is undone and tried again, and is held against what the other has changed.
func TestDeadlockOfACommit(t *testing.T) {
	address := postgrestest.URL(t)
	db, side := open(t, with(t, address, "deadlock_timeout", "2s")), raw(t, with(t, address, "deadlock_timeout", "1h"))
	s := db.Set("network")
	put(t, db, "network", "a")
	held, err := side.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Rollback()
	exec := func(statement string) {
		t.Helper()
		if _, err := held.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	exec(`UPDATE records SET version = 2, body = 'theirs' WHERE id = 'a'`)
	c := record.Commit{Base: 1, Changes: []record.Change{
		recordtest.Put("vpc", "b", "own"), recordtest.Put("vpc", "a", "own"),
	}}
	done := make(chan error)
	go func() { done <- second(s.Commit(context.WithoutCancel(t.Context()), c)) }()
	awaitCount(t, raw(t, address), 1, waiters)
	exec(`UPDATE sets SET version = 2`) // it waits for the commit, which waits for it
	if err := held.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !fault.Is(err, fault.Conflict) {
		t.Errorf("the commit returned %v, want a conflict", err)
	}
	f, err := s.Since(t.Context(), 0)
	if err != nil || f.Version != 2 || len(f.Changes) != 1 || string(f.Changes[0].Body) != "theirs" {
		t.Errorf("%+v, %v; want what the other has written", f, err)
	}
}

// TestSerializationFailure: an administrator may have set a stricter isolation for the database. Changes that it makes
// PostgreSQL undo are run again, from what the others have made, and a commit that has read what was changed conflicts.
func TestSerializationFailure(t *testing.T) {
	for _, level := range []string{"repeatable read", "serializable"} {
		t.Run(level, func(t *testing.T) {
			address := postgrestest.URL(t)
			strict := with(t, address, "default_transaction_isolation", level)
			one, other, looks := open(t, strict), open(t, strict), raw(t, address)
			put(t, one, "network", "a")
			for n, meet := range []func() error{
				func() error { // it plans anew from what the other has made
					return other.Set("network").Update(t.Context(), []record.Key{{Kind: "vpc", ID: "a"}},
						func(found []record.Record) ([]record.Change, error) {
							return []record.Change{recordtest.Put("vpc", "a", string(found[0].Body)+" other")}, nil
						})
				},
				func() error { // it has read nothing of it
					change := []record.Change{recordtest.Put("vpc", "b", "1")}
					return second(other.Set("network").Commit(t.Context(), record.Commit{Base: 3, Changes: change}))
				},
				func() error {
					change := []record.Change{recordtest.Put("vpc", "a", "1")}
					return second(other.Set("network").Commit(t.Context(), record.Commit{Base: 5, Changes: change}))
				},
			} {
				met := make(chan error)
				err := one.Set("network").Update(t.Context(), nil, func([]record.Record) ([]record.Change, error) {
					go func() { met <- meet() }()
					awaitCount(t, looks, 1, waiters) // the other waits until this one is committed
					return []record.Change{recordtest.Put("vpc", "a", fmt.Sprint("one ", n))}, nil
				})
				if err != nil {
					t.Fatal(err)
				}
				if err := <-met; (n < 2) != (err == nil) || n == 2 && !fault.Is(err, fault.Conflict) {
					t.Errorf("meeting %d: %v", n, err)
				}
				found, err := one.Set("network").Find(t.Context(), record.Key{Kind: "vpc", ID: "a"})
				want := []string{"one 0 other", "one 1", "one 2"}[n]
				if err != nil || len(found) != 1 || string(found[0].Body) != want {
					t.Errorf("meeting %d left %v, %v; want %q", n, found, err, want)
				}
			}
		})
	}
}

// TestMetAllTheTime: what is undone every time is given up as unavailable, and says why.
func TestMetAllTheTime(t *testing.T) {
	db, runs := open(t, postgrestest.URL(t)), 0
	err := db.Update(t.Context(), shared.Transaction{Do: func(tx *shared.Tx) error {
		runs++
		_, err := tx.Exec(`DO $$ BEGIN RAISE SQLSTATE '40001'; END $$`)
		return err
	}})
	if !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "others change the same") || runs != 10 {
		t.Errorf("after %d runs: %v", runs, err)
	}
}
