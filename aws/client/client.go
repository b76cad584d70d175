package client

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/google/uuid"

	"postern/aws/sigv4"
	"postern/aws/wire"
)

// maxAnswer bounds what is read of one answer, in bytes. Amazon's largest pages are a few MB.
const maxAnswer = 64 << 20

// A Service says how one of Amazon's services is spoken to.
type Service struct {
	// Name is the service's in its endpoint and in signatures: "ec2".
	Name     string
	Protocol wire.Protocol
	// Version is the API's, such as "2016-11-15".
	Version string
	// Target begins the X-Amz-Target header of JSON services: "AmazonSSM".
	Target string
	// Namespace is the XML namespace of requests, in the REST-XML protocols.
	Namespace string
	// Global says that there is one endpoint for all regions.
	Global bool
}

// Client calls the operations of one service. It is safe for concurrent use.
type Client struct {
	service     Service
	url         string
	region      string // of signatures
	credentials aws.CredentialsProvider
	http        aws.HTTPClient
	retryer     aws.Retryer
	signer      *v4.Signer
	now         func() time.Time // of signatures

	codecs sync.Map // operation → *wire.Codec
}

// New makes a client.
func New(c aws.Config, s Service) *Client {
	own := &Client{
		service:     s,
		region:      c.Region,
		credentials: c.Credentials,
		http:        c.HTTPClient,
		signer:      v4.NewSigner(),
		now:         time.Now,
	}
	own.url, own.region = endpoint(c, s)
	if own.http == nil {
		own.http = http.DefaultClient
	}
	if c.Retryer != nil {
		own.retryer = c.Retryer()
	}
	if own.retryer == nil {
		own.retryer = retry.NewStandard()
	}
	return own
}

// endpoint returns the URL of the service, and the region that signatures are made for.
func endpoint(c aws.Config, s Service) (where, region string) {
	if c.BaseEndpoint != nil && *c.BaseEndpoint != "" {
		return strings.TrimSuffix(*c.BaseEndpoint, "/") + "/", c.Region
	}
	suffix, home, prefix := "amazonaws.com", "us-east-1", ""
	switch {
	case strings.HasPrefix(c.Region, "cn-"):
		suffix, home, prefix = "amazonaws.com.cn", "cn-north-1", "cn-north-1."
	case strings.HasPrefix(c.Region, "us-gov-"):
		home, prefix = "us-gov-west-1", "us-gov."
	}
	if s.Global {
		return "https://" + s.Name + "." + prefix + suffix + "/", home
	}
	return "https://" + s.Name + "." + c.Region + "." + suffix + "/", c.Region
}

// Token returns a new idempotency token: with it, a call that is repeated does its work once.
func Token() string { return uuid.NewString() }

// Do is Call for an operation whose output is an Out.
func Do[Out any](ctx context.Context, c *Client, operation string, in any) (*Out, error) {
	out := new(Out)
	if err := c.Call(ctx, operation, in, out); err != nil {
		return nil, err
	}
	return out, nil
}

// Call has the service do an operation. in and out are pointers to its input and output types. It fails with an *Error
// where the service refuses, and with the context's error where that ends first. A body that is a stream is sent once,
// unless it is an io.Seeker; who gets a stream closes it.
func (c *Client) Call(ctx context.Context, operation string, in, out any) error {
	codec := c.codec(operation, in, out)
	if c.service.Protocol.Binds() {
		m, err := codec.EncodeRequest(in)
		if err != nil {
			return err
		}
		return c.retry(ctx, !replayable(m), func() error { return c.exchange(ctx, codec, m, out) })
	}
	body, err := codec.AppendRequest(nil, in, c.service.Version)
	if err != nil {
		return err
	}
	var answer []byte
	err = c.retry(ctx, false, func() (err error) {
		answer, err = c.attempt(ctx, operation, body)
		return err
	})
	if err != nil {
		return err
	}
	return codec.DecodeAnswer(answer, out)
}

// retry makes attempts until one succeeds, or no other is due.
func (c *Client) retry(ctx context.Context, once bool, try func() error) error {
	release := c.retryer.GetInitialToken()
	for attempt := 1; ; attempt++ {
		err := try()
		if released := release(err); released != nil {
			return released
		}
		if err == nil {
			return nil
		}
		last := once || c.retryer.MaxAttempts() > 0 && attempt >= c.retryer.MaxAttempts()
		if last || ctx.Err() != nil || !c.retryer.IsErrorRetryable(err) {
			return err
		}
		if release, err = c.wait(ctx, attempt, err); err != nil {
			return err
		}
	}
}

// wait lets the time pass that is due before the next attempt. Where there is to be none, it returns the failure.
func (c *Client) wait(ctx context.Context, attempt int, failure error) (release func(error) error, err error) {
	release, err = c.retryer.GetRetryToken(ctx, failure)
	if err != nil {
		return nil, failure
	}
	delay, err := c.retryer.RetryDelay(attempt, failure)
	if err != nil {
		return nil, failure
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return release, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (c *Client) codec(operation string, in, out any) *wire.Codec {
	if known, ok := c.codecs.Load(operation); ok {
		return known.(*wire.Codec)
	}
	made, _ := c.codecs.LoadOrStore(operation, &wire.Codec{
		Protocol:  c.service.Protocol,
		Operation: operation,
		Input:     reflect.TypeOf(in).Elem(),
		Output:    reflect.TypeOf(out).Elem(),
		Namespace: c.service.Namespace,
		Pattern:   wire.Path(c.service.Name, operation),
	})
	return made.(*wire.Codec)
}

// attempt sends the request once and returns the answer's body.
func (c *Client) attempt(ctx context.Context, operation string, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("endpoint %s: %w", c.url, err)
	}
	r.Header.Set("User-Agent", "postern")
	if c.service.Protocol == wire.JSON {
		r.Header.Set("Content-Type", wire.JSON.ContentType())
		r.Header.Set("X-Amz-Target", c.service.Target+"."+operation)
	} else {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	}
	if err := c.sign(ctx, r, sigv4.HashBody(body)); err != nil {
		return nil, err
	}
	answer, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	text, err := c.readAll(ctx, operation, answer)
	if err == nil && answer.StatusCode/100 != 2 {
		err = newError(operation, c.service.Protocol.ReadFailure(answer.StatusCode, answer.Header, text))
	}
	return text, err
}

// send sends a request. Where no answer comes, the error says that another attempt may get one.
func (c *Client) send(ctx context.Context, r *http.Request) (*http.Response, error) {
	answer, err := c.http.Do(r)
	if err == nil {
		return answer, nil
	}
	if request, ok := errors.AsType[*url.Error](err); ok && ctx.Err() == nil {
		return nil, &connectionError{request}
	}
	return nil, cmp.Or(ctx.Err(), err)
}

// readAll reads and closes the body of an answer.
func (c *Client) readAll(ctx context.Context, operation string, answer *http.Response) ([]byte, error) {
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, &connectionError{&url.Error{Op: "Post", URL: c.url, Err: cmp.Or(ctx.Err(), err)}}
	case len(text) > maxAnswer:
		return nil, fmt.Errorf("the answer of %s is longer than %d bytes", operation, maxAnswer)
	}
	return text, nil
}

// sign signs a request whose body has the hash.
func (c *Client) sign(ctx context.Context, r *http.Request, hash string) error {
	if c.credentials == nil {
		return nil
	}
	credentials, err := c.credentials.Retrieve(ctx)
	if err != nil {
		return fmt.Errorf("credentials: %w", err)
	}
	return c.signer.SignHTTP(ctx, credentials, r, hash, c.service.Name, c.region, c.now(), func(o *v4.SignerOptions) {
		o.DisableURIPathEscaping = c.service.Protocol == wire.S3
	})
}
