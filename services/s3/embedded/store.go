package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"postern/aws/fault"
	"postern/aws/sigv4"
	"postern/services/s3/embedded/key"
	"postern/services/s3/outgoing"
)

// Config says where a Store keeps objects.
type Config struct {
	// Dir is a directory of the store's own. It is made when it is first needed.
	Dir string
	// Program is the path of postern-s3.
	Program string
	// Log is told of a process that ended by itself.
	Log *slog.Logger
	// Now is the clock of this host, by which the process takes requests; nil is time.Now.
	Now func() time.Time
}

// Store is an S3 service of this host. It implements s3.Upstream, and starts its process when it is first used.
type Store struct {
	config Config

	mu      sync.Mutex
	current *process // the last one that was started, or nil
	closed  bool
}

// New makes a Store. Nothing is started and nothing written.
func New(c Config) *Store {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Store{config: c}
}

// Do implements s3.Upstream.
func (s *Store) Do(req *http.Request) (*http.Response, error) {
	for attempt := 0; ; attempt++ {
		p, err := s.process(req.Context())
		if err != nil {
			return nil, err
		}
		body := &outgoing.Body{ReadCloser: req.Body}
		answer, err := p.do(req, body, s.config.Now())
		body.Rethrow()
		switch {
		case err == nil || !errors.Is(err, errBroken):
			return answer, err
		case req.Context().Err() != nil:
			return nil, req.Context().Err()
		case attempt < maxAttempts && repeatable(req, body, err):
			s.replace(p)
			continue
		}
		return nil, fault.New(fault.Unavailable, "s3",
			"the object store stopped before it answered; try again (%w)", err).WithCode("ServiceUnavailable")
	}
}

// maxAttempts is how often a request that can have changed nothing is sent again to a process that died.
const maxAttempts = 2

// repeatable reports whether a request on which the connection broke has changed nothing, and can be sent again.
func repeatable(req *http.Request, body *outgoing.Body, err error) bool {
	var dial *net.OpError
	switch {
	case body.Touched():
		return false
	case errors.As(err, &dial) && dial.Op == "dial", req.Method == http.MethodGet, req.Method == http.MethodHead:
		return true
	}
	return req.ContentLength > 0 // without its body it was not done
}

// replace ends a process that does not answer, so that the next request starts another one.
func (s *Store) replace(p *process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == p {
		s.dropLocked()
	}
}

// dropLocked ends the process that there is.
func (s *Store) dropLocked() {
	s.config.Log.Warn("the object store's process has ended; the next request starts another", "error", s.current.why())
	s.current.close()
	s.current = nil
}

// process returns the process that runs, and starts one where there is none.
func (s *Store) process(ctx context.Context) (*process, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, fault.New(fault.Unavailable, "s3", "the server is stopping")
	}
	if s.current != nil && !s.current.ended() {
		return s.current, nil
	}
	if s.current != nil {
		s.dropLocked()
	}
	if err := os.MkdirAll(s.config.Dir, 0o700); err != nil {
		return nil, fault.New(fault.Unavailable, "s3", "make the directory for objects: %w", err)
	}
	p, err := start(context.WithoutCancel(ctx), s.config.Dir, s.config.Program)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "s3", "start the object store: %w", err).WithCode("ServiceUnavailable")
	}
	s.current = p
	return p, nil
}

// Close ends the process, and waits for it.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.current != nil {
		s.current.close()
		s.current = nil
	}
	return nil
}

// prepare makes the request that the process gets of one of package s3: with encoded keys, and signed.
func prepare(
	req *http.Request, body io.ReadCloser, with sigv4.Credentials, now time.Time,
) (*http.Request, error) {
	out := req.Clone(req.Context())
	bucket, object, _ := strings.Cut(strings.TrimPrefix(req.URL.Path, "/"), "/")
	out.URL = &url.URL{Scheme: "http", Host: SocketName, Path: "/" + bucket, RawQuery: req.URL.RawQuery}
	if object != "" {
		if !utf8.ValidString(object) {
			return nil, fault.New(fault.Invalid, "s3", "Could not parse the specified URI.").WithCode("InvalidURI")
		}
		path := key.Encode(object)
		out.URL.Path += "/" + path
		out.URL.RawPath = "/" + bucket + "/" + outgoing.Escape(path)
	}
	out.Host, out.RequestURI = SocketName, ""
	if err := outgoing.SetCopySource(out.Header, func(bucket, object string) string {
		return bucket + "/" + key.Encode(object)
	}); err != nil {
		return nil, err
	}
	out.Trailer = req.Trailer // its values come when the body has ended
	if out.Body = body; req.Body == nil || out.ContentLength == 0 {
		out.Body = http.NoBody
	}
	out.GetBody = nil
	return out, outgoing.Prepare(out, with, Region, now)
}

// errBroken says that the connection to the process broke.
var errBroken = errors.New("the connection broke")

// broken wraps what went wrong with a connection.
func broken(err error) error { return fmt.Errorf("%w: %w", errBroken, err) }
