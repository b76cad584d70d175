package s3

import (
	"context"

	"postern/api"
	sdk "postern/aws/service/s3"
	"postern/aws/service/s3/types"
)

// getBucketAbac tells whether the tags of a bucket control access to it.
func (s *service) getBucketAbac(
	_ context.Context, c *api.Call, in *sdk.GetBucketAbacInput,
) (*sdk.GetBucketAbacOutput, error) {
	b, err := s.bucket(c, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	status := types.BucketAbacStatusDisabled
	if b.ABAC {
		status = types.BucketAbacStatusEnabled
	}
	return &sdk.GetBucketAbacOutput{AbacStatus: &types.AbacStatus{Status: status}}, nil
}

func (s *service) putBucketAbac(
	ctx context.Context, c *api.Call, in *sdk.PutBucketAbacInput,
) (*sdk.PutBucketAbacOutput, error) {
	if _, err := s.changeable(c, in.ExpectedBucketOwner); err != nil {
		return nil, err
	}
	switch in.AbacStatus.Status {
	case types.BucketAbacStatusEnabled, types.BucketAbacStatusDisabled:
		return nil, s.buckets.PutABAC(ctx, *in.Bucket, in.AbacStatus.Status == types.BucketAbacStatusEnabled)
	}
	return nil, malformed()
}
