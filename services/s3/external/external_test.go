package external_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/aws/fault"
	"postern/services/s3/external"
)

func TestCheck(t *testing.T) {
	file := filepath.Join(t.TempDir(), "credentials")
	text := []byte("[a]\nregion = x\n[b]\naws_access_key_id = k\naws_secret_access_key = s\n")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	good := external.Config{Endpoint: "https://s3.example.com", AccessKey: "key", Secret: "swordfish"}
	for _, row := range []struct {
		name, says string
		change     func(c *external.Config)
	}{
		{"nothing", "", func(c *external.Config) { *c = external.Config{} }},
		{"as it is", "", func(*external.Config) {}},
		{"loopback", "", func(c *external.Config) { c.Endpoint = "http://127.0.0.1:9000/" }},
		{"plain HTTP", "use https", func(c *external.Config) { c.Endpoint = "http://10.0.0.1:9000" }},
		{"no host", "https://HOST", func(c *external.Config) { c.Endpoint = "https:///bucket" }},
		{"a path", "https://HOST", func(c *external.Config) { c.Endpoint = "https://host/bucket" }},
		{"a key in the URL", "POSTERN_S3_ACCESS_KEY_ID", func(c *external.Config) {
			c.Endpoint = "https://key:swordfish@host"
		}},
		{"no key", "POSTERN_S3_SECRET_ACCESS_KEY", func(c *external.Config) { c.Secret = "" }},
		{"a prefix", "--s3-bucket-prefix", func(c *external.Config) { c.Prefix = "Fleet_" }},
		{"a long prefix", "--s3-bucket-prefix", func(c *external.Config) { c.Prefix = strings.Repeat("p", 31) }},
		{"a region", "--s3-region", func(c *external.Config) { c.Region = "<eu>" }},
		{"no file", "no such file", func(c *external.Config) { c.CredentialsFile = file + ".not" }},
		{"the second profile", "first profile", func(c *external.Config) { c.CredentialsFile = file }},
	} {
		c := good
		row.change(&c)
		err := c.Check()
		if row.says == "" {
			if err != nil {
				t.Errorf("%s: %v", row.name, err)
			}
			continue
		}
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), row.says) ||
			strings.Contains(err.Error(), "fish") {
			t.Errorf("%s: %v, want %q", row.name, err, row.says)
		}
	}
}

// answers is a service that gives one answer to everything, and keeps what it was asked.
func answers(t *testing.T, status int, body string) (*external.Store, func() (*http.Request, string)) {
	t.Helper()
	var got *http.Request
	var text []byte
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		text, _ = io.ReadAll(r.Body)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	s, err := external.New(external.Config{
		Endpoint: server.URL, Region: "eu-west-1", Prefix: "p-", AccessKey: "key", Secret: "secret", Token: "token",
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, func() (*http.Request, string) { return got, string(text) }
}

func do(t *testing.T, s *external.Store, method, path string, h http.Header) (*http.Response, error) {
	t.Helper()
	r := &http.Request{Method: method, URL: &url.URL{Path: path}, Header: h}
	answer, err := s.Do(r.WithContext(t.Context()))
	if err == nil {
		t.Cleanup(func() { answer.Body.Close() })
	}
	return answer, err
}

// TestWhatIsSent: names have the prefix, keys are as they are and escaped, listings are encoded, a new bucket says
// where it is, and all is signed.
func TestWhatIsSent(t *testing.T) {
	s, sent := answers(t, http.StatusOK, "")
	for _, row := range []struct{ method, path, source, uri, body string }{
		{http.MethodGet, "/b/a//../é +%?", "", "/p-b/a//../%C3%A9%20%2B%25%3F", ""},
		{http.MethodGet, "/b", "", "/p-b?encoding-type=url", ""},
		{http.MethodPut, "/b", "", "/p-b", "<LocationConstraint>eu-west-1</LocationConstraint>"},
		{http.MethodPut, "/b/copy", "/from/a+b%2F?versionId=v", "/p-b/copy", ""},
	} {
		h := http.Header{"X-Amz-Security-Token": {"of the caller"}}
		if row.source != "" {
			h.Set("X-Amz-Copy-Source", row.source)
		}
		if _, err := do(t, s, row.method, row.path, h); err != nil {
			t.Fatal(err)
		}
		r, body := sent()
		if r.RequestURI != row.uri || !strings.Contains(body, row.body) || r.Header.Get("X-Amz-Security-Token") != "token" ||
			!strings.Contains(r.Header.Get("Authorization"), "/eu-west-1/s3/aws4_request") {
			t.Errorf("%s %s: %s %q %v", row.method, row.path, r.RequestURI, body, r.Header)
		}
		if source := r.Header.Get("X-Amz-Copy-Source"); row.source != "" && source != "p-from/a%2Bb/?versionId=v" {
			t.Errorf("the source is %q", source)
		}
	}
}

// TestRefusals: what the service says about an object passes; what it says about this server does not.
func TestRefusals(t *testing.T) {
	for _, row := range []struct {
		status int
		code   string
		passes bool
	}{
		{http.StatusNotFound, "NoSuchKey", true},
		{http.StatusPreconditionFailed, "PreconditionFailed", true},
		{http.StatusServiceUnavailable, "SlowDown", true},
		{http.StatusForbidden, "InvalidObjectState", true},
		{http.StatusNotModified, "", true},
		{http.StatusForbidden, "SignatureDoesNotMatch", false},
		{http.StatusForbidden, "", false},
		{http.StatusUnauthorized, "", false},
		{http.StatusMovedPermanently, "PermanentRedirect", false},
		{http.StatusBadRequest, "AuthorizationHeaderMalformed", false},
		{http.StatusBadRequest, "ExpiredToken", false},
		{http.StatusBadGateway, "", false},
	} {
		text := ""
		if row.code != "" {
			text = "<Error><Code>" + row.code + "</Code></Error>"
		}
		s, _ := answers(t, row.status, text)
		answer, err := do(t, s, http.MethodGet, "/b/key", http.Header{})
		if !row.passes {
			if !fault.Is(err, fault.Unavailable) {
				t.Errorf("%d %s: %v", row.status, row.code, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%d %s: %v", row.status, row.code, err)
			continue
		}
		if body, err := io.ReadAll(answer.Body); err != nil || string(body) != text || answer.StatusCode != row.status {
			t.Errorf("%d %s: %d %s, %v", row.status, row.code, answer.StatusCode, body, err)
		}
	}
}
