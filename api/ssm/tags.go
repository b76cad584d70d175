package ssm

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/tags"
	"postern/aws/fault"
	"postern/aws/service/ssm"
	"postern/aws/service/ssm/types"
)

func (s *service) tag(
	ctx context.Context, c *api.Call, kind types.ResourceTypeForTagging, id string, set map[string]string, remove []string,
) error {
	switch kind {
	case types.ResourceTypeForTaggingManagedInstance:
		return s.nodes.Tag(ctx, scopeOf(c), id, set, remove)
	case types.ResourceTypeForTaggingDocument:
		return s.documents.Tag(ctx, scopeOf(c), id, set, remove)
	case types.ResourceTypeForTaggingParameter:
		return s.parameters.Tag(ctx, scopeOf(c), id, set, remove)
	}
	return noTags(kind)
}

// noTags refuses kinds of resources that Postern does not have.
func noTags(kind types.ResourceTypeForTagging) error {
	return fault.New(fault.NotImplemented, "ssm.tag", "Postern does not implement tags of resource type %s", kind)
}

func (s *service) addTagsToResource(
	ctx context.Context, c *api.Call, in *ssm.AddTagsToResourceInput,
) (*ssm.AddTagsToResourceOutput, error) {
	set, err := tags.FromMap(in.Tags)
	if err != nil {
		return nil, err
	}
	return nil, s.tag(ctx, c, in.ResourceType, aws.ToString(in.ResourceId), set, nil)
}

func (s *service) removeTagsFromResource(
	ctx context.Context, c *api.Call, in *ssm.RemoveTagsFromResourceInput,
) (*ssm.RemoveTagsFromResourceOutput, error) {
	return nil, s.tag(ctx, c, in.ResourceType, aws.ToString(in.ResourceId), nil, in.TagKeys)
}

func (s *service) listTagsForResource(
	ctx context.Context, c *api.Call, in *ssm.ListTagsForResourceInput,
) (*ssm.ListTagsForResourceOutput, error) {
	var held map[string]string
	var err error
	switch in.ResourceType {
	case types.ResourceTypeForTaggingManagedInstance:
		held, err = s.nodes.Tags(ctx, scopeOf(c), aws.ToString(in.ResourceId))
	case types.ResourceTypeForTaggingDocument:
		v, findErr := s.documents.Find(ctx, scopeOf(c), aws.ToString(in.ResourceId), "")
		held, err = v.Tags, findErr
		if fault.Is(err, fault.NotFound) {
			err = invalid("InvalidResourceId", "no document %s", aws.ToString(in.ResourceId))
		}
	case types.ResourceTypeForTaggingParameter:
		held, err = s.parameters.Tags(ctx, scopeOf(c), aws.ToString(in.ResourceId))
	default:
		err = noTags(in.ResourceType)
	}
	return &ssm.ListTagsForResourceOutput{TagList: tags.ToMap[types.Tag](held)}, err
}
