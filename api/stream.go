package api

import (
	"context"
	"net/http"
)

// stream hands the connection to an operation that speaks HTTP itself.
func (x *exchange) stream(ctx context.Context) error {
	if err := x.authorise(ctx, x.r); err != nil {
		return err
	}
	x.w.Header().Set("X-Amzn-Requestid", x.call.RequestID)
	seen := &statusWriter{ResponseWriter: x.w}
	err := x.op.stream(seen, x.r, x.call)
	x.record.Status = seen.status
	if seen.status == 0 && err == nil {
		x.record.Status = http.StatusOK
	}
	if seen.status != 0 {
		x.written = true
	}
	return err
}

// statusWriter remembers what status a stream's handler wrote.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// Unwrap lets http.ResponseController and WebSocket libraries reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}
