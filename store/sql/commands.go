package sql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/ssm/command"
)

// Commands keeps commands and their invocations.
type Commands struct{ db *DB }

var _ command.Store = Commands{}

// Commands returns the part of the store that keeps commands and their invocations.
func (db *DB) Commands() Commands { return Commands{db} }

// Create implements command.Store.
func (c Commands) Create(ctx context.Context, row command.CommandRow, rows []command.Row) error {
	return c.db.update(ctx, func(tx *Tx) error {
		made, err := tx.Exec(`INSERT INTO commands (id, account, region, requested, body) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (id) DO NOTHING`,
			row.ID, row.Scope.Account, row.Scope.Region, toMicros(row.Requested), bytesOf(row.Body))
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
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
				r.CommandID, r.Node, r.Scope.Account, r.Scope.Region, toMicros(r.Requested), r.Order,
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
	err = c.db.View(ctx, func(ctx context.Context, tx *sql.Tx) error {
		found = nil
		for part := range slices.Chunk(ids, maxIn) {
			q := newQuery(`SELECT id, account, region, requested, body FROM commands`)
			condition, args := in("id", part)
			q.where(condition, args...)
			if err := q.each(ctx, tx, scanCommand(&found)); err != nil {
				return err
			}
		}
		return nil
	})
	return found, err
}

// ListCommands implements command.Store.
func (c Commands) ListCommands(
	ctx context.Context, in scope.Scope, after command.Place, limit int,
) (list []command.CommandRow, err error) {
	q := newQuery(`SELECT id, account, region, requested, body FROM commands`)
	q.where("account = ? AND region = ?", in.Account, in.Region)
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
	return c.db.update(ctx, func(tx *Tx) error {
		var body []byte
		err := tx.QueryRow(`SELECT body FROM commands WHERE id = $1`+c.db.dialect.ForUpdate, id).Scan(&body)
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
