package s3

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/page"
	"postern/api/tags"
	sdk "postern/aws/service/s3"
	"postern/aws/service/s3/types"
	"postern/services/s3"
)

func (s *service) createBucket(
	ctx context.Context, c *api.Call, in *sdk.CreateBucketInput,
) (*sdk.CreateBucketOutput, error) {
	b := s3.NewBucket{
		Name: *in.Bucket, Account: c.Account, Region: c.Region, Ownership: string(in.ObjectOwnership),
		ObjectLock: aws.ToBool(in.ObjectLockEnabledForBucket),
	}
	if in.ACL != "" && in.ACL != types.BucketCannedACLPrivate {
		if b.Ownership == "" || b.Ownership == string(types.ObjectOwnershipBucketOwnerEnforced) {
			return nil, invalid("InvalidBucketAclWithObjectOwnership",
				"Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting")
		}
		return nil, notImplemented("Postern does not implement the ACL %s", in.ACL)
	}
	if err := s.configure(c, in.CreateBucketConfiguration, &b); err != nil {
		return nil, err
	}
	if len(b.Tags) > 0 {
		keys := tags.Conditions(requestKeys(c, nil), in.CreateBucketConfiguration.Tags)
		if err := c.Allow(ctx, "s3:TagResource", bucketARN(c), keys); err != nil {
			return nil, err
		}
	}
	made, err := s.buckets.CreateBucket(ctx, b)
	if err != nil {
		return nil, err
	}
	return &sdk.CreateBucketOutput{Location: aws.String("/" + made.Name), BucketArn: aws.String(bucketARN(c))}, nil
}

// configure takes where a bucket is to be, which is where the request went, or anywhere from the partition's home, and
// its tags.
func (s *service) configure(c *api.Call, in *types.CreateBucketConfiguration, b *s3.NewBucket) error {
	constraint := ""
	if in != nil {
		if in.Location != nil || in.Bucket != nil {
			return notImplemented("Postern does not implement directory buckets")
		}
		constraint = string(in.LocationConstraint)
		b.Tags = tags.From[s3.Tag](in.Tags)
	}
	if constraint == "EU" {
		constraint = "eu-west-1"
	}
	home := home(c.Partition)
	switch {
	case constraint == "" && c.Region != home:
		return invalid("IllegalLocationConstraintException", "The unspecified location constraint is incompatible for the "+
			"region specific endpoint this request was sent to.")
	case c.Region == home && constraint == home:
		return invalid("InvalidLocationConstraint", "The specified location-constraint is not valid").
			With("LocationConstraint", constraint)
	case constraint == "" || constraint == c.Region:
		return nil
	case c.Region != home:
		return invalid("IllegalLocationConstraintException", "The %s location constraint is incompatible for the region "+
			"specific endpoint this request was sent to.", constraint)
	}
	b.Region = constraint
	return nil
}

func (s *service) deleteBucket(
	ctx context.Context, c *api.Call, in *sdk.DeleteBucketInput,
) (*sdk.DeleteBucketOutput, error) {
	if _, err := s.bucket(c, in.ExpectedBucketOwner); err != nil {
		return nil, err
	}
	return nil, s.buckets.DeleteBucket(ctx, *in.Bucket)
}

func (s *service) headBucket(_ context.Context, c *api.Call, in *sdk.HeadBucketInput) (*sdk.HeadBucketOutput, error) {
	b, err := s.bucket(c, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	return &sdk.HeadBucketOutput{
		BucketRegion: aws.String(b.Region), AccessPointAlias: aws.Bool(false), BucketArn: aws.String(bucketARN(c)),
	}, nil
}

func (s *service) getBucketLocation(
	_ context.Context, c *api.Call, in *sdk.GetBucketLocationInput,
) (*sdk.GetBucketLocationOutput, error) {
	b, err := s.bucket(c, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	out := &sdk.GetBucketLocationOutput{LocationConstraint: types.BucketLocationConstraint(b.Region)}
	if b.Region == "us-east-1" {
		out.LocationConstraint = ""
	}
	return out, nil
}

// maxBuckets is the most buckets of a page.
const maxBuckets = 10_000

func (s *service) listBuckets(
	_ context.Context, c *api.Call, in *sdk.ListBucketsInput,
) (*sdk.ListBucketsOutput, error) {
	if n := aws.ToInt32(in.MaxBuckets); in.MaxBuckets != nil && (n < 1 || n > maxBuckets) {
		return nil, invalid("InvalidArgument", "Argument max-buckets must be an integer between 1 and 10000").
			With("ArgumentName", "max-buckets")
	}
	p, err := page.Read(c, in, maxBuckets)
	if err != nil {
		return nil, err
	}
	all, next := s.buckets.Buckets(c.Account, s3.Listing{
		Prefix: aws.ToString(in.Prefix), Region: aws.ToString(in.BucketRegion), After: p.After, Limit: p.Size,
	})
	out := &sdk.ListBucketsOutput{Owner: owner(c.Account), Prefix: in.Prefix, Buckets: []types.Bucket{}}
	if next != "" {
		out.ContinuationToken = p.Token(next)
	}
	for _, b := range all {
		listed := types.Bucket{
			Name: aws.String(b.Name), CreationDate: aws.Time(b.Created),
			BucketArn: aws.String(bucketType(c, b.Name)),
		}
		// The region is told to who asks by pages or regions, as on AWS.
		if in.MaxBuckets != nil || in.BucketRegion != nil || in.ContinuationToken != nil || in.Prefix != nil {
			listed.BucketRegion = aws.String(b.Region)
		}
		out.Buckets = append(out.Buckets, listed)
	}
	return out, nil
}

func (s *service) getBucketVersioning(
	_ context.Context, c *api.Call, in *sdk.GetBucketVersioningInput,
) (*sdk.GetBucketVersioningOutput, error) {
	b, err := s.bucket(c, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	return &sdk.GetBucketVersioningOutput{Status: types.BucketVersioningStatus(b.Versioning)}, nil
}

func (s *service) putBucketVersioning(
	ctx context.Context, c *api.Call, in *sdk.PutBucketVersioningInput,
) (*sdk.PutBucketVersioningOutput, error) {
	if _, err := s.changeable(c, in.ExpectedBucketOwner); err != nil {
		return nil, err
	}
	v := in.VersioningConfiguration
	if v.MFADelete == types.MFADeleteEnabled {
		return nil, notImplemented("Postern does not implement MFA delete")
	}
	if v.Status != types.BucketVersioningStatusEnabled && v.Status != types.BucketVersioningStatusSuspended {
		return nil, malformed()
	}
	return nil, s.buckets.PutVersioning(ctx, *in.Bucket, string(v.Status))
}
