package external

import (
	"errors"
	"fmt"
	"io"
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
	"postern/services/s3/outgoing"
)

const (
	// legacyRegion is the one whose buckets are made without naming it.
	legacyRegion = "us-east-1"
	// maxName is the most characters in a bucket's name.
	maxName = 63
	// dialTime and answerTime are how long a connection may take, and an answer once a request is sent: a copy of 5 GiB
	// takes minutes.
	dialTime   = 5 * time.Second
	answerTime = 10 * time.Minute
	// maxIdle is how many connections are kept for the next requests, and idleTime how long.
	maxIdle  = 64
	idleTime = time.Minute
)

// Store is an S3 service elsewhere. It implements s3.Upstream.
type Store struct {
	config    Config
	endpoint  *url.URL
	transport *http.Transport

	mu       sync.Mutex
	key      sigv4.Credentials
	modified time.Time // when the file was that the key is from
	told     time.Time // when the log was last told of a refusal
}

// New makes a Store of a Config with an Endpoint. It asks the service nothing.
func New(c Config) (*Store, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	endpoint, err := url.Parse(c.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("the endpoint: %w", err)
	}
	return &Store{
		config: c.withDefaults(), endpoint: endpoint,
		key: sigv4.Credentials{AccessKey: c.AccessKey, Secret: c.Secret, Token: c.Token},
		transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: dialTime}).DialContext,
			TLSHandshakeTimeout: dialTime, ResponseHeaderTimeout: answerTime, MaxIdleConnsPerHost: maxIdle,
			IdleConnTimeout: idleTime, DisableCompression: true, WriteBufferSize: 64 << 10, ReadBufferSize: 64 << 10,
		},
	}, nil
}

// Close closes the connections that nobody uses.
func (s *Store) Close() error {
	s.transport.CloseIdleConnections()
	return nil
}

// Do implements s3.Upstream.
func (s *Store) Do(req *http.Request) (*http.Response, error) {
	body := &outgoing.Body{ReadCloser: req.Body}
	out, err := s.prepare(req, body)
	if err != nil {
		return nil, err
	}
	answer, err := s.transport.RoundTrip(out)
	body.Rethrow()
	var own *fault.Error
	switch {
	case err == nil:
		return s.checked(answer)
	case errors.As(err, &own):
		return nil, err
	case req.Context().Err() != nil:
		return nil, req.Context().Err()
	}
	s.say("the S3 service that keeps objects does not answer", "error", err)
	f := unavailable("the object store does not answer; try again")
	f.Err = err // which names the service's address
	return nil, f
}

// prepare makes the request that the service gets of one of package s3.
func (s *Store) prepare(req *http.Request, body io.ReadCloser) (*http.Request, error) {
	bucket, object, _ := strings.Cut(strings.TrimPrefix(req.URL.Path, "/"), "/")
	bucket = s.config.Prefix + bucket
	switch {
	case len(bucket) > maxName:
		return nil, fault.New(fault.Invalid, "s3", "The specified bucket is not valid: objects are kept at a service where "+
			"its name begins with %q, and would have more than %d characters.", s.config.Prefix, maxName).
			WithCode("InvalidBucketName")
	case !utf8.ValidString(object):
		return nil, fault.New(fault.Invalid, "s3", "Could not parse the specified URI.").WithCode("InvalidURI")
	}
	out := req.Clone(req.Context())
	out.URL = &url.URL{Scheme: s.endpoint.Scheme, Host: s.endpoint.Host, Path: "/" + bucket, RawQuery: req.URL.RawQuery}
	if object != "" {
		out.URL.Path += "/" + object
		out.URL.RawPath = "/" + bucket + "/" + outgoing.Escape(object)
	}
	out.Host, out.RequestURI, out.GetBody = s.endpoint.Host, "", nil
	if err := outgoing.SetCopySource(out.Header, func(bucket, object string) string {
		return s.config.Prefix + bucket + "/" + object
	}); err != nil {
		return nil, err
	}
	out.Trailer = req.Trailer // its values come when the body has ended
	if out.Body = body; req.Body == nil || out.ContentLength == 0 {
		out.Body = http.NoBody
	}
	s.adapt(out, object == "")
	key, err := s.credentials()
	if err != nil {
		return nil, err
	}
	return out, outgoing.Prepare(out, key, s.config.Region, s.config.Now())
}

// adapt puts into a request for a bucket what the service wants to be said: where a new one is, and that keys in
// listings are to be encoded, since XML cannot hold every one.
func (s *Store) adapt(out *http.Request, ofBucket bool) {
	switch {
	case !ofBucket:
	case out.Method == http.MethodGet:
		query := out.URL.Query()
		query.Set("encoding-type", "url")
		out.URL.RawQuery = query.Encode()
	case out.Method == http.MethodPut && out.URL.RawQuery == "" && s.config.Region != legacyRegion:
		text := `<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LocationConstraint>` +
			s.config.Region + `</LocationConstraint></CreateBucketConfiguration>`
		out.Body, out.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
	}
}

// credentials returns the key, and reads it again where it is in a file that has changed.
func (s *Store) credentials() (sigv4.Credentials, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.config.CredentialsFile == "" {
		return s.key, nil
	}
	info, err := os.Stat(s.config.CredentialsFile)
	if err == nil && info.ModTime().Equal(s.modified) {
		return s.key, nil
	}
	key, errRead := readCredentials(s.config.CredentialsFile)
	switch {
	case errRead == nil && err == nil:
		s.key, s.modified = key, info.ModTime()
	case s.key.AccessKey == "":
		return key, unavailable("the credentials of the object store cannot be read")
	default: // the file is being replaced: what was in it may still do
		s.config.Log.Warn("the credentials of the object store cannot be read anew", "error", errors.Join(err, errRead))
	}
	return s.key, nil
}

// unavailable makes a fault of what the service did not do.
func unavailable(format string, args ...any) *fault.Error {
	return fault.New(fault.Unavailable, "s3", format, args...).WithCode("ServiceUnavailable")
}

// sayEvery is how often the log is told, at most.
const sayEvery = 10 * time.Second

// say tells the log, not once a request.
func (s *Store) say(what string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.config.Now(); now.Sub(s.told) >= sayEvery {
		s.told = now
		s.config.Log.Error(what, args...)
	}
}
