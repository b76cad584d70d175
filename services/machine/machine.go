// Package machine knows the machines that are not instances but have joined the private network over a tunnel: which
// public key has which network interface.
package machine

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/record"
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

var (
	byJoining = &record.Index[Machine]{Terms: func(m *Machine) []record.Term {
		return []record.Term{{Sort: record.Instant(m.Joined)}}
	}}
	byInterface = &record.Index[Machine]{Terms: func(m *Machine) []record.Term {
		return []record.Term{{Value: m.Interface}}
	}}
	byNode = &record.Index[Machine]{Terms: func(m *Machine) []record.Term {
		return []record.Term{{Value: m.Node, Sort: record.Instant(m.Joined)}} // of an empty Node the unregistered ones
	}}
	machines = &record.Kind[Machine]{
		Name:    "machine",
		Key:     func(m *Machine) string { return m.Key },
		Groups:  func(m *Machine) []string { return []string{m.Scope.String(), m.Activation} },
		Indexes: []*record.Index[Machine]{byJoining, byInterface, byNode},
	}
	kinds = record.NewSet(machines)
)

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
	replica    *record.Replica
	interfaces Interfaces

	// admitting is held while a machine gets its interface, so that asking twice at once does not make two.
	admitting sync.Mutex
}

// Open reads the machines of a store.
func Open(ctx context.Context, store record.Store, interfaces Interfaces) (*Service, error) {
	r, err := record.Open(ctx, store, kinds, record.Hooks{})
	if err != nil {
		return nil, fmt.Errorf("load machines: %w", err)
	}
	return &Service{replica: r, interfaces: interfaces}, nil
}

// Refresh reads what other servers have changed in the store.
func (s *Service) Refresh(ctx context.Context) error {
	if err := s.replica.Refresh(ctx); err != nil {
		return fmt.Errorf("machines: %w", err)
	}
	return nil
}

// Admit lets a machine in, once: asked again with the same key and activation it gives the same answer.
func (s *Service) Admit(ctx context.Context, r Request) (Machine, error) {
	s.admitting.Lock()
	defer s.admitting.Unlock()
	if there, ok, err := r.check(s.replica.Tables()); ok || err != nil {
		return there, err
	}
	m, err := s.interfaces.Create(ctx, r.Machine, r.Groups)
	if err != nil {
		return Machine{}, err
	}
	admitted, found := m, false
	_, err = s.replica.Change(ctx, "", func(p *record.Plan) error {
		// Another server may have let it in meanwhile, or have used the activation up.
		there, ok, err := r.check(p.Tables)
		if admitted, found = m, ok; ok || err != nil {
			admitted = there
			return err
		}
		machines.Put(p, &m, false)
		return nil
	})
	if err == nil && !found {
		return m, nil
	}
	// The new interface would belong to nobody.
	if undo := s.interfaces.Release(context.WithoutCancel(ctx), m); undo != nil {
		err = errors.Join(err, fmt.Errorf("interface %s is left over: %w", m.Interface, undo))
	}
	if err != nil {
		return Machine{}, err
	}
	return admitted, nil
}

// check returns the machine where it has been let in already, and refuses one that must not be.
func (r *Request) check(t *record.Tables) (there Machine, ok bool, err error) {
	if m, ok := machines.Get(t, r.Key); ok {
		if m.Activation != r.Activation {
			return Machine{}, false, fault.New(fault.Conflict, "machine.Admit",
				"this machine has joined with another activation; join anew with a new key")
		}
		return *m, true, nil
	}
	if n := machines.Count(t, r.Activation); n >= r.Limit {
		return Machine{}, false, fault.New(fault.Limit, "machine.Admit",
			"activation %s is used up: %d of %d machines have joined with it", r.Activation, n, r.Limit)
	}
	return Machine{}, false, nil
}

// Registered notes which managed node a machine has become. An interface that is no machine's is no error: instances
// register too.
func (s *Service) Registered(ctx context.Context, eni, node string) error {
	var now Machine
	version, err := s.replica.Change(ctx, "", func(p *record.Plan) error {
		for m := range byInterface.Find(p.Tables, eni) {
			if m.Node != node {
				now = *m
				now.Node = node
				machines.Put(p, &now, false)
			}
			break
		}
		return nil
	})
	if err != nil || version == 0 {
		return err
	}
	return s.interfaces.Own(ctx, now)
}

// Forget puts out the machine of a managed node and returns it; false if the node is no machine.
func (s *Service) Forget(ctx context.Context, node string) (Machine, bool, error) {
	if node == "" {
		return Machine{}, false, nil
	}
	for m := range byNode.Find(s.replica.Tables(), node) {
		return *m, true, s.drop(ctx, m)
	}
	return Machine{}, false, nil
}

// Expel puts out the machines that an activation let in and that have not registered as nodes.
func (s *Service) Expel(ctx context.Context, activation string) error {
	s.admitting.Lock() // one that is being let in is one
	defer s.admitting.Unlock()
	var failed error
	for m := range machines.In(s.replica.Tables(), activation) {
		if m.Node == "" && m.Activation == activation {
			failed = errors.Join(failed, s.drop(ctx, m))
		}
	}
	return failed
}

// Abandon puts out the machines that joined before a moment and never registered as a node.
func (s *Service) Abandon(ctx context.Context, before time.Time) error {
	var failed error
	for m := range byNode.Until(s.replica.Tables(), "", record.Instant(before)) {
		failed = errors.Join(failed, s.drop(ctx, m))
	}
	return failed
}

// drop puts a machine out, unless it has become another node meanwhile or is gone.
func (s *Service) drop(ctx context.Context, m *Machine) error {
	version, err := s.replica.Change(ctx, "", func(p *record.Plan) error {
		if now, ok := machines.Get(p.Tables, m.Key); ok && now.Node == m.Node {
			machines.Delete(p, m.Key, false)
		}
		return nil
	})
	if err != nil || version == 0 {
		return err
	}
	return s.interfaces.Release(ctx, *m)
}

// Find returns the machine with a key.
func (s *Service) Find(key string) (Machine, bool) {
	m, ok := machines.Get(s.replica.Tables(), key)
	if !ok {
		return Machine{}, false
	}
	return *m, true
}

// All returns the machines, in the order in which they joined.
func (s *Service) All() []Machine {
	var list []Machine
	for m := range byJoining.Find(s.replica.Tables(), "") {
		list = append(list, *m)
	}
	return list
}
