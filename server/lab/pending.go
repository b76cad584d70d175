package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
)

// pending is one request to a lab. While its body is awaited and its answer sent, it is in no generation: a client that
// is slow keeps nobody from emptying the lab. Where that happens before the body is whole, the request begins anew in
// the next generation: it was not judged yet, and what was read of its body is kept till then.
type pending struct {
	request *http.Request
	body    io.ReadCloser
	read    []byte // of the body
	ended   error  // how the body ended, if it has
}

func newPending(r *http.Request) *pending { return &pending{request: r, body: r.Body} }

// errGenerationOver aborts a request, as http.ErrAbortHandler does: nothing is answered or recorded.
var errGenerationOver = fmt.Errorf("the lab was emptied: %w", http.ErrAbortHandler)

// serve serves the request in a generation that it has entered, and reports false if that has ended meanwhile.
func (p *pending) serve(g *generation, w http.ResponseWriter) (served bool) {
	here := true
	defer func() {
		if here {
			g.leave()
		}
		if thrown := recover(); thrown != nil {
			if err, ok := thrown.(error); !ok || !errors.Is(err, errGenerationOver) {
				panic(thrown)
			}
			served = false
		}
	}()
	ctx, cancel := context.WithCancel(p.request.Context())
	defer cancel()
	defer context.AfterFunc(g.ctx, cancel)()
	r := p.request.WithContext(ctx)
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = &pendingBody{p: p, g: g, here: &here}
	}
	a := &answer{to: w, header: w.Header().Clone()}
	g.handler.ServeHTTP(a, r)
	here = false
	g.leave()
	a.send()
	return true
}

// pendingBody is the body as one generation reads it.
type pendingBody struct {
	p    *pending
	g    *generation
	here *bool
	next int // of what was read
}

// Read implements io.Reader. It leaves the generation while it waits for the client.
func (b *pendingBody) Read(to []byte) (int, error) {
	p := b.p
	if b.next < len(p.read) {
		n := copy(to, p.read[b.next:])
		b.next += n
		return n, nil
	}
	if p.ended != nil {
		return 0, p.ended
	}
	*b.here = false
	b.g.leave()
	n, err := p.body.Read(to)
	p.read, p.ended = append(p.read, to[:n]...), err
	b.next += n
	if !b.g.enter() {
		panic(errGenerationOver)
	}
	*b.here = true
	if err != nil {
		p.read = nil // nothing is awaited any more
	}
	return n, err
}

// Close implements io.Closer. The client's own body is net/http's to close.
func (b *pendingBody) Close() error { return nil }

// answer keeps an answer until its generation is left. A connection that becomes a WebSocket is the handler's at once:
// it is cut when the server ends.
type answer struct {
	to     http.ResponseWriter
	header http.Header
	status int
	body   bytes.Buffer
}

// Unwrap lets http.ResponseController and WebSocket libraries reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.to }

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if a.status != 0 {
		return
	}
	a.status = status
	if status == http.StatusSwitchingProtocols {
		a.begin()
	}
}

// Write implements http.ResponseWriter.
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
