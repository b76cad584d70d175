package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"

	"modernc.org/sqlite"

	"postern/aws/fault"
	shared "postern/store/sql"
	"postern/store/sql/sqltest"
)

var errOfChange = errors.New("no")

// story tells of a server and its state: it opens it, writes a setting alone and three at once, of which the
// second is undone by its own mistake, reads one and closes it. said is every error that it was told, and written the
// settings that were acknowledged.
type story struct {
	said    []error
	written []string
}

func (s *story) note(name string, err error) {
	if err == nil {
		s.written = append(s.written, name)
	} else if !errors.Is(err, errOfChange) || errors.Is(err, sqltest.ErrBroken) {
		s.said = append(s.said, err)
	}
}

func put(tx *shared.Tx, name string) error {
	_, err := tx.Exec(`INSERT INTO settings (name, value) VALUES ($1, 'x')`, name)
	return err
}

func tell(path string, f *sqltest.Faults) (s story) {
	ctx := context.Background()
	db, err := Open(ctx, Options{Path: path, connector: func(dsn string) (driver.Connector, error) {
		base, err := sqlite.NewConnector(dsn)
		return sqltest.Connector{Connector: base, Faults: f}, err
	}})
	if err != nil {
		s.said = append(s.said, err)
		return s
	}
	s.note("alone", db.Update(ctx, shared.Transaction{Do: func(tx *shared.Tx) error { return put(tx, "alone") }}))
	s.together(ctx, db)
	if _, there, err := db.Setting(ctx, "before"); err != nil {
		s.said = append(s.said, err)
	} else if !there {
		s.said = append(s.said, errors.New("what was there before is gone"))
	}
	err = db.View(ctx, func(ctx context.Context, tx *sql.Tx) error {
		var n int
		return tx.QueryRowContext(ctx, "SELECT count(*) FROM settings").Scan(&n)
	})
	s.said = append(s.said, err, db.Close())
	return s
}

// together has three changes wait for one that is under way, so that they share a commit.
func (s *story) together(ctx context.Context, db *shared.DB) {
	until, ended := make(chan struct{}), make(chan func())
	run := func(name string, do func(*shared.Tx) error) {
		go func() {
			err := db.Update(ctx, shared.Transaction{Do: do})
			ended <- func() { s.note(name, err) }
		}()
		synctest.Wait()
	}
	run("first", func(*shared.Tx) error { <-until; return nil })
	run("one", func(tx *shared.Tx) error { return put(tx, "one") })
	run("undone", func(tx *shared.Tx) error { return errors.Join(put(tx, "undone"), errOfChange) })
	run("two", func(tx *shared.Tx) error { return put(tx, "two") })
	close(until)
	for range 4 {
		(<-ended)()
	}
}

// copied returns a copy of a database that was closed.
func copied(t *testing.T, from string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "state.db")
	for _, end := range []string{"", "-sequence"} {
		b, err := os.ReadFile(from + end)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to+end, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// TestEachStepMayFail lets each step of a story fail, one at a time: somebody is told, what was acknowledged is there
// at the next start, and what was not is not.
func TestEachStepMayFail(t *testing.T) {
	template := filepath.Join(t.TempDir(), "state.db")
	db, err := Open(t.Context(), Options{Path: template})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.PutSetting(t.Context(), "before", []byte("x")), db.Close()); err != nil {
		t.Fatal(err)
	}
	steps, madeUp := 0, 0
	for n := 1; ; n++ {
		path, f := copied(t, template), new(sqltest.Faults)
		f.After(n)
		var s story
		synctest.Test(t, func(*testing.T) { s = tell(path, f) })
		err := errors.Join(s.said...)
		if !f.Failed() {
			if err != nil || len(s.written) != 4 {
				t.Errorf("without a fault: %v, written %q", err, s.written)
			}
			break
		}
		steps = n
		if err == nil && len(s.written) == 4 {
			madeUp++
		} else if !errors.Is(err, sqltest.ErrBroken) {
			t.Errorf("step %d failed, and nobody was told: %v", n, err)
		}
		f.After(0)
		there(t, fmt.Sprint("step ", n), path, s.written)
	}
	// The library that migrates looks in another way whether its table is there, where it cannot read its first row.
	if steps < 50 || madeUp > 3 {
		t.Errorf("only %d steps, and of %d that failed nobody was told", steps, madeUp)
	}
}

// there looks at the next start for what was acknowledged, and for nothing else.
func there(t *testing.T, when, path string, written []string) {
	t.Helper()
	db, err := Open(t.Context(), Options{Path: path})
	if err != nil {
		t.Errorf("%s failed, and then the state could not be opened: %v", when, err)
		return
	}
	defer db.Close()
	acknowledged := map[string]bool{"before": true}
	for _, name := range written {
		acknowledged[name] = name != "first" // which writes nothing
	}
	for _, name := range []string{"before", "alone", "first", "one", "undone", "two"} {
		_, found, err := db.Setting(t.Context(), name)
		if err != nil || found != acknowledged[name] {
			t.Errorf("%s failed: %s is there: %v, acknowledged: %v, %v", when, name, found, acknowledged[name], err)
		}
	}
}

// TestWriteFault: whatever undid a commit, the store is what failed; who asked did nothing wrong.
func TestWriteFault(t *testing.T) {
	if err := writeFault(sqltest.ErrBroken); !fault.Is(err, fault.Unavailable) || !errors.Is(err, sqltest.ErrBroken) {
		t.Errorf("%v", err)
	}
}
