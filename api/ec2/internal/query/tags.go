package query

import (
	"context"
	"maps"
	"slices"

	"postern/api"
	"postern/api/tags"
	"postern/aws/service/ec2/types"
	"postern/network"
)

// CreateAction is the condition key that says which operation makes what is tagged.
const CreateAction = "ec2:CreateAction"

// TagsFor takes the tags for a new resource out of a request's specifications. Those for any other kind of resource are
// refused. To tag what one makes needs the permission to tag.
func TagsFor(ctx context.Context, c *api.Call, kind string, specs []types.TagSpecification) ([]network.Tag, error) {
	all, err := TagsByKind(ctx, c, specs, kind)
	return all[kind], err
}

// TagsByKind is TagsFor where a request makes resources of several kinds.
func TagsByKind(
	ctx context.Context, c *api.Call, specs []types.TagSpecification, kinds ...string,
) (map[string][]network.Tag, error) {
	out := map[string][]network.Tag{}
	for _, spec := range specs {
		kind := string(spec.ResourceType)
		if !slices.Contains(kinds, kind) {
			return nil, Invalid("'%s' is not a valid taggable resource type for this operation.", kind)
		}
		if len(spec.Tags) == 0 {
			return nil, Invalid("Tag specification must have at least one tag")
		}
		out[kind] = append(out[kind], tags.From[network.Tag](spec.Tags)...)
	}
	for _, kind := range slices.Sorted(maps.Keys(out)) {
		keys := map[string][]string{CreateAction: {operationName(c)}}
		for _, t := range out[kind] {
			keys[tags.RequestTag+t.Key] = []string{t.Value}
			keys[tags.TagKeys] = append(keys[tags.TagKeys], t.Key)
		}
		if err := c.Allow(ctx, "ec2:CreateTags", Resource(c, kind+"/*"), keys); err != nil {
			return nil, err
		}
	}
	return out, nil
}
