package api

import (
	"context"
	"net/http"
	"strings"
)

// stream hands the connection to an operation that speaks HTTP itself.
func (x *exchange) stream(ctx context.Context) error {
	if err := x.authorise(ctx, x.r); err != nil {
		return err
	}
	x.call.standing = x.standing()
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

// standing asks the same questions again, of the caller and the policies as they are by then. It copies what it keeps,
// so that a stream that stays open does not hold its request in memory. A key that has expired since is still good
// here: the stream began in its time.
func (x *exchange) standing() func(context.Context) error {
	if x.signature == nil || x.op.Auth != Signed {
		return nil
	}
	h, op, service := x.h, x.op, x.service
	key, token := strings.Clone(x.signature.AccessKey), strings.Clone(x.signature.Token)
	agent := strings.Clone(x.r.UserAgent())
	as := *x.call
	as.Host, as.Region, as.SourceIP, as.path, as.allow = "", strings.Clone(as.Region), strings.Clone(as.SourceIP), nil, nil
	as.query = ""
	as.header = func(name string) string {
		if name == "User-Agent" {
			return agent
		}
		return ""
	}
	about := x.agreed.resources()
	return func(ctx context.Context) error {
		found, err := h.identities.AccessKey(ctx, key, token)
		if err != nil {
			return err
		}
		call := as
		call.Time, call.Caller = h.now(), callerOf(key, found)
		again := &exchange{h: h, op: op, service: service, call: &call, own: found.Policies}
		for _, resource := range about {
			if err := again.ask(ctx, Question{Call: &call, Action: op.Action, Resource: resource}, nil); err != nil {
				return err
			}
		}
		return nil
	}
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
