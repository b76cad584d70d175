package network

import (
	"cmp"
	"context"
	"net/netip"
	"slices"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/network/vpc"
)

// AttachInput says where a free network interface is to be attached.
type AttachInput struct {
	Interface string
	// Owner is the instance, Zone the zone that it is in (empty is not asked) and Index the device index.
	Owner, Zone string
	Index       int
}

// AttachInterface attaches a free network interface to an instance.
func (s *Service) AttachInterface(ctx context.Context, c scope.Scope, in AttachInput) (*Interface, error) {
	var n *Interface
	err := s.do(ctx, c, func(p *plan) (err error) {
		n, err = p.attach(in)
		return err
	})
	return n, err
}

func (p *plan) attach(in AttachInput) (*Interface, error) {
	old, err := p.attachable(in)
	if err != nil {
		return nil, err
	}
	n := *old
	n.Attachment, n.Detached = p.attachment(in.Owner, false), nil
	n.Attachment.Index = in.Index
	p.put(&n)
	return &n, nil
}

func (p *plan) attachable(in AttachInput) (*Interface, error) {
	n, err := p.Interface(p.scope, in.Interface)
	switch {
	case err != nil:
		return nil, err
	case n.Attachment != nil:
		return nil, refuse(fault.InUse, "InvalidNetworkInterface.InUse", "Interface: [%s] in use.", n.ID)
	case in.Zone != "" && n.Zone != in.Zone:
		return nil, refuse(fault.Invalid, "InvalidParameterCombination",
			"You may not attach a network interface to an instance if they are not in the same availability zone")
	}
	return n, p.checkSlot(in.Owner, in.Index)
}

// checkSlot refuses a device index that is none, or that the instance has an interface at, and one interface too many.
func (p *plan) checkSlot(owner string, index int) error {
	if index < 0 {
		return invalidValue("Value (%d) for parameter deviceIndex is invalid.", index)
	}
	// Two who attach to one instance at the same time conflict.
	interfaceKind.Count(p.Tables, p.scope.String())
	all := p.InterfacesOf(owner)
	if slices.ContainsFunc(all, func(n *Interface) bool { return n.Attachment.Index == index }) {
		return invalidValue("Instance '%s' already has an interface attached at device index '%d'.", owner, index)
	}
	if limit := p.limits.NICsPerInstance; len(all) >= limit || index >= limit {
		return overLimit("AttachmentLimitExceeded", "Interface count %d exceeds the limit of %d for instance '%s'",
			max(len(all)+1, index+1), limit, owner)
	}
	return nil
}

// DetachInterface takes a network interface, not the primary one, from its instance. It is returned as it was.
func (s *Service) DetachInterface(ctx context.Context, c scope.Scope, attachment string) (*Interface, error) {
	var old *Interface
	err := s.do(ctx, c, func(p *plan) (err error) {
		if old, err = p.attached(attachment); err != nil {
			return err
		}
		if old.Attachment.Index == 0 {
			return refuse(fault.Conflict, "OperationNotPermitted", "The network interface at device index 0 cannot be detached.")
		}
		n := *old
		n.Attachment, n.Detached = nil, old.Attachment
		p.put(&n)
		return nil
	})
	return old, err
}

func (p *plan) attached(attachment string) (*Interface, error) {
	for n := range interfacesByAttachment.Find(p.Tables, attachment) {
		if n.scope() != p.scope {
			continue
		}
		if n.Kind != vpc.InstanceInterface {
			return nil, notYours(n)
		}
		return n, nil
	}
	return nil, attachmentType.unknown(attachment)
}

// AssignInput says which more private addresses a network interface is to have: those that are named, or so many.
type AssignInput struct {
	Interface string
	Addresses []netip.Addr
	Count     int
	// Reassign takes named addresses from interfaces of which they are secondary ones.
	Reassign bool
}

// AssignAddresses gives an instance's network interface more private addresses and returns them. Those that it has
// already stay.
func (s *Service) AssignAddresses(
	ctx context.Context, c scope.Scope, in AssignInput,
) (*Interface, []netip.Addr, error) {
	var made Interface
	var assigned []netip.Addr
	err := s.do(ctx, c, func(p *plan) error {
		old, err := p.addressable(in.Interface)
		if err != nil {
			return err
		}
		subnet, err := p.Subnet(c, old.Subnet)
		if err != nil {
			return err
		}
		made = *old
		wanted := slices.DeleteFunc(slices.Clone(in.Addresses), func(a netip.Addr) bool {
			return slices.Contains(old.Addresses, a)
		})
		if in.Reassign {
			if err := p.takeAddresses(subnet, wanted); err != nil {
				return err
			}
		}
		if have := len(old.Addresses) + len(wanted) + in.Count; have > p.limits.AddressesPerNIC {
			return overLimit("PrivateIpAddressLimitExceeded", "Number of private addresses will exceed limit: %d",
				p.limits.AddressesPerNIC)
		}
		more := in.Count
		if len(wanted) == 0 {
			more-- // addressesFor chooses one where none is wanted
		}
		assigned = nil
		if len(wanted)+in.Count > 0 {
			if assigned, err = p.addressesFor(subnet, wanted, more); err != nil {
				return err
			}
		}
		made.Addresses = slices.Concat(old.Addresses, assigned)
		p.put(&made)
		return nil
	})
	return &made, assigned, err
}

// addressable finds an interface whose addresses its owner may change.
func (p *plan) addressable(id string) (*Interface, error) {
	n, err := p.Interface(p.scope, id)
	switch {
	case err != nil:
		return nil, err
	case n.Kind == vpc.AttachedInterface:
		return nil, fault.New(fault.NotImplemented, "network.AssignAddresses",
			"%s belongs to a machine that joined, which has one address: more of them are not implemented", id)
	case n.Kind != vpc.InstanceInterface:
		return nil, notYours(n)
	}
	return n, nil
}

// takeAddresses takes addresses of a subnet from the interfaces that have them as secondary ones.
func (p *plan) takeAddresses(subnet *Subnet, wanted []netip.Addr) error {
	for _, a := range wanted {
		if n, ok := interfacesByAddress.At(p.Tables, addressTerm(subnet.ID, a)); ok {
			i := slices.Index(n.Addresses, a)
			if i == 0 || n.Kind != vpc.InstanceInterface {
				return invalidValue("The address %s is the primary one of %s and cannot be reassigned", a, n.ID)
			}
			changed := *n
			changed.Addresses = slices.Delete(slices.Clone(n.Addresses), i, i+1)
			p.put(&changed)
		}
	}
	return nil
}

// UnassignAddresses takes secondary addresses from an instance's network interface.
func (s *Service) UnassignAddresses(
	ctx context.Context, c scope.Scope, id string, gone []netip.Addr,
) (*Interface, error) {
	var made Interface
	err := s.do(ctx, c, func(p *plan) error {
		old, err := p.addressable(id)
		if err != nil {
			return err
		}
		for _, a := range gone {
			switch slices.Index(old.Addresses, a) {
			case -1:
				return invalidValue("Some of the specified addresses are not assigned to interface %s: %s", id, a)
			case 0:
				return invalidValue("The primary address %s of %s cannot be unassigned", a, id)
			}
		}
		made = *old
		made.Addresses = slices.DeleteFunc(slices.Clone(old.Addresses), func(a netip.Addr) bool {
			return slices.Contains(gone, a)
		})
		p.put(&made)
		return nil
	})
	return &made, err
}

// Attached are the interfaces of an instance, in the order of their device indexes.
func (s *State) Attached(instance string) []*Interface {
	all := s.InterfacesOf(instance)
	slices.SortFunc(all, func(a, b *Interface) int { return cmp.Compare(a.Attachment.Index, b.Attachment.Index) })
	return all
}
