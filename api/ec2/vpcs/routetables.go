package vpcs

import (
	"context"
	"iter"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/ec2/internal/query"
	"postern/api/tags"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/network"
	"postern/network/vpc"
)

var tableListing = query.Listing[*network.RouteTable]{
	ID:   func(t *network.RouteTable) string { return t.ID },
	Tags: func(t *network.RouteTable) []network.Tag { return t.Tags },
	All:  func(v *query.View) iter.Seq[*network.RouteTable] { return v.RouteTables(v.Scope) },
	Get:  func(v *query.View, id string) (*network.RouteTable, error) { return v.RouteTable(v.Scope, id) },
	Filters: map[string]query.Test[*network.RouteTable]{
		"association.gateway-id":                 query.None[*network.RouteTable],
		"association.route-table-association-id": tied(func(a network.Association) string { return a.ID }),
		"association.subnet-id":                  tied(func(a network.Association) string { return a.Subnet }),
		"association.route-table-id": func(_ *query.View, t *network.RouteTable, want query.Values) bool {
			return len(t.Associations) > 0 && want.Is(t.ID)
		},
		"association.main": query.Flag((*network.RouteTable).Main),
		"owner-id":         query.Text(func(t *network.RouteTable) string { return t.Account }),
		"route-table-id":   query.Text(func(t *network.RouteTable) string { return t.ID }),
		"route.destination-cidr-block": routed(
			func(r types.Route) string { return aws.ToString(r.DestinationCidrBlock) },
		),
		"route.destination-ipv6-cidr-block": query.None[*network.RouteTable],
		"route.destination-prefix-list-id": routed(
			func(r types.Route) string { return aws.ToString(r.DestinationPrefixListId) },
		),
		"route.egress-only-internet-gateway-id": query.None[*network.RouteTable],
		"route.gateway-id":                      routed(func(r types.Route) string { return aws.ToString(r.GatewayId) }),
		"route.instance-id":                     routed(func(r types.Route) string { return aws.ToString(r.InstanceId) }),
		"route.nat-gateway-id":                  routed(func(r types.Route) string { return aws.ToString(r.NatGatewayId) }),
		"route.transit-gateway-id":              query.None[*network.RouteTable],
		"route.origin":                          routed(func(r types.Route) string { return string(r.Origin) }),
		"route.state":                           routed(func(r types.Route) string { return string(r.State) }),
		"route.vpc-peering-connection-id": routed(
			func(r types.Route) string { return aws.ToString(r.VpcPeeringConnectionId) },
		),
		"vpc-id": query.Text(func(t *network.RouteTable) string { return t.VPC }),
	},
}

func tied(of func(network.Association) string) query.Test[*network.RouteTable] {
	return func(_ *query.View, t *network.RouteTable, want query.Values) bool {
		return want.Any(query.Convert(t.Associations, of))
	}
}

func routed(of func(types.Route) string) query.Test[*network.RouteTable] {
	return func(v *query.View, t *network.RouteTable, want query.Values) bool {
		return want.Any(query.Convert(toRoutes(v, t), of))
	}
}

// routes are the table's local routes, and then its own.
func toRoutes(v *query.View, t *network.RouteTable) []types.Route {
	var out []types.Route
	if owner, err := v.VPC(v.Scope, t.VPC); err == nil {
		for _, b := range owner.Blocks {
			out = append(out, types.Route{
				DestinationCidrBlock: query.String(b.CIDR), GatewayId: aws.String("local"),
				Origin: types.RouteOriginCreateRouteTable, State: types.RouteStateActive,
			})
		}
	}
	for _, r := range t.Routes {
		out = append(out, toRoute(v, t, r))
	}
	for e := range v.EndpointsOf(t) {
		if r, err := v.EndpointRoute(e); err == nil {
			out = append(out, toRoute(v, t, r))
		}
	}
	return out
}

func toRoute(v *query.View, t *network.RouteTable, r network.Route) types.Route {
	out := types.Route{Origin: types.RouteOriginCreateRoute, State: types.RouteStateBlackhole}
	if v.RouteActive(t, r) {
		out.State = types.RouteStateActive
	}
	if r.PrefixList != "" {
		out.DestinationPrefixListId = aws.String(r.PrefixList)
	} else {
		out.DestinationCidrBlock = query.String(r.Destination)
	}
	target := aws.String(r.Target.ID)
	switch r.Target.Kind {
	case vpc.ViaInternetGateway, vpc.ViaGatewayEndpoint:
		out.GatewayId = target
	case vpc.ViaNATGateway:
		out.NatGatewayId = target
	case vpc.ViaPeering:
		out.VpcPeeringConnectionId = target
	case vpc.ViaInterface:
		out.NetworkInterfaceId = target
		if n, err := v.Interface(v.Scope, r.Target.ID); err == nil && n.Kind == vpc.InstanceInterface && n.Attachment != nil {
			out.InstanceId, out.InstanceOwnerId = aws.String(n.Owner()), aws.String(n.Account)
		}
	}
	return out
}

func toRouteTable(v *query.View, t *network.RouteTable) types.RouteTable {
	return types.RouteTable{
		RouteTableId: aws.String(
			t.ID,
		), VpcId: aws.String(t.VPC), OwnerId: aws.String(t.Account), Tags: tags.To[types.Tag](t.Tags),
		Routes: toRoutes(v, t),
		Associations: query.Convert(t.Associations, func(a network.Association) types.RouteTableAssociation {
			out := types.RouteTableAssociation{
				RouteTableAssociationId: aws.String(a.ID), RouteTableId: aws.String(t.ID), Main: aws.Bool(a.Main),
				AssociationState: associated(),
			}
			if a.Subnet != "" {
				out.SubnetId = aws.String(a.Subnet)
			}
			return out
		}),
	}
}

func associated() *types.RouteTableAssociationState {
	return &types.RouteTableAssociationState{State: types.RouteTableAssociationStateCodeAssociated}
}

func (s *service) createRouteTable(
	ctx context.Context,
	c *api.Call,
	in *sdk.CreateRouteTableInput,
) (*sdk.CreateRouteTableOutput, error) {
	tags, err := query.TagsFor(ctx, c, "route-table", in.TagSpecifications)
	if err != nil {
		return nil, err
	}
	t, err := s.network.CreateRouteTable(ctx, query.ScopeOf(c), network.CreateRouteTableInput{
		VPC: aws.ToString(in.VpcId), Tags: tags, Token: aws.ToString(in.ClientToken),
	})
	if err != nil {
		return nil, err
	}
	out := toRouteTable(s.view(c), t)
	return &sdk.CreateRouteTableOutput{RouteTable: &out, ClientToken: in.ClientToken}, nil
}

func (s *service) describeRouteTables(
	_ context.Context,
	c *api.Call,
	in *sdk.DescribeRouteTablesInput,
) (*sdk.DescribeRouteTablesOutput, error) {
	v := s.view(c)
	found, next, err := query.Describe(v, in, tableListing, in.RouteTableIds, in.Filters)
	return &sdk.DescribeRouteTablesOutput{RouteTables: query.Show(v, found, toRouteTable), NextToken: next}, err
}

func (s *service) deleteRouteTable(
	ctx context.Context,
	c *api.Call,
	in *sdk.DeleteRouteTableInput,
) (*sdk.DeleteRouteTableOutput, error) {
	return nil, s.network.DeleteRouteTable(ctx, query.ScopeOf(c), aws.ToString(in.RouteTableId))
}

func (s *service) associateRouteTable(
	ctx context.Context,
	c *api.Call,
	in *sdk.AssociateRouteTableInput,
) (*sdk.AssociateRouteTableOutput, error) {
	if aws.ToString(in.SubnetId) == "" {
		return nil, query.Required("subnetId")
	}
	id, err := s.network.AssociateRouteTable(ctx, query.ScopeOf(c), aws.ToString(in.RouteTableId), *in.SubnetId)
	if err != nil {
		return nil, err
	}
	return &sdk.AssociateRouteTableOutput{AssociationId: aws.String(id), AssociationState: associated()}, nil
}

func (s *service) disassociateRouteTable(
	ctx context.Context,
	c *api.Call,
	in *sdk.DisassociateRouteTableInput,
) (*sdk.DisassociateRouteTableOutput, error) {
	return nil, s.network.DisassociateRouteTable(ctx, query.ScopeOf(c), aws.ToString(in.AssociationId))
}

func (s *service) replaceRouteTableAssociation(
	ctx context.Context,
	c *api.Call,
	in *sdk.ReplaceRouteTableAssociationInput,
) (*sdk.ReplaceRouteTableAssociationOutput, error) {
	a, err := s.network.ReplaceAssociation(
		ctx,
		query.ScopeOf(c),
		aws.ToString(in.AssociationId),
		aws.ToString(in.RouteTableId),
	)
	if err != nil {
		return nil, err
	}
	return &sdk.ReplaceRouteTableAssociationOutput{NewAssociationId: aws.String(a.ID), AssociationState: associated()}, nil
}

// disassociatedTable names the route table of an association and the subnet that it is associated with.
func (s *service) disassociatedTable(c *api.Call, in *sdk.DisassociateRouteTableInput) []string {
	return tableOf(s.view(c), aws.ToString(in.AssociationId))
}

func (s *service) replacedTable(c *api.Call, in *sdk.ReplaceRouteTableAssociationInput) []string {
	return tableOf(s.view(c), aws.ToString(in.AssociationId))
}

func tableOf(v *query.View, association string) []string {
	for t := range v.RouteTables(v.Scope) {
		for _, x := range t.Associations {
			switch {
			case x.ID != association:
			case x.Subnet == "": // the main route table's
				return query.Names("route-table", t.ID)
			default:
				return []string{"route-table/" + t.ID, "subnet/" + x.Subnet}
			}
		}
	}
	return []string{"route-table/*", "subnet/*"}
}
