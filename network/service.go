package network

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"postern/aws/consent"
	"postern/aws/fault"
	"postern/aws/scope"
	"postern/network/vpc"
)

// conflictRetries is how often a verb is planned anew because another server committed in between. Reading the state
// again takes longer than a commit, so a busy neighbour may win many times in a row.
const conflictRetries = 1000

// Config is what a Service is made of.
type Config struct {
	Store Store
	// Now is the clock; nil means time.Now.
	Now    func() time.Time
	Limits Limits
	// Internet says what lies behind Internet gateways.
	Internet InternetConfig
	// Draw gives the place, from 0 to n-1, where the search for a free address among a subnet's n begins; nil draws at
	// random. Tests that want addresses of their own have it begin at the first.
	Draw func(n int) int
	// HostTargets says which addresses and ports of the server's host may be targets of endpoint services; nil means none.
	HostTargets func(netip.AddrPort) bool
	// LookupTXT asks for the TXT records of a name, to verify the private names of endpoint services; nil means that none
	// can be verified.
	LookupTXT func(ctx context.Context, name string) ([]string, error)
}

// Service changes and shows the intended network. Its methods may be called at once from any number of goroutines.
type Service struct {
	store  Store
	now    func() time.Time
	limits Limits
	public public

	draw        func(int) int
	hostTargets func(netip.AddrPort) bool
	lookupTXT   func(context.Context, string) ([]string, error)

	state atomic.Pointer[State]

	mu     sync.Mutex // serialises verbs; guards reload
	reload bool       // the last commit's fate is unknown, so the store must be asked

	publisher publisher
}

// New loads the state and publishes its first snapshot.
func New(ctx context.Context, c Config) (*Service, error) {
	s := &Service{store: c.Store, now: c.Now, limits: c.Limits.withDefaults(), draw: c.Draw, hostTargets: c.HostTargets, lookupTXT: c.LookupTXT}
	if s.now == nil {
		s.now = time.Now
	}
	if s.draw == nil {
		s.draw = drawAtRandom
	}
	var err error
	if s.public, err = c.Internet.build(); err != nil {
		return nil, err
	}
	s.publisher.internet = s.public.internet
	if err := s.Reload(ctx); err != nil {
		return nil, err
	}
	if err := s.Reconcile(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// State returns the intended network as it stands.
func (s *Service) State() *State { return s.state.Load() }

// Limits returns what bounds each account.
func (s *Service) Limits() Limits { return s.limits }

// Snapshot returns the judge's view of the network that is in force.
func (s *Service) Snapshot() *vpc.Snapshot { return s.publisher.snapshot.Load() }

// Subscribe calls f with the snapshot that is in force and with every later one, in order and one at a time. A verb
// waits for f, so that what it changed is in force when it returns; f itself must not call a verb or Subscribe. The
// returned function ends the subscription.
func (s *Service) Subscribe(f func(*vpc.Snapshot)) (cancel func()) { return s.publisher.subscribe(f) }

// Reload reads the whole state from the store again. A server that shares its store calls it on a hint.
func (s *Service) Reload(ctx context.Context) error {
	s.mu.Lock()
	err := s.reloadLocked(ctx)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.publisher.publish(s.State)
}

func (s *Service) reloadLocked(ctx context.Context) error {
	records, version, err := s.store.Load(ctx)
	if err != nil {
		return fmt.Errorf("load the network: %w", err)
	}
	state, err := load(records, version)
	if err != nil {
		return fmt.Errorf("load the network: %w", err)
	}
	s.state.Store(state)
	s.reload = false
	return nil
}

// Reconcile brings everything that a verb left under way to its end: pending endpoints become available once their
// snapshot can be in force, requests for peering and client tokens that have expired end. It may be called at any time.
// It is nobody's request: most of what it finds belongs to others than the caller whose verb it follows.
func (s *Service) Reconcile(ctx context.Context) error {
	ctx = consent.With(ctx, nil)
	return s.do(ctx, scope.Scope{}, func(p *plan) error {
		for _, e := range p.endpoints.rows {
			if e.State == Pending {
				now := *e
				now.State = Available
				p.put(&now)
			}
		}
		p.operate()
		p.expirePeerings()
		p.forgetPeerings()
		p.forgetNATGateways()
		for _, t := range p.expired(p.now) {
			p.forget(t)
		}
		return nil
	})
}

// do runs one verb: plan, commit, show, publish. When it returns nil the change is durable and in force.
func (s *Service) do(ctx context.Context, scope scope.Scope, verb func(*plan) error) error {
	var judged bool
	err := consent.Retry(ctx, func() (err error) {
		judged, err = s.commit(ctx, scope, verb)
		return err
	})
	if err != nil || !judged {
		return err
	}
	return s.publisher.publish(s.State)
}

func (s *Service) commit(ctx context.Context, scope scope.Scope, verb func(*plan) error) (judged bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range conflictRetries {
		if s.reload {
			if err := s.reloadLocked(ctx); err != nil {
				return false, err
			}
		}
		p := newPlan(s.state.Load(), scope, s.now().UTC().Truncate(time.Millisecond), &s.limits)
		p.hostTarget, p.draw = s.hostTargets, s.draw
		if err := verb(p); err != nil || len(p.changes) == 0 {
			return false, err
		}
		if err := consent.Check(ctx, func() []consent.Touch { return p.touched(s.state.Load()) }); err != nil {
			return false, err
		}
		changes, err := p.encode()
		if err != nil {
			return false, err
		}
		err = s.store.Commit(ctx, p.version, changes)
		if err == nil {
			next := p.State
			next.disown()
			next.version++
			s.state.Store(&next)
			return p.judged, nil
		}
		s.reload = true
		if !fault.Is(err, fault.Conflict) {
			return false, fmt.Errorf("commit the network: %w", err)
		}
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
	}
	return false, fault.New(fault.Unavailable, "network.commit", "other servers change the network all the time; try again")
}
