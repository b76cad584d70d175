package api

import (
	"errors"
	"io"
	"slices"

	"postern/aws/fault"
)

// readBody reads the body, whichever way its length is told, up to the service's limit.
func (x *exchange) readBody() error {
	limit := x.service.BodyLimit
	if x.r.ContentLength > limit {
		return x.tooLarge(limit)
	}
	for x.r.Body != nil {
		if len(x.body) == cap(x.body) {
			x.body = slices.Grow(x.body, 512)
		}
		n, err := x.r.Body.Read(x.body[len(x.body):cap(x.body)])
		x.body = x.body[:len(x.body)+n]
		if int64(len(x.body)) > limit {
			return x.tooLarge(limit)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fault.New(fault.Invalid, "api.readBody", "the body could not be read: %w", err).WithCode("IncompleteBody")
		}
	}
	return nil
}

func (x *exchange) tooLarge(limit int64) error {
	x.w.Header().Set("Connection", "close") // what is left of the body is not read
	return fault.New(fault.TooLarge, "api.readBody", "the request body is larger than %d bytes", limit)
}
