package sql

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
)

// Tx is a transaction in which an engine runs one change or, one after the other, several. It remembers where the sets
// stand that they move, so that a set's row is written once for all of them.
type Tx struct {
	tx  *sql.Tx
	ctx context.Context // of what the transaction asks; it ends when an engine gives the transaction up

	sets map[string]state
	mark map[string]state // sets as they were before the present change
}

// NewTx makes a Tx of a transaction that an engine has begun. ctx bounds what is asked in it.
func NewTx(ctx context.Context, tx *sql.Tx) *Tx { return &Tx{tx: tx, ctx: ctx} }

// Exec runs a statement.
func (tx *Tx) Exec(text string, args ...any) (sql.Result, error) {
	return tx.tx.ExecContext(tx.ctx, text, args...)
}

// QueryRow runs a statement that returns one row at the most.
func (tx *Tx) QueryRow(text string, args ...any) *sql.Row {
	return tx.tx.QueryRowContext(tx.ctx, text, args...)
}

// Commit commits the transaction.
func (tx *Tx) Commit() error { return tx.tx.Commit() }

// state says where a set stands.
type state struct {
	version uint64
	// forgotten is the version up to which deletions are not told of any more.
	forgotten uint64
	// moved says that the version is not written yet.
	moved bool
}

// Begin begins a change.
func (tx *Tx) Begin() { tx.mark = maps.Clone(tx.sets) }

// Undo forgets what the present change has done; the engine has undone it in the database.
func (tx *Tx) Undo() { tx.sets = tx.mark }

// Finish writes what is left to write, before the engine commits.
func (tx *Tx) Finish() error {
	for _, name := range slices.Sorted(maps.Keys(tx.sets)) {
		if at := tx.sets[name]; at.moved {
			if _, err := tx.Exec(`UPDATE sets SET version = $1 WHERE name = $2`, int64(at.version), name); err != nil {
				return fmt.Errorf("move set %s: %w", name, err)
			}
		}
	}
	return nil
}

// next moves a set to its next version. The first time it takes the set's row, at which other processes' writers wait.
func (tx *Tx) next(name string) (at state, err error) {
	at, ok := tx.sets[name]
	if ok {
		at.version++
		at.moved = true
	} else {
		err = tx.QueryRow(`INSERT INTO sets (name, version, forgotten) VALUES ($1, 1, 0)
			ON CONFLICT (name) DO UPDATE SET version = sets.version + 1 RETURNING version, forgotten`, name).
			Scan(&at.version, &at.forgotten)
	}
	if err != nil {
		return state{}, err
	}
	if tx.sets == nil {
		tx.sets = map[string]state{}
	}
	tx.sets[name] = at
	return at, nil
}

// forget notes up to which version a set has forgotten what was deleted.
func (tx *Tx) forget(name string, upTo uint64) {
	at := tx.sets[name]
	at.forgotten = upTo
	tx.sets[name] = at
}
