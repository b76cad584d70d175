package sql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"postern/aws/fault"
	"postern/record"
)

// Set keeps one set of records. A record that was deleted leaves a row behind, so that Since can tell of it; old ones
// are forgotten.
type Set struct {
	db   *DB
	name string
}

var (
	_ record.Store  = Set{}
	_ record.Finder = Set{}
)

// Set returns the part of the store that keeps a set of records. It is there as soon as something is put into it.
func (db *DB) Set(name string) Set { return Set{db, name} }

const (
	// keepDeletions is for how many versions a deletion is told of.
	keepDeletions = 10_000
	// forgetEvery is how many versions lie between two looks for deletions that are to be forgotten.
	forgetEvery = 1000
)

// state reads where the set stands; one that is not there yet stands at 0.
func (s Set) state(ctx context.Context, tx *sql.Tx) (at state, err error) {
	err = tx.QueryRowContext(ctx, `SELECT version, forgotten FROM sets WHERE name = $1`, s.name).
		Scan(&at.version, &at.forgotten)
	if errors.Is(err, sql.ErrNoRows) {
		return state{}, nil
	}
	return at, err
}

// Since implements record.Store.
func (s Set) Since(ctx context.Context, version uint64) (f record.Feed, err error) {
	err = s.db.View(ctx, func(ctx context.Context, tx *sql.Tx) error {
		at, err := s.state(ctx, tx)
		if err != nil {
			return err
		}
		f = record.Feed{Version: at.version, Whole: version < at.forgotten || version > at.version}
		if version == at.version {
			return nil
		}
		q := newQuery(`SELECT ` + recordColumns + `, deleted FROM records`)
		q.where("set_name = ?", s.name)
		if f.Whole || version == 0 {
			q.where("deleted = 0")
		} else {
			q.where("version > ?", int64(version))
		}
		q.end("ORDER BY version, kind, id", 0)
		return q.each(ctx, tx, func(rows *sql.Rows) error {
			var c record.Change
			err := scanRecord(rows, &c.Record, &c.Delete)
			f.Changes = append(f.Changes, c)
			return err
		})
	})
	if err != nil {
		return record.Feed{}, fmt.Errorf("read %s since version %d: %w", s.name, version, err)
	}
	return f, nil
}

// Commit implements record.Store. What has changed after Base is looked at in the transaction: there are few rows, and
// none where the set still stands at Base.
func (s Set) Commit(ctx context.Context, c record.Commit) (version uint64, err error) {
	err = s.update(ctx, func(tx *Tx, at state) ([]record.Change, error) {
		version = at.version
		if c.Base+1 == at.version {
			return c.Changes, nil
		}
		if c.Base < at.forgotten || c.Base >= at.version {
			return nil, c.Outdated(at.version - 1)
		}
		return c.Changes, s.check(tx, &c, at)
	}, func() {
		if c.Applied != nil {
			c.Applied(version)
		}
	})
	if err != nil {
		return 0, err
	}
	return version, nil
}

// check looks for a conflict with what has changed since the commit's Base.
func (s Set) check(tx *Tx, c *record.Commit, at state) error {
	q := newQuery(`SELECT kind, id, groups FROM records`)
	q.where("set_name = ? AND version > ?", s.name, int64(c.Base))
	return q.each(tx.ctx, tx.tx, func(rows *sql.Rows) error {
		var changed record.Change
		var groups string
		if err := rows.Scan(&changed.Kind, &changed.ID, &groups); err != nil {
			return err
		}
		changed.Groups = splitGroups(groups)
		if c.Conflicts(&changed) {
			return c.Outdated(at.version - 1)
		}
		return nil
	})
}

// update moves the set to its next version and applies what plan returns. Other writers of the set wait at the row that
// is moved, so that what plan reads in the transaction holds, and versions are seen in their order.
func (s Set) update(ctx context.Context, plan func(*Tx, state) ([]record.Change, error), applied func()) error {
	return s.db.Update(ctx, Transaction{Set: s.name, Applied: applied, Do: func(tx *Tx) error {
		at, err := tx.next(s.name)
		if err != nil {
			return err
		}
		changes, err := plan(tx, at)
		if err != nil {
			return err
		}
		for i := range changes {
			if err := s.apply(tx, &changes[i], at.version); err != nil {
				return fmt.Errorf("%s %s: %w", changes[i].Kind, changes[i].ID, err)
			}
		}
		if at.version%forgetEvery == 0 && at.version > keepDeletions {
			if err := s.forget(tx, at.version-keepDeletions); err != nil {
				return fmt.Errorf("forget old deletions: %w", err)
			}
		}
		if s.db.dialect.Hint != "" {
			_, err = tx.Exec(s.db.dialect.Hint, s.name)
		}
		return err
	}})
}

func (s Set) apply(tx *Tx, c *record.Change, version uint64) error {
	groups, err := joinGroups(c.Groups)
	if err != nil {
		return err
	}
	if c.Delete {
		_, err = tx.Exec(`UPDATE records SET deleted = 1, version = $1, body = $2,
			groups = CASE WHEN $3 = '' THEN groups ELSE $3 END
			WHERE set_name = $4 AND kind = $5 AND id = $6 AND deleted = 0`,
			int64(version), []byte{}, groups, s.name, c.Kind, c.ID)
		return err
	}
	_, err = tx.Exec(`INSERT INTO records (set_name, kind, id, groups, version, deleted, body)
		VALUES ($1, $2, $3, $4, $5, 0, $6)
		ON CONFLICT (set_name, kind, id) DO UPDATE SET
			groups = excluded.groups, version = excluded.version, deleted = 0, body = excluded.body`,
		s.name, c.Kind, c.ID, groups, int64(version), bytesOf(c.Body))
	return err
}

// forget drops the rows of what was deleted up to a version.
func (s Set) forget(tx *Tx, upTo uint64) error {
	if _, err := tx.Exec(`DELETE FROM records WHERE set_name = $1 AND deleted = 1 AND version <= $2`,
		s.name, int64(upTo)); err != nil {
		return err
	}
	tx.forget(s.name, upTo)
	_, err := tx.Exec(`UPDATE sets SET forgotten = $1 WHERE name = $2`, int64(upTo), s.name)
	return err
}

// Groups are kept as lines, with one end of line before the first and one after the last, so that one of them is found
// as a whole.

func joinGroups(groups []string) (string, error) {
	if len(groups) == 0 {
		return "", nil
	}
	for _, g := range groups {
		if strings.Contains(g, "\n") {
			return "", fault.New(fault.Internal, "store.Commit", "group %q has an end of line in it", g)
		}
	}
	return "\n" + strings.Join(groups, "\n") + "\n", nil
}

func splitGroups(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text[1:len(text)-1], "\n")
}
