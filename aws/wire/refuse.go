package wire

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"postern/aws/fault"
)

// problem is what is wrong with a request's bytes, before it has a service's code.
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
	if c.Protocol == JSON || c.Protocol == REST {
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
	return fault.New(fault.Invalid, "wire.Decode", "%s", p.Error()).WithCode("MalformedQueryString")
}

// demand finds the required members that a request lacks and refuses it in the words of its protocol.
func (c *Codec) demand(v reflect.Value) error {
	var missing []string
	c.in.missing(v, "", &missing)
	if len(missing) == 0 {
		return nil
	}
	if c.Protocol == EC2 {
		return fault.New(fault.Missing, "wire.Decode", "The request must contain the parameter %s",
			strings.ReplaceAll(missing[0], ".member", "")).WithCode("MissingParameter")
	}
	code := "ValidationException"
	if c.Protocol == Query {
		code = "ValidationError"
	}
	var parts []string
	for _, path := range missing {
		parts = append(parts,
			fmt.Sprintf("Value null at '%s' failed to satisfy constraint: Member must not be null", lowerPath(path)))
	}
	plural := ""
	if len(parts) > 1 {
		plural = "s"
	}
	return fault.New(fault.Missing, "wire.Decode", "%d validation error%s detected: %s",
		len(parts), plural, strings.Join(parts, "; ")).WithCode(code)
}

// lowerPath writes a member's path as AWS's validation does: "Targets.1.member.Key" as "targets.1.member.key".
func lowerPath(path string) string {
	parts := strings.Split(path, ".")
	for i, part := range parts {
		r, n := utf8.DecodeRuneInString(part)
		parts[i] = string(unicode.ToLower(r)) + part[n:]
	}
	return strings.Join(parts, ".")
}

// missing appends the paths of the required members that are absent below v.
func (s *shape) missing(v reflect.Value, path string, to *[]string) {
	if !s.demands {
		return
	}
	switch s.form {
	case formStruct:
		for i := range s.fields {
			f := &s.fields[i]
			fv := v.Field(f.index)
			absent := absent(fv)
			if absent && f.required {
				*to = append(*to, path+f.in)
			}
			if !absent {
				f.shape.missing(deref(fv), path+f.in+".", to)
			}
		}
	case formList:
		for i := range v.Len() {
			s.elem.missing(deref(v.Index(i)), path+strconv.Itoa(i+1)+".member.", to)
		}
	case formMap:
		for it := v.MapRange(); it.Next(); {
			s.elem.missing(deref(it.Value()), path+it.Key().String()+".member.", to)
		}
	}
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
