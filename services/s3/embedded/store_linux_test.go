package embedded_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	services3 "postern/services/s3"
	"postern/services/s3/embedded"
	s3program "postern/services/s3/embedded/program"
)

func TestMain(m *testing.M) {
	s3program.InitMain()
	os.Exit(m.Run())
}

func newStore(t *testing.T, dir string) *embedded.Store {
	t.Helper()
	s := embedded.New(embedded.Config{Dir: dir, Program: "/proc/self/exe"})
	t.Cleanup(func() { s.Close() })
	return s
}

// client returns the SDK's client of a store, which does not sign: the store does that itself.
func client(t *testing.T, s *embedded.Store) *s3.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		out, err := http.NewRequestWithContext(r.Context(), r.Method, "", r.Body)
		if err != nil {
			panic(err)
		}
		out.URL, out.ContentLength, out.Header = services3.URL(bucket, key, r.URL.Query()), r.ContentLength, r.Header
		answer, err := s.Do(out)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer answer.Body.Close()
		for name, values := range answer.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(answer.StatusCode)
		_, _ = io.Copy(w, answer.Body)
	}))
	t.Cleanup(server.Close)
	return s3.NewFromConfig(aws.Config{
		Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: aws.AnonymousCredentials{},
		Retryer:                    func() aws.Retryer { return aws.NopRetryer{} },
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
	}, func(o *s3.Options) { o.UsePathStyle = true })
}

func makeBucket(t *testing.T, c *s3.Client, name string) *string {
	t.Helper()
	if _, err := c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name}); err != nil {
		t.Fatal(err)
	}
	return &name
}

func put(t *testing.T, c *s3.Client, bucket *string, key, body string) *s3.PutObjectOutput {
	t.Helper()
	out, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: bucket, Key: &key, Body: strings.NewReader(body)})
	if err != nil {
		t.Fatalf("put %q: %v", key, err)
	}
	return out
}

func get(ctx context.Context, c *s3.Client, bucket *string, key string) (string, error) {
	out, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: &key})
	if err != nil {
		return "", err
	}
	defer out.Body.Close()
	body, err := io.ReadAll(out.Body)
	return string(body), err
}

func code(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	return fmt.Sprint(err)
}

// odd are keys that are no paths.
var odd = []string{
	"a", "a/b", "a/b/", "a//b", "a/", "/a", "//", ".", "..", "../x", "a/../b", "a/./b", ".sgwtmp/x",
	"a b+c%2F?versionId=1",
	"é漢😀", "q?x=1&y=2#z", "tab\tnew\nline", "x<&>\"'", strings.Repeat("k", 1024), strings.Repeat("d/", 512),
	"dir/" + strings.Repeat("n", 300) + "/leaf", "\x01\x02\x03\x04", "A", "Ä", "~", "file.tar.gz",
	" lead", "trail ", "+", "%",
}

func TestOddKeys(t *testing.T) {
	c := client(t, newStore(t, t.TempDir()))
	bucket := makeBucket(t, c, "odd-keys")
	for _, key := range odd {
		put(t, c, bucket, key, "")
		put(t, c, bucket, key, "body of "+key)
	}
	for _, key := range odd {
		if body, err := get(t.Context(), c, bucket, key); err != nil || body != "body of "+key {
			t.Errorf("%.80q: %.80q, %v", key, body, err)
		}
	}
	want := slices.Clone(odd)
	slices.Sort(want)
	for _, limit := range []int32{1, 3, 1000} {
		if got := listAll(t, c, &s3.ListObjectsV2Input{Bucket: bucket, MaxKeys: &limit}); !slices.Equal(got, want) {
			t.Errorf("by %d: %.2000q", limit, got)
		}
	}
	for _, key := range odd {
		target := "copy/of/" + strings.TrimSuffix(key, strings.Repeat("k", 10))
		if len(target) > 1024 {
			continue
		}
		source := *bucket + "/" + strings.ReplaceAll(url.QueryEscape(key), "+", "%20")
		if _, err := c.CopyObject(t.Context(), &s3.CopyObjectInput{
			Bucket: bucket, Key: &target, CopySource: &source,
		}); err != nil {
			t.Errorf("copy %.80q: %v", key, err)
		} else if body, err := get(t.Context(), c, bucket, target); err != nil || body != "body of "+key {
			t.Errorf("the copy of %.80q: %.80q, %v", key, body, err)
		}
	}
	for _, key := range listAll(t, c, &s3.ListObjectsV2Input{Bucket: bucket}) {
		if _, err := c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: bucket, Key: &key}); err != nil {
			t.Errorf("delete %.80q: %v", key, err)
		}
	}
	if _, err := c.DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: bucket}); err != nil {
		t.Errorf("delete the bucket: %v", err)
	}
}

// listAll lists keys and common prefixes, page by page, as they come: each page's sorted together.
func listAll(t *testing.T, c *s3.Client, in *s3.ListObjectsV2Input) (all []string) {
	t.Helper()
	for {
		out, err := c.ListObjectsV2(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		var page []string
		for _, o := range out.Contents {
			page = append(page, plain(t, *o.Key))
		}
		for _, p := range out.CommonPrefixes {
			page = append(page, plain(t, *p.Prefix))
		}
		slices.Sort(page)
		all = append(all, page...)
		if !*out.IsTruncated {
			return all
		}
		in.ContinuationToken = out.NextContinuationToken
	}
}

func plain(t *testing.T, escaped string) string {
	t.Helper()
	key, err := url.PathUnescape(escaped)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestListing compares listings with what S3's documentation says of them, computed from the keys.
func TestListing(t *testing.T) {
	c := client(t, newStore(t, t.TempDir()))
	bucket := makeBucket(t, c, "listing")
	have := []string{
		"a", "a/b", "a/b/c", "a/d", "a//e", "ab", "b/", "b/c", "c.d/e", "c/d", "c0", "photos/2026/a.jpg", "photos/2026/b.jpg",
		"photos/2025/c.jpg", "photos/" + strings.Repeat("l", 250) + "/x", "photos/" + strings.Repeat("l", 250) + "/y", "z",
	}
	for _, key := range have {
		put(t, c, bucket, key, "x")
	}
	slices.Sort(have)
	for _, prefix := range []string{"", "a", "a/", "b/", "photos/", "photos/2", "c", "none", "a//"} {
		for _, delimiter := range []string{"", "/", "o", "//", "2026/"} {
			for _, limit := range []int32{1, 2, 5, 1000} {
				for _, start := range []string{"", "a/", "a/b", "c.", "photos/2026/"} {
					in := &s3.ListObjectsV2Input{Bucket: bucket, Prefix: &prefix, MaxKeys: &limit, StartAfter: &start}
					if delimiter != "" {
						in.Delimiter = &delimiter
					}
					want := expected(have, prefix, delimiter, start)
					if got := listAll(t, c, in); !slices.Equal(got, want) {
						t.Fatalf("prefix %q, delimiter %q, after %q, by %d: %q, want %q",
							prefix, delimiter, start, limit, got, want)
					}
				}
			}
		}
	}
}

// expected computes what a listing has to say.
func expected(keys []string, prefix, delimiter, after string) (all []string) {
	for _, key := range keys {
		if !strings.HasPrefix(key, prefix) || key <= after {
			continue
		}
		if i := strings.Index(key[len(prefix):], delimiter); delimiter != "" && i >= 0 {
			key = key[:len(prefix)+i+len(delimiter)]
			if key == after {
				continue
			}
		}
		if len(all) == 0 || all[len(all)-1] != key {
			all = append(all, key)
		}
	}
	return all
}

func TestMultipartUpload(t *testing.T) {
	c := client(t, newStore(t, t.TempDir()))
	bucket, key := makeBucket(t, c, "parts"), aws.String("dir/../whole")
	ctx := t.Context()
	made, err := c.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: bucket, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	data := make([]byte, 11<<20)
	rand.Read(data)
	var parts []types.CompletedPart
	for i, part := range [][]byte{data[:5<<20], data[5<<20 : 10<<20], data[10<<20:]} {
		out, err := c.UploadPart(ctx, &s3.UploadPartInput{
			Bucket: bucket, Key: key, UploadId: made.UploadId, PartNumber: aws.Int32(int32(i + 1)), Body: bytes.NewReader(part),
		})
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, types.CompletedPart{ETag: out.ETag, PartNumber: aws.Int32(int32(i + 1))})
	}
	uploads, err := c.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: bucket, Prefix: aws.String("dir/")})
	if err != nil || len(uploads.Uploads) != 1 || plain(t, *uploads.Uploads[0].Key) != *key {
		t.Errorf("uploads: %+v, %v", uploads, err)
	}
	if _, err := c.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: bucket, Key: key, UploadId: made.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
	}); err != nil {
		t.Fatal(err)
	}
	if body, err := get(ctx, c, bucket, *key); err != nil || body != string(data) {
		t.Errorf("%d bytes of %d, %v", len(body), len(data), err)
	}
}

func TestVersions(t *testing.T) {
	c := client(t, newStore(t, t.TempDir()))
	bucket := makeBucket(t, c, "versions")
	ctx := t.Context()
	put(t, c, bucket, "k.1", "before")
	if _, err := c.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{
		Bucket: bucket, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	}); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		put(t, c, bucket, "k.1", fmt.Sprint(i))
		put(t, c, bucket, "dir/other", fmt.Sprint(i))
	}
	if _, err := c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: bucket, Key: aws.String("k.1")}); err != nil {
		t.Fatal(err)
	}
	for _, limit := range []int32{1, 2, 3, 1000} {
		got := versions(t, c, &s3.ListObjectVersionsInput{Bucket: bucket, MaxKeys: &limit})
		want := "dir/other dir/other dir/other k.1(deleted) k.1 k.1 k.1 k.1"
		if strings.Join(got, " ") != want {
			t.Errorf("by %d: %q, want %s", limit, got, want)
		}
	}
	if got := versions(t, c, &s3.ListObjectVersionsInput{Bucket: bucket, Delimiter: aws.String("/")}); strings.Join(
		got, " ") != "dir/ k.1(deleted) k.1 k.1 k.1 k.1" {
		t.Errorf("with a delimiter: %q", got)
	}
	if _, err := c.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: bucket}); code(err) != "BucketNotEmpty" {
		t.Errorf("delete the bucket: %v", err)
	}
	out, err := c.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: bucket})
	if err != nil {
		t.Fatal(err)
	}
	del := func(key, version *string) {
		k := plain(t, *key)
		if _, err := c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: bucket, Key: &k, VersionId: version}); err != nil {
			t.Error(err)
		}
	}
	for _, v := range out.Versions {
		del(v.Key, v.VersionId)
	}
	for _, m := range out.DeleteMarkers {
		del(m.Key, m.VersionId)
	}
	if got := versions(t, c, &s3.ListObjectVersionsInput{Bucket: bucket}); len(got) != 0 {
		t.Errorf("left: %q", got)
	}
	if _, err := c.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: bucket}); err != nil {
		t.Errorf("delete the empty bucket: %v", err)
	}
}

// versions lists versions, page by page, keys sorted within each.
func versions(t *testing.T, c *s3.Client, in *s3.ListObjectVersionsInput) (all []string) {
	t.Helper()
	for range 100 {
		out, err := c.ListObjectVersions(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		var page []string
		for _, v := range out.Versions {
			page = append(page, plain(t, *v.Key))
		}
		for _, m := range out.DeleteMarkers {
			page = append(page, plain(t, *m.Key)+"(deleted)")
		}
		for _, p := range out.CommonPrefixes {
			page = append(page, plain(t, *p.Prefix))
		}
		slices.SortStableFunc(page, func(a, b string) int {
			keyA, deletedA := strings.CutSuffix(a, "(deleted)")
			keyB, _ := strings.CutSuffix(b, "(deleted)")
			if keyA == keyB && deletedA {
				return -1
			}
			return strings.Compare(keyA, keyB)
		})
		all = append(all, page...)
		if !*out.IsTruncated {
			return all
		}
		in.KeyMarker, in.VersionIdMarker = out.NextKeyMarker, out.NextVersionIdMarker
		if in.KeyMarker != nil {
			in.KeyMarker = aws.String(plain(t, *in.KeyMarker))
		}
	}
	t.Fatal("the pages do not end")
	return nil
}
