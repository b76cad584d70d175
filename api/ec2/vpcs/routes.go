package vpcs

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/ec2/internal/query"
	"postern/aws/fault"
	sdk "postern/aws/service/ec2"
	"postern/network"
	"postern/network/vpc"
)

// routeInput holds the members that CreateRoute, ReplaceRoute and DeleteRoute share.
type routeInput struct {
	cidr, prefixList, gateway, nat, instance, nic, peering *string
}

func (s *service) createRoute(
	ctx context.Context,
	c *api.Call,
	in *sdk.CreateRouteInput,
) (*sdk.CreateRouteOutput, error) {
	r, err := s.route(c, routeInput{
		in.DestinationCidrBlock, in.DestinationPrefixListId, in.GatewayId, in.NatGatewayId, in.InstanceId,
		in.NetworkInterfaceId, in.VpcPeeringConnectionId,
	})
	if err != nil {
		return nil, err
	}
	err = s.network.CreateRoute(ctx, query.ScopeOf(c), aws.ToString(in.RouteTableId), r)
	return &sdk.CreateRouteOutput{Return: aws.Bool(true)}, err
}

func (s *service) replaceRoute(
	ctx context.Context,
	c *api.Call,
	in *sdk.ReplaceRouteInput,
) (*sdk.ReplaceRouteOutput, error) {
	r, err := s.route(c, routeInput{
		in.DestinationCidrBlock, in.DestinationPrefixListId, in.GatewayId, in.NatGatewayId, in.InstanceId,
		in.NetworkInterfaceId, in.VpcPeeringConnectionId,
	})
	if err != nil {
		return nil, err
	}
	return nil, s.network.ReplaceRoute(ctx, query.ScopeOf(c), aws.ToString(in.RouteTableId), r)
}

func (s *service) deleteRoute(
	ctx context.Context,
	c *api.Call,
	in *sdk.DeleteRouteInput,
) (*sdk.DeleteRouteOutput, error) {
	r, err := destination(routeInput{cidr: in.DestinationCidrBlock, prefixList: in.DestinationPrefixListId})
	if err != nil {
		return nil, err
	}
	return nil, s.network.DeleteRoute(ctx, query.ScopeOf(c), aws.ToString(in.RouteTableId), r)
}

func destination(in routeInput) (network.Route, error) {
	switch {
	case in.cidr != nil && in.prefixList != nil:
		return network.Route{}, query.Combination("A route has one destination: a CIDR block or a prefix list")
	case in.prefixList != nil:
		return network.Route{PrefixList: *in.prefixList}, nil
	}
	p, err := query.Prefix("destinationCidrBlock", in.cidr)
	if err == nil && !p.Addr().Is4() {
		err = query.Invalid(
			"Value (%s) for parameter destinationCidrBlock is invalid. This is not a valid IPv4 CIDR block.",
			p,
		)
	}
	return network.Route{Destination: p}, err
}

func (s *service) route(c *api.Call, in routeInput) (network.Route, error) {
	r, err := destination(in)
	if err != nil {
		return r, err
	}
	var targets []vpc.Target
	if in.gateway != nil {
		kind, err := gatewayKind(c, *in.gateway)
		if err != nil {
			return r, err
		}
		targets = append(targets, vpc.Target{Kind: kind, ID: *in.gateway})
	}
	if in.nat != nil {
		targets = append(targets, vpc.Target{Kind: vpc.ViaNATGateway, ID: *in.nat})
	}
	if in.peering != nil {
		targets = append(targets, vpc.Target{Kind: vpc.ViaPeering, ID: *in.peering})
	}
	if in.nic != nil {
		targets = append(targets, vpc.Target{Kind: vpc.ViaInterface, ID: *in.nic})
	}
	if in.instance != nil {
		nic, err := s.onlyInterface(c, *in.instance)
		if err != nil {
			return r, err
		}
		targets = append(targets, vpc.Target{Kind: vpc.ViaInterface, ID: nic})
	}
	const oneTarget = "The request must contain exactly one of gatewayId, natGatewayId, " +
		"networkInterfaceId, vpcPeeringConnectionId or instanceId"
	switch len(targets) {
	case 0:
		return r, fault.New(fault.Missing, "ec2", oneTarget).WithCode("MissingParameter")
	case 1:
	default:
		return r, query.Combination(oneTarget)
	}
	r.Target = targets[0]
	return r, nil
}

// gatewayKind says what a gatewayId names; it may also be "local" or a virtual private gateway.
func gatewayKind(c *api.Call, id string) (vpc.TargetKind, error) {
	switch {
	case strings.HasPrefix(id, "igw-"):
		return vpc.ViaInternetGateway, nil
	case id == "local", strings.HasPrefix(id, "vgw-"), strings.HasPrefix(id, "vpce-"):
		return 0, query.Unbuilt(c, "a route to gateway "+id)
	}
	return 0, fault.New(fault.NotFound, "ec2.route", "The gateway ID '%s' does not exist", id).
		WithCode("InvalidGatewayID.NotFound")
}

// onlyInterface finds the interface of an instance that has one.
func (s *service) onlyInterface(c *api.Call, instance string) (string, error) {
	own := slices.DeleteFunc(s.view(c).Attached(instance), func(n *network.Interface) bool {
		return n.Account != c.Account || n.Region != c.Region || n.Kind != vpc.InstanceInterface
	})
	switch len(own) {
	case 0:
		return "", noInstance(instance)
	case 1:
		return own[0].ID, nil
	}
	return "", SeveralInterfaces(instance)
}

// SeveralInterfaces refuses to guess which of an instance's interfaces is meant.
func SeveralInterfaces(instance string) error {
	return fault.New(fault.Invalid, "ec2", "There are multiple interfaces attached to instance '%s'. "+
		"Please specify an interface ID for the operation instead.", instance).
		WithCode("InvalidInstanceID")
}

func noInstance(id string) error {
	return fault.New(fault.NotFound, "ec2", "The instance ID '%s' does not exist", id).
		WithCode("InvalidInstanceID.NotFound")
}
