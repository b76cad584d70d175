package s3

import (
	"context"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	sdk "postern/aws/service/s3"
	"postern/aws/service/s3/types"
	"postern/services/s3"
)

// source is the object that is copied.
type source struct{ bucket, key, version string }

// readSource reads x-amz-copy-source: "BUCKET/KEY?versionId=ID", escaped, with or without a slash before it.
func readSource(text string) (source, error) {
	path, query, _ := strings.Cut(text, "?")
	path, err := url.PathUnescape(path)
	values, queryErr := url.ParseQuery(query)
	bucket, key, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch {
	case strings.HasPrefix(path, "arn:"):
		return source{}, notImplemented("Postern does not implement access points as the source of a copy")
	case err != nil || queryErr != nil || !ok || bucket == "" || key == "":
		return source{}, invalid("InvalidArgument",
			"Copy Source must mention the source bucket and key: sourcebucket/sourcekey").
			With("ArgumentName", "x-amz-copy-source").With("ArgumentValue", text)
	}
	return source{bucket, key, values.Get("versionId")}, nil
}

// String is the source as it is sent on.
func (o source) String() string {
	text := o.bucket + "/" + s3.EscapeKey(o.key)
	if o.version != "" {
		text += "?versionId=" + url.QueryEscape(o.version)
	}
	return text
}

// mayCopy asks whether the caller may read the source, and returns it as it is sent on. owner is the account that the
// caller expects the source to be of, or nil.
func (s *service) mayCopy(ctx context.Context, c *api.Call, text string, owner *string) (*string, error) {
	o, err := readSource(text)
	if err != nil {
		return nil, err
	}
	action, keys := "s3:GetObject", requestKeys(c, nil)
	if o.version != "" {
		action = "s3:GetObjectVersion"
		keys["s3:VersionId"] = []string{o.version}
	}
	if err := c.Allow(ctx, action, objectType(c, o.bucket+"/"+o.key), keys); err != nil {
		return nil, err
	}
	b, err := s.buckets.Bucket(o.bucket)
	switch {
	case err != nil:
		return nil, err
	case owner != nil && *owner != b.Account:
		return nil, denied()
	}
	return aws.String(o.String()), nil
}

func (s *service) copyObject(ctx context.Context, c *api.Call, in *sdk.CopyObjectInput) (*sdk.CopyObjectOutput, error) {
	_, err := s.mayWrite(ctx, c, written{
		in.ExpectedBucketOwner, in.Tagging, in.ACL, in.ServerSideEncryption, in.StorageClass,
	})
	if err != nil {
		return nil, err
	}
	own := *in
	if own.CopySource, err = s.mayCopy(ctx, c, *in.CopySource, in.ExpectedSourceBucketOwner); err != nil {
		return nil, err
	}
	out, err := forward[sdk.CopyObjectInput, sdk.CopyObjectOutput](ctx, s, c, &own, nil)
	if err != nil {
		return nil, err
	}
	out.ServerSideEncryption = types.ServerSideEncryptionAes256
	return out, nil
}

func (s *service) uploadPartCopy(
	ctx context.Context, c *api.Call, in *sdk.UploadPartCopyInput,
) (*sdk.UploadPartCopyOutput, error) {
	_, err := s.changeable(c, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	own := *in
	if own.CopySource, err = s.mayCopy(ctx, c, *in.CopySource, in.ExpectedSourceBucketOwner); err != nil {
		return nil, err
	}
	out, err := forward[sdk.UploadPartCopyInput, sdk.UploadPartCopyOutput](ctx, s, c, &own, nil)
	if err != nil {
		return nil, err
	}
	out.ServerSideEncryption = types.ServerSideEncryptionAes256
	return out, nil
}
