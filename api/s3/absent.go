package s3

import (
	"context"

	"postern/api"
	sdk "postern/aws/service/s3"
	"postern/aws/service/s3/types"
)

// The operations here read what cannot be set on a bucket: no bucket has it, and that is what they answer.

func (s *service) getBucketWebsite(
	_ context.Context, c *api.Call, in *sdk.GetBucketWebsiteInput,
) (*sdk.GetBucketWebsiteOutput, error) {
	if _, err := s.bucket(c, in.ExpectedBucketOwner); err != nil {
		return nil, err
	}
	return nil, absentConfiguration("NoSuchWebsiteConfiguration",
		"The specified bucket does not have a website configuration")
}

func (s *service) getBucketReplication(
	_ context.Context, c *api.Call, in *sdk.GetBucketReplicationInput,
) (*sdk.GetBucketReplicationOutput, error) {
	if _, err := s.bucket(c, in.ExpectedBucketOwner); err != nil {
		return nil, err
	}
	return nil, absentConfiguration("ReplicationConfigurationNotFoundError", "The replication configuration was not found")
}

func (s *service) getObjectLockConfiguration(
	_ context.Context, c *api.Call, in *sdk.GetObjectLockConfigurationInput,
) (*sdk.GetObjectLockConfigurationOutput, error) {
	if _, err := s.bucket(c, in.ExpectedBucketOwner); err != nil {
		return nil, err
	}
	return nil, absentConfiguration("ObjectLockConfigurationNotFoundError",
		"Object Lock configuration does not exist for this bucket")
}

func (s *service) getBucketLogging(
	_ context.Context, c *api.Call, in *sdk.GetBucketLoggingInput,
) (*sdk.GetBucketLoggingOutput, error) {
	_, err := s.bucket(c, in.ExpectedBucketOwner)
	return nil, err
}

func (s *service) getBucketNotificationConfiguration(
	_ context.Context, c *api.Call, in *sdk.GetBucketNotificationConfigurationInput,
) (*sdk.GetBucketNotificationConfigurationOutput, error) {
	_, err := s.bucket(c, in.ExpectedBucketOwner)
	return nil, err
}

func (s *service) getBucketAccelerateConfiguration(
	_ context.Context, c *api.Call, in *sdk.GetBucketAccelerateConfigurationInput,
) (*sdk.GetBucketAccelerateConfigurationOutput, error) {
	_, err := s.bucket(c, in.ExpectedBucketOwner)
	return nil, err
}

func (s *service) getBucketRequestPayment(
	_ context.Context, c *api.Call, in *sdk.GetBucketRequestPaymentInput,
) (*sdk.GetBucketRequestPaymentOutput, error) {
	if _, err := s.bucket(c, in.ExpectedBucketOwner); err != nil {
		return nil, err
	}
	return &sdk.GetBucketRequestPaymentOutput{Payer: types.PayerBucketOwner}, nil
}
