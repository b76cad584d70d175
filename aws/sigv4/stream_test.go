package sigv4_test

import (
	"cmp"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"postern/aws/sigv4"
)

// TestStream: the head is proved before the body is read, and the body at its end.
func TestStream(t *testing.T) {
	when := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	const secret = "secret"
	for _, tt := range []struct {
		name          string
		service       string
		payload, sent string
		secret        string
		head, body    string // the codes that the head and the body are refused with
	}{
		{"the body that was signed", "s3", sigv4.HashBody([]byte("data")), "data", secret, "", ""},
		{"of another service", "notes", sigv4.HashBody([]byte("data")), "data", secret, "", ""},
		{"another body", "s3", sigv4.HashBody([]byte("data")), "DATA", secret, "", sigv4.CodeMismatch},
		{"a longer body", "s3", sigv4.HashBody([]byte("data")), "data!", secret, "", sigv4.CodeMismatch},
		{"another key", "s3", sigv4.HashBody([]byte("data")), "data", "another", sigv4.CodeMismatch, ""},
		{"an unsigned body", "s3", sigv4.UnsignedPayload, "whatever", secret, "", ""},
		{"an unsigned body of another service", "notes", sigv4.UnsignedPayload, "whatever", secret, sigv4.CodeMismatch, ""},
		{"an unsigned body by another key", "s3", sigv4.UnsignedPayload, "whatever", "another", sigv4.CodeMismatch, ""},
		{"no hash", "s3", "", "data", secret, sigv4.CodeIncomplete, ""},
	} {
		r, err := http.NewRequest(http.MethodPut, "https://s3.example/b/k", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if tt.payload != "" {
			r.Header.Set("X-Amz-Content-Sha256", tt.payload)
		}
		c := aws.Credentials{AccessKeyID: "AKIA", SecretAccessKey: tt.secret}
		hash := cmp.Or(tt.payload, sigv4.HashBody([]byte("data")))
		if err := v4.NewSigner().SignHTTP(t.Context(), c, r, hash, tt.service, "us-east-1", when); err != nil {
			t.Fatal(err)
		}
		s, err := sigv4.Parse(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := sigv4.NewVerifier(at(when)).Stream(r, s, secret, iotest.OneByteReader(strings.NewReader(tt.sent)))
		if got := code(err); got != tt.head {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.head)
		}
		if err != nil {
			continue
		}
		got, err := io.ReadAll(body)
		if code(err) != tt.body || string(got) != tt.sent {
			t.Errorf("%s: read %q, %v, want %q", tt.name, got, err, tt.body)
		}
		if _, again := body.Read(make([]byte, 1)); err != nil && !errors.Is(again, err) {
			t.Errorf("%s: read again: %v", tt.name, again)
		}
	}
}

// TestStreamOfPresigned: to S3 a presigned request without a payload hash carries a body that nobody signed; to another
// service it must say what the hash is.
func TestStreamOfPresigned(t *testing.T) {
	for _, tt := range []struct{ service, signer, code string }{
		{"s3", secret, ""},
		{"s3", "another", sigv4.CodeMismatch},
		{"notes", secret, sigv4.CodeIncomplete},
	} {
		r := request(t, "PUT", "https://h/x?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKID/20150830/r/"+tt.service+
			"/aws4_request&X-Amz-Date=20150830T123600Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host", "")
		r.URL.RawQuery += "&X-Amz-Signature=" + sigv4.PresignatureOf(r, tt.service, sigv4.UnsignedPayload, tt.signer)
		s, err := sigv4.Parse(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := sigv4.NewVerifier(at(suiteTime)).Stream(r, s, secret, strings.NewReader("whatever"))
		if code(err) != tt.code {
			t.Errorf("%+v: %v", tt, err)
		}
		if err != nil {
			continue
		}
		if got, err := io.ReadAll(body); err != nil || string(got) != "whatever" {
			t.Errorf("%+v: read %q, %v", tt, got, err)
		}
	}
}

// TestStreamOfChunks: the chunks of a body are proved as they are read, and their framing is taken away.
func TestStreamOfChunks(t *testing.T) {
	authorization, body := s3Chunks()
	for _, tt := range []struct{ sent, code string }{
		{body, ""},
		{strings.Replace(body, "aaa", "aab", 1), sigv4.CodeMismatch},
	} {
		r := s3Request(t, sigv4.StreamingPayload, authorization)
		s, err := sigv4.Parse(r)
		if err != nil {
			t.Fatal(err)
		}
		stream, err := sigv4.NewVerifier(at(s3Time)).Stream(r, s, s3Secret, strings.NewReader(tt.sent))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(stream); code(err) != tt.code || err == nil && len(got) != 66560 {
			t.Errorf("read %d bytes, %v, want %q", len(got), err, tt.code)
		}
	}
}

// TestStreamRefusesBeforeTheSignature: a request that is too old, or whose payload the service does not take, is
// refused for that, whatever its signature.
func TestStreamRefusesBeforeTheSignature(t *testing.T) {
	for _, tt := range []struct {
		service, payload string
		late             time.Duration
		code, says       string
	}{
		{"s3", sigv4.UnsignedPayload, 0, "", ""},
		{"s3", sigv4.UnsignedPayload, time.Hour, sigv4.CodeExpired, ""},
		{"s3", sigv4.HashBody(nil), time.Hour, sigv4.CodeExpired, ""},
		{"notes", sigv4.UnsignedPayload, 0, sigv4.CodeMismatch, "is not taken by this service: sign the body"},
	} {
		r := request(t, "PUT", "https://h/x", "", "X-Amz-Content-Sha256", tt.payload)
		c := aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: secret}
		if err := v4.NewSigner().SignHTTP(t.Context(), c, r, tt.payload, tt.service, "r", suiteTime); err != nil {
			t.Fatal(err)
		}
		s, err := sigv4.Parse(r)
		if err != nil {
			t.Fatal(err)
		}
		_, err = sigv4.NewVerifier(at(suiteTime.Add(tt.late))).Stream(r, s, secret, strings.NewReader(""))
		if code(err) != tt.code || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%+v: %v", tt, err)
		}
	}
}
