package client

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/aws/smithy-go"

	"postern/aws/wire"
)

// Error describes a service's refusal of a call. It is a smithy.APIError, as the SDK's are.
type Error struct {
	Operation string
	// Code is Amazon's, such as "InvalidVpcID.NotFound", and Message the service's own words.
	Code, Message string
	// Status is the HTTP status.
	Status    int
	RequestID string
}

func newError(operation string, f wire.Failure) *Error {
	e := &Error{Operation: operation, Code: f.Code, Message: f.Message, Status: f.Status, RequestID: f.RequestID}
	if e.Code == "" { // not the service's: a proxy's, or another server's
		e.Code, e.Message = fmt.Sprintf("HTTP%d", f.Status), "the answer is no AWS API's: "+http.StatusText(f.Status)
	}
	return e
}

func (e *Error) Error() string {
	if e.Message == "" {
		return e.Code
	}
	return e.Code + ": " + e.Message
}

// ErrorCode is Amazon's code.
func (e *Error) ErrorCode() string { return e.Code }

// ErrorMessage returns the service's own words.
func (e *Error) ErrorMessage() string { return e.Message }

// ErrorFault says whose fault it is.
func (e *Error) ErrorFault() smithy.ErrorFault {
	if e.Status >= http.StatusInternalServerError {
		return smithy.FaultServer
	}
	return smithy.FaultClient
}

// HTTPStatusCode returns the answer's status; the retryer looks at it.
func (e *Error) HTTPStatusCode() int { return e.Status }

// connectionError is that no answer came. It says where from and why, and nothing of the method, which is always the
// same.
type connectionError struct{ request *url.Error }

func (e *connectionError) Error() string { return fmt.Sprintf("%s: %v", e.request.URL, e.request.Err) }

func (e *connectionError) Unwrap() error { return e.request }

// ConnectionError says to the retryer whether the call may be repeated: not where the other end is a stranger.
func (e *connectionError) ConnectionError() bool {
	_, stranger := errors.AsType[*tls.CertificateVerificationError](e.request)
	return !stranger
}
