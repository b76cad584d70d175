package sql

import (
	"context"
	"database/sql"
	"errors"
)

// Setting returns a value that the server keeps for itself, and false where there is none.
func (db *DB) Setting(ctx context.Context, name string) ([]byte, bool, error) {
	if err := db.work.begin(); err != nil {
		return nil, false, err
	}
	defer db.work.end()
	ctx, cancel := db.patient(ctx)
	defer cancel()
	var value []byte
	err := db.Reader().QueryRowContext(ctx, `SELECT value FROM settings WHERE name = $1`, name).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	return value, err == nil, db.Fault(err)
}

// PutSetting keeps a value of the server's own.
func (db *DB) PutSetting(ctx context.Context, name string, value []byte) error {
	return db.update(ctx, func(tx *Tx) error {
		_, err := tx.Exec(`INSERT INTO settings (name, value) VALUES ($1, $2)
			ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, value)
		return err
	})
}
