package s3

import (
	"context"
	"encoding/xml"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"postern/api"
	"postern/aws/fault"
	"postern/aws/wire"
	"postern/services/s3"
)

// typeOf tells buckets from objects: their ARNs end with "BUCKET" and "BUCKET/KEY".
func typeOf(resource string) (kind, id string) {
	bucket, _, isObject := strings.Cut(resource, "/")
	if bucket == "*" {
		resource = "*"
	}
	if isObject {
		return "object", resource
	}
	return "bucket", resource
}

// types are the types of resource. Policies know the tags of a bucket in requests for its objects, too.
func (s *service) types() map[string]api.ResourceType {
	return map[string]api.ResourceType{
		"bucket": {
			ARN: bucketType, Tags: s.bucketTags, TagFamilies: map[string]api.TagsFunc{"s3:BucketTag/": s.bucketTags},
		},
		"object": {
			ARN: objectType, Tags: s.bucketTags,
			TagFamilies: map[string]api.TagsFunc{
				"s3:BucketTag/": s.bucketTags, "s3:ExistingObjectTag/": s.objectTags,
			},
		},
	}
}

// bucketTags are the tags of a bucket that control access: those of a bucket for which that is turned on
// (PutBucketAbac), and nothing of others, as on AWS.
func (s *service) bucketTags(_ context.Context, r api.Resource) (map[string]string, error) {
	bucket, _, _ := strings.Cut(r.ID, "/")
	b, err := s.buckets.Bucket(bucket)
	if err != nil || !b.ABAC {
		return nil, nil //nolint:nilerror // what is not there has no tags
	}
	return tagMap(b.Tags), nil
}

// objectTags are the tags of an object, or of the version that a request names.
func (s *service) objectTags(ctx context.Context, r api.Resource) (map[string]string, error) {
	bucket, key, _ := strings.Cut(r.ID, "/")
	version := ""
	if given := r.Given["s3:VersionId"]; len(given) > 0 {
		version = given[0]
	}
	tags, err := s.tagsOf(ctx, bucket, key, version)
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Invalid) { // such as a version that cannot be
		return nil, nil
	}
	return tagMap(tags), err
}

func tagMap(tags []s3.Tag) map[string]string {
	all := make(map[string]string, len(tags))
	for _, t := range tags {
		all[t.Key] = t.Value
	}
	return all
}

// tagsOf returns the tags of an object, or of a version of it where one is named.
func (s *service) tagsOf(ctx context.Context, bucket, key, version string) ([]s3.Tag, error) {
	if _, err := s.buckets.Bucket(bucket); err != nil {
		return nil, err
	}
	query := url.Values{"tagging": {""}}
	if version != "" {
		query.Set("versionId", version)
	}
	answer, err := s.upstream(ctx, &wire.Message{
		Method: http.MethodGet, Header: http.Header{}, Query: query.Encode(), Path: s3.URL(bucket, key, nil).EscapedPath(),
	}, nil)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		return nil, refusedQuietly(answer)
	}
	var out struct {
		Tags []s3.Tag `xml:"TagSet>Tag"`
	}
	if err := xml.NewDecoder(answer.Body).Decode(&out); err != nil {
		return nil, fault.New(fault.Unavailable, "s3", "the object store's tags cannot be read: %w", err)
	}
	return slices.Clip(out.Tags), nil
}
