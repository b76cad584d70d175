package endpoints

import (
	"cmp"
	"context"
	"iter"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/ec2/internal/query"
	"postern/api/ec2/vpcs"
	"postern/api/tags"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/network"
	"postern/network/vpc"
)

var endpointListing = query.Listing[*network.VpcEndpoint]{
	ID:   func(e *network.VpcEndpoint) string { return e.ID },
	Tags: func(e *network.VpcEndpoint) []network.Tag { return e.Tags },
	All:  func(v *query.View) iter.Seq[*network.VpcEndpoint] { return v.VpcEndpoints(v.Scope) },
	Get:  func(v *query.View, id string) (*network.VpcEndpoint, error) { return v.VpcEndpoint(v.Scope, id) },
	Filters: map[string]query.Test[*network.VpcEndpoint]{
		"ip-address-type":    query.Always[*network.VpcEndpoint]("ipv4"),
		"service-name":       query.Text(func(e *network.VpcEndpoint) string { return e.Service }),
		"service-region":     query.Text(func(e *network.VpcEndpoint) string { return e.Region }),
		"vpc-id":             query.Text(func(e *network.VpcEndpoint) string { return e.VPC }),
		"vpc-endpoint-id":    query.Text(func(e *network.VpcEndpoint) string { return e.ID }),
		"vpc-endpoint-state": query.Text(func(e *network.VpcEndpoint) string { return e.State }),
		"vpc-endpoint-type":  query.Text(func(e *network.VpcEndpoint) string { return string(endpointType(e.Kind)) }),
	},
}

func endpointType(k vpc.EndpointKind) types.VpcEndpointType {
	if k == vpc.GatewayEndpoint {
		return types.VpcEndpointTypeGateway
	}
	return types.VpcEndpointTypeInterface
}

func toEndpoint(v *query.View, e *network.VpcEndpoint) types.VpcEndpoint {
	out := types.VpcEndpoint{
		VpcEndpointId: aws.String(e.ID), VpcEndpointType: endpointType(e.Kind), VpcId: aws.String(e.VPC),
		OwnerId: aws.String(e.Account), ServiceName: aws.String(e.Service), ServiceRegion: aws.String(e.Region),
		State: types.State(e.State), CreationTimestamp: aws.Time(e.Created), RequesterManaged: aws.Bool(false),
		PolicyDocument: aws.String(cmp.Or(e.Policy, network.FullAccess)), PrivateDnsEnabled: aws.Bool(e.PrivateDNS),
		SubnetIds: e.Subnets, NetworkInterfaceIds: e.Interfaces, RouteTableIds: e.RouteTables,
		Tags:          tags.To[types.Tag](e.Tags),
		IpAddressType: types.IpAddressTypeIpv4, DnsOptions: &types.DnsOptions{DnsRecordIpType: types.DnsRecordIpTypeIpv4},
		Groups: query.Convert(vpcs.GroupNames(v, e.Groups), func(g types.GroupIdentifier) types.SecurityGroupIdentifier {
			return types.SecurityGroupIdentifier(g)
		}),
	}
	if e.Kind == vpc.InterfaceEndpoint && e.Service == "com.amazonaws."+e.Region+".s3" {
		out.DnsOptions.PrivateDnsOnlyForInboundResolverEndpoint = aws.Bool(e.InboundOnly)
	}
	out.DnsEntries = toDNSEntries(v.DNSEntries(e, v.EndpointZones(e)))
	return out
}

func (s *service) createVpcEndpoint(
	ctx context.Context,
	c *api.Call,
	in *sdk.CreateVpcEndpointInput,
) (*sdk.CreateVpcEndpointOutput, error) {
	x := network.CreateVpcEndpointInput{
		VPC: aws.ToString(in.VpcId), Service: aws.ToString(in.ServiceName), Groups: in.SecurityGroupIds,
		Policy: aws.ToString(in.PolicyDocument), PrivateDNS: in.PrivateDnsEnabled, Token: aws.ToString(in.ClientToken),
		RouteTables: in.RouteTableIds, Principals: principalsOf(c), InboundOnly: inboundOnly(in.DnsOptions),
	}
	switch in.VpcEndpointType {
	case types.VpcEndpointTypeInterface:
	case types.VpcEndpointTypeGateway, "": // the EC2 API's default
		x.Kind = vpc.GatewayEndpoint
	default:
		return nil, query.Unbuilt(c, "a VPC endpoint of type "+string(in.VpcEndpointType))
	}
	if err := s.checkEndpointOptions(c, in.IpAddressType, in.DnsOptions); err != nil {
		return nil, err
	}
	if in.ServiceRegion != nil && *in.ServiceRegion != c.Region {
		return nil, query.Unbuilt(c, "a service in another region, "+*in.ServiceRegion)
	}
	var err error
	if x.Subnets, err = endpointSubnets(in.SubnetIds, in.SubnetConfigurations); err != nil {
		return nil, err
	}
	if x.Tags, err = query.TagsFor(ctx, c, "vpc-endpoint", in.TagSpecifications); err != nil {
		return nil, err
	}
	e, err := s.network.CreateVpcEndpoint(ctx, query.ScopeOf(c), x)
	if err != nil {
		return nil, err
	}
	out := toEndpoint(s.view(c), e)
	return &sdk.CreateVpcEndpointOutput{VpcEndpoint: &out, ClientToken: in.ClientToken}, nil
}

// checkEndpointOptions refuses all but IPv4 and the defaults.
func (s *service) checkEndpointOptions(
	c *api.Call,
	family types.IpAddressType,
	dns *types.DnsOptionsSpecification,
) error {
	if family != "" && family != types.IpAddressTypeIpv4 {
		return query.Unbuilt(c, "ipAddressType "+string(family))
	}
	if dns == nil {
		return nil
	}
	switch {
	case dns.DnsRecordIpType != "" && dns.DnsRecordIpType != types.DnsRecordIpTypeIpv4:
		return query.Unbuilt(c, "dnsOptions.dnsRecordIpType "+string(dns.DnsRecordIpType))
	case dns.PrivateDnsPreference != nil, len(dns.PrivateDnsSpecifiedDomains) > 0:
		return query.Unbuilt(c, "dnsOptions.privateDnsPreference")
	}
	return nil
}

// inboundOnly is whether the private names are wanted for inbound Resolver endpoints only; nil is not said.
func inboundOnly(dns *types.DnsOptionsSpecification) *bool {
	if dns == nil {
		return nil
	}
	return dns.PrivateDnsOnlyForInboundResolverEndpoint
}

// endpointSubnets are the subnets of a request with the addresses that it asks for in them.
func endpointSubnets(ids []string, configurations []types.SubnetConfiguration) ([]network.EndpointSubnet, error) {
	var out []network.EndpointSubnet
	for _, id := range ids {
		out = append(out, network.EndpointSubnet{ID: id})
	}
	for _, x := range configurations {
		id := aws.ToString(x.SubnetId)
		i := slices.IndexFunc(out, func(n network.EndpointSubnet) bool { return n.ID == id })
		if i < 0 {
			return nil, query.Invalid("Value (%s) for parameter subnetConfigurations is invalid. It is not among subnetIds.", id)
		}
		if x.Ipv6 != nil {
			return nil, query.Invalid(
				"Value (%s) for parameter subnetConfigurations is invalid. The endpoint has IPv4 addresses only.",
				*x.Ipv6,
			)
		}
		if x.Ipv4 == nil {
			continue
		}
		var err error
		if out[i].Address, err = query.Address("subnetConfigurations", *x.Ipv4); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (s *service) describeVpcEndpoints(
	_ context.Context,
	c *api.Call,
	in *sdk.DescribeVpcEndpointsInput,
) (*sdk.DescribeVpcEndpointsOutput, error) {
	v := s.view(c)
	found, next, err := query.Describe(v, in, endpointListing, in.VpcEndpointIds, in.Filters)
	return &sdk.DescribeVpcEndpointsOutput{VpcEndpoints: query.Show(v, found, toEndpoint), NextToken: next}, err
}

func (s *service) modifyVpcEndpoint(
	ctx context.Context,
	c *api.Call,
	in *sdk.ModifyVpcEndpointInput,
) (*sdk.ModifyVpcEndpointOutput, error) {
	if err := s.checkEndpointOptions(c, in.IpAddressType, in.DnsOptions); err != nil {
		return nil, err
	}
	x := network.EndpointChange{
		RemoveSubnets: in.RemoveSubnetIds, AddGroups: in.AddSecurityGroupIds, RemoveGroups: in.RemoveSecurityGroupIds,
		AddTables: in.AddRouteTableIds, RemoveTables: in.RemoveRouteTableIds,
		Policy: in.PolicyDocument, PrivateDNS: in.PrivateDnsEnabled, InboundOnly: inboundOnly(in.DnsOptions),
	}
	if aws.ToBool(in.ResetPolicy) {
		if in.PolicyDocument != nil {
			return nil, query.Combination("policyDocument and resetPolicy may not be specified together")
		}
		x.Policy = aws.String("")
	}
	var err error
	if x.AddSubnets, err = endpointSubnets(in.AddSubnetIds, in.SubnetConfigurations); err != nil {
		return nil, err
	}
	err = s.network.ModifyVpcEndpoint(ctx, query.ScopeOf(c), aws.ToString(in.VpcEndpointId), x)
	return &sdk.ModifyVpcEndpointOutput{Return: aws.Bool(true)}, err
}

func (s *service) deleteVpcEndpoints(
	ctx context.Context,
	c *api.Call,
	in *sdk.DeleteVpcEndpointsInput,
) (*sdk.DeleteVpcEndpointsOutput, error) {
	failed, err := s.network.DeleteVpcEndpoints(ctx, query.ScopeOf(c), in.VpcEndpointIds)
	if err != nil {
		return nil, err
	}
	return &sdk.DeleteVpcEndpointsOutput{Unsuccessful: query.Unsuccessful(in.VpcEndpointIds, failed)}, nil
}

// groupOfNewEndpoint names the VPC's default security group where an interface endpoint is given none.
func (s *service) groupOfNewEndpoint(c *api.Call, in *sdk.CreateVpcEndpointInput) []string {
	if in.VpcEndpointType != types.VpcEndpointTypeInterface || len(in.SecurityGroupIds) > 0 {
		return nil
	}
	return s.view(c).GroupsOf(aws.ToString(in.VpcId), nil)
}
