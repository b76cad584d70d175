package lab

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/api/apitest"
	"postern/aws/fault"
	"postern/aws/sigv4"
	"postern/server"
)

// asRoot is a form request to a lab as its root user signs it. change is done to it before that.
func asRoot(t *testing.T, l *Lab, service, body string, change func(*http.Request)) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost:4566/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if change != nil {
		change(r)
	}
	root := l.Access().Root
	at := sigv4.Target{Region: server.DefaultRegion, Service: service, Time: time.Now()}
	if err := sigv4.Sign(r, []byte(body), sigv4.Credentials{AccessKey: root.ID, Secret: root.Secret}, at); err != nil {
		t.Fatal(err)
	}
	return r
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func toHost(host string) func(*http.Request) { return func(r *http.Request) { r.Host = host } }

// TestWebPagesAreKeptOut of a lab whose key everybody knows: their requests are rightly signed.
func TestWebPagesAreKeptOut(t *testing.T) {
	l := openLab(t, server.Config{
		TestCredentials: true, AllowOrigins: []string{"http://localhost:3000"}, AllowHosts: []string{"Postern.example.com"},
	})
	for _, row := range []struct {
		name   string
		change func(*http.Request)
		says   string // empty is let in
	}{
		{"localhost", nil, ""},
		{"an address", toHost("127.0.0.1:4566"), ""},
		{"another of loopback", toHost("127.8.8.8"), ""},
		{"IPv6", toHost("[::1]:4566"), ""},
		{"a name under localhost", toHost("bucket.s3.localhost:4566"), ""},
		// It is for STS: admitted, and judged.
		{"a service's name", toHost("ssm.us-east-1.amazonaws.com"), "scoped to correct service"},
		{"its own name", toHost("sts.us-east-1.amazonaws.com:4566"), ""},
		{"a name that was allowed", toHost("postern.EXAMPLE.com.:4566"), ""},
		{"a page's name that leads here", toHost("evil.example:4566"), "none of this server&#39;s"},
		{"a name that only ends so", toHost("evil-localhost"), "none of this server&#39;s"},
		{"a name that begins so", toHost("localhost.evil.example"), "none of this server&#39;s"},
		{"another's address", toHost("192.0.2.1"), "none of this server&#39;s"},
		{"no host", toHost(""), "none of this server&#39;s"},
		{"a page", header("Origin", "https://evil.example"), "A web page of https://evil.example"},
		{"a page without a name", header("Origin", "null"), "A web page of null"},
		{"a page's plain question", header("Sec-Fetch-Site", "cross-site"), "A web page of another site"},
		{"one of a neighbour", header("Sec-Fetch-Site", "same-site"), "A web page of another site"},
		{"one of an older browser", header("Referer", "https://evil.example/x"), "A web page of https://evil.example"},
		{"typed by the user", header("Sec-Fetch-Site", "none"), ""},
		{"a page that was allowed", header("Origin", "http://localhost:3000"), ""},
		{"its neighbour", header("Origin", "http://localhost:3001"), "A web page of http://localhost:3001"},
	} {
		status, body := apitest.Do(l, asRoot(t, l, "sts", "Action=GetCallerIdentity&Version=2011-06-15", row.change))
		switch {
		case row.says == "" && (status != 200 || !strings.Contains(body, ":root")):
			t.Errorf("%s: %d %s", row.name, status, body)
		case row.says != "" && (status/100 != 4 || !strings.Contains(strings.ReplaceAll(body, "'", "&#39;"), row.says)):
			t.Errorf("%s: %d %s, want a refusal that says %q", row.name, status, body, row.says)
		}
		if row.change == nil || row.says == "" || strings.Contains(row.says, "scoped") {
			continue
		}
		// In the shape of each service, and on the paths of our own.
		status, body = apitest.Do(l, asRoot(t, l, "ec2", "Action=DescribeVpcs&Version=2016-11-15", row.change))
		if status != 403 || !strings.Contains(body, "<Code>UnauthorizedOperation</Code>") {
			t.Errorf("%s, to ec2: %d %s", row.name, status, body)
		}
		if status, body = apitest.Do(l, resetRequest(t, row.change)); status != 403 {
			t.Errorf("%s, a reset: %d %s", row.name, status, body)
		}
	}
}

// A page in a browser asks first, and may read the answer then.
func TestAnAllowedPageIsToldSo(t *testing.T) {
	l := openLab(t, server.Config{AllowOrigins: []string{"http://localhost:3000"}})
	ask := func(origin string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodOptions, "http://localhost:4566/", nil)
		r.Header.Set("Origin", origin)
		r.Header.Set("Access-Control-Request-Method", "POST")
		r.Header.Set("Access-Control-Request-Headers", "authorization,x-amz-date")
		w := httptest.NewRecorder()
		l.ServeHTTP(w, r)
		return w
	}
	w := ask("http://localhost:3000")
	if w.Code != 204 || w.Header().Get("Access-Control-Allow-Origin") != "http://localhost:3000" ||
		w.Header().Get("Access-Control-Allow-Headers") != "authorization,x-amz-date" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if w := ask("https://evil.example"); w.Code/100 == 2 || w.Header().Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("another: %d %v", w.Code, w.Header())
	}
	for _, c := range []server.Config{
		{AllowOrigins: []string{"localhost:3000"}},
		{AllowOrigins: []string{"http://a/b"}},
		{AllowOrigins: []string{"*"}},
		{AllowHosts: []string{"a:80"}},
	} {
		if _, err := server.Open(t.Context(), c); !fault.Is(err, fault.Invalid) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// TestTheKnownKeyReadsNoPaths of the host, unless it is let.
func TestTheKnownKeyReadsNoPaths(t *testing.T) {
	image := t.TempDir()
	if err := os.MkdirAll(filepath.Join(image, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(image, "bin", "sh"), []byte("#!"), 0o755); err != nil {
		t.Fatal(err)
	}
	form := url.Values{
		"Action": {"RegisterImage"}, "Version": {"2016-11-15"}, "Name": {"holiday"}, "ImageLocation": {image},
	}.Encode()
	for _, row := range []struct {
		config  server.Config
		refused bool
	}{
		{server.Config{TestCredentials: true}, true},
		{server.Config{TestCredentials: true, AllowHostImages: true}, false},
		{server.Config{}, false},
	} {
		l := openLab(t, row.config)
		status, body := apitest.Do(l, asRoot(t, l, "ec2", form, nil))
		refused := status == 403 && strings.Contains(body, "--allow-host-images")
		if refused != row.refused || !refused && strings.Contains(body, "known to everybody") {
			t.Errorf("%+v: %d %s", row.config, status, body)
		}
	}
}

// trickle is a body whose end does not come until it is let.
type trickle struct {
	begun chan struct{}
	rest  chan string
}

func (b *trickle) Read(p []byte) (int, error) {
	select {
	case b.begun <- struct{}{}:
	default:
	}
	more, ok := <-b.rest
	if !ok {
		return 0, io.EOF
	}
	return copy(p, more), nil
}

func (*trickle) Close() error { return nil }

// TestAResetDoesNotWaitForSlowClients, neither for a body nor for somebody who does not read; both are answered in the
// end.
func TestAResetDoesNotWaitForSlowClients(t *testing.T) {
	l := openLab(t, server.Config{})
	const form = "Action=GetCallerIdentity&Version=2011-06-15"
	body := &trickle{begun: make(chan struct{}, 1), rest: make(chan string)}
	r := asRoot(t, l, "sts", form, nil)
	r.Body = body
	answered := make(chan *httptest.ResponseRecorder, 1)
	go func() {
		w := httptest.NewRecorder()
		l.ServeHTTP(w, r)
		answered <- w
	}()
	<-body.begun
	body.rest <- form[:10]
	<-body.begun

	unreading := &stuck{ResponseRecorder: httptest.NewRecorder(), at: make(chan struct{}), free: make(chan struct{})}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		l.ServeHTTP(unreading, asRoot(t, l, "sts", form, nil))
	}()
	<-unreading.at

	for range 2 {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		done := make(chan error, 1)
		go func() { done <- l.Reset(ctx) }()
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
		case <-ctx.Done():
			t.Fatal("the reset waits for a client")
		}
		cancel()
		if status, body := whoAmI(t, l); status != 200 {
			t.Errorf("meanwhile: %d %s", status, body)
		}
	}
	body.rest <- form[10:]
	close(body.rest)
	if w := <-answered; w.Code != 200 || !strings.Contains(w.Body.String(), ":root") {
		t.Errorf("the slow body: %d %s", w.Code, w.Body)
	}
	close(unreading.free)
	<-sent
	if unreading.Code != 200 {
		t.Errorf("the slow reader: %d", unreading.Code)
	}
}

// stuck is a client that does not read.
type stuck struct {
	*httptest.ResponseRecorder
	at, free chan struct{}
}

func (s *stuck) Write(p []byte) (int, error) {
	close(s.at)
	<-s.free
	return s.ResponseRecorder.Write(p)
}
