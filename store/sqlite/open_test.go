package sqlite_test

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/aws/fault"
	shared "postern/store/sql"
	"postern/store/sqlite"
)

func open(t *testing.T, path string) *shared.DB {
	t.Helper()
	db, err := sqlite.Open(t.Context(), sqlite.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// run runs statements on a file.
func run(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// used makes a database that has something in it.
func used(t *testing.T, path string) {
	t.Helper()
	db := open(t, path)
	if err := db.PutSetting(t.Context(), "a", []byte("b")); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// unopened are files that cannot be opened.
var unopened = []struct {
	name string
	make func(t *testing.T, path string)
	kind fault.Kind
	says string
}{
	{"a directory", func(t *testing.T, path string) {
		if err := os.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}, fault.Internal, "it is no file"},
	{"another program's", func(t *testing.T, path string) {
		run(t, path, `CREATE TABLE customers (name TEXT)`)
	}, fault.Conflict, "tables of another program"},
	{"a newer version's", func(t *testing.T, path string) {
		used(t, path)
		run(t, path, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)`)
	}, fault.Conflict, "a newer version of Postern has written"},
	{"no number of commits", func(t *testing.T, path string) {
		used(t, path)
		run(t, path, `UPDATE settings SET value = 'many' WHERE name = 'sequence'`)
	}, fault.Conflict, `its number of commits is "many"`},
	{"a count that cannot be read", func(t *testing.T, path string) {
		if err := os.Mkdir(path+"-sequence", 0o755); err != nil {
			t.Fatal(err)
		}
	}, fault.Internal, "count the commits: read"},
	{"a log that cannot be opened", func(t *testing.T, path string) {
		used(t, path)
		if err := os.Mkdir(path+"-wal", 0o755); err != nil {
			t.Fatal(err)
		}
	}, fault.Unavailable, "cannot be opened"},
	{"text", func(t *testing.T, path string) {
		if err := os.WriteFile(path, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
			t.Fatal(err)
		}
	}, fault.Conflict, "is damaged"},
}

// What cannot be opened is refused before anything in it is changed, with the file's name and what to do.
func TestOpenRefuses(t *testing.T) {
	for _, tt := range unopened {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state.db")
			tt.make(t, path)
			before, _ := os.ReadFile(path)
			info, _ := os.Stat(path)
			db, err := sqlite.Open(t.Context(), sqlite.Options{Path: path})
			if err == nil {
				db.Close()
				t.Fatal("it opens")
			}
			if fault.Of(err).Kind != tt.kind || !strings.Contains(err.Error(), tt.says) ||
				!strings.Contains(err.Error(), path) {
				t.Errorf("%v of kind %v, want %v that says %q", err, fault.Of(err).Kind, tt.kind, tt.says)
			}
			if after, _ := os.ReadFile(path); string(after) != string(before) {
				t.Error("the file was changed")
			}
			if after, err := os.Stat(path); tt.name == "a directory" && (err != nil || after.Mode() != info.Mode()) {
				t.Errorf("the directory's mode became %v, %v", after.Mode(), err)
			}
		})
	}
	missing := filepath.Join(t.TempDir(), "none", "state.db")
	if _, err := sqlite.Open(t.Context(), sqlite.Options{Path: missing}); err == nil ||
		!strings.Contains(err.Error(), "open the state in "+missing) {
		t.Errorf("in a directory that is not there: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := sqlite.Open(ended, sqlite.Options{})
	if err == nil || !strings.Contains(err.Error(), "the state in memory") {
		t.Errorf("with a context that has ended: %v", err)
	}
}

// A server that ended while it made its tables is no other program.
func TestOpenHalfMade(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	run(t, path, `CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY AUTOINCREMENT, version_id INTEGER NOT NULL,
		is_applied INTEGER NOT NULL, tstamp TIMESTAMP DEFAULT (datetime('now')))`,
		`INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1)`)
	db := open(t, path)
	if err := db.PutSetting(t.Context(), "a", []byte("b")); err != nil {
		t.Error(err)
	}
}
