package s3

import (
	"context"
	"io"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/aws/fault"
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

// mayCopy asks whether the caller may read the source, and returns it. owner is the account that the
// caller expects the source to be of, or nil.
func (s *service) mayCopy(ctx context.Context, c *api.Call, text string, owner *string) (o source, err error) {
	if o, err = readSource(text); err != nil {
		return o, err
	}
	action, keys := "s3:GetObject", requestKeys(c, nil)
	if o.version != "" {
		action = "s3:GetObjectVersion"
		keys["s3:VersionId"] = []string{o.version}
	}
	if err := c.Allow(ctx, action, objectType(c, o.bucket+"/"+o.key), keys); err != nil {
		return o, err
	}
	b, err := s.buckets.Bucket(o.bucket)
	if err == nil && owner != nil && *owner != b.Account {
		err = denied()
	}
	return o, err
}

func (s *service) copyObject(ctx context.Context, c *api.Call, in *sdk.CopyObjectInput) (*sdk.CopyObjectOutput, error) {
	b, err := s.mayWrite(ctx, c, written{
		in.ExpectedBucketOwner, in.Tagging, in.ACL, in.ServerSideEncryption, in.StorageClass,
	})
	if err != nil {
		return nil, err
	}
	from, err := s.mayCopy(ctx, c, *in.CopySource, in.ExpectedSourceBucketOwner)
	if err != nil {
		return nil, err
	}
	if in.IfMatch != nil || in.IfNoneMatch != nil {
		return s.copyConditionally(ctx, c, b, in, from)
	}
	own := *in
	own.CopySource = aws.String(from.String())
	return keepAt(ctx, s, c, &own, nil,
		func(out *sdk.CopyObjectOutput) *types.ServerSideEncryption { return &out.ServerSideEncryption })
}

func (s *service) uploadPartCopy(
	ctx context.Context, c *api.Call, in *sdk.UploadPartCopyInput,
) (*sdk.UploadPartCopyOutput, error) {
	_, err := s.changeable(c, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	from, err := s.mayCopy(ctx, c, *in.CopySource, in.ExpectedSourceBucketOwner)
	if err != nil {
		return nil, err
	}
	own := *in
	own.CopySource = aws.String(from.String())
	return keepAt(ctx, s, c, &own, nil,
		func(out *sdk.UploadPartCopyOutput) *types.ServerSideEncryption { return &out.ServerSideEncryption })
}

// copyConditionally copies an object where there has to be another one, or none, at the end: it reads the source and
// puts it, since only what is put is held against such a condition while nobody else can put.
func (s *service) copyConditionally(
	ctx context.Context, c *api.Call, b s3.Bucket, in *sdk.CopyObjectInput, from source,
) (*sdk.CopyObjectOutput, error) {
	if in.ChecksumAlgorithm != "" {
		return nil, notImplemented("Postern does not implement the parameter ChecksumAlgorithm of a conditional CopyObject")
	}
	got, err := forward[sdk.GetObjectInput, sdk.GetObjectOutput](ctx, s, c, &sdk.GetObjectInput{
		Bucket: &from.bucket, Key: &from.key, VersionId: given(&from.version), IfMatch: in.CopySourceIfMatch,
		IfNoneMatch: in.CopySourceIfNoneMatch, IfModifiedSince: in.CopySourceIfModifiedSince,
		IfUnmodifiedSince: in.CopySourceIfUnmodifiedSince,
	}, nil)
	if f := fault.Of(err); err != nil {
		if f.Code == "NotModified" { // what a reader has already is no source that was asked for
			return nil, invalid("PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
		}
		return nil, err
	}
	defer got.Body.Close()
	put := copyOf(in, got)
	if in.TaggingDirective != types.TaggingDirectiveReplace {
		tags, err := s.tagsOf(ctx, from.bucket, from.key, from.version)
		if err != nil {
			return nil, err
		}
		put.Tagging = given(aws.String(tagText(tags)))
	}
	length := aws.ToInt64(got.ContentLength)
	body := &object{src: got.Body, length: length, left: length}
	if length == 0 {
		body.err = io.EOF
	}
	made, err := s.store(ctx, c, b, put, body)
	if err != nil {
		return nil, err
	}
	return &sdk.CopyObjectOutput{
		CopyObjectResult: &types.CopyObjectResult{ETag: made.ETag, LastModified: &c.Time}, VersionId: made.VersionId,
		CopySourceVersionId: got.VersionId, ServerSideEncryption: made.ServerSideEncryption, Expiration: made.Expiration,
	}, nil
}

// copyOf is a copy of an object as it is put, with its own metadata or those of the request.
func copyOf(in *sdk.CopyObjectInput, got *sdk.GetObjectOutput) *sdk.PutObjectInput {
	put := &sdk.PutObjectInput{
		Bucket: in.Bucket, Key: in.Key, IfMatch: in.IfMatch, IfNoneMatch: in.IfNoneMatch, Tagging: in.Tagging,
		CacheControl: got.CacheControl, ContentDisposition: got.ContentDisposition, ContentEncoding: got.ContentEncoding,
		ContentLanguage: got.ContentLanguage, ContentType: got.ContentType, Expires: got.Expires, Metadata: got.Metadata,
	}
	if in.MetadataDirective == types.MetadataDirectiveReplace {
		put.CacheControl, put.ContentDisposition = in.CacheControl, in.ContentDisposition
		put.ContentEncoding, put.ContentLanguage = in.ContentEncoding, in.ContentLanguage
		put.ContentType, put.Expires, put.Metadata = in.ContentType, in.Expires, in.Metadata
	}
	return put
}
