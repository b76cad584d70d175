// Package transport lets aws-sdk-go-v2 speak to a server that answers at once.
//
// The SDK closes a request's body as soon as an answer begins. net/http may still be about to look for the body's end
// then, takes the closed body for a failure and cuts the connection, in the middle of the answer (smithy-go 1.28). On a
// network nobody sees it; on one host it happens to one call in a hundred.
package transport

import (
	"bytes"
	"io"
	"net/http"
)

// Client returns a copy of an HTTP client whose calls are not cut off.
func Client(c *http.Client) *http.Client {
	steady := *c
	if steady.Transport == nil {
		steady.Transport = http.DefaultTransport
	}
	steady.Transport = roundTripper{steady.Transport}
	return &steady
}

// roundTripper sends bodies that nobody but net/http closes.
type roundTripper struct{ base http.RoundTripper }

func (t roundTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return t.base.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if err := r.Body.Close(); err != nil {
		return nil, err
	}
	own := r.Clone(r.Context())
	own.Body = io.NopCloser(bytes.NewReader(body))
	return t.base.RoundTrip(own)
}

// CloseIdleConnections closes those of the transport beneath.
func (t roundTripper) CloseIdleConnections() {
	if base, ok := t.base.(interface{ CloseIdleConnections() }); ok {
		base.CloseIdleConnections()
	}
}
