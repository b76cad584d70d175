package api

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"time"

	"postern/aws/fault"
	"postern/aws/sigv4"
	"postern/aws/wire"
)

// s3Statuses are the statuses of S3's errors whose code says more than their kind, as in the API Reference's list of
// error codes.
var s3Statuses = map[string]int{
	"PermanentRedirect":                 http.StatusMovedPermanently,
	"NotModified":                       http.StatusNotModified,
	"AuthorizationQueryParametersError": http.StatusBadRequest,
	"MethodNotAllowed":                  http.StatusMethodNotAllowed,
	"MissingContentLength":              http.StatusLengthRequired,
	"PreconditionFailed":                http.StatusPreconditionFailed,
	"InvalidRange":                      http.StatusRequestedRangeNotSatisfiable,
	"InvalidBucketState":                http.StatusConflict,
	"ConditionalRequestConflict":        http.StatusConflict,
}

// accessDenied is all that S3 tells callers of other accounts, and those who do not say who they are.
const accessDenied = "Access Denied"

// expired says of a presigned request in S3's words that its time is past.
func (x *exchange) expired(err error) error {
	var f *fault.Error
	s := x.signature
	if x.service.Protocol != wire.S3 || !s.Presigned || !errors.As(err, &f) || f.Code != sigv4.CodeExpired {
		return err
	}
	return fault.New(fault.Denied, "api.authenticate", "Request has expired").
		With("X-Amz-Expires", strconv.Itoa(int(s.Expires.Seconds()))).
		With("Expires", s.Time.Add(s.Expires).Format(time.RFC3339)).
		With("ServerTime", x.call.Time.UTC().Format(time.RFC3339))
}

// hostID is S3's second id of a request, which tells nothing that the first does not.
func hostID(requestID string) string {
	sum := sha256.Sum256([]byte(requestID))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// identifyAnswer sets the headers by which an answer is known: a service's ids of the request, and what the operation
// has set.
func (x *exchange) identifyAnswer() {
	header := x.w.Header()
	header.Set("X-Amzn-Requestid", x.call.RequestID)
	if x.service.Name == virtual {
		header.Del("X-Amzn-Requestid")
		header.Set("X-Amz-Request-Id", x.call.RequestID)
		header.Set("X-Amz-Id-2", hostID(x.call.RequestID))
		header.Set("Server", "AmazonS3")
	}
	for name, values := range x.call.answers {
		header[name] = values
	}
}

// bodiless reports whether an answer of a status has no body.
func (x *exchange) bodiless(status int) bool {
	return x.r.Method == http.MethodHead || status == http.StatusNoContent || status == http.StatusNotModified
}
