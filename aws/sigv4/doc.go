// Package sigv4 is Amazon's Signature Version 4: it makes signatures for our own clients and tells whether the
// signature of a request that came in is right.
//
// A server asks in two steps, because only the request says whose key to fetch:
//
//	Parse(request)                   who signed, for which scope, when     → *Signature
//	Verifier.Verify(…, secret)       was it really that key's secret
//	Verifier.VerifyRSA(…, public)    the same for a managed instance, which signs with a key pair
//
// Beside the ordinary form in the Authorization header there are the presigned query, bodies that come in signed
// chunks, and two forms of the SSM agent: RSASSA-PSS in place of the HMAC, and an RSASSA-PSS signature over an ordinary
// Authorization header (see SSM-AsymmetricKeyAuthorization in rsa.go).
//
// The whole package is standard library and fault, so that the agent that signs with it stays small.
package sigv4

import (
	"time"

	"postern/aws/fault"
)

// Algorithm is the only algorithm spoken; a managed instance's RSA signatures carry this name too.
const Algorithm = "AWS4-HMAC-SHA256"

// Skew bounds how far the time of a signature may lie from the server's, in either direction.
const Skew = 15 * time.Minute

// MaxExpires is the longest life of a presigned request.
const MaxExpires = 7 * 24 * time.Hour

// What X-Amz-Content-Sha256 may say in place of a hash. All but the ordinary hash are for S3 only.
const (
	UnsignedPayload          = "UNSIGNED-PAYLOAD"
	StreamingPayload         = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	StreamingPayloadTrailer  = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	StreamingUnsignedTrailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
)

// The codes of this package's errors, all of the kind fault.Unauthenticated. Services have their own words for them;
// the skin translates.
const (
	// CodeMissing: the request is not signed at all.
	CodeMissing = "MissingAuthenticationToken"
	// CodeIncomplete: what is there cannot be read as a signature.
	CodeIncomplete = "IncompleteSignature"
	// CodeMismatch: the signature is not that of the key that it names, or not for this request.
	CodeMismatch = "SignatureDoesNotMatch"
	// CodeExpired: signed more than Skew ago, or presigned and past its time.
	CodeExpired = "RequestExpired"
	// CodeNotYet: signed more than Skew in the future.
	CodeNotYet = "RequestTimeTooSkewed"
)

const (
	terminator = "aws4_request"
	timeFormat = "20060102T150405Z"
	dateFormat = "20060102"
	emptyHash  = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

func refuse(code, format string, args ...any) error {
	return fault.New(fault.Unauthenticated, "sigv4", format, args...).WithCode(code)
}

func mismatch() error {
	return refuse(CodeMismatch, "The request signature we calculated does not match the signature you provided. "+
		"Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
}
