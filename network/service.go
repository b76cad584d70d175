package network

import (
	"context"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"

	"postern/aws/consent"
	"postern/aws/scope"
	"postern/network/vpc"
	"postern/record"
)

// Config holds what a Service needs.
type Config struct {
	Store record.Store
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
	// Changed, if set, is called after each change, so that other servers with the store can be told to Refresh. It must
	// not wait.
	Changed func()
}

// Service changes and shows the intended network. Its methods may be called at once from any number of goroutines.
type Service struct {
	now    func() time.Time
	limits Limits
	public public

	draw        func(int) int
	hostTargets func(netip.AddrPort) bool
	lookupTXT   func(context.Context, string) ([]string, error)

	replica   *record.Replica
	state     atomic.Pointer[State] // the last that State returned
	publisher publisher
}

// New loads the state and publishes its first snapshot.
func New(ctx context.Context, c Config) (*Service, error) {
	s := &Service{
		now: c.Now, limits: c.Limits.withDefaults(), draw: c.Draw, hostTargets: c.HostTargets, lookupTXT: c.LookupTXT,
	}
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
	s.replica, err = record.Open(ctx, c.Store, recordSet(), record.Hooks{
		Applied: s.publisher.applied, Loaded: complete, Changed: c.Changed,
	})
	if err != nil {
		return nil, fmt.Errorf("load the network: %w", err)
	}
	s.publisher.tables = s.replica.Tables
	if err := s.publisher.publishRest(); err != nil {
		return nil, err
	}
	if err := s.Reconcile(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// complete gives records that were stored by earlier versions what they lack.
func complete(p *record.Plan) {
	completeReferences(p)
	completePublicAddresses(p)
}

// State returns the intended network as it stands. It is the same one until something has changed.
func (s *Service) State() *State {
	tables := s.replica.Tables()
	if last := s.state.Load(); last != nil && last.Tables == tables {
		return last
	}
	state := &State{tables}
	s.state.Store(state)
	return state
}

// Limits returns what bounds each account.
func (s *Service) Limits() Limits { return s.limits }

// Snapshot returns the judge's view of the network that is in force.
func (s *Service) Snapshot() *vpc.Snapshot { return s.publisher.snapshot.Load() }

// Subscribe calls f with the snapshot that is in force and with every later one, in order and one at a time: Changed of
// the first says nothing to f, which has seen none before; that of each later one says what differs from the one
// before. A verb waits for f, so that what it changed is in force when it returns; f itself must not call a verb or
// Subscribe. The returned function ends the subscription.
func (s *Service) Subscribe(f func(*vpc.Snapshot)) (cancel func()) { return s.publisher.subscribe(f) }

// Refresh reads what other servers with the same store have changed, and brings it into force. It is called on a hint,
// and by the clock.
func (s *Service) Refresh(ctx context.Context) error {
	if err := s.replica.Refresh(ctx); err != nil {
		return fmt.Errorf("refresh the network: %w", err)
	}
	return s.publisher.publishRest()
}

// Reconcile brings everything that a verb left under way to its end: pending endpoints become available once their
// snapshot can be in force, requests for peering and client tokens that have expired end. It may be called at any time.
// It is nobody's request: what it finds belongs to anybody.
func (s *Service) Reconcile(ctx context.Context) error {
	ctx = consent.With(ctx, nil)
	return s.do(ctx, scope.Scope{}, func(p *plan) error {
		for e := range endpointsPending.Find(p.Tables, Pending) {
			p.open(e)
		}
		for e := range resolversCreating.Find(p.Tables, ResolverCreating) {
			p.operate(e)
		}
		p.expire()
		return nil
	})
}

// expire ends whatever has a time at which it ends.
func (p *plan) expire() {
	p.expirePeerings()
	p.forgetNATGateways()
	for t := range tokensByEnd.Until(p.Tables, "", record.Instant(p.now)) {
		p.forget(t)
	}
}

// settle is the part of Reconcile that a verb needs which has left pending what it made: the rest of what is pending
// belongs to other verbs under way.
func (s *Service) settle(ctx context.Context, ids ...string) error {
	return s.do(consent.With(ctx, nil), scope.Scope{}, func(p *plan) error {
		for _, id := range ids {
			if e, ok := endpointKind.Get(p.Tables, id); ok && e.State == Pending {
				p.open(e)
			}
			if e, ok := resolverEndpointKind.Get(p.Tables, id); ok && e.State == ResolverCreating {
				p.operate(e)
			}
		}
		p.expire()
		return nil
	})
}

// do runs one verb: plan, commit, publish. When it returns nil the change is durable and in force. The verb is planned
// anew where somebody else changes meanwhile what it has read.
func (s *Service) do(ctx context.Context, c scope.Scope, verb func(*plan) error) error {
	var edits []record.Edit
	var own *ownChange
	err := consent.Retry(ctx, func() error {
		_, err := s.replica.Change(ctx, "", func(changes *record.Plan) error {
			s.publisher.forget(edits)
			p := s.newPlan(changes, c)
			if err := verb(p); err != nil {
				return err
			}
			if err := consent.Check(ctx, p.touched); err != nil {
				return err
			}
			edits = changes.Edits()
			own = s.publisher.expect(edits)
			return nil
		})
		return err
	})
	s.publisher.forget(edits)
	// What was applied comes into force even where the verb could not be told that it was committed.
	if published := s.publisher.publish(own); err == nil {
		err = published
	}
	return err
}

func (s *Service) newPlan(changes *record.Plan, c scope.Scope) *plan {
	return &plan{
		State: State{changes.Tables}, changes: changes, scope: c, now: s.now().UTC().Truncate(time.Millisecond),
		limits: &s.limits, hostTarget: s.hostTargets, draw: s.draw,
	}
}
