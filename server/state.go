package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"postern/aws/fault"
	"postern/record"
	"postern/store"
)

// stateModule is the database. It keeps the records of every other module.
type stateModule struct {
	config *Config
	base   *baseModule
	// damaged is told that the database can no longer be trusted.
	damaged func(error)

	*store.DB
}

func (m *stateModule) module() module {
	return module{name: "state", open: m.open, close: func() error { return m.Close() }}
}

func (m *stateModule) open(ctx context.Context) (err error) {
	path := m.base.dir.File("state.db")
	if m.base.dir.Temporary() {
		path = ""
	}
	m.DB, err = store.Open(ctx, store.Options{
		URL: m.config.Database, Lost: m.lost, Path: path, MaxPages: m.config.Hooks.MaxPages, Damaged: m.damaged,
	})
	if err != nil {
		return fmt.Errorf("open the state: %w", err)
	}
	return nil
}

// lost is told that hints of other servers' changes do not come for a while. The clock makes replicas look meanwhile.
func (m *stateModule) lost(err error) {
	m.config.Log.Warn("the database tells of no changes until it is connected to again", "error", err)
}

// owner is the record by which a database knows the servers that it belongs to.
type owner struct {
	Account string
	// Seal is a digest of the key that secrets in the database are sealed with.
	Seal string
}

var ownerKey = record.Key{Kind: "owner", ID: "server"}

// settleOwner ties a database to the account and the key of the first server that opens it: another one could not read
// the secrets in it, and would mix its own with them.
//
// Where next is not nil it is the key that is to take the place of sealKey, and becomes the owner's.
func (m *stateModule) settleOwner(ctx context.Context, sealKey, next []byte) error {
	if m.config.Database == "" {
		return nil // the file is in one directory with the key
	}
	own := owner{Account: m.config.Account, Seal: sealDigest(sealKey)}
	to := own
	if next != nil {
		to.Seal = sealDigest(next)
	}
	body, err := json.Marshal(to)
	if err != nil {
		return err
	}
	rotated := []record.Change{{Record: record.Record{Key: ownerKey, Body: body}}}
	return m.Set("server").Update(ctx, []record.Key{ownerKey}, func(found []record.Record) ([]record.Change, error) {
		if len(found) == 0 {
			return rotated, nil
		}
		var other owner
		if err := json.Unmarshal(found[0].Body, &other); err != nil {
			return nil, fmt.Errorf("read whom the database belongs to: %w", err)
		}
		if next != nil && (other == own || other == to) {
			return rotated, nil
		}
		return nil, own.matches(other, m.base.dir.Path())
	})
}

// sealDigest returns what a database tells keys apart by.
func sealDigest(key []byte) string {
	digest := sha256.Sum256(append([]byte("postern seal key\n"), key...))
	return hex.EncodeToString(digest[:8])
}

// matches refuses a database of another owner.
func (o owner) matches(other owner, dir string) error {
	switch {
	case o.Account != other.Account:
		return fault.New(fault.Conflict, "server.Open",
			"the database is of account %s, and the data directory %s of account %s: choose another database with "+
				"--database, or another directory with --data", other.Account, dir, o.Account)
	case o.Seal != other.Seal:
		return fault.New(fault.Conflict, "server.Open",
			"the database belongs to a server with other keys than those in the data directory %s: copy seal.key, "+
				"root-key.json, ca.pem, wireguard.key and account from that server's data directory into a new one, and "+
				"name it with --data", dir)
	}
	return nil
}
