package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"sync"
)

// turn is one server of a lab, with the requests that it works on.
type turn struct {
	*Server
	handler http.Handler
	ctx     context.Context
	cancel  context.CancelFunc

	mu       sync.Mutex // guards ended against requests that come
	ended    bool
	requests sync.WaitGroup
}

// enter counts a request among those that the server works on, unless it has ended.
func (t *turn) enter() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return false
	}
	t.requests.Add(1)
	return true
}

func (t *turn) leave() { t.requests.Done() }

// end ends a server and the requests that it works on.
func (t *turn) end() error {
	t.mu.Lock()
	t.ended = true
	t.mu.Unlock()
	t.cancel()
	err := t.Close()
	t.requests.Wait()
	return err
}

// visit is one request to a lab. While its body is awaited and its answer sent, it is at no server: a client that is slow
// keeps nobody from emptying the lab. Where that happens before the body is whole, the request begins anew at the next
// server: it was not judged yet, and what was read of its body is kept till then.
type visit struct {
	request *http.Request
	body    io.ReadCloser
	read    []byte // of the body
	ended   error  // how the body ended, if it has
}

func newVisit(r *http.Request) *visit { return &visit{request: r, body: r.Body} }

// errTurnOver aborts a request, as http.ErrAbortHandler does: nothing is answered or recorded.
var errTurnOver = fmt.Errorf("the lab was emptied: %w", http.ErrAbortHandler)

// at serves the request at a server that it has entered, and reports false if that has ended meanwhile.
func (v *visit) at(t *turn, w http.ResponseWriter) (served bool) {
	here := true
	defer func() {
		if here {
			t.leave()
		}
		if p := recover(); p != nil {
			if err, ok := p.(error); !ok || !errors.Is(err, errTurnOver) {
				panic(p)
			}
			served = false
		}
	}()
	ctx, cancel := context.WithCancel(v.request.Context())
	defer cancel()
	defer context.AfterFunc(t.ctx, cancel)()
	r := v.request.WithContext(ctx)
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = &visitBody{v: v, t: t, here: &here}
	}
	a := &answer{to: w, header: w.Header().Clone()}
	t.handler.ServeHTTP(a, r)
	here = false
	t.leave()
	a.send()
	return true
}

// visitBody is the body as one server reads it.
type visitBody struct {
	v    *visit
	t    *turn
	here *bool
	next int // of what was read
}

// Read implements io.Reader. It leaves the server while it waits for the client.
func (b *visitBody) Read(p []byte) (int, error) {
	v := b.v
	if b.next < len(v.read) {
		n := copy(p, v.read[b.next:])
		b.next += n
		return n, nil
	}
	if v.ended != nil {
		return 0, v.ended
	}
	*b.here = false
	b.t.leave()
	n, err := v.body.Read(p)
	v.read, v.ended = append(v.read, p[:n]...), err
	b.next += n
	if !b.t.enter() {
		panic(errTurnOver)
	}
	*b.here = true
	if err != nil {
		v.read = nil // nothing is awaited any more
	}
	return n, err
}

// Close implements io.Closer. The client's own body is net/http's to close.
func (b *visitBody) Close() error { return nil }

// answer keeps an answer until its server is left. A connection that becomes a WebSocket is the handler's at once: it is
// cut when the server ends.
type answer struct {
	to     http.ResponseWriter
	header http.Header
	status int
	body   bytes.Buffer
}

// Unwrap lets http.ResponseController and WebSocket libraries reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.to }

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status != 0 {
		return
	}
	a.status = status
	if status == http.StatusSwitchingProtocols {
		a.begin()
	}
}

func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

func (a *answer) begin() {
	maps.Copy(a.to.Header(), a.header)
	a.to.WriteHeader(a.status)
}

func (a *answer) send() {
	if a.status == 0 || a.status == http.StatusSwitchingProtocols {
		return
	}
	a.begin()
	_, _ = a.to.Write(a.body.Bytes()) // an error is the client's leaving
}
