package api

import (
	"fmt"
	"net/http"

	"postern/aws/fault"
	"postern/aws/sigv4"
	"postern/aws/wire"
)

// answer is how a family of services says one thing.
type answer struct {
	code   string
	status int
}

// The codes for kinds of fault that carry no code of their own. A handler that needs another code sets it on the fault.
//
// For operations that are not built there is no one word in AWS: EC2 has UnsupportedOperation; IAM and STS, as AWS
// query services, have none, and S3's NotImplemented is used; JSON services take it with their suffix.
var (
	jsonAnswers = map[fault.Kind]answer{
		fault.Internal:        {"InternalServerError", 500},
		fault.Invalid:         {"ValidationException", 400},
		fault.Missing:         {"ValidationException", 400},
		fault.Unauthenticated: {"UnrecognizedClientException", 400},
		fault.Denied:          {"AccessDeniedException", 400},
		fault.NotFound:        {"ResourceNotFoundException", 400},
		fault.Exists:          {"AlreadyExistsException", 400},
		fault.Conflict:        {"ConflictException", 400},
		fault.InUse:           {"ResourceInUseException", 400},
		fault.Limit:           {"ServiceQuotaExceededException", 400},
		fault.TooLarge:        {"RequestEntityTooLargeException", 413},
		fault.Throttled:       {"ThrottlingException", 400},
		fault.NotImplemented:  {"NotImplementedException", 501},
		fault.Unavailable:     {"ServiceUnavailableException", 503},
	}
	ec2Answers = map[fault.Kind]answer{
		fault.Internal:        {"InternalError", 500},
		fault.Invalid:         {"InvalidParameterValue", 400},
		fault.Missing:         {"MissingParameter", 400},
		fault.Unauthenticated: {"AuthFailure", 401},
		fault.Denied:          {"UnauthorizedOperation", 403},
		fault.NotFound:        {"InvalidParameterValue", 400},
		fault.Exists:          {"ResourceAlreadyExists", 400},
		fault.Conflict:        {"IncorrectState", 400},
		fault.InUse:           {"DependencyViolation", 400},
		fault.Limit:           {"ResourceLimitExceeded", 400},
		fault.TooLarge:        {"RequestEntityTooLarge", 413},
		fault.Throttled:       {"RequestLimitExceeded", 503},
		fault.NotImplemented:  {"UnsupportedOperation", 501},
		fault.Unavailable:     {"Unavailable", 503},
	}
	queryAnswers = map[fault.Kind]answer{
		fault.Internal:        {"ServiceFailure", 500},
		fault.Invalid:         {"ValidationError", 400},
		fault.Missing:         {"ValidationError", 400},
		fault.Unauthenticated: {"InvalidClientTokenId", 403},
		fault.Denied:          {"AccessDenied", 403},
		fault.NotFound:        {"NoSuchEntity", 404},
		fault.Exists:          {"EntityAlreadyExists", 409},
		fault.Conflict:        {"ConcurrentModification", 409},
		fault.InUse:           {"DeleteConflict", 409},
		fault.Limit:           {"LimitExceeded", 409},
		fault.TooLarge:        {"RequestEntityTooLarge", 413},
		fault.Throttled:       {"Throttling", 400},
		fault.NotImplemented:  {"NotImplemented", 501},
		fault.Unavailable:     {"ServiceUnavailable", 503},
	}
	s3Answers = map[fault.Kind]answer{
		fault.Internal:        {"InternalError", 500},
		fault.Invalid:         {"InvalidArgument", 400},
		fault.Missing:         {"InvalidRequest", 400},
		fault.Unauthenticated: {"AccessDenied", 403},
		fault.Denied:          {"AccessDenied", 403},
		fault.NotFound:        {"NoSuchKey", 404},
		fault.Exists:          {"BucketAlreadyExists", 409},
		fault.Conflict:        {"OperationAborted", 409},
		fault.InUse:           {"BucketNotEmpty", 409},
		fault.Limit:           {"TooManyBuckets", 400},
		fault.TooLarge:        {"EntityTooLarge", 400},
		fault.Throttled:       {"SlowDown", 503},
		fault.NotImplemented:  {"NotImplemented", 501},
		fault.Unavailable:     {"ServiceUnavailable", 503},
	}
	// restJSONAnswers holds the answers of JSON services whose status says what is wrong too.
	restJSONAnswers = map[fault.Kind]answer{
		fault.Internal:        {"InternalServerException", 500},
		fault.Invalid:         {"ValidationException", 400},
		fault.Missing:         {"ValidationException", 400},
		fault.Unauthenticated: {"UnrecognizedClientException", 403},
		fault.Denied:          {"AccessDeniedException", 403},
		fault.NotFound:        {"ResourceNotFoundException", 404},
		fault.Exists:          {"ConflictException", 409},
		fault.Conflict:        {"ConflictException", 409},
		fault.InUse:           {"ConflictException", 409},
		fault.Limit:           {"ServiceQuotaExceededException", 402},
		fault.TooLarge:        {"RequestEntityTooLargeException", 413},
		fault.Throttled:       {"ThrottlingException", 429},
		fault.NotImplemented:  {"NotImplementedException", 501},
		fault.Unavailable:     {"ServiceUnavailableException", 503},
	}
)

// Codes of this package for what a signature's key turned out to be; translated like those of sigv4.
const (
	codeUnknownKey   = "UnknownKey"
	codeExpiredToken = "ExpiredToken"
)

// authAnswers translate the neutral codes of authentication into each family's own.
var authAnswers = map[wire.Protocol]map[string]answer{
	wire.JSON: {
		sigv4.CodeMissing:    {"MissingAuthenticationTokenException", 400},
		sigv4.CodeIncomplete: {"IncompleteSignatureException", 400},
		sigv4.CodeMismatch:   {"InvalidSignatureException", 400},
		sigv4.CodeExpired:    {"InvalidSignatureException", 400},
		sigv4.CodeNotYet:     {"InvalidSignatureException", 400},
		codeUnknownKey:       {"UnrecognizedClientException", 400},
		codeExpiredToken:     {"ExpiredTokenException", 400},
	},
	wire.EC2: {
		sigv4.CodeMissing:    {"MissingAuthenticationToken", 403},
		sigv4.CodeIncomplete: {"IncompleteSignature", 400},
		sigv4.CodeMismatch:   {"AuthFailure", 401},
		sigv4.CodeExpired:    {"RequestExpired", 400},
		sigv4.CodeNotYet:     {"RequestExpired", 400},
		codeUnknownKey:       {"AuthFailure", 401},
		codeExpiredToken:     {"RequestExpired", 400},
	},
	wire.S3: {
		sigv4.CodeMissing:    {"AccessDenied", 403},
		sigv4.CodeIncomplete: {"AuthorizationHeaderMalformed", 400},
		sigv4.CodeMismatch:   {"SignatureDoesNotMatch", 403},
		sigv4.CodeExpired:    {"RequestTimeTooSkewed", 403},
		sigv4.CodeNotYet:     {"RequestTimeTooSkewed", 403},
		codeUnknownKey:       {"InvalidAccessKeyId", 403},
		codeExpiredToken:     {"ExpiredToken", 400},
	},
	wire.Query: {
		sigv4.CodeMissing:    {"MissingAuthenticationToken", 403},
		sigv4.CodeIncomplete: {"IncompleteSignature", 400},
		sigv4.CodeMismatch:   {"SignatureDoesNotMatch", 403},
		sigv4.CodeExpired:    {"SignatureDoesNotMatch", 403},
		sigv4.CodeNotYet:     {"SignatureDoesNotMatch", 403},
		codeUnknownKey:       {"InvalidClientTokenId", 403},
		codeExpiredToken:     {"ExpiredToken", 403},
	},
}

// failureOf returns the answer of a service of the protocol to a fault.
func failureOf(p wire.Protocol, f *fault.Error, requestID string) wire.Failure {
	a, auth := answersOf(p), authAnswers[p]
	if p == wire.RESTXML {
		auth = authAnswers[wire.Query]
	}
	if auth == nil {
		auth = authAnswers[wire.JSON]
	}
	out, known := a[f.Kind]
	if !known {
		out = answer{"InvalidRequest", 400}
	}
	paths := p == wire.REST || p == wire.RESTJSON
	if paths && (f.Kind == fault.Denied || f.Kind == fault.Unauthenticated) {
		out.status = http.StatusForbidden
	}
	if translated, ok := auth[f.Code]; ok && f.Kind == fault.Unauthenticated {
		out.code = translated.code
		if !paths {
			out.status = translated.status
		}
	} else if f.Code != "" {
		out.code = f.Code
	}
	if status := s3Statuses[out.code]; p == wire.S3 && status != 0 {
		out.status = status
	}
	message := f.Message
	if p == wire.S3 && f.Code == sigv4.CodeMissing {
		message = accessDenied
	}
	if f.Kind == fault.Internal {
		out.code = a[fault.Internal].code
		message = fmt.Sprintf("internal failure, request id %s", requestID)
	}
	return wire.Failure{
		Code: out.code, Message: message, Status: out.status, RequestID: requestID,
		Details: f.Details,
	}
}

func answersOf(p wire.Protocol) map[fault.Kind]answer {
	switch p {
	case wire.EC2:
		return ec2Answers
	case wire.Query, wire.RESTXML:
		return queryAnswers
	case wire.RESTJSON:
		return restJSONAnswers
	case wire.S3:
		return s3Answers
	default:
		return jsonAnswers
	}
}
