package store

import (
	"context"
	"database/sql"
	"fmt"

	"postern/aws/fault"
	"postern/network"
)

// Network is the network's Store.
type Network struct{ db *DB }

var _ network.Store = Network{}

// Network returns the part of the store that keeps the intended network.
func (db *DB) Network() Network { return Network{db} }

// Load implements network.Store.
func (n Network) Load(ctx context.Context) (records []network.Record, version uint64, err error) {
	err = n.db.view(ctx, func(tx *sql.Tx) error {
		records = nil
		if err := tx.QueryRow(`SELECT version FROM network_version`).Scan(&version); err != nil {
			return err
		}
		rows, err := tx.Query(`SELECT kind, id, body FROM network_records`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var r network.Record
			if err := rows.Scan(&r.Kind, &r.ID, &r.Body); err != nil {
				return err
			}
			records = append(records, r)
		}
		return rows.Err()
	})
	return records, version, err
}

// Commit implements network.Store.
func (n Network) Commit(ctx context.Context, base uint64, changes []network.Change) error {
	return n.db.update(ctx, func(tx *sql.Tx) error {
		moved, err := tx.Exec(`UPDATE network_version SET version = version + 1 WHERE version = $1`, base)
		if err != nil {
			return err
		}
		if one, err := moved.RowsAffected(); err != nil {
			return err
		} else if one != 1 {
			return fault.New(fault.Conflict, "store.Network.Commit", "the network is no longer at version %d", base)
		}
		for _, c := range changes {
			if err := applyNetworkChange(tx, c); err != nil {
				return fmt.Errorf("%s %s: %w", c.Kind, c.ID, err)
			}
		}
		return nil
	})
}

func applyNetworkChange(tx *sql.Tx, c network.Change) error {
	if c.Delete {
		_, err := tx.Exec(`DELETE FROM network_records WHERE kind = $1 AND id = $2`, c.Kind, c.ID)
		return err
	}
	_, err := tx.Exec(`INSERT INTO network_records (kind, id, body) VALUES ($1, $2, $3)
		ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body`, c.Kind, c.ID, c.Body)
	return err
}
