package s3_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdkiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"postern/api/access/accesstest"
	api "postern/api/s3"
	"postern/record"
	services "postern/services/s3"
)

// rig is the API over TLS, with buckets in memory.
type rig struct {
	*accesstest.Rig
	upstream *upstream
	buckets  *services.Service
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{upstream: newUpstream()}
	var err error
	r.buckets, err = services.Open(t.Context(), services.Config{Store: new(record.Memory), Upstream: r.upstream})
	if err != nil {
		t.Fatal(err)
	}
	r.Rig = accesstest.New(t, api.New(r.buckets))
	return r
}

func client(c aws.Config) *s3.Client {
	return s3.NewFromConfig(c, func(o *s3.Options) {
		o.UsePathStyle, o.RequestChecksumCalculation = true, aws.RequestChecksumCalculationWhenSupported
	})
}

// root is a client of the account's root user with a bucket.
func (r *rig) root(t *testing.T, buckets ...string) *s3.Client {
	t.Helper()
	c := client(r.Root())
	for _, name := range buckets {
		if _, err := c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name}); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// user is a client of a user with a policy, or none.
func (r *rig) user(t *testing.T, name, policy string) *s3.Client {
	t.Helper()
	c := sdkiam.NewFromConfig(r.Root())
	ctx := t.Context()
	if _, err := c.CreateUser(ctx, &sdkiam.CreateUserInput{UserName: &name}); err != nil {
		t.Fatal(err)
	}
	if policy != "" {
		_, err := c.PutUserPolicy(ctx, &sdkiam.PutUserPolicyInput{
			UserName: &name, PolicyName: aws.String("p"), PolicyDocument: &policy,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	made, err := c.CreateAccessKey(ctx, &sdkiam.CreateAccessKeyInput{UserName: &name})
	if err != nil {
		t.Fatal(err)
	}
	return client(r.As(*made.AccessKey.AccessKeyId, *made.AccessKey.SecretAccessKey, ""))
}

func code(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func put(c *s3.Client, bucket, key, data string) error {
	_, err := c.PutObject(context.Background(), &s3.PutObjectInput{
		Bucket: &bucket, Key: &key, Body: strings.NewReader(data),
	})
	return err
}

func get(c *s3.Client, bucket, key string) (string, error) {
	out, err := c.GetObject(context.Background(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return "", err
	}
	defer out.Body.Close()
	data, err := io.ReadAll(out.Body)
	return string(data), err
}

// TestObjects: what is put is got, whole and in parts, with what is said about it.
func TestObjects(t *testing.T) {
	r := newRig(t)
	c := r.root(t, "bucket")
	ctx, bucket, key := t.Context(), aws.String("bucket"), aws.String("a dir/ä+&?=%#..//x")
	data := make([]byte, 1<<20)
	rand.Read(data)
	made, err := c.PutObject(ctx, &s3.PutObjectInput{
		Bucket: bucket, Key: key, Body: bytes.NewReader(data), Metadata: map[string]string{"owner": "ann"},
		ContentType: aws.String("text/x"), ContentEncoding: aws.String("gzip"),
		ExpectedBucketOwner: aws.String(accesstest.Account),
	})
	if err != nil || made.ServerSideEncryption != types.ServerSideEncryptionAes256 || made.ETag == nil {
		t.Fatalf("%+v, %v", made, err)
	}
	if sum := r.upstream.trailer.Get("X-Amz-Checksum-Crc32"); sum == "" {
		t.Errorf("the checksum behind the body is not handed on: %v", r.upstream.trailer)
	}
	last := r.upstream.seen[len(r.upstream.seen)-1]
	for _, name := range []string{"Authorization", "X-Amz-Date", "X-Amz-Expected-Bucket-Owner", "X-Amz-Content-Sha256"} {
		if last.Header.Get(name) != "" {
			t.Errorf("%s is handed on", name)
		}
	}
	if last.ContentLength != 1<<20 || last.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("%d bytes in %q", last.ContentLength, last.Header.Get("Content-Encoding"))
	}
	got, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: key, Range: aws.String("bytes=10-19")})
	if err != nil {
		t.Fatal(err)
	}
	part, _ := io.ReadAll(got.Body)
	if !bytes.Equal(part, data[10:20]) || *got.ContentRange != "bytes 10-19/1048576" || *got.ContentLength != 10 ||
		got.Metadata["owner"] != "ann" || *got.ContentType != "text/x" || got.ETag == nil {
		t.Errorf("%d bytes, %+v", len(part), got)
	}
	head, err := c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: bucket, Key: key})
	if err != nil || *head.ContentLength != 1<<20 {
		t.Errorf("%+v, %v", head, err)
	}
	_, err = c.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: key, IfNoneMatch: made.ETag})
	if !strings.Contains(code(err)+err.Error(), "304") {
		t.Error(err)
	}
	_, err = c.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: key, IfMatch: aws.String(`"x"`)})
	if code(err) != "PreconditionFailed" {
		t.Error(err)
	}
	list, err := c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: bucket, FetchOwner: aws.Bool(true)})
	if err != nil || *list.Name != "bucket" || len(list.Contents) != 1 || *list.Contents[0].Key != *key ||
		len(*list.Contents[0].Owner.ID) != 64 {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: bucket, Key: key}); err != nil {
		t.Error(err)
	}
	if _, err := get(c, "bucket", *key); code(err) != "NoSuchKey" {
		t.Error(err)
	}
	_, err = c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: bucket, Key: key})
	if code(err) != "NotFound" { // the SDK's word for an answer without a body
		t.Error(err)
	}
}

// TestRefusedAsItIs: what objects are not kept as is refused by name, and nothing of it is put.
func TestRefusedAsItIs(t *testing.T) {
	r := newRig(t)
	c := r.root(t, "bucket")
	bucket, key := aws.String("bucket"), aws.String("key")
	body := func() io.Reader { return strings.NewReader("data") }
	for name, row := range map[string]struct {
		in   s3.PutObjectInput
		want string
	}{
		"a public ACL":     {s3.PutObjectInput{ACL: types.ObjectCannedACLPublicRead}, "AccessControlListNotSupported"},
		"a key of KMS":     {s3.PutObjectInput{ServerSideEncryption: types.ServerSideEncryptionAwsKms}, "NotImplemented"},
		"another class":    {s3.PutObjectInput{StorageClass: types.StorageClassGlacier}, "NotImplemented"},
		"a customer's key": {s3.PutObjectInput{SSECustomerAlgorithm: aws.String("AES256")}, "NotImplemented"},
		"another owner":    {s3.PutObjectInput{ExpectedBucketOwner: aws.String("111122223333")}, "AccessDenied"},
		"a lock": {
			s3.PutObjectInput{ObjectLockLegalHoldStatus: types.ObjectLockLegalHoldStatusOn}, "NotImplemented",
		},
		"no bucket":          {s3.PutObjectInput{Bucket: aws.String("none")}, "NoSuchBucket"},
		"a bucket of Amazon": {s3.PutObjectInput{Bucket: aws.String("amazon-ssm-us-east-1")}, "AccessDenied"},
	} {
		in := row.in
		in.Key, in.Body = key, body()
		if in.Bucket == nil {
			in.Bucket = bucket
		}
		if _, err := c.PutObject(t.Context(), &in); code(err) != row.want {
			t.Errorf("%s: %v, want %s", name, err, row.want)
		}
	}
	if len(r.upstream.objects) != 0 {
		t.Errorf("%d objects", len(r.upstream.objects))
	}
	for _, acl := range []types.ObjectCannedACL{
		types.ObjectCannedACLPrivate, types.ObjectCannedACLBucketOwnerFullControl,
	} {
		in := &s3.PutObjectInput{Bucket: bucket, Key: key, ACL: acl, Body: body()}
		if _, err := c.PutObject(t.Context(), in); err != nil {
			t.Error(err)
		}
	}
}

// TestCopies: who copies may read the source too.
func TestCopies(t *testing.T) {
	r := newRig(t)
	root := r.root(t, "from", "copies")
	if err := put(root, "from", "a b/ä", "data"); err != nil {
		t.Fatal(err)
	}
	writer := r.user(t, "writer", `{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::copies/*"}}`)
	in := s3.CopyObjectInput{
		Bucket: aws.String("copies"), Key: aws.String("k"), CopySource: aws.String("/from/a%20b/%C3%A4"),
	}
	if _, err := writer.CopyObject(t.Context(), &in); code(err) != "AccessDenied" {
		t.Errorf("who may not read the source: %v", err)
	}
	out, err := root.CopyObject(t.Context(), &in)
	if err != nil || *out.CopyObjectResult.ETag != "copied" {
		t.Fatalf("%+v, %v", out, err)
	}
	if last := r.upstream.seen[len(r.upstream.seen)-1].Header.Get("X-Amz-Copy-Source"); last != "from/a%20b/%C3%A4" {
		t.Errorf("source %q", last)
	}
	in.CopySource = aws.String("from")
	if _, err := root.CopyObject(t.Context(), &in); code(err) != "InvalidArgument" {
		t.Error(err)
	}
}

// TestDeletesOneByOne: of several objects those are deleted that may be.
func TestDeletesOneByOne(t *testing.T) {
	r := newRig(t)
	root := r.root(t, "bucket")
	for _, key := range []string{"mine/1", "theirs/1", "mine/2"} {
		if err := put(root, "bucket", key, "x"); err != nil {
			t.Fatal(err)
		}
	}
	own := r.user(t, "own", `{"Statement":{"Effect":"Allow","Action":"s3:DeleteObject",
		"Resource":"arn:aws:s3:::bucket/mine/*"}}`)
	in := &s3.DeleteObjectsInput{Bucket: aws.String("bucket"), Delete: &types.Delete{Objects: []types.ObjectIdentifier{
		{Key: aws.String("mine/1")}, {Key: aws.String("theirs/1")}, {Key: aws.String("mine/2")},
	}}}
	out, err := own.DeleteObjects(t.Context(), in)
	if err != nil || len(out.Deleted) != 2 || len(out.Errors) != 1 || *out.Errors[0].Key != "theirs/1" ||
		*out.Errors[0].Code != "AccessDenied" {
		t.Fatalf("%+v, %v", out, err)
	}
	if len(r.upstream.objects) != 1 {
		t.Errorf("%d objects are left", len(r.upstream.objects))
	}
}

// TestWhoMayKnow: that an object is not there is told to those who may list the bucket.
func TestWhoMayKnow(t *testing.T) {
	r := newRig(t)
	r.root(t, "bucket")
	reader := r.user(t, "reader", `{"Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}}`)
	lister := r.user(t, "lister", `{"Statement":{"Effect":"Allow","Action":["s3:GetObject","s3:ListBucket"],
		"Resource":"*"}}`)
	if _, err := get(reader, "bucket", "none"); code(err) != "AccessDenied" {
		t.Error(err)
	}
	if _, err := get(lister, "bucket", "none"); code(err) != "NoSuchKey" {
		t.Error(err)
	}
	if _, err := get(reader, "amazon-ssm-us-east-1", "none"); code(err) != "NoSuchKey" {
		t.Errorf("Amazon's: %v", err)
	}
}

// TestAnonymous: a bucket's policy lets in who does not sign.
func TestAnonymous(t *testing.T) {
	r := newRig(t)
	c := r.root(t, "open", "shut")
	ctx := t.Context()
	_, err := c.DeletePublicAccessBlock(ctx, &s3.DeletePublicAccessBlockInput{Bucket: aws.String("open")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: aws.String("open"), Policy: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject",
		"Resource":"arn:aws:s3:::open/*"}]}`)})
	if err != nil {
		t.Fatal(err)
	}
	for _, bucket := range []string{"open", "shut"} {
		if err := put(c, bucket, "key", "data"); err != nil {
			t.Fatal(err)
		}
	}
	anonymous := r.Root()
	anonymous.Credentials = aws.AnonymousCredentials{}
	nobody := client(anonymous)
	if got, err := get(nobody, "open", "key"); err != nil || got != "data" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := get(nobody, "shut", "key"); code(err) != "AccessDenied" {
		t.Error(err)
	}
	if err := put(nobody, "open", "key", "theirs"); code(err) != "AccessDenied" {
		t.Error(err)
	}
	if _, err := nobody.ListBuckets(ctx, nil); code(err) != "AccessDenied" {
		t.Error(err)
	}
}

// send sends a request as it is, and reads the answer.
func (r *rig) send(t *testing.T, q *http.Request) (int, string) {
	t.Helper()
	answer, err := r.Root().HTTPClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text)
}

// TestPresigned: a URL is judged as its signer.
func TestPresigned(t *testing.T) {
	r := newRig(t)
	c := r.root(t, "bucket")
	ctx := t.Context()
	p := s3.NewPresignClient(c)
	send := func(method, url, body string) (int, string) {
		t.Helper()
		q, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		return r.send(t, q)
	}
	in := s3.PutObjectInput{Bucket: aws.String("bucket"), Key: aws.String("a b")}
	up, err := p.PresignPutObject(ctx, &in)
	if err != nil {
		t.Fatal(err)
	}
	if status, text := send(up.Method, up.URL, "data"); status != http.StatusOK {
		t.Fatalf("%d %s", status, text)
	}
	down, err := p.PresignGetObject(ctx, &s3.GetObjectInput{
		Bucket: in.Bucket, Key: in.Key, ResponseContentType: aws.String("text/y"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if status, text := send(down.Method, down.URL, ""); status != http.StatusOK || text != "data" {
		t.Errorf("%d %s", status, text)
	}
	if status, text := send(down.Method, strings.Replace(down.URL, "a%20b", "c", 1), ""); status != http.StatusForbidden ||
		!strings.Contains(text, "SignatureDoesNotMatch") {
		t.Errorf("another key: %d %s", status, text)
	}
}
