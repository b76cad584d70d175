package s3_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"postern/aws/sigv4"
)

// raw sends a request as the root user, whatever its URL: SDKs refuse the worst of them themselves.
func (r *rig) raw(t *testing.T, method, target, body string) (int, string) {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), method, *r.Root().BaseEndpoint, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	path, query, _ := strings.Cut(target, "?")
	q.URL.RawQuery, q.Host = query, "s3.us-east-1.amazonaws.com"
	q.URL.RawPath = path
	if q.URL.Path, err = url.PathUnescape(path); err != nil {
		q.URL.Opaque, q.URL.Path = path, path
	}
	k, err := r.Root().Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	key := sigv4.Credentials{AccessKey: k.AccessKeyID, Secret: k.SecretAccessKey}
	err = sigv4.Sign(q, []byte(body), key, sigv4.Target{Region: "us-east-1", Service: "s3", Time: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	return r.send(t, q)
}

// TestBucketNames: which names a new bucket may have (Amazon S3 User Guide, "General purpose bucket naming rules").
func TestBucketNames(t *testing.T) {
	r := newRig(t)
	for name, want := range map[string]string{
		"abc": "", "a-b.c-1": "", "123": "", strings.Repeat("a", 63): "", "a--b": "", "1.2.3": "",
		"ab": "InvalidBucketName", strings.Repeat("a", 64): "InvalidBucketName", "Abc": "InvalidBucketName",
		"a_b": "InvalidBucketName", "-abc": "InvalidBucketName", "abc-": "InvalidBucketName", ".abc": "InvalidBucketName",
		"abc.": "InvalidBucketName", "a..b": "InvalidBucketName", "192.168.5.4": "InvalidBucketName",
		"xn--abc": "InvalidBucketName", "sthree-abc": "InvalidBucketName", "amzn-s3-demo-abc": "InvalidBucketName",
		"abc-s3alias": "InvalidBucketName", "abc--ol-s3": "InvalidBucketName", "abc--x-s3": "InvalidBucketName",
		"abc.mrap": "InvalidBucketName", "abc--table-s3": "InvalidBucketName", "a%20b": "InvalidBucketName",
		"..": "InvalidBucketName", "%2e%2e": "InvalidBucketName", "a%2fb": "InvalidBucketName", "a%00b": "InvalidBucketName",
		"%f0%9f%98%80abc": "InvalidBucketName", "a%0ab": "InvalidBucketName", "amazon-ssm-us-east-1": "BucketAlreadyExists",
		"*": "InvalidBucketName", "a*b": "InvalidBucketName", "a:b": "InvalidBucketName",
	} {
		status, text := r.raw(t, http.MethodPut, "/"+name, "")
		if want == "" && status != http.StatusOK || want != "" && !strings.Contains(text, "<Code>"+want+"<") {
			t.Errorf("%q: %d %s, want %q", name, status, text, want)
		}
	}
}

// awkward are keys of every kind that S3 takes.
var awkward = []string{
	"plain", "a/b", "a", "/leading", "//", "a//b", "trailing/", ".", "..", "../up", "a/../b", "a/./b", "../../etc/passwd",
	"a b", "a+b", "a%b", "a%2Fb", "a&b=c", "a?b", "a#b", "a;b", "a:b", "a@b", "a=b", "a,b", "a$b", "a!b", "a'b", `a"b`,
	"a*b",
	"a(b)", "a\\b", "a|b", "a<b>", "a{b}", "a[b]", "a^b", "a`b", "a~b", "a\tb", "a\nb", "a\rb", "a\x01b", "a\x7fb",
	"äöü",
	"漢字",
	"😀", "e\u0301", "\u00e9", "\u202e", "CON", "a.", "a ", " a", ".hidden", ".sgwtmp", "con/.sgwtmp/x", "?versionId=x",
	strings.Repeat("k", 1024), strings.Repeat("ä", 512), strings.Repeat("a/", 512), strings.Repeat("d", 255) + "/x",
}

// TestKeys: every key is its own object, and is listed as it is.
func TestKeys(t *testing.T) {
	r := keptRig(t)
	c := r.root(t, "bucket", "other")
	for _, key := range awkward {
		if err := put(c, "bucket", key, "of "+key); err != nil {
			t.Errorf("put %q: %v", key, err)
		}
	}
	listed := map[string]bool{}
	pages := s3.NewListObjectsV2Paginator(c, &s3.ListObjectsV2Input{
		Bucket: aws.String("bucket"), MaxKeys: aws.Int32(7), EncodingType: types.EncodingTypeUrl,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page.Contents {
			key, err := url.QueryUnescape(*o.Key)
			if err != nil || listed[key] {
				t.Errorf("%q is listed twice, or cannot be read: %v", *o.Key, err)
			}
			listed[key] = true
		}
	}
	for _, key := range awkward {
		if got, err := get(c, "bucket", key); err != nil || got != "of "+key || !listed[key] {
			t.Errorf("get %q: %q, %v, listed %t", key, got, err, listed[key])
		}
		_, err := c.CopyObject(t.Context(), &s3.CopyObjectInput{
			Bucket: aws.String("other"), Key: &key, CopySource: aws.String("bucket/" + url.PathEscape(key)),
		})
		if err != nil {
			t.Errorf("copy %q: %v", key, err)
		}
		if _, err := c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String("bucket"), Key: &key}); err != nil {
			t.Errorf("delete %q: %v", key, err)
		}
		if got, err := get(c, "other", key); err != nil || got != "of "+key {
			t.Errorf("the copy of %q: %q, %v", key, got, err)
		}
	}
	if len(listed) != len(awkward) {
		t.Errorf("%d keys are listed, of %d", len(listed), len(awkward))
	}
	if _, err := c.DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: aws.String("bucket")}); err != nil {
		t.Errorf("something is left: %v", err)
	}
}

// TestKeysThatAreNone: too long, or no text.
func TestKeysThatAreNone(t *testing.T) {
	r := keptRig(t)
	r.root(t, "bucket")
	for key, want := range map[string]string{
		strings.Repeat("k", 1025): "KeyTooLongError", strings.Repeat("ä", 513): "KeyTooLongError", "%ff": "InvalidURI",
		"a%c3": "InvalidURI",
	} {
		for _, method := range []string{http.MethodPut, http.MethodGet, http.MethodDelete} {
			if status, text := r.raw(t, method, "/bucket/"+key, ""); status != 400 || !strings.Contains(text, want) {
				t.Errorf("%s %.20q…: %d %s, want %s", method, key, status, text, want)
			}
		}
	}
	if status, text := r.raw(t, http.MethodPut, "/bucket/a%00b", "x"); status >= 500 {
		t.Errorf("a zero byte: %d %s", status, text)
	}
}

// TestListingsParameters: pages of nothing, of more than there may be, and what is no parameter.
func TestListingsParameters(t *testing.T) {
	r := keptRig(t)
	c := r.root(t, "bucket")
	for _, key := range []string{"a", "b", "c\x01"} {
		if err := put(c, "bucket", key, "x"); err != nil {
			t.Fatal(err)
		}
	}
	for query, want := range map[string]string{
		"list-type=2&max-keys=0":             "<KeyCount>0</KeyCount>",
		"max-keys=0":                         "<IsTruncated>false</IsTruncated>",
		"list-type=2&max-keys=1":             "<NextContinuationToken>",
		"list-type=2&max-keys=5000":          "<MaxKeys>1000</MaxKeys>",
		"max-keys=5000":                      "<MaxKeys>1000</MaxKeys>",
		"versions&max-keys=5000":             "<MaxKeys>1000</MaxKeys>",
		"uploads&max-uploads=5000":           "<MaxUploads>1000</MaxUploads>",
		"list-type=2&max-keys=-1":            "<Code>InvalidArgument</Code>",
		"list-type=2&max-keys=x":             "<Code>InvalidArgument</Code>",
		"list-type=2&max-keys=9999999999":    "<Code>InvalidArgument</Code>",
		"list-type=2&encoding-type=url":      "<Key>c%01</Key>",
		"list-type=2&encoding-type=x":        "<Code>InvalidArgument</Code>",
		"list-type=2&continuation-token=":    "<Code>InvalidArgument</Code>",
		"list-type=2&continuation-token=%00": "<Code>InvalidArgument</Code>",
		"list-type=2&start-after=b":          "<KeyCount>1</KeyCount>",
		"versions&version-id-marker=x":       "<Code>InvalidArgument</Code>",
	} {
		if status, text := r.raw(t, http.MethodGet, "/bucket?"+query, ""); !strings.Contains(text, want) {
			t.Errorf("%s: %d %s, want %s", query, status, text, want)
		}
	}
}

// TestCutUploads: of an upload whose connection is cut nothing is seen, and what was there stays.
func TestCutUploads(t *testing.T) {
	r := keptRig(t)
	c := r.root(t, "bucket")
	if err := put(c, "bucket", "k", "before"); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		p, err := s3.NewPresignClient(c).PresignPutObject(t.Context(), &s3.PutObjectInput{
			Bucket: aws.String("bucket"), Key: aws.String("k"),
		})
		if err != nil {
			t.Fatal(err)
		}
		read, write := io.Pipe()
		q, err := http.NewRequestWithContext(t.Context(), http.MethodPut, p.URL, read)
		if err != nil {
			t.Fatal(err)
		}
		q.ContentLength = 1 << 20
		go func() {
			_, _ = io.WriteString(write, strings.Repeat("x", 1<<19))
			write.CloseWithError(io.ErrClosedPipe)
		}()
		if answer, err := r.Root().HTTPClient.Do(q); err == nil {
			answer.Body.Close()
			t.Errorf("half an upload is answered %s", answer.Status)
		}
		if got, err := get(c, "bucket", "k"); err != nil || got != "before" {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	}
	list, err := c.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("bucket")})
	if err != nil || len(list.Contents) != 1 || *list.Contents[0].Size != 6 {
		t.Errorf("%+v, %v", list, err)
	}
}
