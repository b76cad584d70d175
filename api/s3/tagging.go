package s3

import (
	"context"
	"net/http"
	"net/url"
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

// expires is when an object expires, as x-amz-expiration tells it, or nil. Rules that select by tags are not known
// here, and not told of.
func (s *service) expires(b s3.Bucket, key string, size int64, modified time.Time) *string {
	at, rule, ok := b.Expires(key, size, nil, modified)
	if !ok {
		return nil
	}
	return aws.String(expiration(at, rule))
}

func expiration(at time.Time, rule string) string {
	return `expiry-date="` + at.UTC().Format(http.TimeFormat) + `", rule-id="` + url.PathEscape(rule) + `"`
}
