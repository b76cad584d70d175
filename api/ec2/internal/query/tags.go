package query

import (
	"context"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/aws/service/ec2/types"
	"postern/network"
)

// TagsFor takes the tags for a new resource out of a request's specifications. Those for any other kind of resource are
// refused. To tag what one makes needs the permission to tag.
func TagsFor(ctx context.Context, c *api.Call, kind string, specs []types.TagSpecification) ([]network.Tag, error) {
	all, err := TagsByKind(ctx, c, specs, kind)
	return all[kind], err
}

func TagsByKind(ctx context.Context, c *api.Call, specs []types.TagSpecification, kinds ...string) (map[string][]network.Tag, error) {
	out := map[string][]network.Tag{}
	for _, spec := range specs {
		kind := string(spec.ResourceType)
		if !slices.Contains(kinds, kind) {
			return nil, Invalid("'%s' is not a valid taggable resource type for this operation.", kind)
		}
		if len(spec.Tags) == 0 {
			return nil, Invalid("Tag specification must have at least one tag")
		}
		out[kind] = append(out[kind], FromTags(spec.Tags)...)
	}
	for _, kind := range slices.Sorted(maps.Keys(out)) {
		keys := map[string][]string{"ec2:CreateAction": {operationName(c)}}
		if err := c.Allow(ctx, "ec2:CreateTags", Resource(c, kind+"/*"), keys); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func FromTags(tags []types.Tag) []network.Tag {
	out := make([]network.Tag, len(tags))
	for i, t := range tags {
		out[i] = network.Tag{Key: aws.ToString(t.Key), Value: aws.ToString(t.Value)}
	}
	return out
}

func ToTags(tags []network.Tag) []types.Tag {
	if len(tags) == 0 {
		return nil
	}
	out := make([]types.Tag, len(tags))
	for i, t := range tags {
		out[i] = types.Tag{Key: aws.String(t.Key), Value: aws.String(t.Value)}
	}
	return out
}
