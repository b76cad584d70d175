package ec2

import (
	"context"
	"iter"
	"net/netip"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/network"
)

var natListing = listing[*network.NATGateway]{
	id:   func(g *network.NATGateway) string { return g.ID },
	tags: func(g *network.NATGateway) []network.Tag { return g.Tags },
	all:  func(v *view) iter.Seq[*network.NATGateway] { return v.NATGateways(v.scope) },
	get:  func(v *view, id string) (*network.NATGateway, error) { return v.NATGateway(v.scope, id) },
	filters: map[string]test[*network.NATGateway]{
		"connectivity-type": text(func(g *network.NATGateway) string { return string(connectivity(g)) }),
		"nat-gateway-id":    text(func(g *network.NATGateway) string { return g.ID }),
		"state":             text(func(g *network.NATGateway) string { return g.State }),
		"subnet-id":         text(func(g *network.NATGateway) string { return g.Subnet }),
		"vpc-id":            text(func(g *network.NATGateway) string { return g.VPC }),
	},
}

func connectivity(g *network.NATGateway) types.ConnectivityType {
	if g.Private {
		return types.ConnectivityTypePrivate
	}
	return types.ConnectivityTypePublic
}

func toNatGateway(g *network.NATGateway) types.NatGateway {
	out := types.NatGateway{
		NatGatewayId: aws.String(g.ID), VpcId: aws.String(g.VPC), SubnetId: aws.String(g.Subnet), State: types.NatGatewayState(g.State),
		ConnectivityType: connectivity(g), AvailabilityMode: types.AvailabilityModeZonal, CreateTime: aws.Time(g.Created), Tags: toTags(g.Tags),
		FailureCode: optional(g.Code), FailureMessage: optional(g.Message),
	}
	if !g.Ended.IsZero() {
		out.DeleteTime = aws.Time(g.Ended)
	}
	shown := types.NatGatewayAddress{
		AllocationId: optional(g.Allocation), AssociationId: optional(g.Association), NetworkInterfaceId: optional(g.Interface),
		IsPrimary: aws.Bool(true), Status: types.NatGatewayAddressStatusSucceeded,
	}
	if g.Address.IsValid() {
		shown.PrivateIp = str(g.Address)
	}
	if g.Public.IsValid() {
		shown.PublicIp = str(g.Public)
	}
	if g.State == network.NATFailed {
		shown.Status, shown.FailureMessage = types.NatGatewayAddressStatusFailed, optional(g.Message)
	}
	out.NatGatewayAddresses = []types.NatGatewayAddress{shown}
	return out
}

func (s *service) createNatGateway(ctx context.Context, c *api.Call, in *sdk.CreateNatGatewayInput) (*sdk.CreateNatGatewayOutput, error) {
	if in.AvailabilityMode != "" && in.AvailabilityMode != types.AvailabilityModeZonal {
		return nil, unbuilt(c, "availabilityMode "+string(in.AvailabilityMode))
	}
	ask := network.CreateNATGatewayInput{
		Subnet: aws.ToString(in.SubnetId), Allocation: aws.ToString(in.AllocationId), Token: aws.ToString(in.ClientToken),
	}
	switch in.ConnectivityType {
	case "", types.ConnectivityTypePublic:
	case types.ConnectivityTypePrivate:
		ask.Private = true
	default:
		return nil, invalid("Value (%s) for parameter connectivityType is invalid. Accepted values: public, private", in.ConnectivityType)
	}
	var err error
	if in.PrivateIpAddress != nil {
		var a netip.Addr
		if a, err = address("privateIpAddress", *in.PrivateIpAddress); err != nil {
			return nil, err
		}
		ask.Address = a
	}
	if ask.Tags, err = tagsFor(ctx, c, "natgateway", in.TagSpecifications); err != nil {
		return nil, err
	}
	g, err := s.network.CreateNATGateway(ctx, scopeOf(c), ask)
	if err != nil {
		return nil, err
	}
	out := toNatGateway(g)
	return &sdk.CreateNatGatewayOutput{NatGateway: &out, ClientToken: in.ClientToken}, nil
}

func (s *service) describeNatGateways(_ context.Context, c *api.Call, in *sdk.DescribeNatGatewaysInput) (*sdk.DescribeNatGatewaysOutput, error) {
	found, next, err := describe(s.view(c), natListing, query{in.NatGatewayIds, in.Filter, in.MaxResults, in.NextToken})
	return &sdk.DescribeNatGatewaysOutput{NatGateways: convert(found, toNatGateway), NextToken: next}, err
}

func (s *service) deleteNatGateway(ctx context.Context, c *api.Call, in *sdk.DeleteNatGatewayInput) (*sdk.DeleteNatGatewayOutput, error) {
	return &sdk.DeleteNatGatewayOutput{NatGatewayId: in.NatGatewayId}, s.network.DeleteNATGateway(ctx, scopeOf(c), aws.ToString(in.NatGatewayId))
}
