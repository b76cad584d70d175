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
)

var gatewayListing = query.Listing[*network.InternetGateway]{
	ID:   func(g *network.InternetGateway) string { return g.ID },
	Tags: func(g *network.InternetGateway) []network.Tag { return g.Tags },
	All:  func(v *query.View) iter.Seq[*network.InternetGateway] { return v.InternetGateways(v.Scope) },
	Get: func(v *query.View, id string) (*network.InternetGateway, error) {
		return v.InternetGateway(v.Scope, id)
	},
	Filters: map[string]query.Test[*network.InternetGateway]{
		"attachment.state": func(_ *query.View, g *network.InternetGateway, want query.Values) bool {
			return g.VPC != "" && want.Is("available")
		},
		"attachment.vpc-id": func(_ *query.View, g *network.InternetGateway, want query.Values) bool {
			return g.VPC != "" && want.Is(g.VPC)
		},
		"internet-gateway-id": query.Text(func(g *network.InternetGateway) string { return g.ID }),
		"owner-id":            query.Text(func(g *network.InternetGateway) string { return g.Account }),
	},
}

func toGateway(g *network.InternetGateway) types.InternetGateway {
	out := types.InternetGateway{
		InternetGatewayId: aws.String(g.ID),
		OwnerId:           aws.String(g.Account),
		Tags:              tags.To[types.Tag](g.Tags),
	}
	if g.VPC != "" {
		// The EC2 API says "available" of an attached Internet gateway, a word its own enumeration lacks.
		out.Attachments = []types.InternetGatewayAttachment{{VpcId: aws.String(g.VPC), State: "available"}}
	}
	return out
}

func (s *service) createInternetGateway(
	ctx context.Context,
	c *api.Call,
	in *sdk.CreateInternetGatewayInput,
) (*sdk.CreateInternetGatewayOutput, error) {
	tags, err := query.TagsFor(ctx, c, "internet-gateway", in.TagSpecifications)
	if err != nil {
		return nil, err
	}
	g, err := s.network.CreateInternetGateway(ctx, query.ScopeOf(c), tags)
	if err != nil {
		return nil, err
	}
	out := toGateway(g)
	return &sdk.CreateInternetGatewayOutput{InternetGateway: &out}, nil
}

func (s *service) describeInternetGateways(
	_ context.Context,
	c *api.Call,
	in *sdk.DescribeInternetGatewaysInput,
) (*sdk.DescribeInternetGatewaysOutput, error) {
	found, next, err := query.Describe(s.view(c), in, gatewayListing, in.InternetGatewayIds, in.Filters)
	return &sdk.DescribeInternetGatewaysOutput{InternetGateways: query.Convert(found, toGateway), NextToken: next}, err
}

func (s *service) attachInternetGateway(
	ctx context.Context,
	c *api.Call,
	in *sdk.AttachInternetGatewayInput,
) (*sdk.AttachInternetGatewayOutput, error) {
	return nil, s.network.AttachInternetGateway(
		ctx,
		query.ScopeOf(c),
		aws.ToString(in.InternetGatewayId),
		aws.ToString(in.VpcId),
	)
}

func (s *service) detachInternetGateway(
	ctx context.Context,
	c *api.Call,
	in *sdk.DetachInternetGatewayInput,
) (*sdk.DetachInternetGatewayOutput, error) {
	return nil, s.network.DetachInternetGateway(
		ctx,
		query.ScopeOf(c),
		aws.ToString(in.InternetGatewayId),
		aws.ToString(in.VpcId),
	)
}

func (s *service) deleteInternetGateway(
	ctx context.Context,
	c *api.Call,
	in *sdk.DeleteInternetGatewayInput,
) (*sdk.DeleteInternetGatewayOutput, error) {
	return nil, s.network.DeleteInternetGateway(ctx, query.ScopeOf(c), aws.ToString(in.InternetGatewayId))
}
