package network

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"iter"
	"net/netip"
	"slices"
	"strings"

	"postern/aws/fault"
	"postern/aws/scope"
)

// CreateSubnetInput is a subnet to be made.
type CreateSubnetInput struct {
	VPC string
	// CIDR is its range inside one of the VPC's, /16 to /28; host bits are cleared.
	CIDR netip.Prefix
	// Zone is a zone's name or id; empty is the region's first zone.
	Zone string
	Tags []Tag
}

// CreateSubnet makes a subnet. It begins on the VPC's main route table and default network ACL.
func (s *Service) CreateSubnet(ctx context.Context, c scope.Scope, in CreateSubnetInput) (*Subnet, error) {
	var made *Subnet
	err := s.do(ctx, c, func(p *plan) (err error) {
		made, err = p.createSubnet(in)
		return err
	})
	return made, err
}

func (p *plan) createSubnet(in CreateSubnetInput) (*Subnet, error) {
	tags, err := p.limits.cleanTags(in.Tags)
	if err != nil {
		return nil, err
	}
	v, err := p.VPC(p.scope, in.VPC)
	if err != nil {
		return nil, err
	}
	cidr, err := p.subnetRange(v, in.CIDR)
	if err != nil {
		return nil, err
	}
	zone, err := p.zone(in.Zone)
	if err != nil {
		return nil, err
	}
	n := &Subnet{Meta: p.meta("subnet", tags), VPC: v.ID, Zone: zone.Name, CIDR: cidr}
	p.put(n)
	acl := *p.defaultACL(v.ID)
	acl.Associations = append(slices.Clone(acl.Associations), Association{ID: newID("aclassoc"), Subnet: n.ID})
	p.put(&acl)
	return n, nil
}

func (p *plan) subnetRange(v *VPC, cidr netip.Prefix) (netip.Prefix, error) {
	if !cidr.IsValid() || !cidr.Addr().Is4() {
		return cidr, missing("cidrBlock")
	}
	cidr = cidr.Masked()
	inside := slices.ContainsFunc(v.Blocks, func(b Block) bool {
		return b.CIDR.Bits() <= cidr.Bits() && b.CIDR.Contains(cidr.Addr())
	})
	if !inside || cidr.Bits() < 16 || cidr.Bits() > 28 {
		return cidr, refuse(fault.Invalid, "InvalidSubnet.Range", "The CIDR '%s' is invalid.", cidr)
	}
	siblings := 0
	for n := range p.Subnets(p.scope) {
		if n.VPC != v.ID {
			continue
		}
		if n.CIDR.Overlaps(cidr) {
			return cidr, refuse(fault.Conflict, "InvalidSubnet.Conflict", "The CIDR '%s' conflicts with another subnet", cidr)
		}
		siblings++
	}
	if siblings >= p.limits.SubnetsPerVPC {
		return cidr, overLimit("SubnetLimitExceeded", "The maximum number of subnets has been reached: %d", p.limits.SubnetsPerVPC)
	}
	return cidr, nil
}

func (p *plan) zone(name string) (Zone, error) {
	region, ok := RegionByName(p.scope.Region)
	if !ok {
		return Zone{}, invalidValue("The region %s is not known here", p.scope.Region)
	}
	zones := region.Zones()
	if name == "" {
		return zones[0], nil
	}
	if z, ok := region.ZoneByName(name); ok {
		return z, nil
	}
	names := make([]string, len(zones))
	for i, z := range zones {
		names[i] = z.Name
	}
	return Zone{}, invalidValue("Value (%s) for parameter availabilityZone is invalid. Subnets can currently only be created in the following availability zones: %s.",
		name, strings.Join(names, ", "))
}

// defaultACL is the network ACL that the VPC was made with.
func (s *State) defaultACL(vpcID string) *NetworkACL {
	i := slices.IndexFunc(s.acls.rows, func(a *NetworkACL) bool { return a.VPC == vpcID && a.Default })
	return s.acls.rows[i]
}

// ModifySubnet sets whether new instances in a subnet ask for a public address.
func (s *Service) ModifySubnet(ctx context.Context, c scope.Scope, id string, publicOnLaunch bool) error {
	return s.do(ctx, c, func(p *plan) error {
		old, err := p.Subnet(c, id)
		if err != nil {
			return err
		}
		n := *old
		n.PublicOnLaunch = publicOnLaunch
		p.note(&n)
		return nil
	})
}

// DeleteSubnet deletes a subnet in which there is no network interface.
func (s *Service) DeleteSubnet(ctx context.Context, c scope.Scope, id string) error {
	return s.do(ctx, c, func(p *plan) error {
		n, err := p.Subnet(c, id)
		if err != nil {
			return err
		}
		for i := range p.Interfaces(c) {
			if i.Subnet == id {
				return inUse("The subnet '%s' has dependencies and cannot be deleted. %s depends on it.", id, i.ID)
			}
		}
		for e := range p.VpcEndpoints(c) {
			if slices.Contains(e.Subnets, id) {
				return inUse("The subnet '%s' has dependencies and cannot be deleted. %s depends on it.", id, e.ID)
			}
		}
		p.dissociate(n)
		p.remove(n)
		return nil
	})
}

// dissociate takes a subnet from its route table and its network ACL.
func (p *plan) dissociate(n *Subnet) {
	ofSubnet := func(a Association) bool { return a.Subnet == n.ID }
	for t := range p.RouteTables(p.scope) {
		if slices.ContainsFunc(t.Associations, ofSubnet) {
			changed := *t
			changed.Associations = slices.DeleteFunc(slices.Clone(t.Associations), ofSubnet)
			p.put(&changed)
			break
		}
	}
	for a := range p.NetworkACLs(p.scope) {
		if slices.ContainsFunc(a.Associations, ofSubnet) {
			changed := *a
			changed.Associations = slices.DeleteFunc(slices.Clone(a.Associations), ofSubnet)
			p.put(&changed)
			break
		}
	}
}

// reserved addresses of a subnet: the network, the router, the resolver, one for later, and the broadcast address.
const (
	reservedFirst = 4
	reservedLast  = 1
)

// AvailableAddresses is how many addresses of the subnet are free. Five in each subnet are never given out.
func (s *State) AvailableAddresses(n *Subnet) int {
	return 1<<(32-n.CIDR.Bits()) - reservedFirst - reservedLast - len(s.used(n.ID))
}

// addressFree says why an address of the subnet cannot be given out, or nil.
func (s *State) addressFree(n *Subnet, a netip.Addr) error {
	if !n.CIDR.Contains(a) {
		return invalidValue("Value (%s) for parameter privateIpAddress is invalid. Address does not fall within the subnet's address range", a)
	}
	if i := offset(n.CIDR, a); i < reservedFirst || i >= 1<<(32-n.CIDR.Bits())-reservedLast {
		return invalidValue("Value (%s) for parameter privateIpAddress is invalid. Address is in subnet's reserved address range", a)
	}
	if _, taken := slices.BinarySearch(s.used(n.ID), number(a)); taken {
		return refuse(fault.Conflict, "InvalidIPAddress.InUse", "The address %s is already in use.", a)
	}
	return nil
}

// chooseAddress gives a free address of the subnet: the next free one from a drawn place on. That is random, so that an
// address just given back is not at once somebody else's.
func (s *State) chooseAddress(n *Subnet, draw func(int) int) (netip.Addr, error) {
	if s.AvailableAddresses(n) <= 0 {
		return netip.Addr{}, refuse(fault.Limit, "InsufficientFreeAddressesInSubnet",
			"The specified subnet does not have enough free addresses to satisfy the request: %s", n.ID)
	}
	size := 1<<(32-n.CIDR.Bits()) - reservedFirst - reservedLast
	start := draw(size)
	used := s.used(n.ID)
	for i := range size {
		a := at(n.CIDR, reservedFirst+(start+i)%size)
		if _, taken := slices.BinarySearch(used, number(a)); !taken {
			return a, nil
		}
	}
	return netip.Addr{}, fault.New(fault.Internal, "network.chooseAddress", "%s has no free address though %d are counted", n.ID, s.AvailableAddresses(n))
}

// offset is an address's place in its IPv4 range.
func offset(p netip.Prefix, a netip.Addr) int {
	return int(number(a) - number(p.Masked().Addr()))
}

func at(p netip.Prefix, i int) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], number(p.Masked().Addr())+uint32(i))
	return netip.AddrFrom4(b)
}

func count[T any](all iter.Seq[T]) int {
	n := 0
	for range all {
		n++
	}
	return n
}

// drawAtRandom gives a number below n.
func drawAtRandom(n int) int {
	var b [4]byte
	rand.Read(b[:])
	return int(binary.BigEndian.Uint32(b[:])) % n
}
