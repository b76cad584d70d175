package s3

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"postern/aws/consent"
	"postern/aws/fault"
	"postern/record"
)

// An Upstream keeps objects. It speaks S3, path style, and does not ask who the caller is.
type Upstream interface {
	// Do sends a request whose path is "/BUCKET" or "/BUCKET/KEY" and whose query and headers are S3's, without a
	// signature. The answer's body has to be closed. An error is one of kind Unavailable, or the request body's.
	Do(req *http.Request) (*http.Response, error)
}

// Config says what a Service is made of. Store and Upstream must be set.
type Config struct {
	Store    record.Store
	Upstream Upstream
	// TempDir is where files are kept while they are uploaded by forms; empty is the system's.
	TempDir string
	// Now is the clock of buckets and of what expires; nil is time.Now.
	Now func() time.Time
}

// Service keeps buckets. It is safe for concurrent use.
type Service struct {
	replica  *record.Replica
	upstream Upstream
	temp     string
	now      func() time.Time

	mu sync.Mutex
	// swept says which buckets were searched for what has expired: when, and by which rules.
	swept map[string]sweep
}

// Open reads what is stored.
func Open(ctx context.Context, c Config) (*Service, error) {
	s := &Service{upstream: c.Upstream, temp: c.TempDir, now: c.Now, swept: map[string]sweep{}}
	if s.now == nil {
		s.now = time.Now
	}
	var err error
	if s.replica, err = record.Open(ctx, c.Store, kinds, record.Hooks{}); err != nil {
		return nil, fmt.Errorf("load buckets: %w", err)
	}
	return s, nil
}

// TempFile makes a file of this host for bytes that are to become an object. It has no name, and is gone when it is
// closed, or the server ends.
func (s *Service) TempFile() (*os.File, error) {
	f, err := os.CreateTemp(s.temp, "postern-upload-")
	if err == nil {
		err = os.Remove(f.Name())
	}
	if err != nil {
		return nil, fault.New(fault.Unavailable, "s3", "keep an upload: %w", err)
	}
	return f, nil
}

// Refresh reads what other servers have changed in the store.
func (s *Service) Refresh(ctx context.Context) error {
	if err := s.replica.Refresh(ctx); err != nil {
		return fmt.Errorf("buckets: %w", err)
	}
	return nil
}

// Do sends one S3 request to where objects are kept. The path of its URL is as URL makes it; the request carries no
// signature, and a length where it has a body. A Trailer that is announced is sent behind the body, with the values
// that it has when the body has ended, as S3's trailing checksums are. The answer is the Upstream's, an error in S3's
// XML with its status. An error of Do says that there is no answer, with the kind Unavailable, or it is the body's.
func (s *Service) Do(req *http.Request) (*http.Response, error) {
	if answer := s.absent(req); answer != nil {
		return answer, nil
	}
	return s.upstream.Do(req)
}

// URL names a bucket, or with a key an object, in a request for Do.
func URL(bucket, key string, query url.Values) *url.URL {
	u := &url.URL{Scheme: "http", Host: "s3", Path: "/" + bucket, RawQuery: query.Encode()}
	if key != "" {
		u.Path += "/" + key
		u.RawPath = "/" + bucket + "/" + EscapeKey(key)
	}
	return u
}

// EscapeKey escapes a key for a path, in which its slashes stand as they are.
func EscapeKey(key string) string { return strings.ReplaceAll(url.PathEscape(key), "%2F", "/") }

// change plans a change of an account's buckets and commits it.
func (s *Service) change(ctx context.Context, account string, plan func(p *record.Plan) error) error {
	return consent.Retry(ctx, func() error {
		_, err := s.replica.Change(ctx, account, func(p *record.Plan) error {
			if err := plan(p); err != nil {
				return err
			}
			return consent.Check(ctx, func() []consent.Touch { return touched(p) })
		})
		return err
	})
}

// touched returns the ARNs of the buckets that a plan changes.
func touched(p *record.Plan) (all []consent.Touch) {
	for _, e := range p.Edits() {
		b, ok := e.New().(*stored)
		if !ok {
			b = e.Old().(*stored)
		}
		all = append(all, consent.Touch{Resource: ARN(b.Region, b.Name), Made: e.Old() == nil})
	}
	return all
}

// fail makes a fault with one of S3's codes.
func fail(kind fault.Kind, code, format string, args ...any) error {
	return fault.New(kind, "s3", format, args...).WithCode(code)
}

func noSuchBucket() error {
	return fail(fault.NotFound, "NoSuchBucket", "The specified bucket does not exist")
}
