package store

import (
	"context"
	"slices"

	"postern/record"
	"postern/store/sql"
)

// book keeps what one service holds whole in memory in a set: a commit conflicts with every other.
type book struct {
	set   sql.Set
	kinds []string
}

// entry is a record in a book; in a change, deleted says that it goes.
type entry struct {
	kind, id string
	body     []byte
	deleted  bool
}

func (b book) load(ctx context.Context) (entries []entry, version uint64, err error) {
	f, err := b.set.Since(ctx, 0)
	if err != nil {
		return nil, 0, err
	}
	for _, c := range f.Changes {
		entries = append(entries, entry{kind: c.Kind, id: c.ID, body: c.Body})
	}
	return entries, f.Version, nil
}

// commit applies all changes, in order, or none: a fault of kind Conflict if the set is not at version base.
func (b book) commit(ctx context.Context, base uint64, changes []entry) error {
	c := record.Commit{Base: base, Changes: changesOf(changes)}
	for _, k := range b.kinds {
		c.Reads = append(c.Reads, record.Read{Kind: k})
	}
	_, err := b.set.Commit(ctx, c)
	return err
}

// write applies changes whatever the set stands at.
func (b book) write(ctx context.Context, changes []entry) error {
	return b.set.Update(ctx, nil, func([]record.Record) ([]record.Change, error) { return changesOf(changes), nil })
}

func changesOf(entries []entry) (changes []record.Change) {
	for _, e := range entries {
		key := record.Key{Kind: e.kind, ID: e.id}
		// The last change of a record is the one that counts.
		changes = slices.DeleteFunc(changes, func(other record.Change) bool { return other.Key == key })
		changes = append(changes, record.Change{Record: record.Record{Key: key, Body: e.body}, Delete: e.deleted})
	}
	return changes
}
