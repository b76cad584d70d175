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
