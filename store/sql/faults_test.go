package sql_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	sqlitedriver "modernc.org/sqlite"

	"postern/aws/scope"
	"postern/record"
	"postern/record/recordtest"
	"postern/ssm/command"
	shared "postern/store/sql"
	"postern/store/sql/sqltest"
	"postern/store/sqlite"
)

// engine runs each transaction by itself.
type engine struct{ db *sql.DB }

func (e engine) Update(ctx context.Context, t shared.Transaction) error {
	begun, err := e.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer begun.Rollback()
	run := shared.NewTx(ctx, begun)
	if err := t.Do(run); err != nil {
		return err
	}
	if err := run.Finish(); err != nil {
		return err
	}
	return errors.Join(run.Commit(), t.Told())
}

func (e engine) View(ctx context.Context, read func(context.Context, *sql.Tx) error) error {
	begun, err := e.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer begun.Rollback()
	return read(ctx, begun)
}

func (e engine) Reader() *sql.DB         { return e.db }
func (e engine) Patience() time.Duration { return time.Minute }
func (e engine) Fault(err error) error {
	if err != nil {
		return fmt.Errorf("the engine's own: %w", err)
	}
	return nil
}

func (e engine) Dialect() shared.Dialect {
	return shared.Dialect{FirstGroup: "trim(groups, char(10))", Hint: "SELECT $1 AS hint"}
}
func (e engine) Watch(string) (<-chan struct{}, func()) { return nil, func() {} }
func (e engine) Close() error                           { return e.db.Close() }

// open opens a new store whose steps fail as the faults say.
func open(t *testing.T, f *sqltest.Faults) *shared.DB {
	t.Helper()
	path := filepath.Join(t.TempDir(), "state.db")
	made, err := sqlite.Open(t.Context(), sqlite.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	if err := made.Close(); err != nil {
		t.Fatal(err)
	}
	base, err := sqlitedriver.NewConnector("file:" + path + "?_pragma=foreign_keys(1)")
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(sqltest.Connector{Connector: base, Faults: f})
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	return shared.New(engine{db})
}

var (
	here = scope.Scope{Account: "1", Region: "here"}
	noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
)

var (
	puts          = []record.Change{recordtest.Put("vpc", "a", "2", "g"), recordtest.Put("vpc", "new", "1", "g")}
	commandRow    = command.CommandRow{ID: "c-2", Scope: here, Requested: noon}
	invocationRow = command.Row{CommandID: "c-2", Node: "mi-1", Scope: here, Requested: noon}
	invocationKey = command.Key{CommandID: "c-1", Node: "mi-1"}
)

// operations are everything that a database does.
var operations = map[string]func(ctx context.Context, db *shared.DB) error{
	"commit": func(ctx context.Context, db *shared.DB) error {
		// From before the last commit, so that what has changed since is looked at.
		_, err := db.Set("s").Commit(ctx, record.Commit{Base: 1, Changes: puts[1:]})
		return err
	},
	"put and delete": func(ctx context.Context, db *shared.DB) error {
		return db.Set("s").Update(ctx, []record.Key{puts[0].Key, {Kind: "other", ID: "x"}},
			func([]record.Record) ([]record.Change, error) {
				return append(puts[:1:1], recordtest.Delete("vpc", "b")), nil
			})
	},
	"since": func(ctx context.Context, db *shared.DB) error { return second(db.Set("s").Since(ctx, 1)) },
	"find":  func(ctx context.Context, db *shared.DB) error { return second(db.Set("s").Find(ctx, puts[0].Key)) },
	"list": func(ctx context.Context, db *shared.DB) error {
		return second(db.Set("s").List(ctx, record.Listing{Kind: "vpc", Group: "g"}))
	},
	"setting": func(ctx context.Context, db *shared.DB) error {
		_, _, err := db.Setting(ctx, "name")
		return err
	},
	"put setting": func(ctx context.Context, db *shared.DB) error { return db.PutSetting(ctx, "name", []byte("2")) },
	"create": func(ctx context.Context, db *shared.DB) error {
		return db.Commands().Create(ctx, commandRow, []command.Row{invocationRow})
	},
	"commands": func(ctx context.Context, db *shared.DB) error { return second(db.Commands().Commands(ctx, "c-1")) },
	"list commands": func(ctx context.Context, db *shared.DB) error {
		return second(db.Commands().ListCommands(ctx, here, command.Place{}, 5))
	},
	"update command": func(ctx context.Context, db *shared.DB) error {
		return db.Commands().UpdateCommand(ctx, "c-1", func([]byte) ([]byte, error) { return []byte("2"), nil })
	},
	"update": func(ctx context.Context, db *shared.DB) error {
		return db.Commands().Update(ctx, []command.Key{invocationKey}, func(found []command.Row) ([]command.Row, error) {
			found[0].Details = "changed"
			return found, nil
		})
	},
	"rows": func(ctx context.Context, db *shared.DB) error {
		return second(db.Commands().Rows(ctx, command.Query{CommandID: "c-1"}))
	},
	"tally":  func(ctx context.Context, db *shared.DB) error { return second(db.Commands().Tally(ctx, "c-1")) },
	"forget": func(ctx context.Context, db *shared.DB) error { return db.Commands().Forget(ctx, noon.Add(time.Hour)) },
}

// TestNoErrorIsLost lets every step of every operation fail, one at a time: the operation says so, and changes nothing.
func TestNoErrorIsLost(t *testing.T) {
	for name, do := range operations {
		t.Run(name, func(t *testing.T) {
			f := new(sqltest.Faults)
			db := open(t, f)
			fill(t, db)
			before := dump(t, db)
			steps := 0
			for n := 1; ; n++ {
				f.After(n)
				err := do(t.Context(), db)
				if !f.Failed() { // it took fewer steps
					if err != nil {
						t.Errorf("without a fault: %v", err)
					}
					break
				}
				f.After(0)
				if !errors.Is(err, sqltest.ErrBroken) {
					t.Errorf("step %d failed, and the operation returned %v", n, err)
				}
				if diff := cmp.Diff(before, dump(t, db)); diff != "" {
					t.Errorf("step %d failed (-before +after):\n%s", n, diff)
				}
				steps = n
			}
			if steps < 2 {
				t.Errorf("only %d steps", steps)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := do(ctx, db); !errors.Is(err, context.Canceled) {
				t.Errorf("with a context that has ended: %v", err)
			}
		})
	}
}

func second[T any](_ T, err error) error { return err }

// fill puts what the operations work on: two records, of which the second commit changes one, a setting and a command.
func fill(t *testing.T, db *shared.DB) {
	t.Helper()
	for _, changes := range [][]record.Change{
		{recordtest.Put("vpc", "a", "1", "g"), recordtest.Put("vpc", "b", "1", "g")}, {recordtest.Put("vpc", "a", "1", "g")},
	} {
		err := db.Set("s").Update(t.Context(), nil, func([]record.Record) ([]record.Change, error) { return changes, nil })
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := db.PutSetting(t.Context(), "name", []byte("1")); err != nil {
		t.Fatal(err)
	}
	row := command.CommandRow{ID: "c-1", Scope: here, Requested: noon, Body: []byte("1")}
	invocation := command.Row{CommandID: "c-1", Node: "mi-1", Scope: here, Requested: noon}
	if err := db.Commands().Create(t.Context(), row, []command.Row{invocation}); err != nil {
		t.Fatal(err)
	}
}

// dump returns all that is in a store.
func dump(t *testing.T, db *shared.DB) (all []string) {
	t.Helper()
	for _, query := range []string{
		"SELECT name || version || forgotten FROM sets", "SELECT kind || id || version || deleted || body || " +
			"groups FROM records",
		"SELECT name || value FROM settings", "SELECT id || body FROM commands",
		"SELECT command_id || node || details FROM invocations",
	} {
		found, err := db.Reader().Query(query + " ORDER BY 1")
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, texts(t, found)...)
	}
	return all
}

// texts reads rows of one column.
func texts(t *testing.T, rows *sql.Rows) (all []string) {
	t.Helper()
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		all = append(all, text)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}
