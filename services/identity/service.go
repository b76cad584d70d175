package identity

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"postern/aws/arn"
	"postern/aws/consent"
	"postern/record"
)

// Config says what a Service is made of. Store and Sealer must be set; a nil Now is the clock, and Quotas are Amazon's
// where they are zero.
type Config struct {
	Store  record.Store
	Sealer Sealer
	Now    func() time.Time
	Quotas Quotas
	// Partition is the one that ARNs of IAM and STS stand in; empty is "aws".
	Partition string
}

// Service knows who there is. It is safe for concurrent use.
type Service struct {
	replica *record.Replica
	sealer  Sealer
	now     func() time.Time
	quotas  Quotas
	cache   *cache
	uses    uses
	// partition is empty for "aws": records do not name it.
	partition string
	// amazon has Amazon's managed policies, by their ids; they are not stored.
	amazon map[string]*Policy
	// current is the state that readers see.
	current atomic.Pointer[state]
}

// Open reads what is stored. It refuses access keys that were sealed with another sealing key.
func Open(ctx context.Context, c Config) (*Service, error) {
	s := &Service{sealer: c.Sealer, now: c.Now, quotas: c.Quotas.withDefaults(), cache: newCache(cacheSize)}
	if s.now == nil {
		s.now = time.Now
	}
	if c.Partition != arn.Partition("") {
		s.partition = c.Partition
	}
	s.amazon = amazonPolicies(s.partition)
	s.current.Store(s.stateOf(nil))
	var err error
	if s.replica, err = record.Open(ctx, c.Store, kinds, record.Hooks{Applied: s.applied}); err != nil {
		return nil, fmt.Errorf("load identities: %w", err)
	}
	for k := range accessKeys.All(s.replica.Tables()) {
		if _, err := s.secretOf(k); err != nil {
			return nil, fmt.Errorf("load identities: read access key %s: %w", k.ID, err)
		}
	}
	return s, nil
}

// Refresh reads what other servers have changed in the store.
func (s *Service) Refresh(ctx context.Context) error {
	if err := s.replica.Refresh(ctx); err != nil {
		return fmt.Errorf("identities: %w", err)
	}
	return nil
}

// state returns the state as it is now.
func (s *Service) state() *state { return s.current.Load() }

// applied shows readers the records after a change. It is called for one change at a time.
func (s *Service) applied(_, after *record.Tables, edits []record.Edit) {
	next := s.stateOf(after)
	next.generation = s.state().generation
	// When a key was used makes no difference to what credentials stand for.
	if len(edits) == 0 || slices.ContainsFunc(edits, func(e record.Edit) bool { return e.Record().Kind != keyUses.Name }) {
		next.generation++
	}
	s.current.Store(next)
}

// plan is a change in the making, and the state that it has led to so far.
type plan struct {
	*state
	*record.Plan
}

// change plans a change of an account's records, an empty account's being any, and commits it: anew where others have
// changed meanwhile what it has read.
func (s *Service) change(ctx context.Context, account string, do func(p *plan) error) error {
	return consent.Retry(ctx, func() error {
		_, err := s.replica.Change(ctx, account, func(making *record.Plan) error {
			p := &plan{s.stateOf(making.Tables), making}
			if err := do(p); err != nil {
				return err
			}
			return consent.Check(ctx, p.touched)
		})
		return err
	})
}

// stamp returns the time as records keep it: whole seconds, as IAM shows it.
func (s *Service) stamp() time.Time { return s.now().UTC().Truncate(time.Second) }
