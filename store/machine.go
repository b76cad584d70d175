package store

import (
	"context"
	"encoding/json"
	"fmt"

	"postern/services/machine"
)

// Machines keeps the machines that joined over a tunnel.
type Machines struct{ book book }

var _ machine.Store = Machines{}

const kindMachine = "machine"

// MachinesOf returns the part of the store that keeps the machines that joined over a tunnel.
func MachinesOf(db *DB) Machines { return Machines{book{set: db.Set("machines")}} }

// Load implements machine.Store.
func (m Machines) Load(ctx context.Context) (list []machine.Machine, err error) {
	entries, _, err := m.book.load(ctx)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if list, err = decoded(list, e); err != nil {
			return nil, fmt.Errorf("load machine %s: %w", e.id, err)
		}
	}
	return list, nil
}

// Put implements machine.Store.
func (m Machines) Put(ctx context.Context, one machine.Machine) error {
	body, err := json.Marshal(one)
	if err != nil {
		return err
	}
	return m.write(ctx, entry{kind: kindMachine, id: one.Key, body: body})
}

// Delete implements machine.Store.
func (m Machines) Delete(ctx context.Context, key string) error {
	return m.write(ctx, entry{kind: kindMachine, id: key, deleted: true})
}

func (m Machines) write(ctx context.Context, e entry) error {
	return m.book.write(ctx, []entry{e})
}
