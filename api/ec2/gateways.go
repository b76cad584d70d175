package ec2

import (
	"context"
	"iter"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/network"
)

var gatewayListing = listing[*network.InternetGateway]{
	id:   func(g *network.InternetGateway) string { return g.ID },
	tags: func(g *network.InternetGateway) []network.Tag { return g.Tags },
	all:  func(v *view) iter.Seq[*network.InternetGateway] { return v.InternetGateways(v.scope) },
	get:  func(v *view, id string) (*network.InternetGateway, error) { return v.InternetGateway(v.scope, id) },
	filters: map[string]test[*network.InternetGateway]{
		"attachment.state": func(_ *view, g *network.InternetGateway, want values) bool {
			return g.VPC != "" && want.is("available")
		},
		"attachment.vpc-id": func(_ *view, g *network.InternetGateway, want values) bool {
			return g.VPC != "" && want.is(g.VPC)
		},
		"internet-gateway-id": text(func(g *network.InternetGateway) string { return g.ID }),
		"owner-id":            text(func(g *network.InternetGateway) string { return g.Account }),
	},
}

func toGateway(g *network.InternetGateway) types.InternetGateway {
	out := types.InternetGateway{InternetGatewayId: aws.String(g.ID), OwnerId: aws.String(g.Account), Tags: toTags(g.Tags)}
	if g.VPC != "" {
		// The EC2 API says "available" of an attached Internet gateway, a word its own enumeration lacks.
		out.Attachments = []types.InternetGatewayAttachment{{VpcId: aws.String(g.VPC), State: "available"}}
	}
	return out
}

func (s *service) createInternetGateway(ctx context.Context, c *api.Call, in *sdk.CreateInternetGatewayInput) (*sdk.CreateInternetGatewayOutput, error) {
	tags, err := tagsFor(ctx, c, "internet-gateway", in.TagSpecifications)
	if err != nil {
		return nil, err
	}
	g, err := s.network.CreateInternetGateway(ctx, scopeOf(c), tags)
	if err != nil {
		return nil, err
	}
	out := toGateway(g)
	return &sdk.CreateInternetGatewayOutput{InternetGateway: &out}, nil
}

func (s *service) describeInternetGateways(_ context.Context, c *api.Call, in *sdk.DescribeInternetGatewaysInput) (*sdk.DescribeInternetGatewaysOutput, error) {
	found, next, err := describe(s.view(c), gatewayListing, query{in.InternetGatewayIds, in.Filters, in.MaxResults, in.NextToken})
	return &sdk.DescribeInternetGatewaysOutput{InternetGateways: convert(found, toGateway), NextToken: next}, err
}

func (s *service) attachInternetGateway(ctx context.Context, c *api.Call, in *sdk.AttachInternetGatewayInput) (*sdk.AttachInternetGatewayOutput, error) {
	return nil, s.network.AttachInternetGateway(ctx, scopeOf(c), aws.ToString(in.InternetGatewayId), aws.ToString(in.VpcId))
}

func (s *service) detachInternetGateway(ctx context.Context, c *api.Call, in *sdk.DetachInternetGatewayInput) (*sdk.DetachInternetGatewayOutput, error) {
	return nil, s.network.DetachInternetGateway(ctx, scopeOf(c), aws.ToString(in.InternetGatewayId), aws.ToString(in.VpcId))
}

func (s *service) deleteInternetGateway(ctx context.Context, c *api.Call, in *sdk.DeleteInternetGatewayInput) (*sdk.DeleteInternetGatewayOutput, error) {
	return nil, s.network.DeleteInternetGateway(ctx, scopeOf(c), aws.ToString(in.InternetGatewayId))
}
