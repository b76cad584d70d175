package s3_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"postern/api/access/accesstest"
	api "postern/api/s3"
	"postern/record"
	services "postern/services/s3"
	"postern/services/s3/embedded"
)

// keptRig is the API with objects that are really kept.
func keptRig(t *testing.T) *rig {
	t.Helper()
	return keptIn(t, t.TempDir())
}

// keptIn is keptRig with a directory for objects.
func keptIn(t *testing.T, dir string) *rig {
	t.Helper()
	store := embedded.New(embedded.Config{Dir: dir, Program: "/proc/self/exe"})
	t.Cleanup(func() { store.Close() })
	r := &rig{}
	var err error
	r.buckets, err = services.Open(t.Context(), services.Config{Store: new(record.Memory), Upstream: store})
	if err != nil {
		t.Fatal(err)
	}
	r.Rig = accesstest.New(t, api.New(r.buckets))
	return r
}

// TestKeptObjects: conditions, versions, tags, checksums and parts, of objects that are kept on this host.
func TestKeptObjects(t *testing.T) {
	r := keptRig(t)
	c := r.root(t, "bucket")
	ctx, b, key := t.Context(), aws.String("bucket"), aws.String("a dir/ä+&?=%#..//x")
	data := make([]byte, 1<<20)
	rand.Read(data)
	made, err := c.PutObject(ctx, &s3.PutObjectInput{
		Bucket: b, Key: key, Body: bytes.NewReader(data), Metadata: map[string]string{"owner": "ann"},
		ContentType: aws.String("text/x"), ContentEncoding: aws.String("gzip"), CacheControl: aws.String("no-store"),
		ChecksumAlgorithm: types.ChecksumAlgorithmCrc64nvme, Tagging: aws.String("k=v"),
	})
	if err != nil || made.ChecksumCRC64NVME == nil {
		t.Fatalf("%+v, %v", made, err)
	}
	got, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: b, Key: key, ChecksumMode: types.ChecksumModeEnabled})
	if err != nil {
		t.Fatal(err)
	}
	back, err := io.ReadAll(got.Body)
	if err != nil || !bytes.Equal(back, data) || got.Metadata["owner"] != "ann" || *got.ContentEncoding != "gzip" ||
		*got.CacheControl != "no-store" || *got.ETag != *made.ETag || aws.ToInt32(got.TagCount) != 1 ||
		aws.ToString(got.ChecksumCRC64NVME) != *made.ChecksumCRC64NVME {
		t.Errorf("%d bytes, %v: %+v", len(back), err, got)
	}
	_, err = c.PutObject(ctx, &s3.PutObjectInput{
		Bucket: b, Key: key, Body: strings.NewReader("x"), IfNoneMatch: aws.String("*"),
	})
	if code(err) != "PreconditionFailed" {
		t.Error(err)
	}
	_, err = c.GetObject(ctx, &s3.GetObjectInput{Bucket: b, Key: key, Range: aws.String("bytes=9999999-")})
	if code(err) != "InvalidRange" {
		t.Error(err)
	}
	_, err = c.PutObject(ctx, &s3.PutObjectInput{
		Bucket: b, Key: aws.String("bad"), Body: strings.NewReader("x"), ChecksumCRC32: aws.String("AAAAAA=="),
	})
	if code(err) != "BadDigest" {
		t.Errorf("a wrong checksum: %v", err)
	}
	attributes, err := c.GetObjectAttributes(ctx, &s3.GetObjectAttributesInput{
		Bucket: b, Key: key, ObjectAttributes: []types.ObjectAttributes{"ETag", "ObjectSize", "Checksum", "StorageClass"},
	})
	if err != nil || *attributes.ObjectSize != 1<<20 || attributes.Checksum == nil {
		t.Errorf("%+v, %v", attributes, err)
	}
	list, err := c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: b, Delimiter: aws.String("/")})
	if err != nil || len(list.CommonPrefixes) != 1 || *list.CommonPrefixes[0].Prefix != "a dir/" ||
		len(list.Contents) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := c.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: b}); code(err) != "BucketNotEmpty" {
		t.Error(err)
	}
}

// TestKeptVersions: of an object that is put twice and deleted, all is there.
func TestKeptVersions(t *testing.T) {
	r := keptRig(t)
	c := r.root(t, "bucket")
	ctx, b, key := t.Context(), aws.String("bucket"), aws.String("k")
	_, err := c.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{
		Bucket: b, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	})
	if err != nil {
		t.Fatal(err)
	}
	var ids []*string
	for i := range 2 {
		out, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: b, Key: key, Body: strings.NewReader(fmt.Sprint(i))})
		if err != nil || out.VersionId == nil {
			t.Fatalf("%+v, %v", out, err)
		}
		ids = append(ids, out.VersionId)
	}
	gone, err := c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: b, Key: key})
	if err != nil || !aws.ToBool(gone.DeleteMarker) {
		t.Fatalf("%+v, %v", gone, err)
	}
	if _, err := get(c, "bucket", "k"); code(err) != "NoSuchKey" {
		t.Error(err)
	}
	old, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: b, Key: key, VersionId: ids[0]})
	if err != nil {
		t.Fatal(err)
	}
	if text, _ := io.ReadAll(old.Body); string(text) != "0" {
		t.Errorf("%q", text)
	}
	_, err = c.GetObject(ctx, &s3.GetObjectInput{Bucket: b, Key: key, VersionId: gone.VersionId})
	if code(err) != "MethodNotAllowed" {
		t.Errorf("a delete marker: %v", err)
	}
	all, err := c.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: b})
	if err != nil || len(all.Versions) != 2 || len(all.DeleteMarkers) != 1 || *all.Name != "bucket" {
		t.Errorf("%+v, %v", all, err)
	}
	reader := r.user(t, "reader", `{"Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}}`)
	_, err = reader.GetObject(ctx, &s3.GetObjectInput{Bucket: b, Key: key, VersionId: ids[0]})
	if code(err) != "AccessDenied" {
		t.Errorf("a version, which is another action: %v", err)
	}
	var delete []types.ObjectIdentifier
	for _, id := range append(ids, gone.VersionId) {
		delete = append(delete, types.ObjectIdentifier{Key: key, VersionId: id})
	}
	out, err := c.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: b, Delete: &types.Delete{Objects: delete}})
	if err != nil || len(out.Deleted) != 3 {
		t.Errorf("%+v, %v", out, err)
	}
	if _, err := c.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: b}); err != nil {
		t.Error(err)
	}
}

// TestKeptParts: an object of three parts, one of them copied.
func TestKeptParts(t *testing.T) {
	r := keptRig(t)
	c := r.root(t, "bucket")
	ctx, b, key := t.Context(), aws.String("bucket"), aws.String("big")
	part := make([]byte, 5<<20)
	rand.Read(part)
	if err := put(c, "bucket", "source", string(part)); err != nil {
		t.Fatal(err)
	}
	up, err := c.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: b, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	var parts []types.CompletedPart
	for i := range 2 {
		out, err := c.UploadPart(ctx, &s3.UploadPartInput{
			Bucket: b, Key: key, UploadId: up.UploadId, PartNumber: aws.Int32(int32(i + 1)), Body: bytes.NewReader(part),
		})
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, types.CompletedPart{PartNumber: aws.Int32(int32(i + 1)), ETag: out.ETag})
	}
	copied, err := c.UploadPartCopy(ctx, &s3.UploadPartCopyInput{
		Bucket: b, Key: key, UploadId: up.UploadId, PartNumber: aws.Int32(3), CopySource: aws.String("bucket/source"),
		CopySourceRange: aws.String("bytes=0-9"),
	})
	if err != nil {
		t.Fatal(err)
	}
	parts = append(parts, types.CompletedPart{PartNumber: aws.Int32(3), ETag: copied.CopyPartResult.ETag})
	uploads, err := c.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: b})
	if err != nil || len(uploads.Uploads) != 1 || *uploads.Bucket != "bucket" {
		t.Errorf("%+v, %v", uploads, err)
	}
	made, err := c.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: b, Key: key, UploadId: up.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
	})
	if err != nil || !strings.HasSuffix(*made.ETag, `-3"`) {
		t.Fatalf("%+v, %v", made, err)
	}
	got, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: b, Key: key, PartNumber: aws.Int32(3)})
	if err != nil {
		t.Fatal(err)
	}
	if text, _ := io.ReadAll(got.Body); !bytes.Equal(text, part[:10]) || aws.ToInt32(got.PartsCount) != 3 {
		t.Errorf("%d bytes: %+v", len(text), got)
	}
}

// broken is a body that breaks off.
type broken struct{ io.Reader }

// TestBrokenBodiesAreNoObjects: a body that ends too early, or is not what was signed, leaves nothing behind.
func TestBrokenBodiesAreNoObjects(t *testing.T) {
	r := keptRig(t)
	c := r.root(t, "bucket")
	ctx, cancel := context.WithCancel(t.Context())
	_, err := c.PutObject(ctx, &s3.PutObjectInput{
		Bucket: aws.String("bucket"), Key: aws.String("k"), ContentLength: aws.Int64(1 << 20),
		Body: broken{io.MultiReader(strings.NewReader(strings.Repeat("x", 1<<19)), ending{cancel})},
	})
	if err == nil {
		t.Error("it was put")
	}
	if _, err := get(c, "bucket", "k"); code(err) != "NoSuchKey" {
		t.Error(err)
	}
}

type ending struct{ cancel func() }

func (e ending) Read([]byte) (int, error) {
	e.cancel()
	return 0, context.Canceled
}
