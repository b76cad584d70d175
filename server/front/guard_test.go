package front

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"postern/aws/fault"
)

func newTestGuard(t *testing.T) *Guard {
	t.Helper()
	g, err := NewGuard(GuardConfig{
		Listen: "Listen.example.:4566", AllowHosts: []string{"Postern.example.com"},
		AllowOrigins: []string{"http://localhost:3000", "https://App.example"},
		Certified:    func(host string) bool { return strings.HasSuffix(host, ".amazonaws.com") || host == "localhost" },
	})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// request is one for a host, with headers as "Name: value", that came to the address 192.0.2.1.
func request(host string, headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.Host = host
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	to := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 4566}
	return r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(to)))
}

func TestGuardedHosts(t *testing.T) {
	g := newTestGuard(t)
	for host, want := range map[string]bool{
		"localhost": true, "LOCALHOST.:4566": true, "ssm.us-east-1.amazonaws.com": true, "ssm.amazonaws.com.:443": true,
		"postern.example.com": true, "POSTERN.example.com:4566": true, "listen.example": true,
		"127.0.0.1:4566": true, "127.8.8.8": true, "[::1]:4566": true, "[::1]": true, "[::ffff:127.0.0.1]:1": true,
		"192.0.2.1": true, "192.0.2.1:4566": true, "[::ffff:192.0.2.1]": true,
		"192.0.2.2": false, "[2001:db8::1]:4566": false, "example.com": false, "evil.postern.example.com": false,
		"amazonaws.com.evil.example": false, "": false, "[": false, "localhost.evil:80": false, "0.0.0.0:4566": false,
	} {
		err := g.Refuse(request(host))
		if (err == nil) != want {
			t.Errorf("%q: %v", host, err)
		}
		if err != nil && !fault.Is(err, fault.Denied) {
			t.Errorf("%q: %v is not of the kind Denied", host, err)
		}
	}
	// The remedy names the host as the option takes it.
	err := g.Refuse(request("Build.Example.:4566"))
	const want = "start the server with --allow-host build.example"
	if err == nil || !strings.HasSuffix(fault.Of(err).Message, want) {
		t.Errorf("%v, want %q", err, want)
	}
	if _, err := NewGuard(GuardConfig{AllowHosts: []string{"build.example"}}); err != nil {
		t.Errorf("the remedy is refused: %v", err)
	}
}

func TestGuardedPages(t *testing.T) {
	g := newTestGuard(t)
	for _, row := range []struct {
		headers []string
		from    string // who is refused; empty is nobody
	}{
		{nil, ""},
		{[]string{"Origin: http://localhost:3000"}, ""},
		{[]string{"Origin: https://app.example"}, ""},
		{[]string{"Origin: HTTPS://APP.EXAMPLE"}, ""},
		{[]string{"Origin: http://localhost:3001"}, "http://localhost:3001"},
		{[]string{"Origin: https://localhost:3000"}, "https://localhost:3000"},
		{[]string{"Origin: http://localhost:3000.evil.example"}, "http://localhost:3000.evil.example"},
		{[]string{"Origin: null"}, "null"},
		{[]string{"Sec-Fetch-Site: none"}, ""},
		{[]string{"Sec-Fetch-Site: cross-site"}, "another site"},
		{[]string{"Sec-Fetch-Site: same-origin"}, "another site"},
		{[]string{"Referer: https://evil.example/page?q=1"}, "https://evil.example"},
		{[]string{"Referer: http://localhost:3000/page"}, ""},
		{[]string{"Sec-Fetch-Site: same-site", "Referer: http://localhost:3000/page"}, ""},
		{[]string{"Sec-Fetch-Site: cross-site", "Referer: https://evil.example/"}, "https://evil.example"},
		{[]string{"Origin: https://evil.example", "Referer: http://localhost:3000/"}, "https://evil.example"},
		{[]string{"Origin: https://evil.example", "Sec-Fetch-Site: none"}, "https://evil.example"},
		{[]string{"Referer: %zz"}, ""},
	} {
		err := g.Refuse(request("localhost", row.headers...))
		if row.from == "" && err != nil {
			t.Errorf("%q: %v", row.headers, err)
		}
		want := "A web page of " + row.from + " may not send requests here: start the server with --allow-origin"
		if row.from != "" && (!fault.Is(err, fault.Denied) || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", row.headers, err, want)
		}
	}
}

func TestGuardsThatAreNone(t *testing.T) {
	for _, row := range []struct {
		config GuardConfig
		want   string
	}{
		{GuardConfig{AllowHosts: []string{""}}, `allowed host "": write a name without scheme and port`},
		{GuardConfig{AllowHosts: []string{"ok", "http://a"}}, `allowed host "http://a": write a name`},
		{GuardConfig{AllowHosts: []string{"a b"}}, `allowed host "a b": write a name`},
		{GuardConfig{AllowOrigins: []string{"*"}}, `allowed origin "*": write scheme, host and port as browsers do`},
		{GuardConfig{AllowOrigins: []string{"http://a/"}}, `allowed origin "http://a/": write scheme`},
		{GuardConfig{AllowOrigins: []string{"http://u@a"}}, `allowed origin "http://u@a": write scheme`},
		{GuardConfig{AllowOrigins: []string{"http://a?b"}}, `allowed origin "http://a?b": write scheme`},
		{GuardConfig{AllowOrigins: []string{"null"}}, `allowed origin "null": write scheme`},
	} {
		_, err := NewGuard(row.config)
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%+v: %v, want %q", row.config, err, row.want)
		}
	}
}

// A browser asks before it sends a page's request, with every method that AWS's services have.
func TestPreflight(t *testing.T) {
	reached := errors.New("not reached")
	wrapped := newTestGuard(t).Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		reached = nil
		w.WriteHeader(http.StatusTeapot)
	}))
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE"} {
		r := request("localhost", "Origin: http://localhost:3000", "Access-Control-Request-Method: "+method,
			"Access-Control-Request-Headers: authorization,x-amz-date", "Access-Control-Request-Private-Network: true")
		r.Method = http.MethodOptions
		w := httptest.NewRecorder()
		wrapped.ServeHTTP(w, r)
		h := w.Header()
		if w.Code != http.StatusNoContent || reached == nil || h.Get("Vary") != "Origin" ||
			h.Get("Access-Control-Allow-Origin") != "http://localhost:3000" ||
			h.Get("Access-Control-Allow-Headers") != "authorization,x-amz-date" ||
			h.Get("Access-Control-Allow-Private-Network") != "true" {
			t.Errorf("%s: %d %v", method, w.Code, h)
		}
		allowed := strings.Split(h.Get("Access-Control-Allow-Methods"), ", ")
		if !slices.Contains(allowed, method) {
			t.Errorf("%s is not among %q", method, allowed)
		}
	}
	// The request itself is passed on, and its answer may be read.
	w := httptest.NewRecorder()
	wrapped.ServeHTTP(w, request("localhost", "Origin: http://localhost:3000"))
	if reached != nil || w.Code != http.StatusTeapot || w.Header().Get("Access-Control-Allow-Origin") == "" ||
		!strings.Contains(w.Header().Get("Access-Control-Expose-Headers"), "ETag") {
		t.Errorf("%v, %d %v", reached, w.Code, w.Header())
	}
}

// The guard answers for Postern's own paths; AWS's it passes on, for the pipeline to refuse in the service's shape.
func TestRefusalsOfPaths(t *testing.T) {
	wrapped := newTestGuard(t).Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
	}))
	for path, want := range map[string]int{
		HealthPath: http.StatusForbidden, ResetPath: http.StatusForbidden, "/_postern/": http.StatusForbidden,
		"/": http.StatusTeapot, "/bucket/_postern/": http.StatusTeapot,
	} {
		r := request("localhost", "Origin: https://evil.example")
		r.URL.Path = path
		w := httptest.NewRecorder()
		wrapped.ServeHTTP(w, r)
		if w.Code != want || w.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %d %v, want %d", path, w.Code, w.Header(), want)
		}
	}
}
