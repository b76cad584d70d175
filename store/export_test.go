package store

import (
	"context"
	"database/sql"
)

// Update is update, for tests of what a change may do to others.
func (db *DB) Update(ctx context.Context, do func(*sql.Tx) error) error { return db.update(ctx, do) }
