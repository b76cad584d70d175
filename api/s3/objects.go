package s3

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/aws/fault"
	sdk "postern/aws/service/s3"
	"postern/aws/service/s3/types"
	"postern/services/s3"
)

func (s *service) putObject(ctx context.Context, c *api.Call, in *sdk.PutObjectInput) (*sdk.PutObjectOutput, error) {
	b, err := s.mayWrite(ctx, c, written{
		in.ExpectedBucketOwner, in.Tagging, in.ACL, in.ServerSideEncryption, in.StorageClass,
	})
	if err != nil {
		return nil, err
	}
	body, err := newObject(c, in.Body)
	if err != nil {
		return nil, err
	}
	return s.store(ctx, c, b, in, body)
}

// store puts an object that may be put.
func (s *service) store(
	ctx context.Context, c *api.Call, b s3.Bucket, in *sdk.PutObjectInput, body *object,
) (*sdk.PutObjectOutput, error) {
	out, err := forward[sdk.PutObjectInput, sdk.PutObjectOutput](ctx, s, c, in, body)
	if err != nil {
		return nil, err
	}
	out.ServerSideEncryption = types.ServerSideEncryptionAes256
	if at, rule, ok := b.Expires(*in.Key, body.length, tagsIn(in.Tagging), c.Time); ok {
		out.Expiration = aws.String(expiration(at, rule))
	}
	return out, nil
}

// written are the members of requests that say how an object is to be kept.
type written struct {
	owner, tagging *string
	acl            types.ObjectCannedACL
	encryption     types.ServerSideEncryption
	class          types.StorageClass
}

// mayWrite returns the bucket that an object is written to. It refuses what the object may not be, and tags that the
// caller may not set.
func (s *service) mayWrite(ctx context.Context, c *api.Call, w written) (s3.Bucket, error) {
	b, err := s.changeable(c, w.owner)
	if err != nil {
		return s3.Bucket{}, err
	}
	if err := asStored(b, w); err != nil {
		return s3.Bucket{}, err
	}
	return b, s.mayTag(ctx, c, w.tagging)
}

// asStored refuses what objects of a bucket are not kept as.
func asStored(b s3.Bucket, w written) error {
	switch {
	case w.acl == "", w.acl == types.ObjectCannedACLBucketOwnerFullControl, w.acl == types.ObjectCannedACLPrivate:
	case b.Ownership == "" || b.Ownership == string(types.ObjectOwnershipBucketOwnerEnforced):
		return invalid("AccessControlListNotSupported", "The bucket does not allow ACLs")
	default:
		return notImplemented("Postern does not implement the ACL %s", w.acl)
	}
	if w.encryption != "" && w.encryption != types.ServerSideEncryptionAes256 {
		return notImplemented("Postern does not implement the encryption %s", w.encryption)
	}
	if w.class != "" && w.class != types.StorageClassStandard {
		return notImplemented("Postern does not implement the storage class %s", w.class)
	}
	return nil
}

// mayTag asks whether the caller may set tags, where a request does so beside something else.
func (s *service) mayTag(ctx context.Context, c *api.Call, tagging *string) error {
	if tagging == nil || *tagging == "" {
		return nil
	}
	return c.Allow(ctx, "s3:PutObjectTagging", objectARN(c), requestKeys(c, tagging))
}

func (s *service) getObject(ctx context.Context, c *api.Call, in *sdk.GetObjectInput) (*sdk.GetObjectOutput, error) {
	b, err := s.bucket(c, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	if err := overrides(c); err != nil {
		return nil, err
	}
	out, err := forward[sdk.GetObjectInput, sdk.GetObjectOutput](ctx, s, c, in, nil)
	if err != nil {
		return nil, s.absent(ctx, c, b, err)
	}
	out.ServerSideEncryption, out.StorageClass = types.ServerSideEncryptionAes256, ""
	if out.LastModified != nil && in.VersionId == nil {
		out.Expiration = s.expires(b, *in.Key, aws.ToInt64(out.ContentLength), *out.LastModified)
	}
	return out, nil
}

// overrides refuses to change the headers of an answer for who does not say who they are, as S3 does.
func overrides(c *api.Call) error {
	if !c.Caller.Anonymous() {
		return nil
	}
	for name := range c.Query() {
		if strings.HasPrefix(name, "response-") {
			return invalid("InvalidRequest", "Request specific response headers cannot be used for anonymous GET requests.")
		}
	}
	return nil
}

func (s *service) headObject(ctx context.Context, c *api.Call, in *sdk.HeadObjectInput) (*sdk.HeadObjectOutput, error) {
	b, err := s.bucket(c, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	if err := overrides(c); err != nil {
		return nil, err
	}
	out, err := forward[sdk.HeadObjectInput, sdk.HeadObjectOutput](ctx, s, c, in, nil)
	if err != nil {
		return nil, s.absent(ctx, c, b, err)
	}
	out.ServerSideEncryption, out.StorageClass = types.ServerSideEncryptionAes256, ""
	if out.LastModified != nil && in.VersionId == nil {
		out.Expiration = s.expires(b, *in.Key, aws.ToInt64(out.ContentLength), *out.LastModified)
	}
	return out, nil
}

// absent tells of an object that is not there only those who may list the bucket. Amazon's buckets tell everybody.
func (s *service) absent(ctx context.Context, c *api.Call, b s3.Bucket, err error) error {
	f := fault.Of(err)
	if f == nil || b.Managed || f.Kind != fault.NotFound || f.Code != "NoSuchKey" {
		return err
	}
	if c.Allow(ctx, "s3:ListBucket", bucketARN(c), requestKeys(c, nil)) != nil {
		return denied()
	}
	return err
}

func (s *service) deleteObject(
	ctx context.Context, c *api.Call, in *sdk.DeleteObjectInput,
) (*sdk.DeleteObjectOutput, error) {
	if _, err := s.changeable(c, in.ExpectedBucketOwner); err != nil {
		return nil, err
	}
	return forward[sdk.DeleteObjectInput, sdk.DeleteObjectOutput](ctx, s, c, in, nil)
}

func (s *service) getObjectAttributes(
	ctx context.Context, c *api.Call, in *sdk.GetObjectAttributesInput,
) (*sdk.GetObjectAttributesOutput, error) {
	b, err := s.bucket(c, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	action := "s3:GetObject"
	if in.VersionId != nil {
		action = "s3:GetObjectVersion"
	}
	if err := c.Allow(ctx, action, objectARN(c), requestKeys(c, nil)); err != nil {
		return nil, err
	}
	out, err := forward[sdk.GetObjectAttributesInput, sdk.GetObjectAttributesOutput](ctx, s, c, in, nil)
	return out, s.absent(ctx, c, b, err)
}
