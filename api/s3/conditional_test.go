package s3_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// TestRangesBecomeParts: a part that is copied has the checksum of what was copied, whatever its source has; and an
// object of parts tells of them.
func TestRangesBecomeParts(t *testing.T) {
	r := keptRig(t)
	c := r.root(t, "bucket")
	ctx, b, key := t.Context(), aws.String("bucket"), aws.String("parts")
	data := make([]byte, 6<<20)
	rand.Read(data)
	_, err := c.PutObject(ctx, &s3.PutObjectInput{
		Bucket: b, Key: aws.String("source"), Body: bytes.NewReader(data), ChecksumAlgorithm: types.ChecksumAlgorithmSha256,
	})
	if err != nil {
		t.Fatal(err)
	}
	up, err := c.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
		Bucket: b, Key: key, ChecksumAlgorithm: types.ChecksumAlgorithmSha256,
	})
	if err != nil {
		t.Fatal(err)
	}
	var parts []types.CompletedPart
	var sums []byte
	for i, part := range []string{"bytes=0-5242879", "bytes=7-7"} {
		var first, last int
		if _, err := fmt.Sscanf(part, "bytes=%d-%d", &first, &last); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(data[first : last+1])
		sums = append(sums, sum[:]...)
		out, err := c.UploadPartCopy(ctx, &s3.UploadPartCopyInput{
			Bucket: b, Key: key, UploadId: up.UploadId, PartNumber: aws.Int32(int32(i + 1)),
			CopySource: aws.String("bucket/source"), CopySourceRange: &part,
		})
		want := base64.StdEncoding.EncodeToString(sum[:])
		if err != nil || aws.ToString(out.CopyPartResult.ChecksumSHA256) != want {
			t.Fatalf("%s: %v %+v, want %s", part, err, out, want)
		}
		parts = append(parts, types.CompletedPart{
			PartNumber: aws.Int32(int32(i + 1)), ETag: out.CopyPartResult.ETag, ChecksumSHA256: &want,
		})
	}
	made, err := c.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: b, Key: key, UploadId: up.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
	})
	whole := sha256.Sum256(sums)
	want := base64.StdEncoding.EncodeToString(whole[:]) + "-2"
	if err != nil || aws.ToString(made.ChecksumSHA256) != want {
		t.Fatalf("%v %+v, want %s", err, made, want)
	}
	if got, err := get(c, "bucket", "parts"); err != nil || got != string(data[:5<<20])+string(data[7:8]) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	_, err = c.UploadPartCopy(ctx, &s3.UploadPartCopyInput{
		Bucket: b, Key: key, UploadId: up.UploadId, PartNumber: aws.Int32(1), CopySource: aws.String("bucket/source"),
	})
	if code(err) != "NoSuchUpload" {
		t.Errorf("an upload that is done: %v", err)
	}
	tellsOfParts(t, c, key)
}

// tellsOfParts asks for the two parts of an object, by pages.
func tellsOfParts(t *testing.T, c *s3.Client, key *string) {
	t.Helper()
	var sizes []int64
	for marker, pages := (*string)(nil), 0; pages < 2; pages++ {
		out, err := c.GetObjectAttributes(t.Context(), &s3.GetObjectAttributesInput{
			Bucket: aws.String("bucket"), Key: key, MaxParts: aws.Int32(1), PartNumberMarker: marker,
			ObjectAttributes: []types.ObjectAttributes{types.ObjectAttributesObjectParts},
		})
		if err != nil || out.ObjectParts == nil || *out.ObjectParts.TotalPartsCount != 2 ||
			len(out.ObjectParts.Parts) != 1 || *out.ObjectParts.IsTruncated != (pages == 0) {
			t.Fatalf("%v, %+v", err, out)
		}
		sizes = append(sizes, *out.ObjectParts.Parts[0].Size)
		marker = out.ObjectParts.NextPartNumberMarker
	}
	if sizes[0] != 5<<20 || sizes[1] != 1 {
		t.Errorf("sizes %v", sizes)
	}
	out, err := c.GetObjectAttributes(t.Context(), &s3.GetObjectAttributesInput{
		Bucket: aws.String("bucket"), Key: aws.String("source"),
		ObjectAttributes: []types.ObjectAttributes{types.ObjectAttributesObjectParts, types.ObjectAttributesEtag},
	})
	if err != nil || out.ObjectParts != nil || out.ETag == nil {
		t.Errorf("what was put whole: %v, %+v", err, out)
	}
}

// TestExpirationIsTold: also where a rule selects by tags or by size, whatever part of the object is answered.
func TestExpirationIsTold(t *testing.T) {
	r := keptRig(t)
	c := r.root(t, "bucket")
	ctx, b := t.Context(), aws.String("bucket")
	_, err := c.PutBucketLifecycleConfiguration(ctx, &s3.PutBucketLifecycleConfigurationInput{
		Bucket: b, LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: []types.LifecycleRule{
			{ID: aws.String("tagged"), Status: "Enabled", Filter: &types.LifecycleRuleFilter{Tag: &tagged("k", "v")[0]},
				Expiration: &types.LifecycleExpiration{Days: aws.Int32(1)}},
			{ID: aws.String("large"), Status: "Enabled", Expiration: &types.LifecycleExpiration{Days: aws.Int32(2)},
				Filter: &types.LifecycleRuleFilter{ObjectSizeGreaterThan: aws.Int64(100)}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for key, row := range map[string]struct {
		tags *string
		size int
		want string
	}{
		"tagged": {aws.String("k=v"), 1, `rule-id="tagged"`}, "other": {aws.String("k=w"), 1, ""}, "plain": {nil, 1, ""},
		"large": {nil, 200, `rule-id="large"`}, "both": {aws.String("k=v"), 200, `rule-id="tagged"`},
	} {
		put, err := c.PutObject(ctx, &s3.PutObjectInput{
			Bucket: b, Key: &key, Body: strings.NewReader(strings.Repeat("x", row.size)), Tagging: row.tags,
		})
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: b, Key: &key, Range: aws.String("bytes=0-0")})
		if err != nil {
			t.Fatal(err)
		}
		got.Body.Close()
		head, err := c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: b, Key: &key})
		if err != nil {
			t.Fatal(err)
		}
		for how, said := range map[string]*string{"put": put.Expiration, "get": got.Expiration, "head": head.Expiration} {
			if text := aws.ToString(said); !strings.HasSuffix(text, row.want) || (text == "") != (row.want == "") {
				t.Errorf("%s %s: %q", how, key, text)
			}
		}
	}
}

// TestDeletesOnConditions: of several objects those are deleted that are as the request says.
func TestDeletesOnConditions(t *testing.T) {
	r := keptRig(t)
	c := r.root(t, "bucket")
	ctx, b := t.Context(), aws.String("bucket")
	for i := range 7 {
		if err := put(c, "bucket", fmt.Sprint(i), "data"); err != nil {
			t.Fatal(err)
		}
	}
	head, err := c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: b, Key: aws.String("0")})
	if err != nil {
		t.Fatal(err)
	}
	at := func(i int, o types.ObjectIdentifier) types.ObjectIdentifier {
		o.Key = aws.String(fmt.Sprint(i))
		return o
	}
	out, err := c.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: b, Delete: &types.Delete{
		Objects: []types.ObjectIdentifier{
			at(0, types.ObjectIdentifier{ETag: head.ETag}),
			at(1, types.ObjectIdentifier{ETag: aws.String(`"x"`)}),
			at(2, types.ObjectIdentifier{Size: aws.Int64(4)}),
			at(3, types.ObjectIdentifier{Size: aws.Int64(5)}),
			at(4, types.ObjectIdentifier{}),
			at(5, types.ObjectIdentifier{LastModifiedTime: aws.Time(head.LastModified.Add(-time.Hour))}),
		},
	}})
	if err != nil || len(out.Deleted) != 3 || len(out.Errors) != 3 {
		t.Fatalf("%v, %+v", err, out)
	}
	for _, e := range out.Errors {
		if *e.Code != "PreconditionFailed" {
			t.Errorf("%s: %s", *e.Key, *e.Code)
		}
	}
	list, err := c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: b})
	if err != nil || len(list.Contents) != 4 {
		t.Errorf("%v, %+v", err, list)
	}
}

// TestOneOfManyWriters: of many who write a key that nobody may have yet, one does; and of many who write it anyhow,
// each leaves a whole object.
func TestOneOfManyWriters(t *testing.T) {
	r := keptRig(t)
	c := r.root(t, "bucket")
	ctx, b := t.Context(), aws.String("bucket")
	if err := put(c, "bucket", "source", "source"); err != nil {
		t.Fatal(err)
	}
	body := func(i int) string { return strings.Repeat(string(rune('a'+i)), 1<<20) }
	for how, write := range map[string]func(i int, none *string) error{
		"put": func(i int, none *string) error {
			_, err := c.PutObject(ctx, &s3.PutObjectInput{
				Bucket: b, Key: aws.String("put"), Body: strings.NewReader(body(i)), IfNoneMatch: none,
			})
			return err
		},
		"copy": func(_ int, none *string) error {
			_, err := c.CopyObject(ctx, &s3.CopyObjectInput{
				Bucket: b, Key: aws.String("copy"), CopySource: aws.String("bucket/source"), IfNoneMatch: none,
			})
			return err
		},
	} {
		won := race(t, 16, func(i int) error { return write(i, aws.String("*")) })
		if len(won) != 1 {
			t.Errorf("%s: %d writers made it", how, len(won))
		}
	}
	first, err := get(c, "bucket", "put")
	if err != nil || first != body(int(first[0]-'a')) {
		t.Errorf("%d bytes, %v", len(first), err)
	}
	all := race(t, 16, func(i int) error { return put(c, "bucket", "put", body(i)) })
	last, err := get(c, "bucket", "put")
	if len(all) != 16 || err != nil || last != body(int(last[0]-'a')) {
		t.Errorf("%d writers, %d bytes, %v", len(all), len(last), err)
	}
	_, err = c.CopyObject(ctx, &s3.CopyObjectInput{
		Bucket: b, Key: aws.String("put"), CopySource: aws.String("bucket/source"), IfMatch: aws.String(`"x"`),
	})
	if code(err) != "PreconditionFailed" {
		t.Errorf("a copy over something else: %v", err)
	}
}

// race has writers write at once, and returns those that did. The others were refused because somebody was faster.
func race(t *testing.T, writers int, write func(i int) error) (won []int) {
	t.Helper()
	errs := make([]error, writers)
	start := make(chan struct{})
	var done sync.WaitGroup
	for i := range writers {
		done.Go(func() {
			<-start
			errs[i] = write(i)
		})
	}
	close(start)
	done.Wait()
	for i, err := range errs {
		switch code(err) {
		case "":
			won = append(won, i)
		case "PreconditionFailed", "ConditionalRequestConflict":
		default:
			t.Errorf("writer %d: %v", i, err)
		}
	}
	return won
}

// TestCopiesOnConditions keep what they copy, or are given.
func TestCopiesOnConditions(t *testing.T) {
	r := keptRig(t)
	c := r.root(t, "bucket")
	ctx, b := t.Context(), aws.String("bucket")
	_, err := c.PutObject(ctx, &s3.PutObjectInput{
		Bucket: b, Key: aws.String("a b"), Body: strings.NewReader("data"), ContentType: aws.String("text/x"),
		Metadata: map[string]string{"owner": "ann"}, Tagging: aws.String("k=v"),
	})
	if err != nil {
		t.Fatal(err)
	}
	in := &s3.CopyObjectInput{
		Bucket: b, Key: aws.String("c"), CopySource: aws.String("bucket/a%20b"), IfNoneMatch: aws.String("*"),
		CopySourceIfNoneMatch: aws.String(`"x"`),
	}
	out, err := c.CopyObject(ctx, in)
	if err != nil || out.CopyObjectResult.ETag == nil {
		t.Fatalf("%v, %+v", err, out)
	}
	got, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: b, Key: aws.String("c")})
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(got.Body)
	if string(text) != "data" || *got.ContentType != "text/x" || got.Metadata["owner"] != "ann" ||
		aws.ToInt32(got.TagCount) != 1 || *got.ETag != *out.CopyObjectResult.ETag {
		t.Errorf("%q, %+v", text, got)
	}
	in.IfNoneMatch, in.IfMatch, in.CopySourceIfNoneMatch = nil, got.ETag, got.ETag
	if _, err := c.CopyObject(ctx, in); code(err) != "PreconditionFailed" {
		t.Errorf("a source that is not wanted: %v", err)
	}
}
