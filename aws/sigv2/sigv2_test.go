package sigv2_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"postern/aws/fault"
	"postern/aws/sigv2"
)

// secret is the one of Amazon's own examples.
const secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

const (
	expiry = 1795922508
	rest   = "&Expires=1795922508"
)

// TestPresigned holds URLs against signatures that botocore 1.43 has made, and changes of them.
func TestPresigned(t *testing.T) {
	const (
		key    = "?AWSAccessKeyId=AKIDEXAMPLE&Signature="
		plain  = "/bucket/a%20b/%C3%A4" + key + "IE2KfxFkW8T95sk13Bkp4uVFBnI%3D" + rest
		header = "/bucket/k" + key + "F%2FNiw%2FwrYbdnOR8MJAjzWurRn9k%3D&content-type=text%2Fx&x-amz-meta-owner=ann" + rest
		parts  = "/bucket/k?versionId=v%201&response-content-type=text%2Fx&response-content-disposition=" +
			"attachment%3B%20filename%3D%22a%20b%22&AWSAccessKeyId=AKIDEXAMPLE&" +
			"Signature=v4b6f%2FTKTs%2FS5vg4j3lX9qUzycg%3D" + rest
		token = "/k?AWSAccessKeyId=ASIDEXAMPLE&Signature=hTFna%2B4zYHCRMClZDgn65Z0iLlQ%3D&" +
			"x-amz-security-token=tok%2Fen%2B" + rest
		mismatch = "SignatureDoesNotMatch"
	)
	for _, row := range []struct {
		method, url, bucket string
		now                 int64
		want                string
	}{
		{"GET", plain, "", expiry, ""},
		{"GET", parts, "", expiry, ""},
		{"PUT", header, "", expiry, ""},
		{"GET", token, "bucket", expiry, ""},
		{"GET", plain, "", expiry + 1, "Request has expired"},
		{"PUT", plain, "", expiry, mismatch},
		{"GET", token, "other", expiry, mismatch},
		{"GET", strings.Replace(plain, "a%20b", "c", 1), "", expiry, mismatch},
		{"GET", strings.Replace(parts, "v%201", "v2", 1), "", expiry, mismatch},
		{"PUT", strings.Replace(header, "ann", "bob", 1), "", expiry, mismatch},
		{"GET", strings.Replace(plain, "1795922508", "1895922508", 1), "", expiry, mismatch},
		{"GET", strings.Replace(plain, "1795922508", "soon", 1), "", expiry, "Invalid date"},
		{"GET", strings.Replace(plain, "&Signature", "&Other", 1), "", expiry, "requires the Signature"},
	} {
		r := httptest.NewRequest(row.method, "https://s3.test"+row.url, nil)
		s, err := sigv2.Parse(r)
		if err == nil {
			err = s.Verify(r, row.bucket, secret, time.Unix(row.now, 0))
		}
		got := ""
		if err != nil {
			got = fault.Of(err).Code + fault.Of(err).Message
		}
		if !strings.Contains(got, row.want) || (row.want == "") != (got == "") {
			t.Errorf("%s %s: %q, want %q", row.method, row.url, got, row.want)
		}
	}
	if s, err := sigv2.Parse(httptest.NewRequest(http.MethodGet, "https://s3.test/b/k", nil)); s != nil || err != nil {
		t.Errorf("%v, %v", s, err)
	}
}
