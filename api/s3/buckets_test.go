package s3_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"
)

// TestBuckets walks what is configured on a bucket.
func TestBuckets(t *testing.T) {
	r := newRig(t)
	c := r.root(t, "b-1", "b-2", "b-3")
	ctx, b := t.Context(), aws.String("b-1")
	first, err := c.ListBuckets(ctx, &s3.ListBucketsInput{MaxBuckets: aws.Int32(2)})
	if err != nil || len(first.Buckets) != 2 || *first.Buckets[0].BucketRegion != "us-east-1" {
		t.Fatalf("%+v, %v", first, err)
	}
	rest, err := c.ListBuckets(ctx, &s3.ListBucketsInput{
		MaxBuckets: aws.Int32(2), ContinuationToken: first.ContinuationToken,
	})
	if err != nil || len(rest.Buckets) != 1 || *rest.Buckets[0].Name != "b-3" || rest.ContinuationToken != nil {
		t.Fatalf("%+v, %v", rest, err)
	}
	head, err := c.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: b})
	if err != nil || *head.BucketRegion != "us-east-1" {
		t.Errorf("%+v, %v", head, err)
	}
	where, err := c.GetBucketLocation(ctx, &s3.GetBucketLocationInput{Bucket: b})
	if err != nil || where.LocationConstraint != "" {
		t.Errorf("%+v, %v", where, err)
	}
	_, err = c.CreateBucket(ctx, &s3.CreateBucketInput{
		Bucket:                    aws.String("far"),
		CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: "eu-west-1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String("far")})
	if code(err) != "PermanentRedirect" {
		t.Errorf("a bucket of another region: %v", err)
	}
	where, err = c.GetBucketLocation(ctx, &s3.GetBucketLocationInput{Bucket: aws.String("far")})
	if err != nil || where.LocationConstraint != "eu-west-1" {
		t.Errorf("%+v, %v", where, err)
	}
	if _, err := c.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: aws.String("b-3")}); err != nil {
		t.Error(err)
	}
	if _, err := c.GetBucketMetricsConfiguration(ctx, &s3.GetBucketMetricsConfigurationInput{
		Bucket: b, Id: aws.String("x"),
	}); code(err) != "NotImplemented" {
		t.Error(err)
	}
}

// TestConfigurations: what is put on a bucket is got as it was put, and gone when it is deleted.
func TestConfigurations(t *testing.T) {
	r := newRig(t)
	c := r.root(t, "b-1")
	ctx, b := t.Context(), aws.String("b-1")
	rules := []types.LifecycleRule{
		{ID: aws.String("1"), Status: "Enabled", Filter: &types.LifecycleRuleFilter{Prefix: aws.String("logs/")},
			Expiration: &types.LifecycleExpiration{Days: aws.Int32(3)}},
		{ID: aws.String("2"), Status: "Disabled", Filter: &types.LifecycleRuleFilter{And: &types.LifecycleRuleAndOperator{
			Prefix: aws.String("a"), Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}},
		}}, NoncurrentVersionExpiration: &types.NoncurrentVersionExpiration{NoncurrentDays: aws.Int32(4)}},
		{ID: aws.String("3"), Status: "Enabled", Prefix: aws.String(""),
			AbortIncompleteMultipartUpload: &types.AbortIncompleteMultipartUpload{DaysAfterInitiation: aws.Int32(5)}},
	}
	_, err := c.PutBucketLifecycleConfiguration(ctx, &s3.PutBucketLifecycleConfigurationInput{
		Bucket: b, LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: rules},
	})
	if err != nil {
		t.Fatal(err)
	}
	lifecycle, err := c.GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: b})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(rules, lifecycle.Rules, exported); diff != "" {
		t.Error(diff)
	}
	cors := []types.CORSRule{{
		AllowedMethods: []string{"GET"}, AllowedOrigins: []string{"https://*.example.com"}, AllowedHeaders: []string{"*"},
		MaxAgeSeconds: aws.Int32(60),
	}}
	_, err = c.PutBucketCors(ctx, &s3.PutBucketCorsInput{
		Bucket: b, CORSConfiguration: &types.CORSConfiguration{CORSRules: cors},
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.GetBucketCors(ctx, &s3.GetBucketCorsInput{Bucket: b})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(cors, got.CORSRules, exported); diff != "" {
		t.Error(diff)
	}
}

// TestSettings: tags, encryption, versions and the ACL.
func TestSettings(t *testing.T) {
	r := newRig(t)
	c := r.root(t, "b-1")
	ctx, b := t.Context(), aws.String("b-1")
	tags := []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}
	_, err := c.PutBucketTagging(ctx, &s3.PutBucketTaggingInput{Bucket: b, Tagging: &types.Tagging{TagSet: tags}})
	if err != nil {
		t.Fatal(err)
	}
	tagged, err := c.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: b})
	if err != nil || len(tagged.TagSet) != 1 || *tagged.TagSet[0].Value != "v" {
		t.Errorf("%+v, %v", tagged, err)
	}
	encryption, err := c.GetBucketEncryption(ctx, &s3.GetBucketEncryptionInput{Bucket: b})
	if err != nil || encryption.ServerSideEncryptionConfiguration.Rules[0].ApplyServerSideEncryptionByDefault.
		SSEAlgorithm != types.ServerSideEncryptionAes256 {
		t.Errorf("%+v, %v", encryption, err)
	}
	_, err = c.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{
		Bucket: b, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	})
	if err != nil {
		t.Fatal(err)
	}
	versioning, err := c.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: b})
	if err != nil || versioning.Status != types.BucketVersioningStatusEnabled {
		t.Errorf("%+v, %v", versioning, err)
	}
	acl, err := c.GetBucketAcl(ctx, &s3.GetBucketAclInput{Bucket: b})
	if err != nil || len(acl.Grants) != 1 || acl.Grants[0].Grantee.Type != types.TypeCanonicalUser ||
		*acl.Grants[0].Grantee.ID != *acl.Owner.ID {
		t.Errorf("%+v, %v", acl, err)
	}
}

var exported = cmp.FilterPath(func(p cmp.Path) bool {
	f, ok := p.Last().(cmp.StructField)
	return ok && !('A' <= f.Name()[0] && f.Name()[0] <= 'Z')
}, cmp.Ignore())
