package instances

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/ec2/internal/query"
	"postern/api/tags"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/network"
)

func (s *service) createTags(ctx context.Context, c *api.Call, in *sdk.CreateTagsInput) (*sdk.CreateTagsOutput, error) {
	if len(in.Tags) == 0 {
		return nil, query.Required("tagSet")
	}
	return nil, s.retag(c, in.Resources, func(ids []string) error {
		return s.network.CreateTags(ctx, query.ScopeOf(c), ids, tags.From[network.Tag](in.Tags))
	}, func(o owner) error {
		put := map[string]string{}
		for _, t := range in.Tags {
			put[aws.ToString(t.Key)] = aws.ToString(t.Value)
		}
		return s.tagInstance(ctx, c, o, put)
	})
}

func (s *service) deleteTags(ctx context.Context, c *api.Call, in *sdk.DeleteTagsInput) (*sdk.DeleteTagsOutput, error) {
	gone := query.Convert(in.Tags, func(t types.Tag) network.TagRemoval {
		return network.TagRemoval{Key: aws.ToString(t.Key), Value: t.Value}
	})
	return nil, s.retag(c, in.Resources, func(ids []string) error {
		return s.network.DeleteTags(ctx, query.ScopeOf(c), ids, gone)
	}, func(o owner) error {
		return s.untagInstance(ctx, c, o, gone)
	})
}

// retag changes the tags of resources of the network, and of instances, their volumes and key pairs. All of them are
// there before any is changed.
func (s *service) retag(c *api.Call, ids []string, ofNetwork func([]string) error, ofInstance func(owner) error) error {
	if len(ids) == 0 {
		return query.Required("resourceIdSet")
	}
	var network []string
	var owners []owner
	for _, id := range ids {
		switch prefix, _, _ := strings.Cut(id, "-"); prefix {
		case "i", "vol", "key":
			o, err := s.owner(c, id)
			if err != nil {
				return err
			}
			owners = append(owners, o)
		case "ami":
			return query.Unbuilt(c, "tags of "+id)
		default:
			network = append(network, id)
		}
	}
	if err := s.network.State().CheckTaggable(query.ScopeOf(c), network); err != nil {
		return err
	}
	if len(network) > 0 {
		if err := ofNetwork(network); err != nil {
			return err
		}
	}
	for _, o := range owners {
		if err := ofInstance(o); err != nil {
			return err
		}
	}
	return nil
}

// tagRow is one tag of one resource.
type tagRow struct {
	id, kind string
	tag      network.Tag
}

var tagListing = query.Listing[tagRow]{
	ID: func(t tagRow) string { return t.id + "\x00" + t.tag.Key },
	Filters: map[string]query.Test[tagRow]{
		"key":           query.Text(func(t tagRow) string { return t.tag.Key }),
		"value":         query.Text(func(t tagRow) string { return t.tag.Value }),
		"resource-id":   query.Text(func(t tagRow) string { return t.id }),
		"resource-type": query.Text(func(t tagRow) string { return t.kind }),
	},
	Tags: func(t tagRow) []network.Tag { return []network.Tag{t.tag} },
}

func (s *service) describeTags(
	_ context.Context,
	c *api.Call,
	in *sdk.DescribeTagsInput,
) (*sdk.DescribeTagsOutput, error) {
	v := s.view(c)
	all := append(v.Tagged(v.Scope), s.taggedInstances(c)...)
	list := tagListing
	list.All = func(*query.View) iter.Seq[tagRow] {
		var rows []tagRow
		for _, r := range all {
			for _, t := range r.Tags {
				rows = append(rows, tagRow{r.ID, r.Type, t})
			}
		}
		slices.SortFunc(rows, func(a, b tagRow) int { return cmp.Compare(list.ID(a), list.ID(b)) })
		return slices.Values(rows)
	}
	found, next, err := query.Describe(v, in, list, nil, in.Filters)
	return &sdk.DescribeTagsOutput{NextToken: next, Tags: query.Convert(found, func(t tagRow) types.TagDescription {
		return types.TagDescription{
			ResourceId: aws.String(t.id), ResourceType: types.ResourceType(t.kind),
			Key: aws.String(t.tag.Key), Value: aws.String(t.tag.Value),
		}
	})}, err
}

func (s *service) taggedResources(c *api.Call, in *sdk.CreateTagsInput) []string {
	return s.tagged(c, in.Resources)
}

func (s *service) untaggedResources(c *api.Call, in *sdk.DeleteTagsInput) []string {
	return s.tagged(c, in.Resources)
}

// tagged names the resources whose tags are changed: any type of resource may have an id that is of none.
func (s *service) tagged(c *api.Call, ids []string) (out []string) {
	for _, id := range ids {
		prefix, _, _ := strings.Cut(id, "-")
		if strings.HasPrefix(id, "vpce-svc-") {
			prefix = "vpce-svc"
		}
		kind := cmp.Or(query.ResourceTypes[prefix], "*")
		if kind == query.KeyPairType {
			id = s.keyPairName(c, id)
		}
		out = append(out, kind+"/"+id)
	}
	return out
}
