// Package instances does what takes the network and the instances together: it launches instances into their network
// interfaces, plugs interfaces into them and takes them out again. What fails half way is undone, or is found and gone
// on with by the same request.
package instances

import (
	"context"
	"sync"
	"time"

	"postern/aws/scope"
	"postern/network"
	"postern/services/compute"
	"postern/services/identity"
)

// Config names the services that a Service joins.
type Config struct {
	Network  *network.Service
	Compute  *compute.Service
	Profiles Profiles
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Profiles finds instance profiles and their roles; the identity service does.
type Profiles interface {
	InstanceProfile(account, name string) (identity.InstanceProfile, error)
	Role(account, name string) (identity.Role, error)
}

// Service changes instances and their network interfaces together. Its methods may be called at once from any number of
// goroutines.
type Service struct {
	network  *network.Service
	compute  *compute.Service
	profiles Profiles
	now      func() time.Time

	// launching is held for reading by launches, and by the search for orphans alone: an interface comes before its
	// instance.
	launching sync.RWMutex
	locks     locks
}

// New makes a Service.
func New(c Config) *Service {
	s := &Service{network: c.Network, compute: c.Compute, profiles: c.Profiles, now: c.Now}
	if s.now == nil {
		s.now = time.Now
	}
	return s
}

// Terminate ends instances for good in the background. What they have in the network goes when they have ended; see
// ReleaseOrphans for what a crash leaves.
func (s *Service) Terminate(ctx context.Context, c scope.Scope, ids []string) ([]compute.Change, error) {
	return s.compute.Terminate(ctx, c, ids)
}

// locks are mutexes by name.
type locks struct {
	mu    sync.Mutex
	names map[string]*lock
}

type lock struct {
	sync.Mutex
	holders int // and those who wait
}

// lock waits for a name and returns what gives it free again.
func (l *locks) lock(name string) (unlock func()) {
	l.mu.Lock()
	if l.names == nil {
		l.names = map[string]*lock{}
	}
	one := l.names[name]
	if one == nil {
		one = &lock{}
		l.names[name] = one
	}
	one.holders++
	l.mu.Unlock()
	one.Lock()
	return func() {
		one.Unlock()
		l.mu.Lock()
		defer l.mu.Unlock()
		if one.holders--; one.holders == 0 {
			delete(l.names, name)
		}
	}
}
