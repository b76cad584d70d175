package store

import (
	"context"
	"database/sql"
	"fmt"

	"postern/aws/fault"
)

// book keeps what one service holds whole in memory: records by kind and id, under one version that every commit moves.
type book struct {
	db   *DB
	name string
}

// entry is a record in a book; in a change, deleted says that it goes.
type entry struct {
	kind, id string
	body     []byte
	deleted  bool
}

// load returns every record and the version, as one consistent view.
func (b book) load(ctx context.Context) (entries []entry, version uint64, err error) {
	err = b.db.view(ctx, func(tx *sql.Tx) error {
		entries = nil
		if err := tx.QueryRow(`SELECT version FROM books WHERE name = $1`, b.name).Scan(&version); err != nil {
			return err
		}
		q := newQuery(`SELECT kind, id, body FROM book_records`)
		q.where("book = ?", b.name)
		return q.each(tx, func(rows *sql.Rows) error {
			var e entry
			err := rows.Scan(&e.kind, &e.id, &e.body)
			entries = append(entries, e)
			return err
		})
	})
	if err != nil {
		return nil, 0, fmt.Errorf("load %s: %w", b.name, err)
	}
	return entries, version, nil
}

// commit applies all changes, in order, or none: a fault of kind Conflict if the book is not at version base.
func (b book) commit(ctx context.Context, base uint64, changes []entry) error {
	return b.db.update(ctx, func(tx *sql.Tx) error {
		moved, err := tx.Exec(`UPDATE books SET version = version + 1 WHERE name = $1 AND version = $2`, b.name, base)
		if err != nil {
			return err
		}
		if one, err := moved.RowsAffected(); err != nil {
			return err
		} else if one != 1 {
			return fault.New(fault.Conflict, "store.commit", "%s is no longer at version %d", b.name, base)
		}
		return b.apply(tx, changes)
	})
}

func (b book) apply(tx *sql.Tx, changes []entry) error {
	for _, e := range changes {
		var err error
		if e.deleted {
			_, err = tx.Exec(`DELETE FROM book_records WHERE book = $1 AND kind = $2 AND id = $3`, b.name, e.kind, e.id)
		} else {
			_, err = tx.Exec(`INSERT INTO book_records (book, kind, id, body) VALUES ($1, $2, $3, $4)
				ON CONFLICT (book, kind, id) DO UPDATE SET body = excluded.body`, b.name, e.kind, e.id, bytesOf(e.body))
		}
		if err != nil {
			return fmt.Errorf("%s %s: %w", e.kind, e.id, err)
		}
	}
	return nil
}
