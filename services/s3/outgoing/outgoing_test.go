package outgoing_test

import (
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"postern/aws/sigv4"
	"postern/services/s3/outgoing"
)

func prepared(t *testing.T, body io.Reader, length int64, trailer http.Header) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://host/bucket/key", body)
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength, req.Trailer = length, trailer
	key := sigv4.Credentials{AccessKey: "AKIA", Secret: "secret"}
	if err := outgoing.Prepare(req, key, "us-east-1", time.Unix(1e9, 0)); err != nil {
		t.Fatal(err)
	}
	return req
}

// TestTheLengthIsKnownBefore: what is sent has the length that was announced, and says what was put into it.
func TestTheLengthIsKnownBefore(t *testing.T) {
	for _, n := range []int{0, 1, 65535, 65536, 65537, 1 << 20, 1<<20 + 17} {
		for name, size := range map[string]int{"X-Amz-Checksum-Crc32": 4, "X-Amz-Checksum-Sha256": 32} {
			sum := base64.StdEncoding.EncodeToString(make([]byte, size))
			trailer := http.Header{name: nil}
			req := prepared(t, strings.NewReader(strings.Repeat("x", n)), int64(n), trailer)
			trailer.Set(name, sum) // it is known when the body has ended
			sent, err := io.ReadAll(req.Body)
			if err != nil || int64(len(sent)) != req.ContentLength {
				t.Errorf("%d bytes with %s: %d were sent, %d announced, %v", n, name, len(sent), req.ContentLength, err)
			}
			if !strings.HasSuffix(string(sent), "0\r\n"+strings.ToLower(name)+":"+sum+"\r\n\r\n") {
				t.Errorf("it ends with %q", sent[max(0, len(sent)-100):])
			}
			if strings.Count(string(sent), "x") != n+strings.Count(name, "x")+1 {
				t.Errorf("%d of %d bytes", strings.Count(string(sent), "x"), n)
			}
		}
	}
}

type failing struct{ io.Reader }

var errOwn = errors.New("the client went away")

func (f failing) Read(p []byte) (int, error) {
	n, err := f.Reader.Read(p)
	if err != nil {
		err = errOwn
	}
	return n, err
}

func TestABodyThatFailsHasNoEnd(t *testing.T) {
	req := prepared(
		t, failing{strings.NewReader("half")}, 8, http.Header{"X-Amz-Checksum-Crc32": {"AAAAAA=="}},
	)
	sent, err := io.ReadAll(req.Body)
	if !errors.Is(err, errOwn) || strings.Contains(string(sent), "0\r\n") {
		t.Errorf("%q, %v", sent, err)
	}
}

func TestWithoutATrailer(t *testing.T) {
	req := prepared(t, strings.NewReader("body"), 4, nil)
	if req.Header.Get("X-Amz-Content-Sha256") != "UNSIGNED-PAYLOAD" || req.ContentLength != 4 ||
		!strings.Contains(req.Header.Get("Authorization"), "Credential=AKIA/20010909/us-east-1/s3/aws4_request") {
		t.Errorf("%v", req.Header)
	}
}
