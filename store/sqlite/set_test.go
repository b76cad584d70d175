package sqlite_test

import (
	"path/filepath"
	"testing"

	"postern/record"
	"postern/record/recordtest"
	shared "postern/store/sql"
)

func TestSet(t *testing.T) {
	at := map[string]string{}
	// again opens a test's database, anew each time.
	again := func(t *testing.T) *shared.DB {
		if at[t.Name()] == "" {
			at[t.Name()] = filepath.Join(t.TempDir(), "state.db")
		}
		return open(t, at[t.Name()])
	}
	recordtest.TestStore(t, func(t *testing.T) record.Store { return again(t).Set("network") })
	recordtest.TestFinder(t, func(t *testing.T) recordtest.FinderStore { return again(t).Set("ssm") })
}
