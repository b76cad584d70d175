package front

import (
	"errors"
	"io"
	"net/http"
	"time"
)

const (
	// bodyTime is how long a request's body may take, and each further bodyPart of it: 35 KB/s.
	bodyTime = 30 * time.Second
	bodyPart = 1 << 20
	// answerTime is how long a client may take to let a part of an answer through, which is often all of it.
	answerTime = 30 * time.Second
	// drainTime is for what a client still sends of a body that nobody wants, while it reads why.
	drainTime = time.Second
)

// timed gives every request's body its time, and every part of its answer. The server's own ReadTimeout and
// WriteTimeout would end requests that work for long, too.
func timed(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		w = &timedWriter{w, c}
		if r.Body == http.NoBody {
			handler.ServeHTTP(w, r)
			return
		}
		// A failure means that the connection is gone, as reading will tell.
		_ = c.SetReadDeadline(time.Now().Add(bodyTime))
		// In a copy: by its own body net/http sees that a client has not sent all of it, and does not cut the client off
		// before it has read the answer.
		r = r.WithContext(r.Context())
		body := &timedBody{ReadCloser: r.Body, connection: c}
		r.Body = body
		handler.ServeHTTP(w, r)
		if !body.ended {
			// What the handler has left net/http reads, before the answer or after it.
			_ = c.SetReadDeadline(time.Now().Add(drainTime))
		}
	})
}

// timedBody moves the deadline as parts of the body come, and lifts it at the end.
type timedBody struct {
	io.ReadCloser
	connection *http.ResponseController
	part       int // bytes since the deadline was set
	ended      bool
}

// Read implements io.Reader.
func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.part += n; b.part >= bodyPart {
		b.part = 0
		_ = b.connection.SetReadDeadline(time.Now().Add(bodyTime))
	}
	if errors.Is(err, io.EOF) {
		b.ended = true
		_ = b.connection.SetReadDeadline(time.Time{})
	}
	return n, err
}

// timedWriter sets a deadline for each part of an answer. The last one holds for what net/http still has to send.
type timedWriter struct {
	http.ResponseWriter
	connection *http.ResponseController
}

// Unwrap lets http.ResponseController and WebSocket libraries reach the connection, which has no deadline once it is
// theirs.
func (w *timedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (w *timedWriter) WriteHeader(status int) {
	_ = w.connection.SetWriteDeadline(time.Now().Add(answerTime))
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *timedWriter) Write(b []byte) (int, error) {
	_ = w.connection.SetWriteDeadline(time.Now().Add(answerTime))
	return w.ResponseWriter.Write(b)
}
