package store

import (
	"context"

	"postern/services/identity"
)

// Identity keeps who there is.
type Identity struct{ book book }

var _ identity.Store = Identity{}

// IdentityOf returns the part of the store that keeps who there is.
func IdentityOf(db *DB) Identity {
	return Identity{book{db.Set("identity"), []string{
		string(identity.KindAccount), string(identity.KindUser), string(identity.KindRole), string(identity.KindProfile),
		string(identity.KindPolicy), string(identity.KindAccessKey), string(identity.KindRevocation),
	}}}
}

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
