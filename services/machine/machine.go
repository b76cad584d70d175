// Package machine knows the machines that are not instances but have joined the private network over a tunnel: which
// public key has which network interface.
package machine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"postern/aws/fault"
	"postern/aws/scope"
)

// Machine is one that was let in.
type Machine struct {
	// Key is the machine's WireGuard public key, base64: its name here.
	Key string
	scope.Scope
	// Interface is its network interface ("eni-…") in Subnet and VPC, with Address.
	Interface, Subnet, VPC string
	Address                netip.Addr
	// Activation is the one that let it in; Hostname its own name for itself.
	Activation, Hostname string
	// Node is the managed node that it registered as ("mi-…"), empty before.
	Node   string
	Joined time.Time
}

// Store keeps machines by key.
type Store interface {
	// Load returns every machine, in any order.
	Load(ctx context.Context) ([]Machine, error)
	// Put writes a machine, in the place of the one with its key; it is durable when Put returns nil.
	Put(ctx context.Context, m Machine) error
	// Delete removes a machine; one that is not there is no error.
	Delete(ctx context.Context, key string) error
}

// Interfaces gives machines their network interfaces.
type Interfaces interface {
	// Create makes an interface for a machine and returns it with Interface, Subnet, VPC and Address filled in.
	Create(ctx context.Context, m Machine, groups []string) (Machine, error)
	// Own says that an interface now belongs to a managed node.
	Own(ctx context.Context, m Machine) error
	// Release deletes the interface; one that is gone is no error.
	Release(ctx context.Context, m Machine) error
}

// Request asks to let a machine in.
type Request struct {
	Machine
	// Groups are the security groups of its interface; none means the VPC's default group.
	Groups []string
	// Limit is how many machines its activation may let in.
	Limit int
}

// Service keeps the machines. Its methods may be called at once from any number of goroutines.
type Service struct {
	store      Store
	interfaces Interfaces

	// admitting makes one machine at a time, so that asking twice makes one.
	admitting sync.Mutex
	mu        sync.RWMutex // guards what follows
	byKey     map[string]Machine
}

// Open loads the machines.
func Open(ctx context.Context, store Store, interfaces Interfaces) (*Service, error) {
	list, err := store.Load(ctx)
	if err != nil {
		return nil, fmt.Errorf("load machines: %w", err)
	}
	s := &Service{store: store, interfaces: interfaces, byKey: map[string]Machine{}}
	for _, m := range list {
		s.byKey[m.Key] = m
	}
	return s, nil
}

// Admit lets a machine in, once: asked again with the same key and activation it gives the same answer.
func (s *Service) Admit(ctx context.Context, r Request) (Machine, error) {
	s.admitting.Lock()
	defer s.admitting.Unlock()
	if m, ok := s.Find(r.Key); ok {
		if m.Activation != r.Activation {
			return Machine{}, fault.New(fault.Conflict, "machine.Admit", "this machine has joined with another activation; join anew with a new key")
		}
		return m, nil
	}
	if n := s.count(r.Activation); n >= r.Limit {
		return Machine{}, fault.New(fault.Limit, "machine.Admit", "activation %s is used up: %d of %d machines have joined with it", r.Activation, n, r.Limit)
	}
	m, err := s.interfaces.Create(ctx, r.Machine, r.Groups)
	if err != nil {
		return Machine{}, err
	}
	if err := s.put(ctx, m); err != nil {
		// The interface would belong to nobody.
		if undo := s.interfaces.Release(context.WithoutCancel(ctx), m); undo != nil {
			return Machine{}, errors.Join(err, fmt.Errorf("interface %s is left over: %w", m.Interface, undo))
		}
		return Machine{}, err
	}
	return m, nil
}

// Registered notes which managed node a machine has become. An interface that is no machine's is no error: instances
// register too.
func (s *Service) Registered(ctx context.Context, eni, node string) error {
	for _, m := range s.All() {
		if m.Interface != eni || m.Node == node {
			continue
		}
		m.Node = node
		if err := s.put(ctx, m); err != nil {
			return err
		}
		return s.interfaces.Own(ctx, m)
	}
	return nil
}

// Forget puts out the machine of a managed node and returns it; false if the node is no machine.
func (s *Service) Forget(ctx context.Context, node string) (Machine, bool, error) {
	for _, m := range s.All() {
		if m.Node == node {
			return m, true, s.drop(ctx, m)
		}
	}
	return Machine{}, false, nil
}

// Expel puts out the machines that an activation let in and that have not registered as nodes.
func (s *Service) Expel(ctx context.Context, activation string) error {
	s.admitting.Lock() // one that is being let in is one
	defer s.admitting.Unlock()
	var failed error
	for _, m := range s.All() {
		if m.Node == "" && m.Activation == activation {
			failed = errors.Join(failed, s.drop(ctx, m))
		}
	}
	return failed
}

// Abandon puts out the machines that joined before a moment and never registered as a node.
func (s *Service) Abandon(ctx context.Context, before time.Time) error {
	var failed error
	for _, m := range s.All() {
		if m.Node == "" && m.Joined.Before(before) {
			failed = errors.Join(failed, s.drop(ctx, m))
		}
	}
	return failed
}

func (s *Service) drop(ctx context.Context, m Machine) error {
	if err := s.store.Delete(ctx, m.Key); err != nil {
		return err
	}
	s.mu.Lock()
	delete(s.byKey, m.Key)
	s.mu.Unlock()
	return s.interfaces.Release(ctx, m)
}

func (s *Service) put(ctx context.Context, m Machine) error {
	if err := s.store.Put(ctx, m); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byKey[m.Key] = m
	return nil
}

// Find returns the machine with a key.
func (s *Service) Find(key string) (Machine, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	m, ok := s.byKey[key]
	return m, ok
}

func (s *Service) count(activation string) int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	n := 0
	for _, m := range s.byKey {
		if m.Activation == activation {
			n++
		}
	}
	return n
}

// All returns the machines, in the order in which they joined.
func (s *Service) All() []Machine {
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := make([]Machine, 0, len(s.byKey))
	for _, m := range s.byKey {
		list = append(list, m)
	}
	slices.SortFunc(list, func(a, b Machine) int { return cmp.Or(a.Joined.Compare(b.Joined), cmp.Compare(a.Key, b.Key)) })
	return list
}
