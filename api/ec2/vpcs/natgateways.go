package vpcs

import (
	"context"
	"iter"
	"net/netip"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/ec2/internal/query"
	"postern/api/tags"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/network"
)

var natListing = query.Listing[*network.NATGateway]{
	ID:   func(g *network.NATGateway) string { return g.ID },
	Tags: func(g *network.NATGateway) []network.Tag { return g.Tags },
	All:  func(v *query.View) iter.Seq[*network.NATGateway] { return v.NATGateways(v.Scope) },
	Get:  func(v *query.View, id string) (*network.NATGateway, error) { return v.NATGateway(v.Scope, id) },
	Filters: map[string]query.Test[*network.NATGateway]{
		"connectivity-type": query.Text(func(g *network.NATGateway) string { return string(connectivity(g)) }),
		"nat-gateway-id":    query.Text(func(g *network.NATGateway) string { return g.ID }),
		"state":             query.Text(func(g *network.NATGateway) string { return g.State }),
		"subnet-id":         query.Text(func(g *network.NATGateway) string { return g.Subnet }),
		"vpc-id":            query.Text(func(g *network.NATGateway) string { return g.VPC }),
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
		NatGatewayId: aws.String(
			g.ID,
		), VpcId: aws.String(g.VPC), SubnetId: aws.String(g.Subnet), State: types.NatGatewayState(g.State),
		ConnectivityType: connectivity(
			g,
		), AvailabilityMode: types.AvailabilityModeZonal, CreateTime: aws.Time(g.Created), Tags: tags.To[types.Tag](g.Tags),
		FailureCode: query.Optional(g.Code), FailureMessage: query.Optional(g.Message),
	}
	if !g.Ended.IsZero() {
		out.DeleteTime = aws.Time(g.Ended)
	}
	shown := types.NatGatewayAddress{
		AllocationId: query.Optional(
			g.Allocation,
		), AssociationId: query.Optional(g.Association), NetworkInterfaceId: query.Optional(g.Interface),
		IsPrimary: aws.Bool(true), Status: types.NatGatewayAddressStatusSucceeded,
	}
	if g.Address.IsValid() {
		shown.PrivateIp = query.String(g.Address)
	}
	if g.Public.IsValid() {
		shown.PublicIp = query.String(g.Public)
	}
	if g.State == network.NATFailed {
		shown.Status, shown.FailureMessage = types.NatGatewayAddressStatusFailed, query.Optional(g.Message)
	}
	out.NatGatewayAddresses = []types.NatGatewayAddress{shown}
	return out
}

func (s *service) createNatGateway(
	ctx context.Context,
	c *api.Call,
	in *sdk.CreateNatGatewayInput,
) (*sdk.CreateNatGatewayOutput, error) {
	if in.AvailabilityMode != "" && in.AvailabilityMode != types.AvailabilityModeZonal {
		return nil, query.Unbuilt(c, "availabilityMode "+string(in.AvailabilityMode))
	}
	ask := network.CreateNATGatewayInput{
		Subnet: aws.ToString(in.SubnetId), Allocation: aws.ToString(in.AllocationId), Token: aws.ToString(in.ClientToken),
	}
	switch in.ConnectivityType {
	case "", types.ConnectivityTypePublic:
	case types.ConnectivityTypePrivate:
		ask.Private = true
	default:
		return nil, query.Invalid(
			"Value (%s) for parameter connectivityType is invalid. Accepted values: public, private",
			in.ConnectivityType,
		)
	}
	var err error
	if in.PrivateIpAddress != nil {
		var a netip.Addr
		if a, err = query.Address("privateIpAddress", *in.PrivateIpAddress); err != nil {
			return nil, err
		}
		ask.Address = a
	}
	if ask.Tags, err = query.TagsFor(ctx, c, "natgateway", in.TagSpecifications); err != nil {
		return nil, err
	}
	g, err := s.network.CreateNATGateway(ctx, query.ScopeOf(c), ask)
	if err != nil {
		return nil, err
	}
	out := toNatGateway(g)
	return &sdk.CreateNatGatewayOutput{NatGateway: &out, ClientToken: in.ClientToken}, nil
}

func (s *service) describeNatGateways(
	_ context.Context,
	c *api.Call,
	in *sdk.DescribeNatGatewaysInput,
) (*sdk.DescribeNatGatewaysOutput, error) {
	found, next, err := query.Describe(s.view(c), in, natListing, in.NatGatewayIds, in.Filter)
	return &sdk.DescribeNatGatewaysOutput{NatGateways: query.Convert(found, toNatGateway), NextToken: next}, err
}

func (s *service) deleteNatGateway(
	ctx context.Context,
	c *api.Call,
	in *sdk.DeleteNatGatewayInput,
) (*sdk.DeleteNatGatewayOutput, error) {
	return &sdk.DeleteNatGatewayOutput{
			NatGatewayId: in.NatGatewayId,
		}, s.network.DeleteNATGateway(
			ctx,
			query.ScopeOf(c),
			aws.ToString(in.NatGatewayId),
		)
}
