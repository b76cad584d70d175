package route53resolver

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/aws/arn"
	"postern/aws/fault"
	sdk "postern/aws/service/route53resolver"
	"postern/aws/service/route53resolver/types"
	"postern/network"
)

func fromTags(tags []types.Tag) []network.Tag {
	var out []network.Tag
	for _, t := range tags {
		out = append(out, network.Tag{Key: aws.ToString(t.Key), Value: aws.ToString(t.Value)})
	}
	return out
}

// tagged is the id of the endpoint or rule that an ARN names, which must be of this account and region.
func tagged(c *api.Call, text *string) (string, error) {
	a, err := arn.Parse(aws.ToString(text))
	if err != nil || a.Service != "route53resolver" {
		return "", invalid("'%s' is not the ARN of a Route 53 Resolver resource", aws.ToString(text))
	}
	if a.Region != c.Region || a.Account != c.Account || a.Type() != endpointType && a.Type() != ruleType {
		return "", fault.New(fault.NotFound, "route53resolver", "The resource '%s' does not exist", aws.ToString(text)).WithCode("ResourceNotFoundException")
	}
	return a.ID(), nil
}

func (s *service) tagResource(ctx context.Context, c *api.Call, in *sdk.TagResourceInput) (*sdk.TagResourceOutput, error) {
	id, err := tagged(c, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return nil, s.network.TagResolver(ctx, scopeOf(c), id, fromTags(in.Tags), nil)
}

func (s *service) untagResource(ctx context.Context, c *api.Call, in *sdk.UntagResourceInput) (*sdk.UntagResourceOutput, error) {
	id, err := tagged(c, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return nil, s.network.TagResolver(ctx, scopeOf(c), id, nil, in.TagKeys)
}

func (s *service) listTagsForResource(_ context.Context, c *api.Call, in *sdk.ListTagsForResourceInput) (*sdk.ListTagsForResourceOutput, error) {
	id, err := tagged(c, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	tags, err := s.network.State().ResolverTags(scopeOf(c), id)
	if err != nil {
		return nil, err
	}
	rows, _, next, err := page(tags, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &sdk.ListTagsForResourceOutput{NextToken: next, Tags: []types.Tag{}}
	for _, t := range rows {
		out.Tags = append(out.Tags, types.Tag{Key: aws.String(t.Key), Value: aws.String(t.Value)})
	}
	return out, nil
}
