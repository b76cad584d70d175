package compute

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"slices"
	"sync"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/services/compute/guest"
)

// defaultMTU is that of instances' interfaces, in bytes, as Amazon's have.
const defaultMTU = 9001

// NIC is one of an instance's network interfaces.
type NIC struct {
	// Interface is its id, "eni-…", and Index the device index; 0 is the primary interface.
	Interface string
	Index     int
	// MAC is the hardware address, "0a:1b:2c:3d:4e:5f".
	MAC string
	// Address is the primary address with its subnet's length, Secondary are the others.
	Address   netip.Prefix
	Secondary []netip.Addr
	// Gateway is the subnet's router.
	Gateway netip.Addr
}

func (n *NIC) guest(mtu int) guest.NIC {
	if mtu == 0 {
		mtu = defaultMTU
	}
	return guest.NIC{
		Index: n.Index, MAC: n.MAC, Address: n.Address, Secondary: n.Secondary, Gateway: n.Gateway, MTU: mtu,
	}
}

// slots are the network interfaces that a boot has besides the primary one.
type slots struct {
	mu      sync.Mutex
	ended   bool // the guest is gone, and with it all of them
	plugged map[string]*slot
	primary []netip.Addr // secondary addresses of the primary interface
}

type slot struct {
	NIC
	tap    *os.File
	detach func()
}

func (s *slot) close() {
	s.detach()
	s.tap.Close()
}

func (s *slots) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	for _, p := range s.plugged {
		p.close()
	}
	s.plugged = nil
}

// UpdateInterfaces has a running instance take the network interfaces and addresses that the network gives it now. An
// instance that does not run takes them when it boots.
func (s *Service) UpdateInterfaces(_ context.Context, c scope.Scope, id string) error {
	i, err := s.find(s.replica.Tables(), c, id)
	if err != nil {
		return err
	}
	if !s.runs(i) {
		return elsewhere(i)
	}
	m := s.machine(id)
	m.op.Lock()
	defer m.op.Unlock()
	if m.running == nil {
		return nil
	}
	lease, err := s.Network.Lease(s.state(m))
	if err != nil {
		return err
	}
	err = s.plugLocked(m.running, lease.NICs)
	if errors.Is(err, guest.ErrSilent) {
		return fault.New(fault.Conflict, "compute.UpdateInterfaces",
			"Instance '%s' is not in a valid state for this operation: its first process does not answer; reboot it", id).
			WithCode("IncorrectState")
	}
	return err
}

// plugLocked makes a running guest's interfaces those that are wanted.
func (s *Service) plugLocked(r *running, wanted []NIC) error {
	r.slots.mu.Lock()
	defer r.slots.mu.Unlock()
	if r.slots.ended {
		return nil
	}
	for id, p := range r.slots.plugged {
		if !slices.ContainsFunc(wanted, func(n NIC) bool { return n.Interface == id && n.Index == p.Index }) {
			p.close()
			delete(r.slots.plugged, id)
		}
	}
	var failed error
	for _, n := range wanted {
		failed = errors.Join(failed, s.fit(r, n))
	}
	return failed
}

// fit plugs one interface in, or gives one that is there its addresses.
func (s *Service) fit(r *running, n NIC) error {
	if n.Index == 0 {
		if slices.Equal(r.slots.primary, n.Secondary) {
			return nil
		}
		if err := r.guest.Assign(n.guest(s.MTU)); err != nil {
			return err
		}
		r.slots.primary = n.Secondary
		return nil
	}
	if p := r.slots.plugged[n.Interface]; p != nil {
		if slices.Equal(p.Secondary, n.Secondary) {
			return nil
		}
		if err := r.guest.Assign(n.guest(s.MTU)); err != nil {
			return err
		}
		p.NIC = n
		return nil
	}
	tap, err := r.guest.Plug(n.guest(s.MTU))
	if err != nil {
		return err
	}
	detach, err := s.Network.Attach(n.Interface, tap)
	if err != nil {
		tap.Close()
		return err
	}
	if r.slots.plugged == nil {
		r.slots.plugged = map[string]*slot{}
	}
	r.slots.plugged[n.Interface] = &slot{n, tap, detach}
	return nil
}
