package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"postern/aws/scope"
	"postern/ssm"
)

// Records keeps Systems Manager's small records.
type Records struct{ db *DB }

var _ ssm.Records = Records{}

// Records returns the part of the store that keeps Systems Manager's small records.
func (db *DB) Records() Records { return Records{db} }

// Find implements ssm.Records.
func (r Records) Find(ctx context.Context, keys ...ssm.Key) (found []ssm.Record, err error) {
	err = r.db.view(ctx, func(tx *sql.Tx) error {
		found, err = findRecords(tx, keys)
		return err
	})
	return found, err
}

func findRecords(tx *sql.Tx, keys []ssm.Key) ([]ssm.Record, error) {
	found := make([]ssm.Record, 0, len(keys))
	for _, k := range keys {
		record := ssm.Record{Kind: k.Kind, ID: k.ID}
		err := tx.QueryRow(`SELECT account, region, body FROM ssm_records WHERE kind = $1 AND id = $2`, k.Kind, k.ID).
			Scan(&record.Scope.Account, &record.Scope.Region, &record.Body)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return nil, err
		}
		found = append(found, record)
	}
	return found, nil
}

// List implements ssm.Records.
func (r Records) List(ctx context.Context, kind ssm.Kind, in scope.Scope, after string, limit int) (list []ssm.Record, err error) {
	q := newQuery(`SELECT id, account, region, body FROM ssm_records`)
	q.where("kind = ?", kind)
	if in != (scope.Scope{}) {
		q.where("account = ? AND region = ?", in.Account, in.Region)
	}
	if after != "" {
		q.where("id > ?", after)
	}
	q.end("ORDER BY id", limit)
	err = r.db.each(ctx, q, func(rows *sql.Rows) error {
		record := ssm.Record{Kind: kind}
		err := rows.Scan(&record.ID, &record.Scope.Account, &record.Scope.Region, &record.Body)
		list = append(list, record)
		return err
	})
	return list, err
}

// Update implements ssm.Records.
func (r Records) Update(ctx context.Context, keys []ssm.Key, change func([]ssm.Record) ([]ssm.Change, error)) error {
	return r.db.update(ctx, func(tx *sql.Tx) error {
		found, err := findRecords(tx, keys)
		if err != nil {
			return err
		}
		changes, err := change(found)
		if err != nil {
			return err
		}
		for _, c := range changes {
			if err := applyRecordChange(tx, c); err != nil {
				return fmt.Errorf("%s %s: %w", c.Kind, c.ID, err)
			}
		}
		return nil
	})
}

func applyRecordChange(tx *sql.Tx, c ssm.Change) error {
	if c.Delete {
		_, err := tx.Exec(`DELETE FROM ssm_records WHERE kind = $1 AND id = $2`, c.Kind, c.ID)
		return err
	}
	_, err := tx.Exec(`INSERT INTO ssm_records (kind, id, account, region, body) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (kind, id) DO UPDATE SET account = excluded.account, region = excluded.region, body = excluded.body`,
		c.Kind, c.ID, c.Scope.Account, c.Scope.Region, c.Body)
	return err
}
