package s3

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/tags"
	"postern/aws/fault"
	sdk "postern/aws/service/s3"
	"postern/aws/service/s3/types"
	"postern/services/s3"
)

// absentConfiguration says that a bucket does not have what was asked for.
func absentConfiguration(code, text string) error {
	return fault.New(fault.NotFound, "s3", "%s", text).WithCode(code)
}

func (s *service) getBucketPolicy(
	_ context.Context, c *api.Call, in *sdk.GetBucketPolicyInput,
) (*sdk.GetBucketPolicyOutput, error) {
	b, err := s.bucket(c, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	if b.Policy == "" {
		return nil, absentConfiguration("NoSuchBucketPolicy", "The bucket policy does not exist")
	}
	c.SetHeader("Content-Type", "application/json")
	return &sdk.GetBucketPolicyOutput{Policy: aws.String(b.Policy)}, nil
}

func (s *service) putBucketPolicy(
	ctx context.Context, c *api.Call, in *sdk.PutBucketPolicyInput,
) (*sdk.PutBucketPolicyOutput, error) {
	if _, err := s.changeable(c, in.ExpectedBucketOwner); err != nil {
		return nil, err
	}
	return nil, s.buckets.PutPolicy(ctx, *in.Bucket, *in.Policy)
}

func (s *service) deleteBucketPolicy(
	ctx context.Context, c *api.Call, in *sdk.DeleteBucketPolicyInput,
) (*sdk.DeleteBucketPolicyOutput, error) {
	if _, err := s.changeable(c, in.ExpectedBucketOwner); err != nil {
		return nil, err
	}
	return nil, s.buckets.DeletePolicy(ctx, *in.Bucket)
}

func (s *service) getBucketPolicyStatus(
	_ context.Context, c *api.Call, in *sdk.GetBucketPolicyStatusInput,
) (*sdk.GetBucketPolicyStatusOutput, error) {
	b, err := s.bucket(c, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	if b.Policy == "" {
		return nil, absentConfiguration("NoSuchBucketPolicy", "The bucket policy does not exist")
	}
	return &sdk.GetBucketPolicyStatusOutput{
		PolicyStatus: &types.PolicyStatus{IsPublic: aws.Bool(s.buckets.IsPublic(b))},
	}, nil
}

func (s *service) getPublicAccessBlock(
	_ context.Context, c *api.Call, in *sdk.GetPublicAccessBlockInput,
) (*sdk.GetPublicAccessBlockOutput, error) {
	b, err := s.bucket(c, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	p := b.PublicAccessBlock
	if p == nil {
		return nil, absentConfiguration("NoSuchPublicAccessBlockConfiguration",
			"The public access block configuration was not found")
	}
	return &sdk.GetPublicAccessBlockOutput{PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{
		BlockPublicAcls: &p.BlockPublicAcls, IgnorePublicAcls: &p.IgnorePublicAcls,
		BlockPublicPolicy: &p.BlockPublicPolicy, RestrictPublicBuckets: &p.RestrictPublicBuckets,
	}}, nil
}

func (s *service) putPublicAccessBlock(
	ctx context.Context, c *api.Call, in *sdk.PutPublicAccessBlockInput,
) (*sdk.PutPublicAccessBlockOutput, error) {
	if _, err := s.changeable(c, in.ExpectedBucketOwner); err != nil {
		return nil, err
	}
	p := in.PublicAccessBlockConfiguration
	return nil, s.buckets.PutPublicAccessBlock(ctx, *in.Bucket, s3.PublicAccessBlock{
		BlockPublicAcls: aws.ToBool(p.BlockPublicAcls), IgnorePublicAcls: aws.ToBool(p.IgnorePublicAcls),
		BlockPublicPolicy: aws.ToBool(p.BlockPublicPolicy), RestrictPublicBuckets: aws.ToBool(p.RestrictPublicBuckets),
	})
}

func (s *service) deletePublicAccessBlock(
	ctx context.Context, c *api.Call, in *sdk.DeletePublicAccessBlockInput,
) (*sdk.DeletePublicAccessBlockOutput, error) {
	if _, err := s.changeable(c, in.ExpectedBucketOwner); err != nil {
		return nil, err
	}
	return nil, s.buckets.DeletePublicAccessBlock(ctx, *in.Bucket)
}

func (s *service) getBucketOwnershipControls(
	_ context.Context, c *api.Call, in *sdk.GetBucketOwnershipControlsInput,
) (*sdk.GetBucketOwnershipControlsOutput, error) {
	b, err := s.bucket(c, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	if b.Ownership == "" {
		return nil, absentConfiguration("OwnershipControlsNotFoundError", "The bucket ownership controls were not found")
	}
	return &sdk.GetBucketOwnershipControlsOutput{OwnershipControls: &types.OwnershipControls{
		Rules: []types.OwnershipControlsRule{{ObjectOwnership: types.ObjectOwnership(b.Ownership)}},
	}}, nil
}

func (s *service) putBucketOwnershipControls(
	ctx context.Context, c *api.Call, in *sdk.PutBucketOwnershipControlsInput,
) (*sdk.PutBucketOwnershipControlsOutput, error) {
	if _, err := s.changeable(c, in.ExpectedBucketOwner); err != nil {
		return nil, err
	}
	if len(in.OwnershipControls.Rules) != 1 {
		return nil, malformed()
	}
	return nil, s.buckets.PutOwnership(ctx, *in.Bucket, string(in.OwnershipControls.Rules[0].ObjectOwnership))
}

func (s *service) deleteBucketOwnershipControls(
	ctx context.Context, c *api.Call, in *sdk.DeleteBucketOwnershipControlsInput,
) (*sdk.DeleteBucketOwnershipControlsOutput, error) {
	if _, err := s.changeable(c, in.ExpectedBucketOwner); err != nil {
		return nil, err
	}
	return nil, s.buckets.DeleteOwnership(ctx, *in.Bucket)
}

func (s *service) getBucketEncryption(
	_ context.Context, c *api.Call, in *sdk.GetBucketEncryptionInput,
) (*sdk.GetBucketEncryptionOutput, error) {
	b, err := s.bucket(c, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	e := s3.Encryption{Algorithm: string(types.ServerSideEncryptionAes256)} // of every bucket since January 2023
	if b.Encryption != nil {
		e = *b.Encryption
	}
	by := &types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryption(e.Algorithm)}
	if e.KMSKey != "" {
		by.KMSMasterKeyID = &e.KMSKey
	}
	return &sdk.GetBucketEncryptionOutput{ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{
		Rules: []types.ServerSideEncryptionRule{{ApplyServerSideEncryptionByDefault: by, BucketKeyEnabled: &e.BucketKey}},
	}}, nil
}

func (s *service) putBucketEncryption(
	ctx context.Context, c *api.Call, in *sdk.PutBucketEncryptionInput,
) (*sdk.PutBucketEncryptionOutput, error) {
	if _, err := s.changeable(c, in.ExpectedBucketOwner); err != nil {
		return nil, err
	}
	rules := in.ServerSideEncryptionConfiguration.Rules
	if len(rules) != 1 || rules[0].ApplyServerSideEncryptionByDefault == nil {
		return nil, malformed()
	}
	if rules[0].BlockedEncryptionTypes != nil {
		return nil, notImplemented("Postern does not implement blocked encryption types")
	}
	by := rules[0].ApplyServerSideEncryptionByDefault
	return nil, s.buckets.PutEncryption(ctx, *in.Bucket, s3.Encryption{
		Algorithm: string(by.SSEAlgorithm), KMSKey: aws.ToString(by.KMSMasterKeyID),
		BucketKey: aws.ToBool(rules[0].BucketKeyEnabled),
	})
}

func (s *service) deleteBucketEncryption(
	ctx context.Context, c *api.Call, in *sdk.DeleteBucketEncryptionInput,
) (*sdk.DeleteBucketEncryptionOutput, error) {
	if _, err := s.changeable(c, in.ExpectedBucketOwner); err != nil {
		return nil, err
	}
	return nil, s.buckets.DeleteEncryption(ctx, *in.Bucket)
}

func (s *service) getBucketTagging(
	_ context.Context, c *api.Call, in *sdk.GetBucketTaggingInput,
) (*sdk.GetBucketTaggingOutput, error) {
	b, err := s.bucket(c, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	if len(b.Tags) == 0 {
		return nil, absentConfiguration("NoSuchTagSet", "The TagSet does not exist")
	}
	return &sdk.GetBucketTaggingOutput{TagSet: tags.To[types.Tag](b.Tags)}, nil
}

func (s *service) putBucketTagging(
	ctx context.Context, c *api.Call, in *sdk.PutBucketTaggingInput,
) (*sdk.PutBucketTaggingOutput, error) {
	if _, err := s.changeable(c, in.ExpectedBucketOwner); err != nil {
		return nil, err
	}
	return nil, s.buckets.PutTags(ctx, *in.Bucket, tags.From[s3.Tag](in.Tagging.TagSet))
}

func (s *service) deleteBucketTagging(
	ctx context.Context, c *api.Call, in *sdk.DeleteBucketTaggingInput,
) (*sdk.DeleteBucketTaggingOutput, error) {
	if _, err := s.changeable(c, in.ExpectedBucketOwner); err != nil {
		return nil, err
	}
	return nil, s.buckets.DeleteTags(ctx, *in.Bucket)
}
