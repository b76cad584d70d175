package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/ssm/command"
)

// Commands keeps commands and their invocations.
type Commands struct{ db *DB }

var _ command.Store = Commands{}

// Commands returns the part of the store that keeps commands and their invocations.
func (db *DB) Commands() Commands { return Commands{db} }

// maxIn is how many values one IN list holds at the most; SQLite takes 32,766 parameters, PostgreSQL 65,535.
const maxIn = 1000

// Create implements command.Store.
func (c Commands) Create(ctx context.Context, row command.CommandRow, rows []command.Row) error {
	return c.db.update(ctx, func(tx *sql.Tx) error {
		made, err := tx.Exec(`INSERT INTO commands (id, account, region, requested, body) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (id) DO NOTHING`, row.ID, row.Scope.Account, row.Scope.Region, toMicros(row.Requested), bytesOf(row.Body))
		if err != nil {
			return err
		}
		if n, err := made.RowsAffected(); err != nil {
			return err
		} else if n == 0 {
			return fault.New(fault.Exists, "store.Commands.Create", "command %s is there already", row.ID)
		}
		for _, r := range rows {
			_, err := tx.Exec(`INSERT INTO invocations
				(command_id, node, account, region, requested, place, stage, details, due, body)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, r.CommandID, r.Node, r.Scope.Account, r.Scope.Region, toMicros(r.Requested), r.Order,
				r.Stage, r.Details, toMicros(r.Due), bytesOf(r.Body))
			if err != nil {
				return fmt.Errorf("invocation on %s: %w", r.Node, err)
			}
		}
		return nil
	})
}

// bytesOf makes an absent body an empty one: the columns take no NULL.
func bytesOf(body []byte) []byte {
	if body == nil {
		return []byte{}
	}
	return body
}

// Commands implements command.Store.
func (c Commands) Commands(ctx context.Context, ids ...string) (found []command.CommandRow, err error) {
	err = c.db.view(ctx, func(tx *sql.Tx) error {
		found = nil
		for part := range slices.Chunk(ids, maxIn) {
			q := newQuery(`SELECT id, account, region, requested, body FROM commands`)
			condition, args := in("id", part)
			q.where(condition, args...)
			if err := q.each(tx, scanCommand(&found)); err != nil {
				return err
			}
		}
		return nil
	})
	return found, err
}

// ListCommands implements command.Store.
func (c Commands) ListCommands(ctx context.Context, scope scope.Scope, after command.Place, limit int) (list []command.CommandRow, err error) {
	q := newQuery(`SELECT id, account, region, requested, body FROM commands`)
	q.where("account = ? AND region = ?", scope.Account, scope.Region)
	if after != (command.Place{}) {
		at := toMicros(after.Requested)
		q.where("requested < ? OR (requested = ? AND id > ?)", at, at, after.CommandID)
	}
	q.end("ORDER BY requested DESC, id", limit)
	err = c.db.each(ctx, q, scanCommand(&list))
	return list, err
}

func scanCommand(into *[]command.CommandRow) func(*sql.Rows) error {
	return func(rows *sql.Rows) error {
		var row command.CommandRow
		var requested int64
		err := rows.Scan(&row.ID, &row.Scope.Account, &row.Scope.Region, &requested, &row.Body)
		row.Requested = fromMicros(requested)
		*into = append(*into, row)
		return err
	}
}

// UpdateCommand implements command.Store.
func (c Commands) UpdateCommand(ctx context.Context, id string, change func([]byte) ([]byte, error)) error {
	return c.db.update(ctx, func(tx *sql.Tx) error {
		var body []byte
		err := tx.QueryRow(`SELECT body FROM commands WHERE id = $1`, id).Scan(&body)
		if errors.Is(err, sql.ErrNoRows) {
			return fault.New(fault.NotFound, "store.Commands.UpdateCommand", "no command %s", id)
		}
		if err != nil {
			return err
		}
		if body, err = change(body); err != nil {
			return err
		}
		_, err = tx.Exec(`UPDATE commands SET body = $1 WHERE id = $2`, bytesOf(body), id)
		return err
	})
}

// Update implements command.Store.
func (c Commands) Update(ctx context.Context, keys []command.Key, change func([]command.Row) ([]command.Row, error)) error {
	return c.db.update(ctx, func(tx *sql.Tx) error {
		found, err := findRows(tx, keys)
		if err != nil {
			return err
		}
		changed, err := change(found)
		if err != nil || len(changed) == 0 {
			return err
		}
		for _, r := range changed {
			_, err := tx.Exec(`UPDATE invocations SET stage = $1, details = $2, due = $3, body = $4 WHERE command_id = $5 AND node = $6`,
				r.Stage, r.Details, toMicros(r.Due), bytesOf(r.Body), r.CommandID, r.Node)
			if err != nil {
				return fmt.Errorf("invocation of %s on %s: %w", r.CommandID, r.Node, err)
			}
		}
		return nil
	})
}

const rowColumns = `command_id, node, account, region, requested, place, stage, details, due, body`

func findRows(tx *sql.Tx, keys []command.Key) ([]command.Row, error) {
	found := make([]command.Row, 0, len(keys))
	for _, k := range keys {
		r, err := scanRow(tx.QueryRow(`SELECT `+rowColumns+` FROM invocations WHERE command_id = $1 AND node = $2`, k.CommandID, k.Node))
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return nil, err
		}
		found = append(found, r)
	}
	return found, nil
}

func scanRow(from interface{ Scan(...any) error }) (r command.Row, err error) {
	var requested, due int64
	err = from.Scan(&r.CommandID, &r.Node, &r.Scope.Account, &r.Scope.Region, &requested, &r.Order,
		&r.Stage, &r.Details, &due, &r.Body)
	r.Requested, r.Due = fromMicros(requested), fromMicros(due)
	return r, err
}

// Rows implements command.Store.
func (c Commands) Rows(ctx context.Context, wanted command.Query) (found []command.Row, err error) {
	q := newQuery(`SELECT ` + rowColumns + ` FROM invocations`)
	selectRows(q, wanted)
	q.end("ORDER BY requested DESC, command_id, place", wanted.Limit)
	err = c.db.each(ctx, q, func(rows *sql.Rows) error {
		r, err := scanRow(rows)
		found = append(found, r)
		return err
	})
	return found, err
}

func selectRows(q *query, wanted command.Query) {
	if wanted.Scope != (scope.Scope{}) {
		q.where("account = ? AND region = ?", wanted.Scope.Account, wanted.Scope.Region)
	}
	if wanted.CommandID != "" {
		q.where("command_id = ?", wanted.CommandID)
	}
	if wanted.Node != "" {
		q.where("node = ?", wanted.Node)
	}
	if len(wanted.Stages) > 0 {
		condition, args := in("stage", wanted.Stages)
		q.where(condition, args...)
		if !slices.Contains(wanted.Stages, command.Ended) {
			// The index of what is under way serves only queries that say so.
			q.where("stage < 4")
		}
	}
	if !wanted.DueBy.IsZero() {
		q.where("due > 0 AND due <= ?", toMicros(wanted.DueBy))
	}
	if p := wanted.After; p != (command.Place{}) {
		at := toMicros(p.Requested)
		q.where("requested < ? OR (requested = ? AND (command_id > ? OR (command_id = ? AND place > ?)))",
			at, at, p.CommandID, p.CommandID, p.Order)
	}
}

// Tally implements command.Store.
func (c Commands) Tally(ctx context.Context, ids ...string) (counts []command.Count, err error) {
	err = c.db.view(ctx, func(tx *sql.Tx) error {
		counts = nil
		for part := range slices.Chunk(ids, maxIn) {
			q := newQuery(`SELECT command_id, stage, details, COUNT(*) FROM invocations`)
			condition, args := in("command_id", part)
			q.where(condition, args...)
			q.end("GROUP BY command_id, stage, details", 0)
			err := q.each(tx, func(rows *sql.Rows) error {
				var n command.Count
				err := rows.Scan(&n.CommandID, &n.Stage, &n.Details, &n.N)
				counts = append(counts, n)
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return counts, err
}

// Forget implements command.Store.
func (c Commands) Forget(ctx context.Context, before time.Time) error {
	return c.db.update(ctx, func(tx *sql.Tx) error {
		if _, err := tx.Exec(`DELETE FROM invocations WHERE requested < $1`, toMicros(before)); err != nil {
			return err
		}
		_, err := tx.Exec(`DELETE FROM commands WHERE requested < $1`, toMicros(before))
		return err
	})
}
