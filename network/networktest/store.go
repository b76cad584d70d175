package networktest

import (
	"context"
	"slices"
	"sync"

	"postern/aws/fault"
	"postern/network"
)

// Store is a network.Store in memory. Its zero value is empty and ready.
type Store struct {
	mu      sync.Mutex // guards what follows
	version uint64
	records map[key][]byte
	fail    error
	grace   int // commits that still succeed before fail
	commits int
}

type key struct {
	kind network.Kind
	id   string
}

var _ network.Store = (*Store)(nil)

// Load returns copies of all records.
func (s *Store) Load(context.Context) ([]network.Record, uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]network.Record, 0, len(s.records))
	for k, body := range s.records {
		all = append(all, network.Record{Kind: k.kind, ID: k.id, Body: slices.Clone(body)})
	}
	return all, s.version, nil
}

// Commit applies the changes if the version is still base.
func (s *Store) Commit(ctx context.Context, base uint64, changes []network.Change) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil && s.grace == 0 {
		return s.fail
	}
	if base != s.version {
		return fault.New(fault.Conflict, "networktest.Commit", "version is %d, not %d", s.version, base)
	}
	if s.records == nil {
		s.records = map[key][]byte{}
	}
	for _, c := range changes {
		k := key{c.Kind, c.ID}
		if c.Delete {
			delete(s.records, k)
			continue
		}
		s.records[k] = slices.Clone(c.Body)
	}
	s.version++
	s.commits++
	s.grace = max(s.grace-1, 0)
	return nil
}

// Fail makes every further Commit return err; nil ends it.
func (s *Store) Fail(err error) { s.FailAfter(0, err) }

// FailAfter makes every Commit after n more return err.
func (s *Store) FailAfter(n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail, s.grace = err, n
}

// Len is the number of records.
func (s *Store) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.records)
}

// Commits is the number of commits so far.
func (s *Store) Commits() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.commits
}
