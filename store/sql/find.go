package sql

import (
	"context"
	"database/sql"
	"slices"

	"postern/record"
)

const recordColumns = `kind, id, groups, version, body`

func scanRecord(from interface{ Scan(...any) error }, r *record.Record, more ...any) error {
	var groups string
	err := from.Scan(append([]any{&r.Kind, &r.ID, &groups, &r.Version, &r.Body}, more...)...)
	r.Groups = splitGroups(groups)
	return err
}

// Find implements record.Finder.
func (s Set) Find(ctx context.Context, keys ...record.Key) (found []record.Record, err error) {
	err = s.db.View(ctx, func(ctx context.Context, tx *sql.Tx) error {
		found, err = s.find(ctx, tx, keys)
		return err
	})
	return found, err
}

func (s Set) find(ctx context.Context, tx source, keys []record.Key) ([]record.Record, error) {
	byKind := map[string][]string{}
	var kinds []string
	for _, k := range keys {
		if byKind[k.Kind] == nil {
			kinds = append(kinds, k.Kind)
		}
		byKind[k.Kind] = append(byKind[k.Kind], k.ID)
	}
	found := make([]record.Record, 0, len(keys))
	for _, kind := range kinds {
		for part := range slices.Chunk(byKind[kind], maxIn) {
			q := newQuery(`SELECT ` + recordColumns + ` FROM records`)
			q.where("set_name = ? AND kind = ? AND deleted = 0", s.name, kind)
			condition, args := in("id", part)
			q.where(condition, args...)
			if err := q.each(ctx, tx, scanInto(&found)); err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}

func scanInto(list *[]record.Record) func(*sql.Rows) error {
	return func(rows *sql.Rows) error {
		var r record.Record
		err := scanRecord(rows, &r)
		*list = append(*list, r)
		return err
	}
}

// List implements record.Finder.
func (s Set) List(ctx context.Context, l record.Listing) (list []record.Record, err error) {
	q := newQuery(`SELECT ` + recordColumns + ` FROM records`)
	q.where("set_name = ? AND kind = ? AND deleted = 0", s.name, l.Kind)
	if l.Group != "" {
		q.where(s.db.dialect.FirstGroup+" = ?", l.Group)
	}
	if l.After != "" {
		q.where("id > ?", l.After)
	}
	q.end("ORDER BY id", l.Limit)
	err = s.db.each(ctx, q, scanInto(&list))
	return list, err
}

// Update implements record.Finder.
func (s Set) Update(
	ctx context.Context, keys []record.Key, plan func(found []record.Record) ([]record.Change, error),
) error {
	return s.update(ctx, func(tx *Tx, _ state) ([]record.Change, error) {
		found, err := s.find(tx.ctx, tx.tx, keys)
		if err != nil {
			return nil, err
		}
		return plan(found)
	}, nil)
}
