package api

import (
	"errors"
	"io"
	"net/http"
	"strconv"

	"postern/aws/fault"
	"postern/aws/wire"
)

// takesStream reports whether the operation reads the body as it comes. What a managed node signs is read before.
func (x *exchange) takesStream() bool {
	return x.op != nil && x.op.codec != nil && !x.byNode() && x.service.Protocol.Binds() && x.op.codec.TakesStream()
}

// openBody makes the body a stream that ends with an error at the limit.
func (x *exchange) openBody() {
	limit, tooLarge := x.bodyLimit()
	src := io.Reader(http.NoBody)
	if x.r.Body != nil {
		src = x.r.Body
	}
	x.body.stream = &boundedReader{src: src, left: limit, tooLarge: tooLarge, ended: &x.body.ended}
}

// boundedReader reads up to a limit.
type boundedReader struct {
	src      io.Reader
	left     int64
	tooLarge error
	ended    *bool
}

// Read implements io.Reader.
func (b *boundedReader) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, b.tooLarge
	}
	n, err := b.src.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, b.tooLarge
	}
	switch {
	case errors.Is(err, io.EOF):
		*b.ended = true
	case err != nil:
		err = fault.New(fault.Invalid, "api.readBody", "the body could not be read: %w", err).WithCode("IncompleteBody")
	}
	return n, err
}

// asked returns what patterns are compared with.
func (x *exchange) asked() *wire.Message {
	path := x.r.URL.EscapedPath()
	if x.call.VirtualHost != "" {
		path = "/" + x.call.VirtualHost + path
	}
	return &wire.Message{Method: x.r.Method, Path: path, Query: x.r.URL.RawQuery, Header: x.r.Header}
}

// message is the request as the codec of a REST protocol reads it.
func (x *exchange) message() *wire.Message {
	m := x.asked()
	m.Body = x.body.bytes
	if x.body.stream != nil {
		m.Stream = io.NopCloser(x.body.stream)
	}
	return m
}

// answer writes what an operation of a REST protocol answers. A stream that breaks off breaks the connection off.
func (x *exchange) answer(out any) error {
	m, err := x.op.codec.EncodeAnswer(out)
	if err != nil {
		return fault.New(fault.Internal, "api.answer", "encode: %w", err)
	}
	if x.call.status != 0 {
		m.Status = x.call.status
	}
	header := x.w.Header()
	for name, values := range m.Header {
		header[name] = values
	}
	x.identifyAnswer()
	if m.Stream == nil && !x.bodiless(m.Status) {
		header.Set("Content-Length", strconv.Itoa(len(m.Body)))
	}
	if !x.body.ended && x.r.ContentLength != 0 {
		header.Set("Connection", "close") // what is left of the body is not read
	}
	x.written, x.record.Status = true, m.Status
	x.w.WriteHeader(m.Status)
	if m.Stream == nil {
		// An error here is the client's leaving; the operation is done all the same.
		_, _ = x.w.Write(m.Body)
		return nil
	}
	defer m.Stream.Close()
	if _, err := io.Copy(x.w, m.Stream); err != nil {
		x.broken = true
		return fault.New(fault.Unavailable, "api.answer", "the answer ended before its end: %w", err)
	}
	return nil
}
