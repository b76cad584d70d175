package s3

import (
	"context"
	"slices"

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
	var conditional []types.ObjectIdentifier
	for _, o := range allowed {
		if isConditional(o) {
			conditional = append(conditional, o)
		}
	}
	allowed = slices.DeleteFunc(allowed, isConditional)
	out := &sdk.DeleteObjectsOutput{}
	if len(allowed) > 0 {
		own := *in
		own.Delete = &types.Delete{Objects: allowed, Quiet: in.Delete.Quiet}
		if out, err = forward[sdk.DeleteObjectsInput, sdk.DeleteObjectsOutput](ctx, s, c, &own, nil); err != nil {
			return nil, err
		}
	}
	for _, o := range conditional {
		if err := s.deleteConditionally(ctx, c, in, o, out); err != nil {
			return nil, err
		}
	}
	out.Errors = append(out.Errors, refusals...)
	return out, nil
}

func isConditional(o types.ObjectIdentifier) bool {
	return o.ETag != nil || o.Size != nil || o.LastModifiedTime != nil
}

// deleteConditionally deletes one of several objects if it is as the request says, and adds to the answer what became
// of it. DeleteObject has the conditions.
func (s *service) deleteConditionally(
	ctx context.Context, c *api.Call, in *sdk.DeleteObjectsInput, o types.ObjectIdentifier, out *sdk.DeleteObjectsOutput,
) error {
	gone, err := forward[sdk.DeleteObjectInput, sdk.DeleteObjectOutput](ctx, s, c, &sdk.DeleteObjectInput{
		Bucket: in.Bucket, Key: o.Key, VersionId: o.VersionId, IfMatch: o.ETag, IfMatchSize: o.Size,
		IfMatchLastModifiedTime: o.LastModifiedTime,
	}, nil)
	if f := fault.Of(err); err != nil {
		if f.Kind == fault.Unavailable || f.Kind == fault.Internal {
			return err
		}
		out.Errors = append(out.Errors, types.Error{
			Code: aws.String(f.Code), Key: o.Key, VersionId: o.VersionId, Message: aws.String(f.Message),
		})
		return nil
	}
	if aws.ToBool(in.Delete.Quiet) {
		return nil
	}
	deleted := types.DeletedObject{Key: o.Key, VersionId: o.VersionId, DeleteMarker: gone.DeleteMarker}
	if aws.ToBool(gone.DeleteMarker) {
		deleted.DeleteMarkerVersionId = gone.VersionId
	}
	out.Deleted = append(out.Deleted, deleted)
	return nil
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
		if checkKey(*o.Key) != nil { // there is no such object, and no policy can be asked about it
			refusals = append(refusals, types.Error{
				Code: aws.String("KeyTooLongError"), Key: o.Key, VersionId: o.VersionId,
				Message: aws.String("Your key is too long"),
			})
			continue
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
