package client

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"postern/aws/sigv4"
	"postern/aws/wire"
)

// TestSignatureHasTheClock: what is sent is signed for the client's own time, service and region, and verifies.
func TestSignatureHasTheClock(t *testing.T) {
	at := time.Date(2026, 11, 28, 12, 0, 1, 0, time.UTC)
	verified := make(chan error, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		s, err := sigv4.Parse(r)
		if err == nil {
			err = sigv4.NewVerifier(func() time.Time { return at }).Verify(r, s, "secret", body)
		}
		if s != nil && (!s.Time.Equal(at) || s.Scope.Service != "ssm" || s.Scope.Region != "r" || s.Token != "token") {
			t.Errorf("signed as %+v", s)
		}
		verified <- err
		_, _ = io.WriteString(w, "{}")
	}))
	defer server.Close()
	c := New(aws.Config{
		Region:       "r",
		BaseEndpoint: &server.URL,
		Credentials:  credentials.NewStaticCredentialsProvider("AKIATEST", "secret", "token"),
	}, Service{Name: "ssm", Protocol: wire.JSON, Target: "AmazonSSM"})
	c.now = func() time.Time { return at }
	type thing struct{ Name *string }
	if _, err := Do[thing](t.Context(), c, "GetThing", &thing{aws.String("x")}); err != nil {
		t.Error(err)
	}
	if err := <-verified; err != nil {
		t.Error(err)
	}
}
