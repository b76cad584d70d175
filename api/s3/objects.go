package s3

import (
	"context"
	"strconv"
	"strings"
	"time"

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
	out, err := keepAt(ctx, s, c, in, body,
		func(out *sdk.PutObjectOutput) *types.ServerSideEncryption { return &out.ServerSideEncryption })
	if err != nil {
		return nil, err
	}
	given := func() []s3.Tag { return tagsIn(in.Tagging) }
	if at, rule, ok := b.Expires(*in.Key, body.length, given, c.Time); ok {
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
	asked := asked{in.ExpectedBucketOwner, in.Key, in.VersionId}
	return readObject(ctx, s, c, in, asked, func(out *sdk.GetObjectOutput) answered {
		return answered{
			&out.ServerSideEncryption, &out.StorageClass, &out.Expiration, out.ContentLength, out.ContentRange, out.TagCount,
			out.LastModified,
		}
	})
}

func (s *service) headObject(ctx context.Context, c *api.Call, in *sdk.HeadObjectInput) (*sdk.HeadObjectOutput, error) {
	asked := asked{in.ExpectedBucketOwner, in.Key, in.VersionId}
	return readObject(ctx, s, c, in, asked, func(out *sdk.HeadObjectOutput) answered {
		return answered{
			&out.ServerSideEncryption, &out.StorageClass, &out.Expiration, out.ContentLength, out.ContentRange, out.TagCount,
			out.LastModified,
		}
	})
}

// asked names what a request to read an object is about.
type asked struct{ owner, key, version *string }

// answered are the members of an answer that say how an object is kept.
type answered struct {
	encryption *types.ServerSideEncryption
	class      *types.StorageClass
	expiration **string
	length     *int64
	part       *string // "bytes FIRST-LAST/LENGTH", where only that is answered
	tags       *int32  // how many
	modified   *time.Time
}

// size is the object's, whatever part of it is answered.
func (a answered) size() int64 {
	_, length, _ := strings.Cut(aws.ToString(a.part), "/")
	if n, err := strconv.ParseInt(length, 10, 64); err == nil {
		return n
	}
	return aws.ToInt64(a.length)
}

// readObject reads an object, or what is said of it.
func readObject[In, Out any](
	ctx context.Context, s *service, c *api.Call, in *In, asked asked, of func(*Out) answered,
) (*Out, error) {
	b, err := s.bucket(c, asked.owner)
	if err != nil {
		return nil, err
	}
	if err := overrides(c); err != nil {
		return nil, err
	}
	out, err := forward[In, Out](ctx, s, c, in, nil)
	if err != nil {
		return nil, s.absent(ctx, c, b, err)
	}
	t := of(out)
	*t.encryption, *t.class = types.ServerSideEncryptionAes256, ""
	if t.modified == nil || asked.version != nil || len(b.Lifecycle) == 0 {
		return out, nil
	}
	*t.expiration, err = s.expires(ctx, b, *asked.key, t)
	return out, err
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
