package vpcs

import (
	"context"
	"iter"
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/ec2/internal/query"
	"postern/api/page"
	"postern/api/tags"
	"postern/aws/fault"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/network"
	"postern/network/vpc"
)

// publicPool is the pool that Amazon's own addresses come from.
const publicPool = "amazon"

var addressListing = query.Listing[*network.ElasticIP]{
	ID:   func(e *network.ElasticIP) string { return e.ID },
	Tags: func(e *network.ElasticIP) []network.Tag { return e.Tags },
	All:  func(v *query.View) iter.Seq[*network.ElasticIP] { return v.ElasticIPs(v.Scope) },
	Get:  func(v *query.View, id string) (*network.ElasticIP, error) { return v.ElasticIP(v.Scope, id) },
	Filters: map[string]query.Test[*network.ElasticIP]{
		"allocation-id":        query.Text(func(e *network.ElasticIP) string { return e.ID }),
		"association-id":       query.Text(func(e *network.ElasticIP) string { return e.Association }),
		"domain":               query.Always[*network.ElasticIP]("vpc"),
		"instance-id":          shown(func(a types.Address) *string { return a.InstanceId }),
		"network-border-group": query.Text(func(e *network.ElasticIP) string { return e.Region }),
		"network-interface-id": query.Text(func(e *network.ElasticIP) string { return e.Interface }),
		"network-interface-owner-id": func(_ *query.View, e *network.ElasticIP, want query.Values) bool {
			return e.Interface != "" && want.Is(e.Account)
		},
		"private-ip-address": shown(func(a types.Address) *string { return a.PrivateIpAddress }),
		"public-ip":          query.Text(func(e *network.ElasticIP) string { return e.Address.String() }),
	},
}

// shown is a filter on what an Elastic IP address is shown with.
func shown(of func(types.Address) *string) query.Test[*network.ElasticIP] {
	return func(v *query.View, e *network.ElasticIP, want query.Values) bool {
		have := of(toAddress(v, e))
		return have != nil && want.Is(*have)
	}
}

func toAddress(v *query.View, e *network.ElasticIP) types.Address {
	out := types.Address{
		AllocationId: aws.String(
			e.ID,
		), PublicIp: query.String(e.Address), Domain: types.DomainTypeVpc, PublicIpv4Pool: aws.String(publicPool),
		NetworkBorderGroup: aws.String(e.Region), Tags: tags.To[types.Tag](e.Tags),
	}
	if n, err := v.Interface(v.Scope, e.Interface); e.Interface != "" && err == nil {
		out.AssociationId, out.NetworkInterfaceId = aws.String(e.Association), aws.String(n.ID)
		out.NetworkInterfaceOwnerId, out.PrivateIpAddress = aws.String(n.Account), query.String(n.Addresses[0])
		if n.Kind == vpc.InstanceInterface && n.Owner() != "" {
			out.InstanceId = aws.String(n.Owner())
		}
	}
	return out
}

func (s *service) allocateAddress(
	ctx context.Context,
	c *api.Call,
	in *sdk.AllocateAddressInput,
) (*sdk.AllocateAddressOutput, error) {
	switch {
	case in.Domain != "" && in.Domain != types.DomainTypeVpc:
		return nil, query.Invalid("Value (%s) for parameter domain is invalid. The only domain is vpc.", in.Domain)
	case in.PublicIpv4Pool != nil && *in.PublicIpv4Pool != publicPool:
		return nil, query.Unbuilt(c, "the address pool "+*in.PublicIpv4Pool)
	}
	if err := borderGroup(c, in.NetworkBorderGroup); err != nil {
		return nil, err
	}
	tags, err := query.TagsFor(ctx, c, "elastic-ip", in.TagSpecifications)
	if err != nil {
		return nil, err
	}
	e, err := s.network.AllocateAddress(ctx, query.ScopeOf(c), tags)
	if err != nil {
		return nil, err
	}
	return &sdk.AllocateAddressOutput{
		AllocationId: aws.String(
			e.ID,
		), PublicIp: query.String(e.Address), Domain: types.DomainTypeVpc, PublicIpv4Pool: aws.String(publicPool),
		NetworkBorderGroup: aws.String(c.Region),
	}, nil
}

// borderGroup takes the region as the only group of zones that addresses are advertised from.
func borderGroup(c *api.Call, group *string) error {
	if group != nil && *group != c.Region {
		return query.Invalid(
			"Value (%s) for parameter networkBorderGroup is invalid. The network border group here is %s.",
			*group,
			c.Region,
		)
	}
	return nil
}

// elasticIP finds an Elastic IP address by its allocation's id, or by itself.
func elasticIP(v *query.View, allocation, public *string) (*network.ElasticIP, error) {
	switch {
	case allocation != nil && public != nil:
		return nil, query.Combination("You may specify public IP or allocation id, but not both in the same call")
	case allocation != nil:
		return v.ElasticIP(v.Scope, *allocation)
	case public == nil:
		return nil, query.Required("allocationId")
	}
	a, err := query.Address("publicIp", *public)
	if err != nil {
		return nil, err
	}
	return v.ElasticIPAt(v.Scope, a)
}

func (s *service) associateAddress(
	ctx context.Context,
	c *api.Call,
	in *sdk.AssociateAddressInput,
) (*sdk.AssociateAddressOutput, error) {
	e, err := elasticIP(s.view(c), in.AllocationId, in.PublicIp)
	if err != nil {
		return nil, err
	}
	ask := network.AssociateAddressInput{Allocation: e.ID, Interface: aws.ToString(in.NetworkInterfaceId)}
	ask.Stay = in.AllowReassociation != nil && !*in.AllowReassociation
	switch {
	case in.InstanceId != nil && in.NetworkInterfaceId != nil:
		return nil, query.Combination("You may specify instance id or network interface id, but not both in the same call")
	case in.InstanceId != nil:
		if ask.Interface, err = s.onlyInterface(c, *in.InstanceId); err != nil {
			return nil, err
		}
	case in.NetworkInterfaceId == nil:
		return nil, query.Required("networkInterfaceId")
	}
	if in.PrivateIpAddress != nil {
		if ask.Private, err = query.Address("privateIpAddress", *in.PrivateIpAddress); err != nil {
			return nil, err
		}
	}
	id, err := s.network.AssociateAddress(ctx, query.ScopeOf(c), ask)
	return &sdk.AssociateAddressOutput{AssociationId: aws.String(id)}, err
}

func (s *service) describeAddresses(
	_ context.Context,
	c *api.Call,
	in *sdk.DescribeAddressesInput,
) (*sdk.DescribeAddressesOutput, error) {
	v := s.view(c)
	at, err := fault.All(in.PublicIps, func(public string) (*network.ElasticIP, error) {
		a, err := netip.ParseAddr(public)
		if err != nil {
			return nil, query.Invalid("Value (%s) for parameter publicIps is invalid. Invalid IPv4 address.", public)
		}
		return v.ElasticIPAt(v.Scope, a)
	})
	if err != nil {
		return nil, err
	}
	ids := append(slices.Clone(in.AllocationIds), query.Convert(at, func(e *network.ElasticIP) string { return e.ID })...)
	found, _, err := query.Describe(v, in, addressListing, ids, in.Filters)
	return &sdk.DescribeAddressesOutput{Addresses: query.Show(v, found, toAddress)}, err
}

// describeAddressesAttribute lists the addresses that have a reverse name of their owner's: none can have one here.
func (s *service) describeAddressesAttribute(
	_ context.Context,
	c *api.Call,
	in *sdk.DescribeAddressesAttributeInput,
) (*sdk.DescribeAddressesAttributeOutput, error) {
	if in.Attribute != types.AddressAttributeNameDomainName {
		return nil, query.Invalid(
			"Value (%s) for parameter attribute is invalid. The only attribute is domain-name.",
			in.Attribute,
		)
	}
	if _, err := page.Read(c, in, len(in.AllocationIds)); err != nil {
		return nil, err
	}
	_, err := query.Named(s.view(c), addressListing, in.AllocationIds)
	return &sdk.DescribeAddressesAttributeOutput{}, err
}

func (s *service) disassociateAddress(
	ctx context.Context,
	c *api.Call,
	in *sdk.DisassociateAddressInput,
) (*sdk.DisassociateAddressOutput, error) {
	association := aws.ToString(in.AssociationId)
	if in.AssociationId == nil {
		e, err := elasticIP(s.view(c), nil, in.PublicIp)
		if err != nil {
			return nil, err
		}
		association = e.Association
	}
	return nil, s.network.DisassociateAddress(ctx, query.ScopeOf(c), association)
}

func (s *service) releaseAddress(
	ctx context.Context,
	c *api.Call,
	in *sdk.ReleaseAddressInput,
) (*sdk.ReleaseAddressOutput, error) {
	if err := borderGroup(c, in.NetworkBorderGroup); err != nil {
		return nil, err
	}
	e, err := elasticIP(s.view(c), in.AllocationId, in.PublicIp)
	if err != nil {
		return nil, err
	}
	return nil, s.network.ReleaseAddress(ctx, query.ScopeOf(c), e.ID)
}

// toAssociation shows the public address of a network interface.
func toAssociation(v *query.View, n *network.Interface) *types.NetworkInterfaceAssociation {
	if n.Public == nil {
		return nil
	}
	out := &types.NetworkInterfaceAssociation{
		PublicIp: query.String(
			n.Public.Address,
		), PublicDnsName: aws.String(v.PublicHostName(n)), IpOwnerId: aws.String(publicPool),
		AllocationId: query.Optional(n.Public.Allocation), AssociationId: query.Optional(n.Public.ID),
	}
	if n.Public.Allocation != "" {
		out.IpOwnerId = aws.String(n.Account)
	}
	return out
}

// associatedBy is a filter on the public address of a network interface.
func associatedBy(of func(*types.NetworkInterfaceAssociation) *string) query.Test[*network.Interface] {
	return func(v *query.View, n *network.Interface, want query.Values) bool {
		a := toAssociation(v, n)
		return a != nil && of(a) != nil && want.Is(*of(a))
	}
}

// address names an Elastic IP address and the interface that it is associated with.
func address(v *query.View, allocation, public *string) []string {
	e, err := elasticIP(v, allocation, public)
	switch {
	case err != nil:
		return query.Names("elastic-ip", aws.ToString(allocation))
	case e.Interface == "":
		return query.Names("elastic-ip", e.ID)
	}
	return []string{"elastic-ip/" + e.ID, "network-interface/" + e.Interface}
}

// associatedAddress names an address, the interfaces that it may be given to, and the addresses that make room there.
func (s *service) associatedAddress(c *api.Call, in *sdk.AssociateAddressInput) []string {
	v := s.view(c)
	out := address(v, in.AllocationId, in.PublicIp)
	var onto []*network.Interface
	if in.InstanceId != nil {
		out = append(out, "instance/"+*in.InstanceId)
		onto = v.Attached(*in.InstanceId)
	}
	if in.NetworkInterfaceId != nil {
		out = append(out, "network-interface/"+*in.NetworkInterfaceId)
		if n, err := v.Interface(v.Scope, *in.NetworkInterfaceId); err == nil {
			onto = append(onto, n)
		}
	}
	for _, n := range onto {
		out = append(out, "network-interface/"+n.ID)
		if n.Public != nil && n.Public.Allocation != "" {
			out = append(out, "elastic-ip/"+n.Public.Allocation)
		}
	}
	return out
}

func (s *service) disassociatedAddress(c *api.Call, in *sdk.DisassociateAddressInput) []string {
	v := s.view(c)
	if in.AssociationId == nil {
		return address(v, nil, in.PublicIp)
	}
	for e := range v.ElasticIPs(v.Scope) {
		if e.Association == *in.AssociationId {
			return address(v, &e.ID, nil)
		}
	}
	return []string{"elastic-ip/*", "network-interface/*"}
}

func (s *service) releasedAddress(c *api.Call, in *sdk.ReleaseAddressInput) []string {
	return address(s.view(c), in.AllocationId, in.PublicIp)
}
