package client_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"

	"postern/aws/service/s3"
	"postern/aws/service/s3/types"
)

// TestObjects: requests and answers of the REST-XML protocol, with bodies that are not held in memory.
func TestObjects(t *testing.T) {
	remote, config := newRemote(t, func(call int32, w http.ResponseWriter, body string, r *http.Request) {
		signed := strings.Contains(r.Header.Get("Authorization"), "/s3/aws4_request")
		if r.Header.Get("X-Amz-Content-Sha256") == "" || !signed {
			http.Error(w, "not signed", http.StatusForbidden)
			return
		}
		switch got := r.Method + " " + r.URL.EscapedPath() + "?" + r.URL.RawQuery; {
		case call == 1: // the request is sent again, with its whole body
			w.WriteHeader(http.StatusServiceUnavailable)
		case got == "PUT /bucket/a%20b/%C3%A4?" && body == "data" && r.Header.Get("X-Amz-Meta-Owner") == "ann":
			w.Header().Set("ETag", `"e"`)
		case got == "GET /bucket/key?versionId=v" && r.Header.Get("Range") == "bytes=0-3":
			w.Header().Set("Content-Range", "bytes 0-3/9")
			w.WriteHeader(http.StatusPartialContent)
			_, _ = io.WriteString(w, "data")
		case got == "POST /bucket?delete=" && strings.Contains(body, "<Object><Key>a</Key></Object>"):
			_, _ = io.WriteString(w, "<DeleteResult><Deleted><Key>a</Key></Deleted></DeleteResult>")
		default:
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, "<Error><Code>NoSuchKey</Code><Message>"+got+"</Message></Error>")
		}
	})
	c, ctx := s3.NewFromConfig(config), t.Context()
	put, err := c.PutObject(ctx, &s3.PutObjectInput{
		Bucket: aws.String("bucket"), Key: aws.String("a b/ä"), Body: strings.NewReader("data"),
		Metadata: map[string]string{"owner": "ann"},
	})
	if err != nil || aws.ToString(put.ETag) != `"e"` || remote.calls.Load() != 2 {
		t.Fatalf("%+v, %v after %d calls", put, err, remote.calls.Load())
	}
	got, err := c.GetObject(ctx, &s3.GetObjectInput{
		Bucket: aws.String("bucket"), Key: aws.String("key"), VersionId: aws.String("v"), Range: aws.String("bytes=0-3"),
	})
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(got.Body)
	if err != nil || string(data) != "data" || aws.ToString(got.ContentRange) != "bytes 0-3/9" {
		t.Errorf("%q, %v, %v", data, got.ContentRange, err)
	}
	if err := got.Body.Close(); err != nil {
		t.Error(err)
	}
	gone, err := c.DeleteObjects(ctx, &s3.DeleteObjectsInput{
		Bucket: aws.String("bucket"), Delete: &types.Delete{Objects: []types.ObjectIdentifier{{Key: aws.String("a")}}},
	})
	if err != nil || len(gone.Deleted) != 1 || *gone.Deleted[0].Key != "a" {
		t.Errorf("%+v, %v", gone, err)
	}
	_, err = c.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("bucket"), Key: aws.String("none")})
	var refused smithy.APIError
	if !errors.As(err, &refused) || refused.ErrorCode() != "NoSuchKey" {
		t.Error(err)
	}
}
