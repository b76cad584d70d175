package store

import (
	"context"

	"postern/store/postgres"
	"postern/store/sql"
	"postern/store/sqlite"
)

// DB is the open store, whichever engine keeps it.
type DB = sql.DB

// Options says where the state is kept.
type Options struct {
	// URL, where it is not empty, is that of a PostgreSQL database; the state is there, and the fields below mean nothing.
	// It is a secret, and stands in no error.
	URL string
	// Lost is told why when the connection breaks by which PostgreSQL tells of other replicas' changes, and when there is
	// another reason why no new one is made; nil tells nobody.
	Lost func(error)
	// Path is the database file. Empty keeps the state in memory only, and nothing on disk.
	Path string
	// MaxPages bounds the file's size in pages of 4 KiB; 0 is no bound.
	MaxPages int
	// Damaged is told, once, that a large database turned out to be damaged while it was in use; nil tells nobody.
	Damaged func(error)
}

// Open opens the store and brings its tables up to date. The caller closes it.
func Open(ctx context.Context, o Options) (*DB, error) {
	if o.URL != "" {
		return postgres.Open(ctx, postgres.Options{URL: o.URL, Lost: o.Lost})
	}
	return sqlite.Open(ctx, sqlite.Options{Path: o.Path, MaxPages: o.MaxPages, Damaged: o.Damaged})
}
