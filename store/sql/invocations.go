package sql

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"time"

	"postern/aws/scope"
	"postern/ssm/command"
)

// Update implements command.Store.
func (c Commands) Update(
	ctx context.Context,
	keys []command.Key,
	change func([]command.Row) ([]command.Row, error),
) error {
	return c.db.update(ctx, func(tx *Tx) error {
		found, err := c.findRows(tx, keys)
		if err != nil {
			return err
		}
		changed, err := change(found)
		if err != nil || len(changed) == 0 {
			return err
		}
		for _, r := range changed {
			_, err := tx.Exec(`UPDATE invocations SET stage = $1, details = $2, due = $3, body = $4
				WHERE command_id = $5 AND node = $6`,
				r.Stage, r.Details, toMicros(r.Due), bytesOf(r.Body), r.CommandID, r.Node)
			if err != nil {
				return fmt.Errorf("invocation of %s on %s: %w", r.CommandID, r.Node, err)
			}
		}
		return nil
	})
}

const rowColumns = `command_id, node, account, region, requested, place, stage, details, due, body`

// findRows reads the rows that a transaction is to change, in one order, so that two of them do not wait for each
// other.
func (c Commands) findRows(tx *Tx, keys []command.Key) ([]command.Row, error) {
	nodes := map[string][]string{}
	for _, k := range keys {
		nodes[k.CommandID] = append(nodes[k.CommandID], k.Node)
	}
	found := make([]command.Row, 0, len(keys))
	for _, id := range slices.Sorted(maps.Keys(nodes)) {
		slices.Sort(nodes[id])
		for part := range slices.Chunk(nodes[id], maxIn) {
			q := newQuery(`SELECT ` + rowColumns + ` FROM invocations`)
			q.where("command_id = ?", id)
			condition, args := in("node", part)
			q.where(condition, args...)
			q.end("ORDER BY node"+c.db.dialect.ForUpdate, 0)
			if err := q.each(tx.ctx, tx.tx, scanRows(&found)); err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}

func scanRows(into *[]command.Row) func(*sql.Rows) error {
	return func(rows *sql.Rows) error {
		r, err := scanRow(rows)
		*into = append(*into, r)
		return err
	}
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
	err = c.db.each(ctx, q, scanRows(&found))
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
	err = c.db.View(ctx, func(ctx context.Context, tx *sql.Tx) error {
		counts = nil
		for part := range slices.Chunk(ids, maxIn) {
			q := newQuery(`SELECT command_id, stage, details, COUNT(*) FROM invocations`)
			condition, args := in("command_id", part)
			q.where(condition, args...)
			q.end("GROUP BY command_id, stage, details", 0)
			err := q.each(ctx, tx, func(rows *sql.Rows) error {
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
	return c.db.update(ctx, func(tx *Tx) error {
		if _, err := tx.Exec(`DELETE FROM invocations WHERE requested < $1`, toMicros(before)); err != nil {
			return err
		}
		_, err := tx.Exec(`DELETE FROM commands WHERE requested < $1`, toMicros(before))
		return err
	})
}
