package wire

import (
	"bytes"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// DecodeRequest fills in, a pointer to the Input type, from a request of a REST protocol. label gives what a label of
// the path stands for. A parameter of the query that the operation does not have is refused. Errors are Invalid faults
// that name the member.
func (c *Codec) DecodeRequest(m *Message, label func(name string) string, in any) error {
	if err := c.Prepare(); err != nil {
		return err
	}
	query, err := parseQuery(m.Query)
	if err != nil {
		return c.refuse(err)
	}
	v := reflect.ValueOf(in).Elem()
	for i := range c.in.fields {
		f := &c.in.fields[i]
		target := v.Field(f.index)
		switch f.place {
		case inLabel:
			err = f.set(target, label(f.at))
		case inQuery:
			err = f.setQuery(target, query)
		case inQueries:
			f.setQueries(target, query)
		case inHeader, inHeaders:
			err = f.setHeader(target, m.Header)
		}
		if err != nil {
			return c.refuse(under(err, f.in))
		}
	}
	if err := c.knowsQuery(query); err != nil {
		return c.refuse(err)
	}
	return c.refuseBody(c.readBody(c.in, &c.inBound, c.in.root, m, v))
}

// refuseBody is refuse, where there is something wrong with a body.
func (c *Codec) refuseBody(err error) error {
	if err == nil {
		return nil
	}
	return c.refuse(err)
}

// set reads a scalar, behind a pointer if the member is one.
func (f *field) set(target reflect.Value, text string) error {
	return readScalar(f.shape, settable(target, f.pointer), text, f.times)
}

func (f *field) setQuery(target reflect.Value, query []pair) error {
	seen := false
	for _, p := range query {
		if p.name != f.at {
			continue
		}
		if f.shape.form == formList {
			if err := readScalar(f.shape.elem, appendElem(f.shape, target), p.value, f.times); err != nil {
				return err
			}
			continue
		}
		if seen {
			return &problem{kind: mistyped, text: "is given more than once"}
		}
		seen = true
		if err := f.set(target, p.value); err != nil {
			return err
		}
	}
	return nil
}

// setQueries puts all parameters into a map, those too that are members of their own.
func (f *field) setQueries(target reflect.Value, query []pair) {
	s := f.shape
	for _, p := range query {
		if target.IsNil() {
			target.Set(reflect.MakeMap(s.typ))
		}
		key := reflect.ValueOf(p.name).Convert(s.typ.Key())
		if s.elem.form != formList {
			if !target.MapIndex(key).IsValid() {
				target.SetMapIndex(key, texted(s, p.value))
			}
			continue
		}
		values := reflect.New(s.elem.typ).Elem()
		if have := target.MapIndex(key); have.IsValid() {
			values.Set(have)
		}
		appendElem(s.elem, values).SetString(p.value)
		target.SetMapIndex(key, values)
	}
}

// texted is a text as an element of a map.
func texted(s *shape, text string) reflect.Value {
	v := reflect.New(s.elem.typ)
	v.Elem().SetString(strings.Clone(text))
	if s.pointer {
		return v
	}
	return v.Elem()
}

func (f *field) setHeader(target reflect.Value, header http.Header) error {
	if f.place == inHeaders {
		f.setHeaders(target, header)
		return nil
	}
	values := header.Values(f.at)
	if len(values) == 0 {
		return nil
	}
	text := strings.Join(values, ",")
	if !utf8.ValidString(text) {
		return &problem{kind: mistyped, text: "is not UTF-8"}
	}
	if f.shape.form != formList {
		return f.set(target, strings.Trim(text, " \t"))
	}
	if strings.Trim(text, " \t") == "" {
		return nil
	}
	parts, err := splitHeader(f.shape.elem, text, f.times)
	if err != nil {
		return err
	}
	for _, part := range parts {
		if err := readScalar(f.shape.elem, appendElem(f.shape, target), part, f.times); err != nil {
			return err
		}
	}
	return nil
}

// setHeaders puts the headers whose names have the prefix into a map, by what follows it, in lower case.
func (f *field) setHeaders(target reflect.Value, header http.Header) {
	for name, values := range header {
		rest, ok := strings.CutPrefix(strings.ToLower(name), strings.ToLower(f.at))
		text := strings.Join(values, ",")
		if !ok || rest == "" || !utf8.ValidString(text) {
			continue
		}
		if target.IsNil() {
			target.Set(reflect.MakeMap(f.shape.typ))
		}
		target.SetMapIndex(reflect.ValueOf(rest).Convert(f.shape.typ.Key()), texted(f.shape, text))
	}
}

// knowsQuery refuses a parameter that the operation does not have: to pass it over would be to pretend.
func (c *Codec) knowsQuery(query []pair) error {
	for _, p := range query {
		known := common[p.name] || p.name == "x-id" || len(p.name) > 6 && strings.EqualFold(p.name[:6], "X-Amz-")
		known = known || slices.ContainsFunc(c.pattern.query, func(q pair) bool { return q.name == p.name })
		for i := range c.in.fields {
			f := &c.in.fields[i]
			known = known || f.place == inQueries || f.place == inQuery && f.at == p.name
		}
		if !known {
			return &problem{kind: unknown, path: p.name, text: "the operation has no such parameter"}
		}
	}
	return nil
}

// readBody reads what stands in the body of a message into v.
func (c *Codec) readBody(s *shape, b *bindings, root string, m *Message, v reflect.Value) error {
	if b.payload == nil {
		if !b.body || len(bytes.TrimSpace(m.Body)) == 0 {
			return nil
		}
		return c.readDocument(s, root, m.Body, v)
	}
	f := b.payload
	target := v.Field(f.index)
	switch f.shape.form {
	case formStream:
		if m.Stream != nil {
			target.Set(reflect.ValueOf(m.Stream))
		}
		return nil
	case formBlob:
		if len(m.Body) > 0 {
			settable(target, f.pointer).SetBytes(bytes.Clone(m.Body))
		}
		return nil
	case formString:
		if !utf8.Valid(m.Body) {
			return &problem{kind: mistyped, path: f.in, text: "is not UTF-8"}
		}
		if len(m.Body) > 0 {
			settable(target, f.pointer).SetString(string(m.Body))
		}
		return nil
	}
	if len(bytes.TrimSpace(m.Body)) == 0 {
		return nil
	}
	return c.readDocument(f.shape, f.rootName(), m.Body, settable(target, f.pointer))
}

// rootName is the name of the element that a payload stands in.
func (f *field) rootName() string {
	if f.shape.root != "" {
		return f.shape.root
	}
	return f.out
}

// readDocument reads a whole body, JSON or XML, into a structure.
func (c *Codec) readDocument(s *shape, root string, body []byte, v reflect.Value) error {
	if c.Protocol == RESTJSON {
		d := jsonDecoder{jsonScanner{data: body}}
		return d.document(s, v)
	}
	r := newXMLReader(body)
	name, err := r.root()
	switch {
	case err != nil:
		return &problem{kind: malformed, text: "the body is not XML: " + err.Error()}
	case root != "" && name != root:
		return &problem{kind: malformed, text: "the body is <" + clip(name) + ">, not <" + root + ">"}
	}
	return asProblem(r.value(s, v, "", 0))
}

func clip(text string) string { return text[:min(len(text), 64)] }

// asProblem is an error of reading XML as one of a request.
func asProblem(err error) error {
	switch err.(type) { //nolint:errorlint // the reader's errors, as they are
	case nil, *problem:
		return err
	}
	return &problem{kind: malformed, text: "the body is not XML: " + err.Error()}
}
