package network

import (
	"context"
	"net/netip"
	"slices"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/network/vpc"
	"postern/record"
)

// Ranges of a default VPC and of its subnets (VPC user guide, "Default VPC components").
var defaultVpcRange = netip.MustParsePrefix("172.31.0.0/16")

const defaultSubnetBits = 20

// DefaultVPC is the scope's default VPC, if it has one.
func (s *State) DefaultVPC(c scope.Scope) (*VPC, bool) {
	return defaultVpcs.At(s.Tables, record.Term{Value: c.String()})
}

// DefaultSubnet is a subnet of the default VPC for who names none: the zone's default one, or where no zone is asked
// for, the first zone's that has one.
func (s *State) DefaultSubnet(c scope.Scope, zone string) (*Subnet, error) {
	v, ok := s.DefaultVPC(c)
	if !ok {
		return nil, refuse(fault.Missing, "VPCIdNotSpecified",
			"No default VPC for this user. Name a subnet or a VPC, or make one: aws ec2 create-default-vpc")
	}
	var found *Subnet
	for n := range subnetKind.In(s.Tables, v.ID) {
		if !n.Default || zone != "" && n.Zone != zone {
			continue
		}
		if found == nil || n.Zone < found.Zone {
			found = n
		}
	}
	if found == nil {
		return nil, refuse(fault.Missing, "MissingInput", "No default subnet for availability zone: '%s'.", zone)
	}
	return found, nil
}

// DefaultGroupNamed finds a security group of the default VPC by its name.
func (s *State) DefaultGroupNamed(c scope.Scope, name string) (*SecurityGroup, error) {
	if name == "" {
		return nil, missing("groupId")
	}
	v, ok := s.DefaultVPC(c)
	if ok {
		if g, found := groupsByName.At(s.Tables, record.Term{Value: v.ID, Sort: name}); found {
			return g, nil
		}
	}
	if !ok {
		return nil, refuse(fault.NotFound, "InvalidGroup.NotFound",
			"The security group '%s' does not exist. A group is named in the default VPC only, and there is none.", name)
	}
	return nil, refuse(fault.NotFound, "InvalidGroup.NotFound",
		"The security group '%s' does not exist in default VPC '%s'", name, v.ID)
}

// CreateDefaultVpc makes the default VPC of a region: with DNS host names, an Internet gateway and a route to it, and a
// default subnet in each zone, whose instances get public addresses.
func (s *Service) CreateDefaultVpc(ctx context.Context, c scope.Scope) (*VPC, error) {
	var made *VPC
	err := s.do(ctx, c, func(p *plan) error {
		if v, ok := p.DefaultVPC(c); ok {
			return refuse(fault.Exists, "DefaultVpcAlreadyExists",
				"A Default VPC already exists for this account in this region. It is %s.", v.ID)
		}
		if err := gatewayKind.room(p, c.String(), 1); err != nil {
			return err
		}
		v, err := p.createVpc(CreateVpcInput{CIDR: defaultVpcRange})
		if err != nil {
			return err
		}
		whole := *v
		whole.Default, whole.DNSHostnames = true, true
		made = &whole
		p.put(made)
		return p.furnish(made)
	})
	return made, err
}

// furnish gives the default VPC its way to the Internet and its subnets.
func (p *plan) furnish(v *VPC) error {
	g := &InternetGateway{Meta: p.meta("igw", nil), VPC: v.ID}
	p.put(g)
	for t := range routeTableKind.In(p.Tables, v.ID) {
		changed := *t
		changed.Routes = append(slices.Clone(t.Routes), Route{
			Destination: everyIPv4, Target: vpc.Target{Kind: vpc.ViaInternetGateway, ID: g.ID},
		})
		p.put(&changed)
	}
	region, ok := RegionByName(p.scope.Region)
	if !ok {
		return invalidValue("The region %s is not known here", p.scope.Region)
	}
	for _, zone := range region.Zones() {
		if _, err := p.createDefaultSubnet(v, zone); err != nil {
			return err
		}
	}
	return nil
}

// CreateDefaultSubnet makes a zone's default subnet in the default VPC, in the first of its ranges that is free.
func (s *Service) CreateDefaultSubnet(ctx context.Context, c scope.Scope, zone string) (*Subnet, error) {
	var made *Subnet
	err := s.do(ctx, c, func(p *plan) error {
		if zone == "" {
			return missing("availabilityZone")
		}
		z, err := p.zone(zone)
		if err != nil {
			return err
		}
		v, ok := p.DefaultVPC(c)
		if !ok {
			return refuse(fault.NotFound, "DefaultVpcDoesNotExist", "No default VPC exists for this account in this region.")
		}
		for n := range subnetKind.In(p.Tables, v.ID) {
			if n.Default && n.Zone == z.Name {
				return refuse(fault.Exists, "DefaultSubnetAlreadyExistsInAvailabilityZone",
					"'%s' is already the default subnet in %s.", n.ID, z.Name)
			}
		}
		made, err = p.createDefaultSubnet(v, z)
		return err
	})
	return made, err
}

func (p *plan) createDefaultSubnet(v *VPC, z Zone) (*Subnet, error) {
	for i := range 1 << (defaultSubnetBits - v.CIDR().Bits()) {
		cidr := netip.PrefixFrom(at(v.CIDR(), i<<(32-defaultSubnetBits)), defaultSubnetBits)
		if p.taken(v, cidr) {
			continue
		}
		n, err := p.createSubnet(CreateSubnetInput{VPC: v.ID, CIDR: cidr, Zone: z.Name})
		if err != nil {
			return nil, err
		}
		made := *n
		made.Default, made.PublicOnLaunch = true, true
		p.put(&made)
		return &made, nil
	}
	return nil, refuse(fault.Limit, "InsufficientFreeAddressesInVpc", "%s has no free range of /%d", v.ID,
		defaultSubnetBits)
}

func (s *State) taken(v *VPC, cidr netip.Prefix) bool {
	for n := range subnetKind.In(s.Tables, v.ID) {
		if n.CIDR.Overlaps(cidr) {
			return true
		}
	}
	return false
}
