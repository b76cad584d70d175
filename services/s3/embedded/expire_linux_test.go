package embedded_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"postern/record"
	services3 "postern/services/s3"
)

// expiring is a service over a store, with a clock that goes ahead of the store's.
type expiring struct {
	*services3.Service
	client *s3.Client
	ahead  time.Duration
}

func newExpiring(t *testing.T, bucket string) *expiring {
	t.Helper()
	store := newStore(t, t.TempDir())
	e := &expiring{client: client(t, store)}
	var err error
	e.Service, err = services3.Open(t.Context(), services3.Config{
		Store: new(record.Memory), Upstream: store, Now: func() time.Time { return time.Now().Add(e.ahead) },
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.CreateBucket(t.Context(), services3.NewBucket{
		Name: bucket, Account: "111122223333", Region: "us-east-1",
	}); err != nil {
		t.Fatal(err)
	}
	return e
}

// after lets some days pass, and returns the keys that are left.
func (e *expiring) after(t *testing.T, bucket string, days int) []string {
	t.Helper()
	e.ahead = time.Duration(days) * 24 * time.Hour
	if err := e.Expire(t.Context()); err != nil {
		t.Fatal(err)
	}
	return listAll(t, e.client, &s3.ListObjectsV2Input{Bucket: &bucket})
}

func TestObjectsExpire(t *testing.T) {
	e, bucket, ctx := newExpiring(t, "expires"), aws.String("expires"), t.Context()
	for key, size := range map[string]int{"tmp/a": 1, "tmp/big": 100, "kept": 1, "tagged": 1} {
		tagging := ""
		if key == "tagged" {
			tagging = "keep=no"
		}
		if _, err := e.client.PutObject(ctx, &s3.PutObjectInput{
			Bucket: bucket, Key: &key, Body: strings.NewReader(strings.Repeat("x", size)), Tagging: &tagging,
		}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := e.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
		Bucket: bucket, Key: aws.String("tmp/parts"),
	}); err != nil {
		t.Fatal(err)
	}
	if err := e.PutLifecycle(ctx, *bucket, []services3.LifecycleRule{
		{ID: "small", Prefix: "tmp/", Less: 50, Days: 2},
		{ID: "tags", Tags: []services3.Tag{{Key: "keep", Value: "no"}}, Days: 5},
		{ID: "never", Disabled: true, Days: 1},
		{ID: "parts", AbortDays: 2},
	}); err != nil {
		t.Fatal(err)
	}
	uploads := func() int {
		out, err := e.client.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: bucket})
		if err != nil {
			t.Fatal(err)
		}
		return len(out.Uploads)
	}
	for _, tt := range []struct {
		days    int
		left    []string
		uploads int
	}{
		{0, []string{"kept", "tagged", "tmp/a", "tmp/big"}, 1},
		{2, []string{"kept", "tagged", "tmp/a", "tmp/big"}, 1}, // the midnight after two days is to come
		{3, []string{"kept", "tagged", "tmp/big"}, 0},
		{6, []string{"kept", "tmp/big"}, 0},
		{400, []string{"kept", "tmp/big"}, 0},
	} {
		if left := e.after(t, *bucket, tt.days); !slices.Equal(left, tt.left) || uploads() != tt.uploads {
			t.Errorf("after %d days: %q and %d uploads, want %q and %d", tt.days, left, uploads(), tt.left, tt.uploads)
		}
	}
}

func TestVersionsExpire(t *testing.T) {
	e, bucket, ctx := newExpiring(t, "old-versions"), aws.String("old-versions"), t.Context()
	if err := e.PutVersioning(ctx, *bucket, "Enabled"); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		put(t, e.client, bucket, "key", "body")
	}
	put(t, e.client, bucket, "gone", "body")
	if _, err := e.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: bucket, Key: aws.String("gone")}); err != nil {
		t.Fatal(err)
	}
	if err := e.PutLifecycle(ctx, *bucket, []services3.LifecycleRule{
		{ID: "old", NoncurrentDays: 3, NewerNoncurrent: 1}, {ID: "all", Prefix: "key", Days: 10},
		{ID: "markers", ExpiredDeleteMarkers: true},
	}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		days int
		left string
	}{
		{1, "gone(deleted) gone key key key key"},
		{4, "gone(deleted) gone key key"}, // one noncurrent version is kept of each
		{11, "gone(deleted) gone key(deleted) key key"},
	} {
		e.after(t, *bucket, tt.days)
		got := versions(t, e.client, &s3.ListObjectVersionsInput{Bucket: bucket})
		if strings.Join(got, " ") != tt.left {
			t.Errorf("after %d days: %q, want %s", tt.days, got, tt.left)
		}
	}
	out, err := e.client.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: bucket, Prefix: aws.String("gone")})
	if err != nil || len(out.Versions) != 1 {
		t.Fatalf("%+v, %v", out, err)
	}
	if _, err := e.client.DeleteObjects(ctx, &s3.DeleteObjectsInput{
		Bucket: bucket, Delete: &types.Delete{Objects: []types.ObjectIdentifier{
			{Key: aws.String("gone"), VersionId: out.Versions[0].VersionId},
		}},
	}); err != nil {
		t.Fatal(err)
	}
	e.after(t, *bucket, 12)
	if got := versions(t, e.client, &s3.ListObjectVersionsInput{
		Bucket: bucket, Prefix: aws.String("gone"),
	}); len(got) != 0 {
		t.Errorf("a delete marker with nothing behind it stays: %q", got)
	}
}
