package api_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/api"
	"postern/aws/sigv4"
)

// unread is a body that nobody may read.
type unread struct{ t *testing.T }

func (b unread) Read([]byte) (int, error) {
	b.t.Error("the body was read")
	return 0, io.ErrUnexpectedEOF
}

func (unread) Close() error { return nil }

// What a request's headers show is judged before its body is read: a stranger's body costs nothing.
func TestBodiesOfStrangersAreNotRead(t *testing.T) {
	bare := func(q request) request { q.unsigned = true; return q }
	by := func(q request, key sigv4.Credentials) request { q.key = key; return q }
	late := cancel
	late.scope.Time = now.Add(-time.Hour)
	local := bare(cancel)
	local.host = "127.0.0.1:4566"
	unknown := bare(cancel)
	unknown.target = "AmazonSSM.Explode"
	nobody := by(cancel, sigv4.Credentials{AccessKey: "AKIANOBODY", Secret: "x"})
	for name, q := range map[string]request{
		"json unsigned": bare(cancel), "json unsigned to an address": local, "json unsigned, unknown operation": unknown,
		"json by a key that is not known": nobody, "json signed an hour ago": late,
		"rest unsigned":                     bare(channel),
		"a node's operation by no node":     by(token, sigv4.Credentials{AccessKey: "mi-2", Secret: "x"}),
		"a form by a key that is not known": by(create, nobody.key),
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			req := q.build(t)
			req.Body = unread{t}
			w := httptest.NewRecorder()
			r.ServeHTTP(w, req)
			if w.Code/100 != 4 || r.calls != 0 || w.Header().Get("Connection") != "close" {
				t.Errorf("%d %s, Connection %q", w.Code, w.Body, w.Header().Get("Connection"))
			}
		})
	}
	// The action of a form stands in its body; a large one is not read without a signature.
	for _, q := range []request{bare(create), bare(role), bare(identity)} {
		for _, host := range []string{q.host, "localhost:4566"} {
			q.host, q.body = host, strings.Repeat("x", 40<<10)
			r := newRig(t)
			req := q.build(t)
			req.Body = unread{t}
			w := httptest.NewRecorder()
			r.ServeHTTP(w, req)
			if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "Request is missing Authentication Token") {
				t.Errorf("%s: %d %s", host, w.Code, w.Body)
			}
		}
	}
	r := newRig(t)
	large := register
	large.body = strings.Repeat("x", 40<<10)
	if status, got := r.do(t, large); status != http.StatusRequestEntityTooLarge && r.calls == 0 {
		t.Errorf("a large registration: %d %s", status, got)
	}
}

// slowBody gives what it has, says so, and then waits.
type slowBody struct {
	io.Reader
	read, more chan struct{}
	once       sync.Once
}

func (b *slowBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF {
		b.once.Do(func() { close(b.read) })
		<-b.more
	}
	return n, err
}

func (*slowBody) Close() error { return nil }

// TestBodiesInFlightAreBounded holds bodies open, until one more is too many, and lets them go again.
func TestBodiesInFlightAreBounded(t *testing.T) {
	const each = 4 << 10
	r := newRig(t)
	handler, err := api.New(api.Config{
		Services: r.services(), Region: "us-east-1", Identities: r, Guards: r, Now: r.clock, BodyMemory: 10 * each,
	})
	if err != nil {
		t.Fatal(err)
	}
	var waiting sync.WaitGroup
	more := make(chan struct{})
	ask := func(q request, from string, hold bool) *httptest.ResponseRecorder {
		q.body += strings.Repeat(" ", each-len(q.body))
		req := q.build(t)
		req.RemoteAddr = from + ":40000"
		w := httptest.NewRecorder()
		if !hold {
			handler.ServeHTTP(w, req)
			return w
		}
		slow := &slowBody{Reader: req.Body, read: make(chan struct{}), more: more}
		req.Body = slow
		waiting.Go(func() { handler.ServeHTTP(w, req) })
		<-slow.read
		return w
	}
	want := func(name string, w *httptest.ResponseRecorder, status int, code string) {
		t.Helper()
		if w.Code != status || !strings.Contains(w.Body.String(), code) {
			t.Errorf("%s: %d %s, want %d %s", name, w.Code, w.Body, status, code)
		}
	}
	spaced := func(q request) request { q.body += "&Description="; return q }
	var held []*httptest.ResponseRecorder
	for _, from := range []string{"192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.2"} {
		held = append(held, ask(cancel, from, true))
	}
	want("a third of one peer", ask(cancel, "192.0.2.1", false), 400, "ThrottlingException")
	want("a form of that peer", ask(spaced(create), "192.0.2.1", false), 503, "RequestLimitExceeded")
	for _, from := range []string{"192.0.2.3", "192.0.2.3", "192.0.2.4", "192.0.2.4", "192.0.2.5", "192.0.2.5"} {
		held = append(held, ask(cancel, from, true))
	}
	want("json over all", ask(cancel, "192.0.2.6", false), 503, "ServiceUnavailableException")
	want("ec2 over all", ask(spaced(create), "192.0.2.6", false), 503, "<Code>Unavailable</Code>")
	want("iam over all", ask(spaced(role), "192.0.2.6", false), 503, "<Code>ServiceUnavailable</Code>")
	want("rest over all", ask(channel, "192.0.2.6", false), 503, "ServiceUnavailableException")
	close(more)
	waiting.Wait()
	for _, w := range held {
		want("one that waited", w, 200, "{}")
	}
	want("afterwards", ask(cancel, "192.0.2.1", false), 200, "{}")
}
