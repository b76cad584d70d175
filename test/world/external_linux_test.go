package world_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"postern/services/s3/external"
	"postern/test/s3gateway"
	"postern/test/world"
)

func atGateway(g *s3gateway.Gateway) external.Config {
	return external.Config{
		Endpoint: g.URL, Region: s3gateway.Region, Prefix: "fleet-", AccessKey: s3gateway.AccessKey, Secret: s3gateway.Secret,
	}
}

// TestObjectsAtAnotherService: objects are kept at an S3 service elsewhere, in buckets with a prefix, under their own
// names. Policies and what is configured stay here, and all of it is there after a restart.
func TestObjectsAtAnotherService(t *testing.T) {
	t.Parallel()
	g := s3gateway.New(t)
	w, ctx, bucket := world.New(t, world.ExternalS3(atGateway(g))), t.Context(), aws.String("kept")
	ok[*s3.CreateBucketOutput](t)(w.S3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: bucket}))
	keys := []string{"a b+c%.txt", "dir/key", "dir/é", "z"}
	for _, key := range keys {
		ok[*s3.PutObjectOutput](t)(w.S3.PutObject(ctx, &s3.PutObjectInput{
			Bucket: bucket, Key: &key, Body: strings.NewReader("body of " + key), Metadata: map[string]string{"m": "1"},
		}))
	}
	file, err := os.ReadFile(filepath.Join(g.Dir, "objects", "fleet-kept", "dir", "key"))
	if err != nil || string(file) != "body of dir/key" {
		t.Errorf("at the service: %q, %v", file, err)
	}
	copyAndVersions(t, w, bucket)
	parts(t, w, bucket)
	w.Restart()
	list := ok[*s3.ListObjectsV2Output](t)(w.S3.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: bucket}))
	var got []string
	for _, o := range list.Contents {
		got = append(got, *o.Key)
	}
	if strings.Join(got, " ") != "a b+c%.txt copy dir/key dir/é whole z" || *list.Name != *bucket {
		t.Errorf("%q in %s", got, *list.Name)
	}
	if body := fetched(t, w, bucket, "dir/é"); body != "body of dir/é" {
		t.Errorf("%q", body)
	}
	if _, err := w.S3.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: bucket}); !isCode(err, "BucketNotEmpty") {
		t.Errorf("a bucket with objects: %v", err)
	}
}

func copyAndVersions(t *testing.T, w *world.World, bucket *string) {
	t.Helper()
	ctx := t.Context()
	ok[*s3.CopyObjectOutput](t)(w.S3.CopyObject(ctx, &s3.CopyObjectInput{
		Bucket: bucket, Key: aws.String("copy"), CopySource: aws.String(*bucket + "/a%20b%2Bc%25.txt"),
	}))
	if body := fetched(t, w, bucket, "copy"); body != "body of a b+c%.txt" {
		t.Errorf("the copy: %q", body)
	}
	ok[*s3.PutBucketVersioningOutput](t)(w.S3.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{
		Bucket: bucket, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	}))
	put := ok[*s3.PutObjectOutput](t)(w.S3.PutObject(ctx, &s3.PutObjectInput{
		Bucket: bucket, Key: aws.String("z"), Body: strings.NewReader("second"),
	}))
	all := ok[*s3.ListObjectVersionsOutput](t)(w.S3.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{
		Bucket: bucket, Prefix: aws.String("z"),
	}))
	if len(all.Versions) != 2 || aws.ToString(put.VersionId) == "" || *all.Versions[0].VersionId != *put.VersionId {
		t.Errorf("versions %+v after %+v", all.Versions, put)
	}
}

func parts(t *testing.T, w *world.World, bucket *string) {
	t.Helper()
	ctx, key, data := t.Context(), aws.String("whole"), bytes.Repeat([]byte("0123456789abcdef"), 6<<20/16)
	up := ok[*s3.CreateMultipartUploadOutput](t)(w.S3.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
		Bucket: bucket, Key: key,
	}))
	var done []types.CompletedPart
	for i, part := range [][]byte{data[:5<<20], data[5<<20:]} {
		out := ok[*s3.UploadPartOutput](t)(w.S3.UploadPart(ctx, &s3.UploadPartInput{
			Bucket: bucket, Key: key, UploadId: up.UploadId, PartNumber: aws.Int32(int32(i + 1)), Body: bytes.NewReader(part),
		}))
		done = append(done, types.CompletedPart{
			ETag: out.ETag, PartNumber: aws.Int32(int32(i + 1)), ChecksumCRC32: out.ChecksumCRC32,
		})
	}
	ok[*s3.CompleteMultipartUploadOutput](t)(w.S3.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: bucket, Key: key, UploadId: up.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: done},
	}))
	if body := fetched(t, w, bucket, "whole"); body != string(data) {
		t.Errorf("%d bytes of %d", len(body), len(data))
	}
}

// TestTheOtherServiceFails: who asks is told that objects are not to be had now, and never that they may not, or that
// there is none. Nothing is half done, and it goes on when the service does.
func TestTheOtherServiceFails(t *testing.T) {
	t.Parallel()
	g := s3gateway.New(t)
	file := filepath.Join(t.TempDir(), "credentials")
	keys := func(secret string) {
		t.Helper()
		text := "[default]\naws_access_key_id = " + s3gateway.AccessKey + "\naws_secret_access_key = " + secret + "\n"
		if err := errors.Join(os.WriteFile(file+".new", []byte(text), 0o600), os.Rename(file+".new", file)); err != nil {
			t.Fatal(err)
		}
	}
	keys(s3gateway.Secret)
	c := atGateway(g)
	c.AccessKey, c.Secret, c.CredentialsFile = "", "", file
	w, ctx, bucket := world.New(t, world.ExternalS3(c)), t.Context(), aws.String("faults")
	ok[*s3.CreateBucketOutput](t)(w.S3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: bucket}))
	put(t, w, bucket, "key", "body")
	for _, fault := range []struct {
		what, says string
		begin, end func()
	}{
		{"wrong credentials", "refuses this server", func() { keys("another") }, func() { keys(s3gateway.Secret) }},
		{"the service is down", "does not answer", g.Stop, g.Start},
	} {
		fault.begin()
		unavailable(t, w, bucket, fault.what, fault.says)
		fault.end()
		if body := fetched(t, w, bucket, "key"); body != "body" {
			t.Errorf("after %s: %q", fault.what, body)
		}
		if _, err := w.S3.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: aws.String("other")}); err == nil {
			t.Errorf("after %s there is a bucket that was refused", fault.what)
		}
		ok[*s3.CreateBucketOutput](t)(w.S3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("other")}))
		ok[*s3.DeleteBucketOutput](t)(w.S3.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: aws.String("other")}))
	}
}

// unavailable asks for everything while the service fails.
func unavailable(t *testing.T, w *world.World, bucket *string, what, says string) {
	t.Helper()
	ctx, key := t.Context(), aws.String("key")
	_, errGet := w.S3.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: key})
	_, errPut := w.S3.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: key, Body: strings.NewReader("new")})
	_, errList := w.S3.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: bucket})
	_, errMake := w.S3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("other")})
	for _, err := range []error{errGet, errPut, errList, errMake} {
		var answer *smithyhttp.ResponseError
		if !isCode(err, "ServiceUnavailable") || !errors.As(err, &answer) ||
			answer.HTTPStatusCode() != http.StatusServiceUnavailable || !strings.Contains(err.Error(), says) ||
			strings.Contains(err.Error(), "127.0.0.1:1") || strings.Contains(err.Error(), "fleet-") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := w.S3.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: bucket}); !isCode(err, "NoSuchTagSet") {
		t.Errorf("%s: what is configured on a bucket: %v", what, err)
	}
}

// TestABucketOfSomebodyElse: objects that are at the service already are never taken for ours.
func TestABucketOfSomebodyElse(t *testing.T) {
	t.Parallel()
	g := s3gateway.New(t)
	other, theirs := world.New(t, world.ExternalS3(atGateway(g))), aws.String("theirs")
	ok[*s3.CreateBucketOutput](t)(other.S3.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: theirs}))
	put(t, other, theirs, "key", "body")
	w, ctx := world.New(t, world.ExternalS3(atGateway(g))), t.Context()
	for name, code := range map[string]string{
		"theirs": "BucketAlreadyExists", strings.Repeat("l", 60): "InvalidBucketName",
	} {
		if _, err := w.S3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &name}); !isCode(err, code) {
			t.Errorf("%s: %v, want %s", name, err, code)
		}
		if _, err := w.S3.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &name}); err == nil {
			t.Errorf("%s is there", name)
		}
	}
	if body := fetched(t, other, theirs, "key"); body != "body" {
		t.Errorf("%q is left", body)
	}
}

func put(t *testing.T, w *world.World, bucket *string, key, body string) {
	t.Helper()
	ok[*s3.PutObjectOutput](t)(w.S3.PutObject(t.Context(), &s3.PutObjectInput{
		Bucket: bucket, Key: &key, Body: strings.NewReader(body),
	}))
}

func fetched(t *testing.T, w *world.World, bucket *string, key string) string {
	t.Helper()
	out, err := w.S3.GetObject(context.WithoutCancel(t.Context()), &s3.GetObjectInput{Bucket: bucket, Key: &key})
	if err != nil {
		t.Errorf("get %s: %v", key, err)
		return ""
	}
	defer out.Body.Close()
	body, err := io.ReadAll(out.Body)
	if err != nil {
		t.Errorf("get %s: %v", key, err)
	}
	return string(body)
}

func isCode(err error, code string) bool {
	var e smithy.APIError
	return errors.As(err, &e) && e.ErrorCode() == code
}
