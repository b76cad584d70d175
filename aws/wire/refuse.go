package wire

import (
	"errors"
	"reflect"
	"strconv"
	"strings"

	"postern/aws/fault"
)

// problem describes a mistake in a request's bytes, before it has a service's code.
type problem struct {
	kind problemKind
	// path leads to the member: "Filters[0].Values" in JSON, the parameter's name in a form.
	path string
	text string
}

type problemKind uint8

const (
	malformed problemKind = iota // the bytes are not JSON, or not a form
	mistyped                     // a member's value does not fit its type
	unknown                      // no such parameter
	excessive                    // too deep, too many
)

func (p *problem) Error() string {
	if p.path == "" {
		return p.text
	}
	return p.path + ": " + p.text
}

// under puts a member before the path of a problem.
func under(err error, name string) error {
	var p *problem
	if errors.As(err, &p) && p.kind != malformed {
		switch {
		case p.path == "":
			p.path = name
		case strings.HasPrefix(p.path, "["):
			p.path = name + p.path
		default:
			p.path = name + "." + p.path
		}
	}
	return err
}

func underIndex(err error, i int) error { return under(err, "["+strconv.Itoa(i)+"]") }

// refuse turns a problem into the fault that the protocol's services answer.
func (c *Codec) refuse(err error) error {
	var p *problem
	if !errors.As(err, &p) {
		return fault.New(fault.Internal, "wire.Decode", "decode %s: %w", c.Operation, err)
	}
	if c.Protocol == S3 && p.kind == malformed {
		return fault.New(fault.Invalid, "wire.Decode", "%s", p.Error()).WithCode("MalformedXML")
	}
	if c.Protocol == S3 {
		return fault.New(fault.Invalid, "wire.Decode", "%s", p.Error()).WithCode("InvalidArgument")
	}
	if c.Protocol == JSON || c.Protocol == REST || c.Protocol == RESTJSON {
		return fault.New(fault.Invalid, "wire.Decode", "%s", p.Error()).WithCode("SerializationException")
	}
	switch p.kind {
	case mistyped:
		return fault.New(fault.Invalid, "wire.Decode", "Invalid value for parameter %s: %s", p.path, p.text).
			WithCode("InvalidParameterValue")
	case unknown:
		code := "UnknownParameter"
		if c.Protocol == Query {
			code = "InvalidQueryParameter"
		}
		return fault.New(fault.Invalid, "wire.Decode", "The parameter %s is not recognized", p.path).WithCode(code)
	}
	code := "MalformedQueryString"
	if c.Protocol == RESTXML {
		code = "MalformedInput"
	}
	return fault.New(fault.Invalid, "wire.Decode", "%s", p.Error()).WithCode(code)
}

// absent says that a request did not have the member: nil, or an enum's empty string. Of plain numbers and booleans it
// cannot be known.
func absent(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Interface:
		return v.IsNil()
	case reflect.String:
		return v.Len() == 0
	}
	return false
}

func deref(v reflect.Value) reflect.Value {
	if v.Kind() == reflect.Pointer {
		return v.Elem()
	}
	return v
}
