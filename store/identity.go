package store

import (
	"context"

	"postern/services/identity"
)

// Identity keeps who there is.
type Identity struct{ book book }

var _ identity.Store = Identity{}

// Identity returns the part of the store that keeps who there is.
func (db *DB) Identity() Identity { return Identity{book{db, "identity"}} }

// Load implements identity.Store.
func (n Identity) Load(ctx context.Context) ([]identity.Record, uint64, error) {
	entries, version, err := n.book.load(ctx)
	records := make([]identity.Record, len(entries))
	for i, e := range entries {
		records[i] = identity.Record{Kind: identity.Kind(e.kind), ID: e.id, Body: e.body}
	}
	return records, version, err
}

// Commit implements identity.Store.
func (n Identity) Commit(ctx context.Context, base uint64, changes []identity.Change) error {
	entries := make([]entry, len(changes))
	for i, c := range changes {
		entries[i] = entry{string(c.Kind), c.ID, c.Body, c.Delete}
	}
	return n.book.commit(ctx, base, entries)
}
