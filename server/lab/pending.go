package lab

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

// pending is one request to a lab. While its body is awaited and its answer sent, it is in no generation: a client that
// is slow keeps nobody from emptying the lab. Where that happens before the body is whole, the request begins anew in
// the next generation: it was not judged yet, and what was read of its body is kept till then.
type pending struct {
	request *http.Request
	body    io.ReadCloser
	read    []byte // of the body
	dropped bool   // read is not all of it: there was too much to keep
	ended   error  // how the body ended, if it has
}

// maxKept is how much of a body, and of an answer, is kept, in bytes. What is longer is an object on its way: where the
// lab is emptied meanwhile, the connection is cut.
const maxKept = 4 << 20

func newPending(r *http.Request) *pending { return &pending{request: r, body: r.Body} }

// errGenerationOver aborts a request, as http.ErrAbortHandler does: nothing is answered or recorded.
var errGenerationOver = fmt.Errorf("the lab was emptied: %w", http.ErrAbortHandler)

// serve serves the request in a generation that it has entered, and reports false if that has ended meanwhile.
func (p *pending) serve(g *generation, w http.ResponseWriter) (served bool) {
	v := &visit{g: g, here: true}
	defer func() {
		v.end()
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
		r.Body = &pendingBody{p: p, visit: v}
	}
	a := &answer{to: w, header: w.Header().Clone(), visit: v}
	g.handler.ServeHTTP(a, r)
	if !v.enter() {
		panic(http.ErrAbortHandler) // the generation ended while a client took a long answer
	}
	v.end()
	a.send()
	return true
}

// visit is a request's stay in a generation. A body may be read beside the handler.
type visit struct {
	g *generation

	mu   sync.Mutex
	here bool
	over bool // it does not come back
}

// leave leaves the generation while a client is waited for.
func (v *visit) leave() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.here {
		v.here = false
		v.g.leave()
	}
}

// enter comes back to the generation, unless that or the stay has ended.
func (v *visit) enter() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.here && !v.over {
		v.here = v.g.enter()
	}
	return v.here
}

// end ends the stay.
func (v *visit) end() {
	v.leave()
	v.mu.Lock()
	defer v.mu.Unlock()
	v.over = true
}

// pendingBody is the body as one generation reads it.
type pendingBody struct {
	p *pending
	*visit
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
	b.leave()
	n, err := p.body.Read(to)
	if p.ended = err; len(p.read)+n > maxKept {
		p.read, p.dropped = nil, true
	}
	if !p.dropped {
		p.read = append(p.read, to[:n]...)
	}
	b.next += n
	switch entered := b.enter(); {
	case !entered && p.dropped:
		panic(http.ErrAbortHandler)
	case !entered:
		panic(errGenerationOver)
	}
	if err != nil {
		p.read = nil // nothing is awaited any more
	}
	return n, err
}

// Close implements io.Closer. The client's own body is net/http's to close.
func (b *pendingBody) Close() error { return nil }

// answer keeps an answer until its generation is left, or until it is too long to be kept: then the generation is left
// while the client takes it. A connection that becomes a WebSocket is the handler's at once: it is cut when the server
// ends.
type answer struct {
	to     http.ResponseWriter
	header http.Header
	status int
	body   bytes.Buffer
	*visit
	begun bool // to has the status
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
	if !a.begun && a.body.Len()+len(p) <= maxKept {
		return a.body.Write(p)
	}
	a.leave()
	if !a.begun {
		a.begin()
		_, _ = a.to.Write(a.body.Bytes()) // a client that is gone takes the rest no more either
		a.body = bytes.Buffer{}
	}
	n, err := a.to.Write(p)
	if !a.enter() {
		panic(http.ErrAbortHandler)
	}
	return n, err
}

func (a *answer) begin() {
	a.begun = true
	maps.Copy(a.to.Header(), a.header)
	a.to.WriteHeader(a.status)
}

func (a *answer) send() {
	if a.status == 0 || a.begun {
		return
	}
	a.begin()
	_, _ = a.to.Write(a.body.Bytes()) // an error is the client's leaving
}
