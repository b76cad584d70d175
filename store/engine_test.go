package store_test

import (
	"path/filepath"
	"testing"

	"postern/record"
	"postern/record/recordtest"
	"postern/ssm/command"
	"postern/ssm/command/commandtest"
	"postern/store"
	"postern/store/postgres/postgrestest"
)

// engines are the ways to keep the state. Each suite runs on all of them.
var engines = []struct {
	name string
	// opener returns a function that opens the same, at first empty, store each time it is called.
	opener func(t *testing.T) func() *store.DB
}{
	{"file", func(t *testing.T) func() *store.DB {
		path := filepath.Join(t.TempDir(), "state.db")
		return func() *store.DB { return open(t, store.Options{Path: path}) }
	}},
	{"memory", func(t *testing.T) func() *store.DB {
		db := open(t, store.Options{})
		return func() *store.DB { return db }
	}},
	{"postgres", func(t *testing.T) func() *store.DB {
		url := postgrestest.URL(t)
		return func() *store.DB { return open(t, store.Options{URL: url}) }
	}},
}

// onEngines runs a room's suite on every engine. A store opened twice in one test is the same store.
func onEngines[S any](t *testing.T, suite func(*testing.T, func(*testing.T) S), part func(*store.DB) S) {
	for _, engine := range engines {
		t.Run(engine.name, func(t *testing.T) {
			openers := map[string]func() *store.DB{}
			suite(t, func(t *testing.T) S {
				if openers[t.Name()] == nil {
					openers[t.Name()] = engine.opener(t)
				}
				return part(openers[t.Name()]())
			})
		})
	}
}

func TestSet(t *testing.T) {
	onEngines(t, recordtest.TestStore, func(db *store.DB) record.Store { return db.Set("network") })
	onEngines(t, recordtest.TestFinder, func(db *store.DB) recordtest.FinderStore { return db.Set("ssm") })
}

func TestCommands(t *testing.T) {
	onEngines(t, commandtest.TestStore, func(db *store.DB) command.Store { return db.Commands() })
}
