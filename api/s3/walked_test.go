package s3_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"postern/api/access/accesstest"
	"postern/api/apitest"
	"postern/aws/sigv4"
	s3program "postern/services/s3/embedded/program"
)

// TestMain looks, after a run of all tests, whether they walked the whole table.
func TestMain(m *testing.M) {
	s3program.InitMain()
	os.Exit(accesstest.Walked.Exit(m.Run(), apitest.Whole{Service: "s3"}))
}

// TestGuard: nobody and strangers get nothing from any operation.
func TestGuard(t *testing.T) {
	r := newRig(t)
	made, err := r.user(t, "stranger", "").Options().Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	apitest.Guard(t, r.Handler, sigv4.Credentials{AccessKey: made.AccessKeyID, Secret: made.SecretAccessKey}, time.Now())
	for _, one := range r.Handler.Services() {
		if one.Name == "s3" {
			apitest.CheckMembers(t, one, ".")
		}
	}
}

// configuration is one that a bucket may have.
type configuration struct {
	name             string
	put, get, delete func() error
	gone             string // the code of what get says where there is none
}

// does makes a call whose answer does not matter.
func does[In, Out any](
	t *testing.T, call func(context.Context, *In, ...func(*s3.Options)) (*Out, error), in *In,
) func() error {
	return func() error {
		_, err := call(t.Context(), in)
		return err
	}
}

// TestWhatIsPutIsDeleted: of every configuration, the last word is that there is none.
func TestWhatIsPutIsDeleted(t *testing.T) {
	r := newRig(t)
	c := r.root(t, "bucket")
	b := aws.String("bucket")
	for _, row := range append(access(t, c, b), others(t, c, b)...) {
		if err := row.put(); err != nil {
			t.Errorf("%s: %v", row.name, err)
		}
		if err := row.get(); err != nil {
			t.Errorf("%s: %v", row.name, err)
		}
		if err := row.delete(); err != nil {
			t.Errorf("%s: %v", row.name, err)
		}
		if err := row.get(); code(err) != row.gone {
			t.Errorf("%s is deleted: %v", row.name, err)
		}
	}
	out, err := c.GetBucketEncryption(t.Context(), &s3.GetBucketEncryptionInput{Bucket: b})
	if err != nil || len(out.ServerSideEncryptionConfiguration.Rules) != 1 {
		t.Errorf("without a configuration there is the default: %+v, %v", out, err)
	}
}

func access(t *testing.T, c *s3.Client, b *string) []configuration {
	policy := `{"Statement":{"Effect":"Deny","Principal":"*","Action":"s3:GetObject",` +
		`"Resource":"arn:aws:s3:::bucket/*","Condition":{"StringNotEquals":{"aws:SourceVpce":"vpce-1"}}}}`
	return []configuration{
		{"policy", does(t, c.PutBucketPolicy, &s3.PutBucketPolicyInput{Bucket: b, Policy: &policy}),
			func() error {
				out, err := c.GetBucketPolicy(t.Context(), &s3.GetBucketPolicyInput{Bucket: b})
				if err == nil && *out.Policy != policy {
					t.Errorf("the policy is %s", *out.Policy)
				}
				return err
			},
			does(t, c.DeleteBucketPolicy, &s3.DeleteBucketPolicyInput{Bucket: b}), "NoSuchBucketPolicy"},
		{"public access block", does(t, c.PutPublicAccessBlock, &s3.PutPublicAccessBlockInput{
			Bucket: b, PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{BlockPublicAcls: aws.Bool(true)},
		}),
			does(t, c.GetPublicAccessBlock, &s3.GetPublicAccessBlockInput{Bucket: b}),
			does(t, c.DeletePublicAccessBlock, &s3.DeletePublicAccessBlockInput{Bucket: b}),
			"NoSuchPublicAccessBlockConfiguration"},
		{"ownership", does(t, c.PutBucketOwnershipControls, &s3.PutBucketOwnershipControlsInput{
			Bucket: b, OwnershipControls: &types.OwnershipControls{
				Rules: []types.OwnershipControlsRule{{ObjectOwnership: types.ObjectOwnershipBucketOwnerPreferred}},
			},
		}),
			does(t, c.GetBucketOwnershipControls, &s3.GetBucketOwnershipControlsInput{Bucket: b}),
			does(t, c.DeleteBucketOwnershipControls, &s3.DeleteBucketOwnershipControlsInput{Bucket: b}),
			"OwnershipControlsNotFoundError"},
	}
}

func others(t *testing.T, c *s3.Client, b *string) []configuration {
	rule := types.LifecycleRule{
		Status: types.ExpirationStatusEnabled, Filter: &types.LifecycleRuleFilter{Prefix: aws.String("")},
		Expiration: &types.LifecycleExpiration{Days: aws.Int32(1)},
	}
	aes := &types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryptionAes256}
	return []configuration{
		{"encryption", does(t, c.PutBucketEncryption, &s3.PutBucketEncryptionInput{
			Bucket: b, ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{
				Rules: []types.ServerSideEncryptionRule{{ApplyServerSideEncryptionByDefault: aes}},
			},
		}),
			does(t, c.GetBucketEncryption, &s3.GetBucketEncryptionInput{Bucket: b}),
			does(t, c.DeleteBucketEncryption, &s3.DeleteBucketEncryptionInput{Bucket: b}), ""},
		{"tags", does(t, c.PutBucketTagging, &s3.PutBucketTaggingInput{Bucket: b, Tagging: &types.Tagging{
			TagSet: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}},
		}}),
			does(t, c.GetBucketTagging, &s3.GetBucketTaggingInput{Bucket: b}),
			does(t, c.DeleteBucketTagging, &s3.DeleteBucketTaggingInput{Bucket: b}), "NoSuchTagSet"},
		{"rules for pages", does(t, c.PutBucketCors, &s3.PutBucketCorsInput{
			Bucket: b, CORSConfiguration: &types.CORSConfiguration{
				CORSRules: []types.CORSRule{{AllowedMethods: []string{"GET"}, AllowedOrigins: []string{"*"}}},
			},
		}),
			does(t, c.GetBucketCors, &s3.GetBucketCorsInput{Bucket: b}),
			does(t, c.DeleteBucketCors, &s3.DeleteBucketCorsInput{Bucket: b}), "NoSuchCORSConfiguration"},
		{"lifecycle", does(t, c.PutBucketLifecycleConfiguration, &s3.PutBucketLifecycleConfigurationInput{
			Bucket: b, LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: []types.LifecycleRule{rule}},
		}),
			does(t, c.GetBucketLifecycleConfiguration, &s3.GetBucketLifecycleConfigurationInput{Bucket: b}),
			does(t, c.DeleteBucketLifecycle, &s3.DeleteBucketLifecycleInput{Bucket: b}), "NoSuchLifecycleConfiguration"},
	}
}

// TestParts: an object in parts, which is made or given up.
func TestParts(t *testing.T) {
	r := newRig(t)
	c := r.root(t, "bucket")
	ctx, b, key := t.Context(), aws.String("bucket"), aws.String("dir/key")
	if err := put(c, "bucket", "source", "source"); err != nil {
		t.Fatal(err)
	}
	for _, whole := range []bool{true, false} {
		up, err := c.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: b, Key: key})
		if err != nil || *up.Bucket != "bucket" || *up.UploadId != "u" {
			t.Fatalf("%+v, %v", up, err)
		}
		part, err := c.UploadPart(ctx, &s3.UploadPartInput{
			Bucket: b, Key: key, UploadId: up.UploadId, PartNumber: aws.Int32(1), Body: strings.NewReader("one"),
		})
		if err != nil || *part.ETag != `"part"` {
			t.Fatalf("%+v, %v", part, err)
		}
		if _, err := c.UploadPartCopy(ctx, &s3.UploadPartCopyInput{
			Bucket: b, Key: key, UploadId: up.UploadId, PartNumber: aws.Int32(2), CopySource: aws.String("bucket/source"),
		}); err != nil {
			t.Fatal(err)
		}
		parts, err := c.ListParts(ctx, &s3.ListPartsInput{Bucket: b, Key: key, UploadId: up.UploadId})
		if err != nil || *parts.Bucket != "bucket" || len(*parts.Owner.ID) != 64 {
			t.Errorf("%+v, %v", parts, err)
		}
		if !whole {
			_, err = c.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: b, Key: key, UploadId: up.UploadId})
			if err != nil {
				t.Error(err)
			}
			continue
		}
		made, err := c.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
			Bucket: b, Key: key, UploadId: up.UploadId, MultipartUpload: &types.CompletedMultipartUpload{
				Parts: []types.CompletedPart{{PartNumber: aws.Int32(1), ETag: part.ETag}},
			},
		})
		if err != nil || *made.Location != "https://bucket.s3.us-east-1.amazonaws.com/dir/key" || *made.Bucket != "bucket" {
			t.Fatalf("%+v, %v", made, err)
		}
		if got, err := get(c, "bucket", "dir/key"); err != nil || got != "one" {
			t.Errorf("%q, %v", got, err)
		}
	}
}

// TestObjectTags: and the one ACL.
func TestObjectTags(t *testing.T) {
	r := newRig(t)
	c := r.root(t, "bucket")
	ctx, b, key := t.Context(), aws.String("bucket"), aws.String("key")
	if err := put(c, "bucket", "key", "data"); err != nil {
		t.Fatal(err)
	}
	_, err := c.PutObjectTagging(ctx, &s3.PutObjectTaggingInput{Bucket: b, Key: key, Tagging: &types.Tagging{
		TagSet: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.GetObjectTagging(ctx, &s3.GetObjectTaggingInput{Bucket: b, Key: key})
	if err != nil || len(got.TagSet) != 1 || *got.TagSet[0].Value != "v" {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := c.DeleteObjectTagging(ctx, &s3.DeleteObjectTaggingInput{Bucket: b, Key: key}); err != nil {
		t.Error(err)
	}
	private := &s3.PutObjectAclInput{Bucket: b, Key: key, ACL: types.ObjectCannedACLPrivate}
	if _, err := c.PutObjectAcl(ctx, private); code(err) != "AccessControlListNotSupported" {
		t.Error(err)
	}
	if _, err := c.DeleteBucketOwnershipControls(ctx, &s3.DeleteBucketOwnershipControlsInput{Bucket: b}); err != nil {
		t.Fatal(err)
	}
	_, err = c.PutBucketOwnershipControls(ctx, &s3.PutBucketOwnershipControlsInput{
		Bucket: b, OwnershipControls: &types.OwnershipControls{
			Rules: []types.OwnershipControlsRule{{ObjectOwnership: types.ObjectOwnershipObjectWriter}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.PutObjectAcl(ctx, private); err != nil {
		t.Error(err)
	}
	if _, err := c.PutBucketAcl(ctx, &s3.PutBucketAclInput{Bucket: b, ACL: types.BucketCannedACLPrivate}); err != nil {
		t.Error(err)
	}
	if _, err := c.PutBucketAcl(ctx, &s3.PutBucketAclInput{
		Bucket: b, ACL: types.BucketCannedACLPublicRead,
	}); code(err) != "NotImplemented" {
		t.Error(err)
	}
}

// TestPages: a bucket's rules say which web pages may do what.
func TestPages(t *testing.T) {
	r := newRig(t)
	c := r.root(t, "bucket")
	_, err := c.PutBucketCors(t.Context(), &s3.PutBucketCorsInput{
		Bucket: aws.String("bucket"), CORSConfiguration: &types.CORSConfiguration{CORSRules: []types.CORSRule{{
			AllowedMethods: []string{"PUT"}, AllowedOrigins: []string{"https://a.example"}, AllowedHeaders: []string{"x-amz-*"},
			ExposeHeaders: []string{"ETag"}, MaxAgeSeconds: aws.Int32(60),
		}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		path, origin, method, headers string
		status                        int
	}{
		{"/bucket/key", "https://a.example", "PUT", "X-Amz-Meta-A", http.StatusOK},
		{"/bucket", "https://a.example", "PUT", "", http.StatusOK},
		{"/bucket/key", "https://b.example", "PUT", "", http.StatusForbidden},
		{"/bucket/key", "https://a.example", "GET", "", http.StatusForbidden},
		{"/bucket/key", "https://a.example", "PUT", "Content-Type", http.StatusForbidden},
		{"/bucket/key", "", "PUT", "", http.StatusBadRequest},
	} {
		q, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, *r.Root().BaseEndpoint+row.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		q.Host = "s3.us-east-1.amazonaws.com"
		for name, value := range map[string]string{
			"Origin": row.origin, "Access-Control-Request-Method": row.method, "Access-Control-Request-Headers": row.headers,
		} {
			if value != "" {
				q.Header.Set(name, value)
			}
		}
		answer, err := r.Root().HTTPClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		allowed := answer.Header.Get("Access-Control-Allow-Origin")
		if answer.StatusCode != row.status || (allowed != "") != (row.status == http.StatusOK) {
			t.Errorf("%+v: %d %v %s", row, answer.StatusCode, answer.Header, text)
		}
	}
}
