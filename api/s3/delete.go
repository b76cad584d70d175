package s3

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/aws/fault"
	sdk "postern/aws/service/s3"
	"postern/aws/service/s3/types"
)

// maxDeleted is how many objects one request may delete.
const maxDeleted = 1000

// deleteObjects deletes those objects of which the caller may do so, and says of each of the others why not.
func (s *service) deleteObjects(
	ctx context.Context, c *api.Call, in *sdk.DeleteObjectsInput,
) (*sdk.DeleteObjectsOutput, error) {
	if n := len(in.Delete.Objects); n == 0 || n > maxDeleted {
		return nil, malformed()
	}
	allowed, refusals, err := s.mayDelete(ctx, c, in.Delete.Objects)
	if err != nil {
		return nil, err
	}
	// Who may delete none of them is told no more about the bucket.
	if len(allowed) == 0 {
		return &sdk.DeleteObjectsOutput{Errors: refusals}, nil
	}
	if _, err := s.changeable(c, in.ExpectedBucketOwner); err != nil {
		return nil, err
	}
	for _, o := range allowed {
		if o.ETag != nil || o.Size != nil || o.LastModifiedTime != nil {
			return nil, notImplemented("Postern does not implement conditions of single objects in DeleteObjects")
		}
	}
	own := *in
	own.Delete = &types.Delete{Objects: allowed, Quiet: in.Delete.Quiet}
	out, err := forward[sdk.DeleteObjectsInput, sdk.DeleteObjectsOutput](ctx, s, c, &own, nil)
	if err != nil {
		return nil, err
	}
	out.Errors = append(out.Errors, refusals...)
	return out, nil
}

// mayDelete asks of each object.
func (s *service) mayDelete(
	ctx context.Context, c *api.Call, objects []types.ObjectIdentifier,
) (allowed []types.ObjectIdentifier, refusals []types.Error, err error) {
	for _, o := range objects {
		if aws.ToString(o.Key) == "" {
			return nil, nil, malformed()
		}
		action, keys := "s3:DeleteObject", requestKeys(c, nil)
		if o.VersionId != nil {
			action = "s3:DeleteObjectVersion"
			keys["s3:VersionId"] = []string{*o.VersionId}
		}
		err := c.Allow(ctx, action, objectType(c, c.PathValue("Bucket")+"/"+*o.Key), keys)
		switch {
		case err == nil:
			allowed = append(allowed, o)
		case fault.Is(err, fault.Denied):
			refusals = append(refusals, types.Error{
				Code: aws.String("AccessDenied"), Key: o.Key, VersionId: o.VersionId, Message: aws.String(fault.Of(err).Message),
			})
		default:
			return nil, nil, err
		}
	}
	return allowed, refusals, nil
}

func malformed() error {
	return invalid("MalformedXML",
		"The XML you provided was not well-formed or did not validate against our published schema")
}
