package identity

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"postern/aws/arn"
	"postern/aws/consent"
	"postern/aws/fault"
)

// Config is what a Service is made of. Store and Sealer must be set; Now is the clock if it is nil, and Quotas are Amazon's
// where they are zero.
type Config struct {
	Store  Store
	Sealer Sealer
	Now    func() time.Time
	Quotas Quotas
	// Partition is what ARNs of IAM and STS stand in; empty is "aws".
	Partition string
}

// Service knows who there is. It is safe for concurrent use.
type Service struct {
	store  Store
	sealer Sealer
	now    func() time.Time
	quotas Quotas
	cache  *cache
	// partition is empty for "aws": records do not name it.
	partition string
	// generation counts changes; what is in the cache is good for one generation.
	generation atomic.Uint64

	writing sync.Mutex // one writer at a time; held while the store commits

	mu sync.RWMutex
	st *state
}

// Open loads what is stored.
func Open(ctx context.Context, c Config) (*Service, error) {
	s := &Service{store: c.Store, sealer: c.Sealer, now: c.Now, quotas: c.Quotas.withDefaults(), cache: newCache(cacheSize)}
	if s.now == nil {
		s.now = time.Now
	}
	if c.Partition != arn.Partition("") {
		s.partition = c.Partition
	}
	if err := s.Reload(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// Reload reads the store again, for a server that hears that another one has changed it.
func (s *Service) Reload(ctx context.Context) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.reload(ctx)
}

// reload does it; s.writing is held.
func (s *Service) reload(ctx context.Context) error {
	records, version, err := s.store.Load(ctx)
	if err != nil {
		return fmt.Errorf("load identities: %w", err)
	}
	st := newState(s.sealer, s.partition)
	st.version = version
	for _, r := range records {
		if err := st.apply(Change{Record: r}); err != nil {
			return err
		}
	}
	s.mu.Lock()
	s.st = st
	s.mu.Unlock()
	s.generation.Add(1)
	return nil
}

// commitTries is how often a writer plans anew because another server was faster.
const commitTries = 20

// change plans changes on the present state, commits them, and brings them into memory. plan reads st and changes
// nothing in it.
func (s *Service) change(ctx context.Context, plan func(st *state) ([]Change, error)) error {
	return consent.Retry(ctx, func() error { return s.tryChange(ctx, plan) })
}

func (s *Service) tryChange(ctx context.Context, plan func(st *state) ([]Change, error)) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	for range commitTries {
		changes, err := plan(s.st) // nobody else writes s.st while s.writing is held
		if err != nil || len(changes) == 0 {
			return err
		}
		if err := s.agreed(ctx, changes); err != nil {
			return err
		}
		err = s.store.Commit(ctx, s.st.version, changes)
		if fault.Is(err, fault.Conflict) {
			if err := s.reload(ctx); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("store identities: %w", err)
		}
		return s.take(changes)
	}
	return fault.New(fault.Unavailable, "identity.change", "too many servers change identities at once: try again")
}

// agreed asks whether the changes were consented to; s.writing is held.
func (s *Service) agreed(ctx context.Context, changes []Change) error {
	var unread error
	err := consent.Check(ctx, func() (touched []consent.Touch) {
		touched, unread = s.st.touched(changes)
		return touched
	})
	if unread != nil {
		return unread
	}
	return err
}

// take brings committed changes into memory.
func (s *Service) take(changes []Change) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.st.version++
	for _, c := range changes {
		if err := s.st.apply(c); err != nil {
			return err
		}
	}
	s.generation.Add(1)
	return nil
}

// view reads the state. What read takes out of it must not be changed.
func (s *Service) view(read func(st *state)) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	read(s.st)
}

// stamp is the time as records keep it: whole seconds, as IAM shows it.
func (s *Service) stamp() time.Time { return s.now().UTC().Truncate(time.Second) }
