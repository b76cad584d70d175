package identitytest

import (
	"context"
	"slices"
	"sync"

	"postern/aws/fault"
	"postern/services/identity"
)

// Store is an identity.Store in memory. Its zero value is empty and ready.
type Store struct {
	mu      sync.Mutex // guards what follows
	version uint64
	records map[key][]byte
	fail    error
}

type key struct {
	kind identity.Kind
	id   string
}

var _ identity.Store = (*Store)(nil)

// Fail makes every further Commit return err; nil ends it.
func (s *Store) Fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = err
}

// Load implements identity.Store.
func (s *Store) Load(context.Context) ([]identity.Record, uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]identity.Record, 0, len(s.records))
	for k, body := range s.records {
		all = append(all, identity.Record{Kind: k.kind, ID: k.id, Body: slices.Clone(body)})
	}
	return all, s.version, nil
}

// Commit implements identity.Store.
func (s *Store) Commit(ctx context.Context, base uint64, changes []identity.Change) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return s.fail
	}
	if base != s.version {
		return fault.New(fault.Conflict, "identitytest.Commit", "version is %d, not %d", s.version, base)
	}
	if s.records == nil {
		s.records = map[key][]byte{}
	}
	for _, c := range changes {
		if c.Delete {
			delete(s.records, key{c.Kind, c.ID})
			continue
		}
		s.records[key{c.Kind, c.ID}] = slices.Clone(c.Body)
	}
	s.version++
	return nil
}
