package s3

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	sdk "postern/aws/service/s3"
	"postern/aws/service/s3/types"
	"postern/services/s3"
)

func (s *service) getObjectTagging(
	ctx context.Context, c *api.Call, in *sdk.GetObjectTaggingInput,
) (*sdk.GetObjectTaggingOutput, error) {
	b, err := s.bucket(c, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	out, err := forward[sdk.GetObjectTaggingInput, sdk.GetObjectTaggingOutput](ctx, s, c, in, nil)
	if err != nil {
		return nil, s.absent(ctx, c, b, err)
	}
	if out.TagSet == nil {
		out.TagSet = []types.Tag{}
	}
	// Stores keep tags in no order.
	slices.SortFunc(out.TagSet, func(a, b types.Tag) int {
		return strings.Compare(aws.ToString(a.Key), aws.ToString(b.Key))
	})
	return out, nil
}

func (s *service) putObjectTagging(
	ctx context.Context, c *api.Call, in *sdk.PutObjectTaggingInput,
) (*sdk.PutObjectTaggingOutput, error) {
	if _, err := s.changeable(c, in.ExpectedBucketOwner); err != nil {
		return nil, err
	}
	return forward[sdk.PutObjectTaggingInput, sdk.PutObjectTaggingOutput](ctx, s, c, in, nil)
}

func (s *service) deleteObjectTagging(
	ctx context.Context, c *api.Call, in *sdk.DeleteObjectTaggingInput,
) (*sdk.DeleteObjectTaggingOutput, error) {
	if _, err := s.changeable(c, in.ExpectedBucketOwner); err != nil {
		return nil, err
	}
	return forward[sdk.DeleteObjectTaggingInput, sdk.DeleteObjectTaggingOutput](ctx, s, c, in, nil)
}

// tagsIn reads the tags of x-amz-tagging, "k=v&…". What cannot be read the request is refused for later.
func tagsIn(tagging *string) (tags []s3.Tag) {
	values, err := url.ParseQuery(aws.ToString(tagging))
	if err != nil {
		return nil
	}
	for key, all := range values {
		for _, value := range all {
			tags = append(tags, s3.Tag{Key: key, Value: value})
		}
	}
	return tags
}

// tagText writes tags as x-amz-tagging has them.
func tagText(tags []s3.Tag) string {
	values := url.Values{}
	for _, t := range tags {
		values.Add(t.Key, t.Value)
	}
	return values.Encode()
}

// expires is when an object expires, as x-amz-expiration tells it, or nil. Its tags are looked up where a rule selects
// by tags.
func (s *service) expires(ctx context.Context, b s3.Bucket, key string, t answered) (*string, error) {
	var failed error
	tags := func() []s3.Tag {
		if aws.ToInt32(t.tags) == 0 {
			return nil
		}
		found, err := s.tagsOf(ctx, b.Name, key, "")
		failed = err
		return found
	}
	at, rule, ok := b.Expires(key, t.size(), sync.OnceValue(tags), *t.modified)
	if !ok || failed != nil {
		return nil, failed
	}
	return aws.String(expiration(at, rule)), nil
}

func expiration(at time.Time, rule string) string {
	return `expiry-date="` + at.UTC().Format(http.TimeFormat) + `", rule-id="` + url.PathEscape(rule) + `"`
}
