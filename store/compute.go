package store

import (
	"context"
	"encoding/json"
	"fmt"

	"postern/services/compute"
)

// Compute keeps instances, images and key pairs.
type Compute struct{ book book }

var _ compute.Store = Compute{}

// The kinds of record in the compute book. They stand in databases and do not change.
const (
	kindInstance = "instance"
	kindImage    = "image"
	kindKeyPair  = "key-pair"
)

// ComputeOf returns the part of the store that keeps instances, images and key pairs.
func ComputeOf(db *DB) Compute { return Compute{book{set: db.Set("compute")}} }

// Load implements compute.Store.
func (c Compute) Load(ctx context.Context) (r compute.Records, err error) {
	entries, _, err := c.book.load(ctx)
	if err != nil {
		return r, err
	}
	for _, e := range entries {
		switch e.kind {
		case kindInstance:
			r.Instances, err = decoded(r.Instances, e)
		case kindImage:
			r.Images, err = decoded(r.Images, e)
		case kindKeyPair:
			r.KeyPairs, err = decoded(r.KeyPairs, e)
		default:
			err = fmt.Errorf("a record of kind %q", e.kind)
		}
		if err != nil {
			return compute.Records{}, fmt.Errorf("load %s: %w", e.id, err)
		}
	}
	return r, nil
}

func decoded[T any](list []T, e entry) ([]T, error) {
	var value T
	err := json.Unmarshal(e.body, &value)
	return append(list, value), err
}

// Commit implements compute.Store.
func (c Compute) Commit(ctx context.Context, changes compute.Changes) error {
	var entries []entry
	put := func(kind, id string, value any) error {
		body, err := json.Marshal(value)
		entries = append(entries, entry{kind: kind, id: id, body: body})
		return err
	}
	for _, i := range changes.Instances {
		if err := put(kindInstance, i.ID, i); err != nil {
			return err
		}
	}
	for _, i := range changes.Images {
		if err := put(kindImage, i.ID, i); err != nil {
			return err
		}
	}
	for _, k := range changes.KeyPairs {
		if err := put(kindKeyPair, k.ID, k); err != nil {
			return err
		}
	}
	for _, id := range changes.ForgetKeyPairs {
		entries = append(entries, entry{kind: kindKeyPair, id: id, deleted: true})
	}
	for _, id := range changes.Forget {
		entries = append(entries, entry{kind: kindInstance, id: id, deleted: true})
	}
	for _, id := range changes.ForgetImages {
		entries = append(entries, entry{kind: kindImage, id: id, deleted: true})
	}
	return c.book.write(ctx, entries)
}
