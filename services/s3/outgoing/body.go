package outgoing

import (
	"io"
	"net/url"
	"strings"
	"sync/atomic"
)

// Body is a request's body on its way, of which is known whether it was read from. It must have a ReadCloser.
type Body struct {
	io.ReadCloser
	read   atomic.Bool
	thrown atomic.Pointer[any] // what a Read panicked with
}

// Read implements io.Reader. It is called on a goroutine of the client's, which must not panic.
func (b *Body) Read(p []byte) (n int, err error) {
	b.read.Store(true)
	defer func() {
		if thrown := recover(); thrown != nil {
			b.thrown.Store(&thrown)
			n, err = 0, io.ErrUnexpectedEOF
		}
	}()
	return b.ReadCloser.Read(p)
}

// Close leaves the body open: it may be sent again.
func (b *Body) Close() error { return nil }

// Touched reports whether anything was read.
func (b *Body) Touched() bool { return b.read.Load() }

// Rethrow panics with what a Read has panicked with. It is for the goroutine that asked for the request.
func (b *Body) Rethrow() {
	if thrown := b.thrown.Load(); thrown != nil {
		panic(*thrown)
	}
}

// Escape escapes a path for a URL, a signature and a header, where "+" would be taken for a space.
func Escape(path string) string {
	return strings.ReplaceAll(strings.ReplaceAll(url.QueryEscape(path), "+", "%20"), "%2F", "/")
}
