// Package fault is what went wrong, said once: every inner error of Postern has a kind, and only the skin turns a
// kind into the error that one AWS service would answer.
package fault

import (
	"errors"
	"fmt"
	"strings"
)

// Kind classifies an error by what went wrong, whichever service is asked.
type Kind int

// The kinds, in the order of the HTTP status they usually become.
const (
	// Internal is everything that has no kind; its message is never shown to a caller.
	Internal        Kind = iota
	Invalid              // a parameter's value or form (400)
	Missing              // a required parameter is absent (400)
	Unauthenticated      // who is calling cannot be established (403)
	Denied               // the caller is known and may not (403)
	NotFound             // the named resource does not exist (400 or 404)
	Exists               // the resource is there already (400 or 409)
	Conflict             // the resource's state does not allow it now (400 or 409)
	InUse                // something else still depends on the resource (400 or 409)
	Limit                // a quota would be exceeded (400)
	TooLarge             // the request is larger than is read (413)
	Throttled            // too many requests (400 or 429)
	NotImplemented       // Postern does not do this (501)
	Unavailable          // not now; the caller should try again (503)
)

var kindNames = [...]string{
	"internal", "invalid", "missing", "unauthenticated", "denied", "not found", "exists", "conflict", "in use",
	"limit", "too large", "throttled", "not implemented", "unavailable",
}

func (k Kind) String() string {
	if k < 0 || int(k) >= len(kindNames) {
		return fmt.Sprintf("kind(%d)", int(k))
	}
	return kindNames[k]
}

// Error is an inner error with a kind.
type Error struct {
	Kind Kind
	// Op is the room and verb where it arose, such as "command.Cancel"; for logs, never shown to a caller.
	Op string
	// Code is Amazon's own error code where a service has several for one kind, such as "InvalidVpcID.NotFound".
	// Empty means that the skin chooses the service's code for the kind.
	Code string
	// Message is for the caller: it names field, value and remedy, and holds no secret.
	Message string
	// Details are further members of an error's body, in protocols that have them: S3's BucketName.
	Details []Detail
	// Err is the cause, for logs.
	Err error
}

// Detail is one thing that an error says beside its message.
type Detail struct{ Name, Text string }

// New makes an Error. A %w in the format keeps its cause for errors.Is and errors.As.
func New(kind Kind, op, format string, args ...any) *Error {
	wrapped := fmt.Errorf(format, args...)
	return &Error{Kind: kind, Op: op, Message: wrapped.Error(), Err: errors.Unwrap(wrapped)}
}

// WithCode sets Amazon's own error code and returns the error itself.
func (e *Error) WithCode(code string) *Error {
	e.Code = code
	return e
}

// With adds a detail and returns the error itself.
func (e *Error) With(name, text string) *Error {
	e.Details = append(e.Details, Detail{name, text})
	return e
}

func (e *Error) Error() string {
	if e.Op == "" {
		return e.Message
	}
	return e.Op + ": " + e.Message
}

func (e *Error) Unwrap() error { return e.Err }

// Of returns the first Error in err's chain, and for an error without a kind an Internal one that wraps it.
// Of(nil) is nil.
func Of(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Kind: Internal, Message: err.Error(), Err: err}
}

// Text returns an error for people at a terminal: its text without the rooms and verbs where it arose, which are for
// logs. Text(nil) is empty.
func Text(err error) string {
	if err == nil {
		return ""
	}
	text := err.Error()
	for _, op := range ops(err, nil) {
		text = strings.ReplaceAll(text, op+": ", "")
	}
	return text
}

// ops collects the places of every Error in err's tree.
func ops(err error, found []string) []string {
	if e, ok := err.(*Error); ok && e.Op != "" { //nolint:errorlint // each error of the tree is looked at by itself
		found = append(found, e.Op)
	}
	switch e := err.(type) { //nolint:errorlint // as above
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			found = ops(inner, found)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			found = ops(inner, found)
		}
	}
	return found
}

// Is reports whether err has the given kind.
func Is(err error, kind Kind) bool { return err != nil && Of(err).Kind == kind }
