package instances

import (
	"context"
	"errors"
	"net/netip"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/network"
	"postern/services/compute"
)

// Attach attaches a free network interface to an instance and returns when a running one has it; one that does not run
// gets it at its boot. Where the instance does not take it, it is free again.
func (s *Service) Attach(ctx context.Context, c scope.Scope, in network.AttachInput) (*network.Interface, error) {
	i, err := s.compute.Instance(c, in.Owner)
	if err != nil {
		return nil, err
	}
	if i.State == compute.Terminated || i.State == compute.ShuttingDown {
		return nil, fault.New(fault.Conflict, "instances.Attach",
			"Instance '%s' is not in a valid state for this operation: it is %s", i.ID, i.State).WithCode("IncorrectState")
	}
	in.Zone = i.Zone
	n, err := s.network.AttachInterface(ctx, c, in)
	if err != nil {
		return nil, err
	}
	if err := s.compute.UpdateInterfaces(ctx, c, i.ID); err != nil {
		_, undone := s.network.DetachInterface(context.WithoutCancel(ctx), c, n.Attachment.ID)
		return nil, errors.Join(err, undone)
	}
	return n, nil
}

// Detach takes a network interface away from its instance at once.
func (s *Service) Detach(ctx context.Context, c scope.Scope, attachment string) error {
	n, err := s.network.DetachInterface(ctx, c, attachment)
	if err != nil {
		return err
	}
	return s.refresh(ctx, c, n)
}

// Assign gives an interface more private addresses, and its instance learns of them.
func (s *Service) Assign(ctx context.Context, c scope.Scope, in network.AssignInput) ([]netip.Addr, error) {
	n, assigned, err := s.network.AssignAddresses(ctx, c, in)
	if err != nil {
		return nil, err
	}
	if in.Reassign {
		err = s.refreshSubnet(ctx, c, n)
	} else {
		err = s.refresh(ctx, c, n)
	}
	return assigned, err
}

// Unassign takes private addresses away from an interface, and its instance learns of it.
func (s *Service) Unassign(ctx context.Context, c scope.Scope, id string, gone []netip.Addr) error {
	n, err := s.network.UnassignAddresses(ctx, c, id, gone)
	if err != nil {
		return err
	}
	return s.refresh(ctx, c, n)
}

// refresh has the instance of an interface, if it is one's, take what has become of it.
func (s *Service) refresh(ctx context.Context, c scope.Scope, n *network.Interface) error {
	if n.Attachment == nil {
		return nil
	}
	err := s.compute.UpdateInterfaces(ctx, c, n.Owner())
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Invalid) { // a machine's that Postern does not run
		return nil
	}
	return err
}

// refreshSubnet is refresh for the instances of a subnet's other interfaces too: an address may have been one of
// theirs.
func (s *Service) refreshSubnet(ctx context.Context, c scope.Scope, n *network.Interface) error {
	for other := range s.network.State().Interfaces(c) {
		if other.Subnet == n.Subnet && other.ID != n.ID {
			if err := s.refresh(ctx, c, other); err != nil {
				return err
			}
		}
	}
	return s.refresh(ctx, c, n)
}
