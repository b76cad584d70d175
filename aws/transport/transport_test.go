package transport_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"postern/aws/transport"
)

// closed counts how often the caller's body was closed.
type closed struct {
	io.Reader
	times int
}

func (c *closed) Close() error { c.times++; return nil }

func TestBodyIsSentWhole(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		_, _ = w.Write(body)
	}))
	defer server.Close()
	client := transport.Client(server.Client())
	defer client.CloseIdleConnections()
	for _, text := range []string{"", "x", strings.Repeat("long ", 10_000)} {
		body := &closed{Reader: strings.NewReader(text)}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, body)
		if err != nil {
			t.Fatal(err)
		}
		r.ContentLength = int64(len(text))
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(answer.Body)
		if string(got) != text || err != nil || body.times == 0 {
			t.Errorf("%d bytes came back as %d, %v; closed %d times", len(text), len(got), err, body.times)
		}
		answer.Body.Close()
	}
}
