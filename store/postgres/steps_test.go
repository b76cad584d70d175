package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"testing"

	"postern/record"
	"postern/record/recordtest"
	"postern/store/postgres/postgrestest"
	shared "postern/store/sql"
	"postern/store/sql/sqltest"
)

// story tells of a server and its state: it opens it, writes a setting and a record, reads both and closes it.
// It returns what was acknowledged and every error that it was told.
func story(url, set string, f *sqltest.Faults) (acknowledged []string, said error) {
	ctx := context.Background()
	db, err := Open(ctx, Options{URL: url, connector: func(base driver.Connector) driver.Connector {
		return sqltest.Connector{Connector: base, Faults: f}
	}})
	if err != nil {
		return nil, err
	}
	errs := []error{
		db.PutSetting(ctx, set, []byte("x")),
		db.Set(set).Update(ctx, nil, func([]record.Record) ([]record.Change, error) {
			return []record.Change{recordtest.Put("vpc", "1", "1")}, nil
		}),
	}
	for i, name := range []string{"setting", "record"} {
		if errs[i] == nil {
			acknowledged = append(acknowledged, name)
		}
	}
	_, _, err = db.Setting(ctx, set)
	errs = append(errs, err)
	_, err = db.Set(set).Since(ctx, 0)
	return acknowledged, errors.Join(append(errs, err, db.Close())...)
}

// present returns what of a story is there.
func present(t *testing.T, db *shared.DB, set string) (there []string) {
	t.Helper()
	_, found, err := db.Setting(t.Context(), set)
	if err != nil {
		t.Error(err)
	} else if found {
		there = append(there, "setting")
	}
	f, err := db.Set(set).Since(t.Context(), 0)
	if err != nil {
		t.Error(err)
	} else if len(f.Changes) > 0 {
		there = append(there, "record")
	}
	return there
}

// TestEachStepMayFail lets each step of a story fail, one at a time: somebody is told, and what was acknowledged is
// there, and nothing else.
func TestEachStepMayFail(t *testing.T) {
	url := postgrestest.URL(t)
	looking, err := Open(t.Context(), Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	defer looking.Close()
	steps, madeUp := 0, 0
	for n := 1; ; n++ {
		set, f := fmt.Sprint("story ", n), new(sqltest.Faults)
		f.After(n)
		acknowledged, err := story(url, set, f)
		if !f.Failed() {
			if err != nil || len(acknowledged) != 2 {
				t.Errorf("without a fault: %v, acknowledged %q", err, acknowledged)
			}
			break
		}
		steps = n
		if err == nil && len(acknowledged) == 2 {
			madeUp++
		} else if !errors.Is(err, sqltest.ErrBroken) {
			t.Errorf("step %d failed, and nobody was told: %v", n, err)
		}
		if there := present(t, looking, set); fmt.Sprint(there) != fmt.Sprint(acknowledged) {
			t.Errorf("step %d failed: %q is there, acknowledged was %q", n, there, acknowledged)
		}
	}
	// The library that migrates looks in another way whether its table is there, where it cannot read its first row.
	if steps < 30 || madeUp > 3 {
		t.Errorf("only %d steps, and of %d that failed nobody was told", steps, madeUp)
	}
}
