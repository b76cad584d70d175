package wire

import (
	"encoding/base64"
	"errors"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"postern/aws/fault"
)

// Form is a request's parameters in the query protocols, sorted by name: what a structure or list holds stands
// together, since its names begin alike.
type Form struct {
	pairs []pair
}

type pair struct{ name, value string }

// ParseForm reads "name=value&…" (application/x-www-form-urlencoded). Several parts, such as a query string and a
// body, make one form. A parameter given twice is refused.
func ParseForm(parts ...string) (*Form, error) {
	f := &Form{}
	for _, part := range parts {
		for text := range strings.SplitSeq(part, "&") {
			if text == "" {
				continue
			}
			name, value, _ := strings.Cut(text, "=")
			var p pair
			var err error
			if p.name, err = url.QueryUnescape(name); err == nil {
				p.value, err = url.QueryUnescape(value)
			}
			if err != nil || !utf8.ValidString(p.name) || !utf8.ValidString(p.value) {
				return nil, malformedForm("parameter %d is not a valid escape of UTF-8", len(f.pairs)+1)
			}
			if f.pairs = append(f.pairs, p); len(f.pairs) > MaxParameters {
				return nil, malformedForm("more than %d parameters", MaxParameters)
			}
		}
	}
	slices.SortFunc(f.pairs, func(a, b pair) int { return strings.Compare(a.name, b.name) })
	for i := 1; i < len(f.pairs); i++ {
		if f.pairs[i].name == f.pairs[i-1].name {
			return nil, malformedForm("parameter %s is given more than once", f.pairs[i].name)
		}
	}
	return f, nil
}

func malformedForm(format string, args ...any) error {
	return fault.New(fault.Invalid, "wire.ParseForm", format, args...).WithCode("MalformedQueryString")
}

// Get returns a parameter's value, or "".
func (f *Form) Get(name string) string {
	i, ok := slices.BinarySearchFunc(f.pairs, name, func(p pair, name string) int { return strings.Compare(p.name, name) })
	if !ok {
		return ""
	}
	return f.pairs[i].value
}

// common are the parameters of every request that are no member of any input, with those of a presigned one and of
// older signatures. Names that begin with X-Amz- are too.
var common = map[string]bool{
	"Action": true, "Version": true, "AUTHPARAMS": true, "AWSAccessKeyId": true, "Expires": true,
	"SecurityToken": true, "Signature": true, "SignatureMethod": true, "SignatureVersion": true, "Timestamp": true,
}

// decode reads the form into a struct.
func (f *Form) decode(s *shape, v reflect.Value) error {
	return decodeStruct(s, v, scope{pairs: f.pairs, top: true})
}

// scope is the part of a form that belongs to one value: its pairs, all of whose names begin with prefix.
type scope struct {
	pairs  []pair
	prefix string // "Filter.1."
	depth  int
	top    bool
}

// name is the scope's own parameter name, for messages.
func (s scope) name() string { return strings.TrimSuffix(s.prefix, ".") }

// children walks the scope by the next part of the names: each child is a leaf (its own value) or a scope.
func (s scope) children(visit func(part string, leaf *pair, below scope) error) error {
	if s.depth > MaxDepth {
		return &problem{kind: excessive, path: s.name(), text: "nested too deeply"}
	}
	for rest := s.pairs; len(rest) > 0; {
		part, _, nested := strings.Cut(rest[0].name[len(s.prefix):], ".")
		if !nested {
			if err := visit(part, &rest[0], scope{}); err != nil {
				return err
			}
			rest = rest[1:]
			continue
		}
		prefix := rest[0].name[:len(s.prefix)+len(part)+1]
		n := 1
		for n < len(rest) && strings.HasPrefix(rest[n].name, prefix) {
			n++
		}
		if err := visit(part, nil, scope{pairs: rest[:n], prefix: prefix, depth: s.depth + 1}); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return nil
}

func decodeStruct(s *shape, v reflect.Value, in scope) error {
	return in.children(func(part string, leaf *pair, below scope) error {
		i, ok := s.byName[part]
		if !ok {
			if in.top && (common[part] || strings.HasPrefix(part, "X-Amz-")) {
				return nil
			}
			return &problem{kind: unknown, path: in.prefix + part}
		}
		f := &s.fields[i]
		target := v.Field(f.index)
		if f.pointer {
			if target.IsNil() {
				target.Set(reflect.New(f.shape.typ))
			}
			target = target.Elem()
		}
		return decodeValue(f.shape, target, leaf, below)
	})
}

// decodeValue reads a leaf or a scope into a value of the shape.
func decodeValue(s *shape, v reflect.Value, leaf *pair, below scope) error {
	if leaf != nil {
		return decodeLeaf(s, v, leaf)
	}
	switch s.form {
	case formStruct:
		return decodeStruct(s, v, below)
	case formList:
		return decodeList(s, v, below)
	case formMap:
		return decodeMap(s, v, below)
	case formUnion:
		return below.children(func(part string, leaf *pair, below scope) error {
			variant, ok := s.variants[part]
			if !ok || !v.IsNil() {
				return &problem{kind: unknown, path: below.prefix + part}
			}
			return setVariant(variant, v, func(f *field, target reflect.Value) error {
				return decodeValue(f.shape, target, leaf, below)
			})
		})
	}
	return &problem{kind: unknown, path: below.pairs[0].name}
}

// decodeList reads Name.1, Name.2 … or Name.member.1 …; gaps are closed up, as AWS does.
func decodeList(s *shape, v reflect.Value, in scope) error {
	type item struct {
		n     int
		leaf  *pair
		below scope
	}
	var items []item
	err := in.children(func(part string, leaf *pair, below scope) error {
		n, err := strconv.Atoi(part)
		if err != nil && leaf == nil && part == "member" {
			in = below
			return errMember
		}
		if err != nil || n < 0 || part[0] == '0' && n > 0 || part[0] == '+' {
			return &problem{kind: unknown, path: in.prefix + part}
		}
		items = append(items, item{n, leaf, below})
		return nil
	})
	if errors.Is(err, errMember) {
		return decodeList(s, v, in)
	}
	if err != nil {
		return err
	}
	slices.SortStableFunc(items, func(a, b item) int { return a.n - b.n })
	v.Set(reflect.MakeSlice(s.typ, 0, len(items)))
	for i, it := range items {
		merge := i > 0 && items[i-1].n == it.n
		if merge {
			return &problem{kind: mistyped, path: it.below.name(), text: "both a value and members are given"}
		}
		if err := decodeValue(s.elem, appendElem(s, v), it.leaf, it.below); err != nil {
			return err
		}
	}
	return nil
}

// errMember says that the list's items stand below "member".
var errMember = &problem{kind: malformed, text: "member"}

// decodeMap reads Name.entry.1.key and Name.entry.1.value.
func decodeMap(s *shape, v reflect.Value, in scope) error {
	v.Set(reflect.MakeMap(s.typ))
	return in.children(func(part string, _ *pair, entries scope) error {
		if part != "entry" {
			return &problem{kind: unknown, path: in.prefix + part}
		}
		return entries.children(func(_ string, _ *pair, entry scope) error {
			var key string
			elem := reflect.New(s.elem.typ)
			err := entry.children(func(part string, leaf *pair, below scope) error {
				switch {
				case part == "key" && leaf != nil:
					key = strings.Clone(leaf.value)
					return nil
				case part == "value":
					return decodeValue(s.elem, elem.Elem(), leaf, below)
				}
				return &problem{kind: unknown, path: entry.prefix + part}
			})
			if err != nil {
				return err
			}
			if !s.pointer {
				elem = elem.Elem()
			}
			v.SetMapIndex(reflect.ValueOf(key).Convert(s.typ.Key()), elem)
			return nil
		})
	})
}

func decodeLeaf(s *shape, v reflect.Value, leaf *pair) error {
	wrong := func(what string) error {
		return &problem{kind: mistyped, path: leaf.name, text: "expected " + what}
	}
	switch s.form {
	case formString:
		v.SetString(strings.Clone(leaf.value)) // what is kept of a request does not keep all of it
	case formBool:
		switch strings.ToLower(leaf.value) {
		case "true":
			v.SetBool(true)
		case "false":
			v.SetBool(false)
		default:
			return wrong("true or false")
		}
	case formInt:
		n, err := strconv.ParseInt(leaf.value, 10, s.bits)
		if err != nil {
			return wrong("an integer of " + strconv.Itoa(s.bits) + " bits")
		}
		v.SetInt(n)
	case formFloat:
		n, err := strconv.ParseFloat(leaf.value, s.bits)
		if err != nil {
			return wrong("a number")
		}
		v.SetFloat(n)
	case formTime:
		t, err := time.Parse(time.RFC3339Nano, leaf.value)
		if err != nil {
			return wrong("a time such as 2026-01-02T15:04:05Z")
		}
		v.Set(reflect.ValueOf(t.UTC()))
	case formBlob:
		data, err := base64.StdEncoding.DecodeString(leaf.value)
		if err != nil {
			return wrong("base64")
		}
		v.SetBytes(data)
	case formList, formMap:
		if leaf.value != "" {
			return wrong("a list")
		}
		if v.IsNil() && s.form == formList { // "Name=" is the empty list in the query protocol
			v.Set(reflect.MakeSlice(s.typ, 0, 0))
		}
	case formStruct, formUnion:
		if leaf.value != "" {
			return wrong("a structure")
		}
	}
	return nil
}
