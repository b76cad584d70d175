package route53resolver

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/page"
	"postern/api/tags"
	"postern/aws/arn"
	"postern/aws/fault"
	sdk "postern/aws/service/route53resolver"
	"postern/aws/service/route53resolver/types"
	"postern/network"
)

// tagged is the id of the endpoint or rule that an ARN names, which must be of this account and region.
func tagged(c *api.Call, text *string) (string, error) {
	a, err := arn.Parse(aws.ToString(text))
	if err != nil || a.Service != "route53resolver" {
		return "", invalid("'%s' is not the ARN of a Route 53 Resolver resource", aws.ToString(text))
	}
	if a.Region != c.Region || a.Account != c.Account || a.Type() != endpointType && a.Type() != ruleType {
		return "", fault.New(
			fault.NotFound, "route53resolver", "The resource '%s' does not exist", aws.ToString(text),
		).WithCode("ResourceNotFoundException")
	}
	return a.ID(), nil
}

func (s *service) tagResource(
	ctx context.Context, c *api.Call, in *sdk.TagResourceInput,
) (*sdk.TagResourceOutput, error) {
	id, err := tagged(c, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return nil, s.network.TagResolver(ctx, scopeOf(c), id, tags.From[network.Tag](in.Tags), nil)
}

func (s *service) untagResource(
	ctx context.Context, c *api.Call, in *sdk.UntagResourceInput,
) (*sdk.UntagResourceOutput, error) {
	id, err := tagged(c, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return nil, s.network.TagResolver(ctx, scopeOf(c), id, nil, in.TagKeys)
}

func (s *service) listTagsForResource(
	_ context.Context, c *api.Call, in *sdk.ListTagsForResourceInput,
) (*sdk.ListTagsForResourceOutput, error) {
	id, err := tagged(c, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	held, err := s.network.State().ResolverTags(scopeOf(c), id)
	if err != nil {
		return nil, err
	}
	rows, next, err := page.Of(c, in, maxResults, held, func(t network.Tag) string { return t.Key })
	out := &sdk.ListTagsForResourceOutput{NextToken: next, Tags: tags.To[types.Tag](rows)}
	if out.Tags == nil {
		out.Tags = []types.Tag{}
	}
	return out, err
}
