package s3

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"postern/aws/fault"
)

// maxError is how much of an answer that is an error is read, in bytes.
const maxError = 64 << 10

// upstreamError is an error of S3 as it is sent.
type upstreamError struct {
	Status  int `xml:"-"`
	Code    string
	Message string
}

// Error implements error.
func (e *upstreamError) Error() string {
	return fmt.Sprintf("the object store answers %d %s: %s", e.Status, e.Code, e.Message)
}

// send sends a request of this package's own, and returns the answer where it is no error.
func (s *Service) send(req *http.Request) (*http.Response, error) {
	answer, err := s.upstream.Do(req)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode < http.StatusMultipleChoices {
		return answer, nil
	}
	defer answer.Body.Close()
	e := &upstreamError{Status: answer.StatusCode}
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxError))
	if err != nil {
		return nil, err
	}
	if xml.Unmarshal(text, e) != nil || e.Code == "" {
		e.Code, e.Message = http.StatusText(answer.StatusCode), string(text)
	}
	return nil, e
}

// expect sends a request whose answer says nothing more than that it was done.
func (s *Service) expect(req *http.Request) error {
	answer, err := s.send(req)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, answer.Body)
	answer.Body.Close()
	return err
}

// request makes a request of this package's own.
func request(ctx context.Context, method, bucket, key string, query url.Values, body string) (*http.Request, error) {
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, "", content)
	if err != nil {
		return nil, err
	}
	req.URL = URL(bucket, key, query)
	return req, nil
}

func isCode(err error, codes ...string) bool {
	e, ok := err.(*upstreamError) //nolint:errorlint // send's error, as it is
	if !ok {
		return false
	}
	for _, c := range codes {
		if e.Code == c {
			return true
		}
	}
	return false
}

// makeUpstream makes a bucket for objects, unless it is there, as after a crash. One that is there has to be empty:
// what is in it belonged to somebody else. In one Region S3 does not say that it was there.
func (s *Service) makeUpstream(ctx context.Context, name string) error {
	req, err := request(ctx, http.MethodPut, name, "", nil, "")
	if err != nil {
		return err
	}
	made := s.expect(req)
	if made != nil && !isCode(made, "BucketAlreadyOwnedByYou", "BucketAlreadyExists") {
		return upstreamFault(made)
	}
	left, err := s.list(ctx, name, url.Values{"versions": {""}, "max-keys": {"1"}})
	switch {
	case err != nil && isCode(made, "BucketAlreadyExists"):
		return exists() // it is another customer's of the service that keeps objects
	case err != nil:
		return err
	}
	if len(left.Versions)+len(left.DeleteMarkers) > 0 {
		return fail(fault.Exists, "BucketAlreadyExists", "The requested bucket name is not available. There are objects "+
			"already in a bucket of that name where objects are kept, and no account here has it.")
	}
	return nil
}

// deleteUpstream deletes a bucket for objects.
func (s *Service) deleteUpstream(ctx context.Context, name string) error {
	req, err := request(ctx, http.MethodDelete, name, "", nil, "")
	if err != nil {
		return err
	}
	err = s.expect(req)
	switch {
	case isCode(err, "NoSuchBucket"):
		return nil
	case isCode(err, "BucketNotEmpty", "VersionedBucketNotEmpty"):
		text := "The bucket you tried to delete is not empty"
		if strings.Contains(err.Error(), "versions") {
			text += ". You must delete all versions in the bucket."
		}
		return fail(fault.InUse, "BucketNotEmpty", "%s", text)
	}
	return upstreamFault(err)
}

// versionUpstream sets whether a bucket keeps versions.
func (s *Service) versionUpstream(ctx context.Context, name, status string) error {
	req, err := request(ctx, http.MethodPut, name, "", url.Values{"versioning": {""}},
		`<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>`+status+
			`</Status></VersioningConfiguration>`)
	if err != nil {
		return err
	}
	return upstreamFault(s.expect(req))
}

// upstreamFault makes a fault of an error that the Upstream should not have answered.
func upstreamFault(err error) error {
	if e, ok := err.(*upstreamError); ok { //nolint:errorlint // send's error, as it is
		if e.Status == http.StatusServiceUnavailable {
			return fault.New(fault.Unavailable, "s3", "Please reduce your request rate.").WithCode("SlowDown")
		}
		return fault.New(fault.Internal, "s3", "%w", e)
	}
	return err
}
