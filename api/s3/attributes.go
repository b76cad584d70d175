package s3

import (
	"context"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	sdk "postern/aws/service/s3"
	"postern/aws/service/s3/types"
)

// maxParts is the most parts of a page.
const maxParts = 1000

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
	if err != nil {
		return nil, s.absent(ctx, c, b, err)
	}
	if slices.Contains(in.ObjectAttributes, types.ObjectAttributesObjectParts) {
		out.ObjectParts, err = s.parts(ctx, c, in)
	}
	return out, err
}

// parts returns the parts that an object was uploaded in, a page of them with their sizes; nil for an object that was
// put. The checksums of parts are not kept once they are one object.
func (s *service) parts(
	ctx context.Context, c *api.Call, in *sdk.GetObjectAttributesInput,
) (*types.GetObjectAttributesParts, error) {
	after, most := 0, maxParts
	if in.PartNumberMarker != nil {
		n, err := strconv.Atoi(*in.PartNumberMarker)
		if err != nil || n < 0 {
			return nil, invalid("InvalidArgument", "Argument part-number-marker must be an integer between 0 and 2147483647")
		}
		after = n
	}
	if in.MaxParts != nil {
		if *in.MaxParts < 0 {
			return nil, invalid("InvalidArgument", "Argument max-parts must be an integer between 0 and 2147483647")
		}
		most = min(most, int(*in.MaxParts))
	}
	head := func(number int) (*sdk.HeadObjectOutput, error) {
		return forward[sdk.HeadObjectInput, sdk.HeadObjectOutput](ctx, s, c, &sdk.HeadObjectInput{
			Bucket: in.Bucket, Key: in.Key, VersionId: in.VersionId, PartNumber: aws.Int32(int32(number)), //nolint:gosec // fits
		}, nil)
	}
	first, err := head(1)
	if err != nil {
		return nil, err
	}
	total := int(aws.ToInt32(first.PartsCount))
	if total == 0 {
		return nil, nil
	}
	out := &types.GetObjectAttributesParts{
		TotalPartsCount: first.PartsCount, PartNumberMarker: aws.String(strconv.Itoa(after)),
		MaxParts: aws.Int32(int32(most)), //nolint:gosec // fits
	}
	number := after
	for ; number < total && len(out.Parts) < most; number++ {
		part, err := head(number + 1)
		if err != nil {
			return nil, err
		}
		out.Parts = append(out.Parts, types.ObjectPart{
			PartNumber: aws.Int32(int32(number + 1)), Size: part.ContentLength, //nolint:gosec // fits
		})
	}
	out.IsTruncated = aws.Bool(number < total)
	if number < total {
		out.NextPartNumberMarker = aws.String(strconv.Itoa(number))
	}
	return out, nil
}
