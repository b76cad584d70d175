package api

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"

	"postern/aws/fault"
)

// DefaultBodyMemory is how many bytes of request bodies are in memory at once, where Config says nothing: 64 of the
// largest.
const DefaultBodyMemory = 64 << 20

// unsignedLimit is the largest body, in bytes, that is read of a request without a signature: a managed instance's
// registration has 2 KiB, the token of a federated login 20,000 characters.
const unsignedLimit = 32 << 10

// bodies bounds what all requests together, and those of one peer, hold of their bodies. A request holds its part until
// it is answered.
type bodies struct {
	limit int64

	mu     sync.Mutex
	held   int64
	byPeer map[string]int64
}

func newBodies(limit int64) *bodies {
	if limit <= 0 {
		limit = DefaultBodyMemory
	}
	return &bodies{limit: limit, byPeer: map[string]int64{}}
}

// take notes n bytes more of a peer's. It refuses what is over the bound: a peer has a quarter of it, so that none
// keeps all others out.
func (b *bodies) take(peer string, n int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.held+n > b.limit:
		return fault.New(fault.Unavailable, "api.readBody",
			"The bodies of all requests under way are larger than %d bytes together. Try again.", b.limit)
	case b.byPeer[peer]+n > b.limit/4:
		return fault.New(fault.Throttled, "api.readBody",
			"The bodies of your requests under way are larger than %d bytes together. "+
				"Try again when others are answered.", b.limit/4)
	}
	b.held += n
	b.byPeer[peer] += n
	return nil
}

func (b *bodies) give(peer string, n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held -= n
	if b.byPeer[peer] -= n; b.byPeer[peer] == 0 {
		delete(b.byPeer, peer)
	}
}

// buffers hold bodies of requests, and answers those of answers. What is decoded from a body is copied, so a buffer is
// free once that is done. Larger ones are left to the collector. A page of a thousand things is an answer of more than
// a megabyte, and costs five times as much to grow; a request waits for whoever sends it, and should hold little then.
var (
	buffers = sync.Pool{New: func() any { return new([]byte) }}
	answers = sync.Pool{New: func() any { return new([]byte) }}
)

const (
	keepBuffer = 64 << 10
	keepAnswer = 4 << 20
)

// body holds the part of a request's body that was read.
type body struct {
	bytes []byte
	// ended says that all of it was read.
	ended bool
	// It is counted for peer, an interface of the private network or an address, with held bytes.
	peer   string
	held   int64
	buffer *[]byte
	// stream is the body of an operation that reads it as it comes.
	stream io.Reader
}

// bodyLimit is the largest body that is read of this request, and what is said of a larger one.
func (x *exchange) bodyLimit() (limit int64, refusal error) {
	limit = first(x.service.BodyLimit, DefaultBodyLimit)
	if x.takesStream() {
		limit = first(x.service.StreamLimit, limit)
	} else if x.signature == nil {
		limit = min(limit, unsignedLimit)
	}
	if x.signature == nil && !x.mayBeUnsigned() {
		return limit, x.signatureErr
	}
	return limit, fault.New(fault.TooLarge, "api.readBody", "the request body is larger than %d bytes", limit)
}

// readBody reads the body, whichever way its length is told, up to the limit.
func (x *exchange) readBody() error {
	limit, tooLarge := x.bodyLimit()
	if x.r.ContentLength > limit {
		return tooLarge
	}
	b := &x.body
	if b.buffer == nil && !b.ended {
		b.buffer = buffers.Get().(*[]byte)
		b.bytes, b.peer = (*b.buffer)[:0], first(x.call.Origin.Interface, x.call.SourceIP)
	}
	for x.r.Body != nil && x.r.Body != http.NoBody {
		if len(b.bytes) == cap(b.bytes) {
			b.bytes = slices.Grow(b.bytes, 512)
		}
		n, err := x.r.Body.Read(b.bytes[len(b.bytes):cap(b.bytes)])
		b.bytes = b.bytes[:len(b.bytes)+n]
		if int64(len(b.bytes)) > limit {
			return tooLarge
		}
		if n > 0 {
			if err := x.h.bodies.take(b.peer, int64(n)); err != nil {
				return err
			}
			b.held += int64(n)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fault.New(fault.Invalid, "api.readBody", "the body could not be read: %w", err).WithCode("IncompleteBody")
		}
	}
	b.ended = true
	return nil
}

// freeBody gives the buffer back, once the body is decoded or nobody will look at it: a request may wait for long
// after.
func (x *exchange) freeBody() {
	b := &x.body
	if b.buffer == nil {
		return
	}
	if cap(b.bytes) <= keepBuffer {
		*b.buffer = b.bytes[:0]
	}
	buffers.Put(b.buffer)
	b.buffer, b.bytes = nil, nil
}

// endBody gives back all that the request holds.
func (x *exchange) endBody() {
	x.freeBody()
	x.h.bodies.give(x.body.peer, x.body.held)
	x.body.held = 0
}
