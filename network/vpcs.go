package network

import (
	"context"
	"iter"
	"net/netip"
	"slices"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/network/vpc"
	"postern/record"
)

// VPC is a virtual private cloud.
type VPC struct {
	Meta
	// Blocks are its address ranges; the first is the primary one. They do not overlap.
	Blocks []Block
	// Default marks the default VPC of its region.
	Default bool `json:",omitempty"`
	// DNSSupport turns the VPC resolver on, DNSHostnames is needed beside it for endpoints' private DNS names.
	DNSSupport, DNSHostnames bool
	// DhcpOptions is the id of its DHCP options set, or NoDhcpOptions; empty is the region's own set.
	DhcpOptions string `json:",omitempty"`
	// UsageMetrics is kept for its owner; nothing follows from it.
	UsageMetrics bool `json:",omitempty"`
}

// Block is one address range of a VPC, with the id of its association.
type Block struct {
	ID   string
	CIDR netip.Prefix
}

// CIDR is the VPC's primary address range.
func (v *VPC) CIDR() netip.Prefix { return v.Blocks[0].CIDR }

var (
	// defaultVpcs has the default VPCs by scope.
	defaultVpcs = &record.Index[VPC]{Grouped: true, Terms: func(v *VPC) []record.Term {
		if !v.Default {
			return nil
		}
		return []record.Term{{Value: v.scope().String()}}
	}}
	// vpcsByRegion counts the VPCs of each region.
	vpcsByRegion = &record.Index[VPC]{Counted: true, Terms: func(v *VPC) []record.Term {
		return []record.Term{{Value: v.Region}}
	}}
	// vpcsUsing has VPCs by scope and by the ids of their DHCP options and of their ranges.
	vpcsUsing = &record.Index[VPC]{Grouped: true, Terms: func(v *VPC) []record.Term {
		c := v.scope().String()
		terms := []record.Term{{Value: c, Sort: v.DhcpOptionsID()}}
		for _, b := range v.Blocks {
			terms = append(terms, record.Term{Value: c, Sort: b.ID})
		}
		return terms
	}}
)

var vpcKind = declare(&kind[VPC]{
	Kind: record.Kind[VPC]{
		Name:    "vpc",
		Indexes: []*record.Index[VPC]{defaultVpcs, vpcsByRegion, vpcsUsing},
		Views:   func(_ *record.Tables, v *VPC) []string { return []string{v.ID} },
	},
	resourceType: resourceType{
		prefix: "vpc", name: "vpc", notFound: "InvalidVpcID.NotFound", malformed: "InvalidVpcID.Malformed",
		missing: "The vpc ID '%s' does not exist",
	},
	limit: &limit{
		of: func(l *Limits) int { return l.VPCs }, code: "VpcLimitExceeded",
		message: "The maximum number of VPCs has been reached: LIMIT",
	},
	refs: func(v *VPC) []string {
		if v.DhcpOptions == NoDhcpOptions {
			return nil
		}
		return []string{v.DhcpOptions}
	},
})

func (*VPC) kind() declared { return vpcKind }

func (v *VPC) value() vpc.VPC {
	out := vpc.VPC{ID: v.ID, Account: v.Account, Region: v.Region, DNSSupport: v.DNSSupport, DNSHostnames: v.DNSHostnames}
	for _, b := range v.Blocks {
		out.CIDRs = append(out.CIDRs, b.CIDR)
	}
	return out
}

// VPC finds a VPC.
func (s *State) VPC(c scope.Scope, id string) (*VPC, error) { return vpcKind.lookup(s, c, id) }

// VPCs are the scope's VPCs.
func (s *State) VPCs(c scope.Scope) iter.Seq[*VPC] { return vpcKind.scoped(s, c) }

// CreateVpcInput is a VPC to be made.
type CreateVpcInput struct {
	// CIDR is its primary range, /16 to /28; host bits are cleared.
	CIDR netip.Prefix
	Tags []Tag
}

// CreateVpc makes a VPC with its main route table, default network ACL and default security group. DNS support is on,
// DNS hostnames are off, as in every VPC on AWS that is not the default one.
func (s *Service) CreateVpc(ctx context.Context, c scope.Scope, in CreateVpcInput) (*VPC, error) {
	var made *VPC
	err := s.do(ctx, c, func(p *plan) (err error) {
		made, err = p.createVpc(in)
		return err
	})
	return made, err
}

func (p *plan) createVpc(in CreateVpcInput) (*VPC, error) {
	tags, err := p.limits.cleanTags(in.Tags)
	if err != nil {
		return nil, err
	}
	cidr, err := vpcRange(in.CIDR)
	if err != nil {
		return nil, err
	}
	if err := vpcKind.room(p, p.scope.String(), 1); err != nil {
		return nil, err
	}
	v := &VPC{
		Meta: p.meta("vpc", tags), DNSSupport: true,
		Blocks: []Block{{newID("vpc-cidr-assoc"), cidr}},
	}
	p.put(v)
	p.put(&RouteTable{
		Meta: p.meta("rtb", nil), VPC: v.ID, Associations: []Association{{ID: newID("rtbassoc"), Main: true}},
	})
	p.put(&NetworkACL{Meta: p.meta("acl", nil), VPC: v.ID, Default: true, Entries: []ACLEntry{
		{Number: 100, Allow: true, Protocol: vpc.AllProtocols, CIDR: everyIPv4},
		{Number: 100, Allow: true, Protocol: vpc.AllProtocols, CIDR: everyIPv4, Egress: true},
	}})
	g := &SecurityGroup{Meta: p.meta("sg", nil), VPC: v.ID, Name: defaultGroup, Description: "default VPC security group"}
	g.Rules = []SecurityGroupRule{
		{ID: newID("sgr"), Protocol: vpc.AllProtocols, Ports: anyPort, Group: g.ID},
		{ID: newID("sgr"), Protocol: vpc.AllProtocols, Ports: anyPort, CIDR: everyIPv4, Egress: true},
	}
	p.put(g)
	return v, nil
}

var (
	everyIPv4 = netip.MustParsePrefix("0.0.0.0/0")
	anyPort   = vpc.PortRange{From: -1, To: -1}
)

// noVpcRanges are ranges that no VPC may have (VPC user guide, "VPC CIDR blocks").
var noVpcRanges = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("224.0.0.0/4"), netip.MustParsePrefix("240.0.0.0/4"),
}

func vpcRange(cidr netip.Prefix) (netip.Prefix, error) {
	if !cidr.IsValid() || !cidr.Addr().Is4() {
		return cidr, missing("cidrBlock")
	}
	cidr = cidr.Masked()
	bad := slices.ContainsFunc(noVpcRanges, cidr.Overlaps)
	if bad || cidr.Bits() < 16 || cidr.Bits() > 28 {
		return cidr, refuse(fault.Invalid, "InvalidVpc.Range", "The CIDR '%s' is invalid.", cidr)
	}
	return cidr, nil
}

// VpcAttribute is one of the attributes that ModifyVpcAttribute changes.
type VpcAttribute string

// The attributes, as the EC2 API spells them.
const (
	EnableDNSSupport   VpcAttribute = "enableDnsSupport"
	EnableDNSHostnames VpcAttribute = "enableDnsHostnames"
	EnableUsageMetrics VpcAttribute = "enableNetworkAddressUsageMetrics"
)

// ModifyVpcAttribute turns one attribute of a VPC on or off.
func (s *Service) ModifyVpcAttribute(ctx context.Context, c scope.Scope, id string, a VpcAttribute, on bool) error {
	return s.do(ctx, c, func(p *plan) error {
		old, err := p.VPC(c, id)
		if err != nil {
			return err
		}
		v := *old
		switch a {
		case EnableDNSSupport:
			v.DNSSupport = on
		case EnableDNSHostnames:
			if on && !v.DNSSupport {
				return invalidValue("Value (true) for parameter enableDnsHostnames is invalid. DNS support is not enabled for %s",
					id)
			}
			v.DNSHostnames = on
		case EnableUsageMetrics:
			v.UsageMetrics = on
		default:
			return invalidValue("Value (%s) for parameter attribute is invalid. Unknown attribute.", string(a))
		}
		p.put(&v)
		return nil
	})
}

// AssociateCidrBlock adds a range to a VPC. It may not overlap another range of that VPC.
func (s *Service) AssociateCidrBlock(ctx context.Context, c scope.Scope, id string, cidr netip.Prefix) (Block, error) {
	var made Block
	err := s.do(ctx, c, func(p *plan) error {
		old, err := p.VPC(c, id)
		if err != nil {
			return err
		}
		if cidr, err = vpcRange(cidr); err != nil {
			return err
		}
		if len(old.Blocks) >= p.limits.CIDRsPerVPC {
			return overLimit("CidrLimitExceeded", "This network '%s' has met its maximum number of allowed CIDRs: %d", id,
				p.limits.CIDRsPerVPC)
		}
		for _, b := range old.Blocks {
			if b.CIDR.Overlaps(cidr) {
				return refuse(fault.Conflict, "CidrConflict", "The CIDR '%s' conflicts with %s of %s", cidr, b.CIDR, id)
			}
		}
		v := *old
		made = Block{newID("vpc-cidr-assoc"), cidr}
		v.Blocks = append(slices.Clone(old.Blocks), made)
		if err := p.peeredRange(&v); err != nil {
			return err
		}
		p.put(&v)
		return nil
	})
	return made, err
}

// DisassociateCidrBlock takes a range, not the primary one, from its VPC. No subnet may lie in it.
func (s *Service) DisassociateCidrBlock(ctx context.Context, c scope.Scope, association string) (*VPC, Block, error) {
	var vpc *VPC
	var gone Block
	err := s.do(ctx, c, func(p *plan) error {
		if old, ok := vpcsUsing.At(p.Tables, record.Term{Value: c.String(), Sort: association}); ok {
			i := slices.IndexFunc(old.Blocks, func(b Block) bool { return b.ID == association })
			if i < 0 {
				return cidrAssociationType.unknown(association)
			}
			if i == 0 {
				return refuse(fault.Conflict, "OperationNotPermitted",
					"The vpc CIDR block with association ID %s may not be disassociated. It is the primary IPv4 CIDR block of the "+
						"VPC", association)
			}
			gone = old.Blocks[i]
			for n := range subnetKind.In(p.Tables, old.ID) {
				if gone.CIDR.Overlaps(n.CIDR) {
					return inUse("The vpc CIDR block %s has dependencies: %s", gone.CIDR, n.ID)
				}
			}
			v := *old
			v.Blocks = slices.Delete(slices.Clone(old.Blocks), i, i+1)
			p.put(&v)
			vpc = &v
			return nil
		}
		return cidrAssociationType.unknown(association)
	})
	return vpc, gone, err
}

// DeleteVpc deletes a VPC and what was made with it. Anything else in it is a DependencyViolation.
func (s *Service) DeleteVpc(ctx context.Context, c scope.Scope, id string) error {
	return s.do(ctx, c, func(p *plan) error {
		v, err := p.VPC(c, id)
		if err != nil {
			return err
		}
		if what := p.dependent(v); what != "" {
			return inUse("The vpc '%s' has dependencies and cannot be deleted. %s depends on it.", id, what)
		}
		p.leaveRules(v)
		for _, k := range kinds {
			k.leave(p, v)
		}
		p.remove(v)
		return nil
	})
}

// dependent names something in the VPC that is not deleted with it.
func (s *State) dependent(v *VPC) string {
	for _, k := range kinds {
		if id := k.holder(s, v); id != "" {
			return id
		}
	}
	return ""
}
