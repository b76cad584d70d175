package s3

import (
	"bytes"
	"cmp"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"postern/aws/sigv4"
)

const (
	// maxText bounds what is read of an answer that is no object, in bytes.
	maxText = 4 << 20
	// attempts is how often a request is made that S3 is too busy for.
	attempts = 3
	// regionHeader tells a bucket's region, in refusals too.
	regionHeader = "X-Amz-Bucket-Region"
)

// Client makes requests as a node. Its fields are set before its first use.
type Client struct {
	HTTP *http.Client
	// Endpoint returns the base URL of a region's S3, without a bucket.
	Endpoint func(region string) string
	// Region is the node's. A bucket's own region is asked for there.
	Region string
	// Credentials returns what requests are signed with; nil leaves them unsigned.
	Credentials func(ctx context.Context) (sigv4.Credentials, error)
	Now         func() time.Time
	UserAgent   string

	mu      sync.Mutex
	regions map[string]string // by bucket
}

// Error is a refusal by S3.
type Error struct {
	// Op names the request: "PUT s3://bucket/key".
	Op     string
	Status int
	// Code and Message are S3's; an answer without a body has none.
	Code    string
	Message string
}

// Error implements error.
func (e *Error) Error() string {
	return strings.TrimSuffix(fmt.Sprintf("%s: HTTP %d %s: %s", e.Op, e.Status, e.Code, e.Message), ": ")
}

// call is one request.
type call struct {
	method, bucket, key string
	query               url.Values
	header              http.Header
	body                io.ReadSeeker
	size                int64
	hash                string // SHA-256 of the body in hexadecimal
}

func (c *call) String() string {
	name := c.method + " s3://" + c.bucket
	if c.key != "" {
		name += "/" + c.key
	}
	return name
}

// region returns the region of a bucket: what the S3 of the node's region says of it, or that region if it says
// nothing.
func (c *Client) region(ctx context.Context, bucket string) (string, error) {
	c.mu.Lock()
	known := c.regions[bucket]
	c.mu.Unlock()
	if known != "" {
		return known, nil
	}
	answer, err := c.send(ctx, c.Region, &call{method: http.MethodHead, bucket: bucket})
	if err != nil {
		return "", err
	}
	answer.Body.Close()
	if answer.StatusCode == http.StatusNotFound {
		return "", &Error{
			Op: "HEAD s3://" + bucket, Status: answer.StatusCode, Code: "NoSuchBucket",
			Message: "The specified bucket does not exist",
		}
	}
	found := cmp.Or(answer.Header.Get(regionHeader), c.Region)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.regions == nil {
		c.regions = map[string]string{}
	}
	c.regions[bucket] = found
	return found, nil
}

// do makes a request in the bucket's region and returns the answer, which is no refusal.
func (c *Client) do(ctx context.Context, r *call) (*http.Response, error) {
	region, err := c.region(ctx, r.bucket)
	if err != nil {
		return nil, err
	}
	for attempt := 1; ; attempt++ {
		answer, err := c.send(ctx, region, r)
		if err != nil {
			return nil, err
		}
		if answer.StatusCode/100 == 2 {
			return answer, nil
		}
		err = refusal(r, answer)
		if answer.StatusCode < http.StatusInternalServerError || attempt == attempts || !pause(ctx, attempt) {
			return nil, err
		}
	}
}

// pause waits a second after the first attempt, two after the second. It returns false if ctx ends.
func pause(ctx context.Context, attempt int) bool {
	t := time.NewTimer(time.Duration(attempt) * time.Second)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func refusal(r *call, answer *http.Response) error {
	defer answer.Body.Close()
	e := &Error{Op: r.String(), Status: answer.StatusCode}
	text, _ := io.ReadAll(io.LimitReader(answer.Body, maxText)) // the status is refusal enough
	var body struct{ Code, Message string }
	if xml.Unmarshal(text, &body) == nil {
		e.Code, e.Message = body.Code, body.Message
	}
	if e.Code == "" {
		e.Code = http.StatusText(answer.StatusCode)
	}
	return e
}

// send makes a request once.
func (c *Client) send(ctx context.Context, region string, r *call) (*http.Response, error) {
	base, err := url.Parse(c.Endpoint(region))
	if err != nil {
		return nil, err
	}
	path := "/" + r.bucket
	if r.key != "" {
		path += "/" + r.key
	}
	base.Path, base.RawPath = base.Path+path, base.EscapedPath()+escape(path)
	base.RawQuery = strings.ReplaceAll(r.query.Encode(), "+", "%20")
	req, err := http.NewRequestWithContext(ctx, r.method, base.String(), nil)
	if err != nil {
		return nil, err
	}
	for name, values := range r.header {
		req.Header[name] = values
	}
	req.Header.Set("User-Agent", c.UserAgent)
	req.Header.Set("Accept-Encoding", "identity") // what is packed stays packed: its length and ETag are of that
	hash := cmp.Or(r.hash, sigv4.HashBody(nil))
	if r.body != nil {
		if _, err := r.body.Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
		req.Body, req.ContentLength = io.NopCloser(r.body), r.size
	}
	if c.Credentials != nil {
		keys, err := c.Credentials(ctx)
		if err != nil {
			return nil, err
		}
		target := sigv4.Target{Region: region, Service: "s3", Time: c.Now()}
		if err := sigv4.SignPayload(req, hash, keys, target); err != nil {
			return nil, err
		}
	}
	answer, err := c.HTTP.Do(req)
	if err != nil {
		return nil, unreachable(r, base.Host, err)
	}
	return answer, nil
}

// unreachable names what an operator has to look at where no packet comes back.
func unreachable(r *call, host string, err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return fmt.Errorf("%s: %s does not answer (%w): is there an S3 endpoint for the node's subnet, and does its "+
			"security group let traffic out to it?", r, host, err)
	}
	return fmt.Errorf("%s: %s cannot be reached: %w", r, host, err)
}

// escape encodes a path as S3 signs it.
func escape(path string) string {
	const digits = "0123456789ABCDEF"
	var b bytes.Buffer
	for i := range len(path) {
		c := path[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~/", c) >= 0:
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		}
	}
	return b.String()
}
