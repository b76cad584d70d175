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
	"postern/network/vpc"
	"postern/record"
)

// Subnet is a range of a VPC in one zone.
type Subnet struct {
	Meta
	VPC  string
	Zone string
	CIDR netip.Prefix
	// Default marks a zone's default subnet.
	Default bool `json:",omitempty"`
	// PublicOnLaunch gives new instances a public address unless they ask for none.
	PublicOnLaunch bool `json:",omitempty"`
}

var subnetKind = declare(&kind[Subnet]{
	Kind: record.Kind[Subnet]{Name: "subnet", Views: inVPC((*Subnet).vpcID)},
	resourceType: resourceType{
		prefix: "subnet", name: "subnet", notFound: "InvalidSubnetID.NotFound", malformed: "InvalidSubnetID.Malformed",
		missing: "The subnet ID '%s' does not exist",
	},
	inside: func(n *Subnet) []string { return []string{n.VPC} },
	refs:   func(n *Subnet) []string { return []string{n.VPC} },
	limit: &limit{
		of: func(l *Limits) int { return l.SubnetsPerVPC }, code: "SubnetLimitExceeded",
		message: "The maximum number of subnets has been reached: LIMIT",
	},
	holds:   func(*Subnet) bool { return true },
	content: func(_ *State, n *Subnet, c *vpc.Content) { c.Subnets = append(c.Subnets, n.value()) },
})

func (*Subnet) kind() declared { return subnetKind }

func (n *Subnet) vpcID() string { return n.VPC }

func (n *Subnet) value() vpc.Subnet {
	return vpc.Subnet{ID: n.ID, VPC: n.VPC, Zone: n.Zone, CIDR: n.CIDR}
}

// Subnet finds a subnet.
func (s *State) Subnet(c scope.Scope, id string) (*Subnet, error) {
	return subnetKind.lookup(s, c, id)
}

// Subnets are the scope's subnets.
func (s *State) Subnets(c scope.Scope) iter.Seq[*Subnet] { return subnetKind.scoped(s, c) }

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
	for n := range subnetKind.In(p.Tables, v.ID) {
		if n.CIDR.Overlaps(cidr) {
			return cidr, refuse(fault.Conflict, "InvalidSubnet.Conflict", "The CIDR '%s' conflicts with another subnet", cidr)
		}
	}
	return cidr, subnetKind.room(p, v.ID, 1)
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
	return Zone{}, invalidValue("Value (%s) for parameter availabilityZone is invalid. Subnets can currently only be "+
		"created in the following availability zones: %s.",
		name, strings.Join(names, ", "))
}

// defaultACL is the network ACL that the VPC was made with.
func (s *State) defaultACL(vpcID string) *NetworkACL {
	for a := range aclKind.In(s.Tables, vpcID) {
		if a.Default {
			return a
		}
	}
	panic("network: " + vpcID + " has no default network ACL")
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
		for i := range interfaceKind.In(p.Tables, id) {
			return inUse("The subnet '%s' has dependencies and cannot be deleted. %s depends on it.", id, i.ID)
		}
		if e, ok := endpointsUsing.At(p.Tables, record.Term{Value: n.VPC, Sort: id}); ok {
			return inUse("The subnet '%s' has dependencies and cannot be deleted. %s depends on it.", id, e.ID)
		}
		p.dissociate(n)
		p.remove(n)
		return nil
	})
}

// dissociate takes a subnet from its route table and its network ACL.
func (p *plan) dissociate(n *Subnet) {
	ofSubnet := func(a Association) bool { return a.Subnet == n.ID }
	as := record.Term{Value: n.VPC, Sort: n.ID}
	if t, ok := tablesBySubnet.At(p.Tables, as); ok {
		changed := *t
		changed.Associations = slices.DeleteFunc(slices.Clone(t.Associations), ofSubnet)
		p.put(&changed)
	}
	if a, ok := aclsBySubnet.At(p.Tables, as); ok {
		changed := *a
		changed.Associations = slices.DeleteFunc(slices.Clone(a.Associations), ofSubnet)
		p.put(&changed)
	}
}

// reserved addresses of a subnet: the network, the router, the resolver, one for later, and the broadcast address.
const (
	reservedFirst = 4
	reservedLast  = 1
)

// AvailableAddresses is how many addresses of the subnet are free. Five in each subnet are never given out.
func (s *State) AvailableAddresses(n *Subnet) int {
	return 1<<(32-n.CIDR.Bits()) - reservedFirst - reservedLast - interfacesByAddress.Count(s.Tables, n.ID)
}

// addressFree says why an address of the subnet cannot be given out, or nil.
func (s *State) addressFree(n *Subnet, a netip.Addr, taken []netip.Addr) error {
	if !n.CIDR.Contains(a) {
		return invalidValue("Value (%s) for parameter privateIpAddress is invalid. Address does not fall within the "+
			"subnet's address range", a)
	}
	if i := offset(n.CIDR, a); i < reservedFirst || i >= 1<<(32-n.CIDR.Bits())-reservedLast {
		return invalidValue("Value (%s) for parameter privateIpAddress is invalid. Address is in subnet's reserved "+
			"address range", a)
	}
	if s.used(n, a) || slices.Contains(taken, a) {
		return refuse(fault.Conflict, "InvalidIPAddress.InUse", "The address %s is already in use.", a)
	}
	return nil
}

// chooseAddress gives a free address of the subnet: the next free one from a drawn place on. That is random, so that an
// address just given back is not at once somebody else's.
func (s *State) chooseAddress(n *Subnet, taken []netip.Addr, draw func(int) int) (netip.Addr, error) {
	if s.AvailableAddresses(n) <= len(taken) {
		return netip.Addr{}, refuse(fault.Limit, "InsufficientFreeAddressesInSubnet",
			"The specified subnet does not have enough free addresses to satisfy the request: %s", n.ID)
	}
	size := 1<<(32-n.CIDR.Bits()) - reservedFirst - reservedLast
	start := draw(size)
	for _, part := range [2]struct{ first, end int }{{start, size}, {0, start}} {
		if i, ok := s.gap(n, taken, part.first, part.end); ok {
			return at(n.CIDR, reservedFirst+i), nil
		}
	}
	return netip.Addr{}, fault.New(fault.Internal, "network.chooseAddress",
		"%s has no free address though %d are counted", n.ID, s.AvailableAddresses(n))
}

// gap finds the first of the subnet's addresses, by their places, that nothing has.
func (s *State) gap(n *Subnet, taken []netip.Addr, first, end int) (int, bool) {
	next := func(i int) int {
		for slices.Contains(taken, at(n.CIDR, reservedFirst+i)) {
			i++
		}
		return i
	}
	i := next(first)
	for used := range interfacesByAddress.Sorts(s.Tables, addressTerm(n.ID, at(n.CIDR, reservedFirst+i))) {
		if used != string(at(n.CIDR, reservedFirst+i).AsSlice()) {
			break
		}
		i = next(i + 1)
	}
	return i, i < end
}

// used reports whether a network interface in the subnet has the address.
func (s *State) used(n *Subnet, a netip.Addr) bool {
	_, ok := interfacesByAddress.At(s.Tables, addressTerm(n.ID, a))
	return ok
}

func number(a netip.Addr) uint32 {
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
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

// drawAtRandom gives a number below n.
func drawAtRandom(n int) int {
	var b [4]byte
	rand.Read(b[:])
	return int(binary.BigEndian.Uint32(b[:])) % n
}
