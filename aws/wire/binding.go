package wire

import (
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
)

// place says where a member stands in an HTTP message of the REST protocols.
type place uint8

const (
	inBody    place = iota
	inLabel         // a label of the path
	inQuery         // a parameter of the query
	inQueries       // a map of parameters
	inHeader        // a header
	inHeaders       // a map of headers whose names begin alike
	inPayload       // the whole body
	inStatus        // the status of an answer
)

var places = map[string]place{
	"body": inBody, "label": inLabel, "query": inQuery, "queries": inQueries, "header": inHeader, "headers": inHeaders,
	"payload": inPayload, "status": inStatus,
}

// The formats of times.
const (
	dateTime     = "date-time"     // RFC 3339
	httpDate     = "http-date"     // RFC 9110
	epochSeconds = "epoch-seconds" // since 1970
)

// binding is a member's place in HTTP. The tag of a field says it: `http:"header=x-amz-acl"`; the name is the member's
// own where it says none, and another format of times than the place's own follows a comma:
// `http:"query,epoch-seconds"`, `http:"body,http-date"`.
type binding struct {
	place place
	at    string // the label's, parameter's or header's name; the prefix of headers
	times string // the format of times
}

// bind reads a tag. name is what the member is called in bodies.
func bind(tag, name string) (binding, error) {
	if tag == "" {
		return binding{}, nil
	}
	where, format, _ := strings.Cut(tag, ",")
	kind, at, named := strings.Cut(where, "=")
	b := binding{place: places[kind], at: at, times: dateTime}
	if !named {
		b.at = name
	}
	if b.place == inHeaders && !named {
		b.at = "" // a prefix may be empty
	}
	if b.place == inHeader || b.place == inHeaders {
		b.times = httpDate
	}
	switch format {
	case "":
	case dateTime, httpDate, epochSeconds:
		b.times = format
	default:
		return b, fmt.Errorf("%q is no format of times", format)
	}
	if _, ok := places[kind]; !ok {
		return b, fmt.Errorf("http:%q names no place of a message", tag)
	}
	return b, nil
}

// fits says what is wrong with a member's shape at its place.
func (b binding) fits(s *shape) error {
	scalar := func(s *shape) bool { return s.form <= formTime }
	texts := func(s *shape) bool {
		return s.form == formMap && (s.elem.form == formString || s.elem.form == formList && s.elem.elem.form == formString)
	}
	ok := true
	switch b.place {
	case inLabel:
		ok = scalar(s)
	case inQuery, inHeader:
		ok = scalar(s) || s.form == formList && scalar(s.elem)
	case inQueries:
		ok = texts(s)
	case inHeaders:
		ok = texts(s) && s.elem.form == formString
	case inPayload:
		ok = s.form == formStream || s.form == formBlob || s.form == formString || s.form == formStruct || s.form == formUnion
	case inStatus:
		ok = s.form == formInt
	case inBody:
		ok = s.form != formStream
	}
	if !ok {
		return fmt.Errorf("a value of type %s cannot stand there", s.typ)
	}
	return nil
}

var (
	readerType     = reflect.TypeFor[io.Reader]()
	readCloserType = reflect.TypeFor[io.ReadCloser]()
)

// bindings describe one of a codec's types in the REST protocols.
type bindings struct {
	payload *field
	body    bool // some member stands in the body
}

// bindingsOf checks the places of a type's members.
func bindingsOf(s *shape) (b bindings, err error) {
	for i := range s.fields {
		f := &s.fields[i]
		if err := f.fits(f.shape); err != nil {
			return b, fmt.Errorf("wire: %s.%s: %w", s.typ, f.out, err)
		}
		switch {
		case f.place == inBody:
			b.body = true
		case f.place == inPayload && b.payload != nil:
			return b, fmt.Errorf("wire: %s has two payloads", s.typ)
		case f.place == inPayload:
			b.payload = f
		}
	}
	if b.payload != nil && b.body {
		return b, fmt.Errorf("wire: %s has members beside its payload in the body", s.typ)
	}
	return b, nil
}

// prepareHTTP makes ready what a REST protocol needs, and holds the pattern against the input's labels.
func (c *Codec) prepareHTTP() (err error) {
	if c.pattern, err = ParsePattern(c.Pattern); err != nil {
		return fmt.Errorf("wire: %w", err)
	}
	if c.inBound, err = bindingsOf(c.in); err != nil {
		return err
	}
	if c.outBound, err = bindingsOf(c.out); err != nil {
		return err
	}
	bound := map[string]bool{}
	for i := range c.in.fields {
		if f := &c.in.fields[i]; f.place == inLabel {
			bound[f.at] = true
		}
	}
	for _, label := range c.pattern.Labels() {
		if !bound[label] {
			return fmt.Errorf("wire: %s has no member at the label %s", c.Input, label)
		}
		delete(bound, label)
	}
	for label := range bound {
		return fmt.Errorf("wire: %q has no label %s", c.Pattern, label)
	}
	return nil
}

// TakesStream reports whether the body of a request is handed to the operation as it comes.
func (c *Codec) TakesStream() bool {
	return c.Prepare() == nil && c.inBound.payload != nil && c.inBound.payload.shape.form == formStream
}

// AnswersStream reports whether the body of an answer is handed on as it comes.
func (c *Codec) AnswersStream() bool {
	return c.Prepare() == nil && c.outBound.payload != nil && c.outBound.payload.shape.form == formStream
}

// Message is an HTTP message in the REST protocols: a request or an answer.
type Message struct {
	// Method, Path and Query are a request's, the latter two escaped as they came or go.
	Method, Path, Query string
	// Status is an answer's.
	Status int
	Header http.Header
	Body   []byte
	// Stream stands in the place of Body where the payload is a stream.
	Stream io.ReadCloser
}
