package wire

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
)

// EncodeAnswer writes the answer of a REST protocol. out is a pointer to the Output type.
func (c *Codec) EncodeAnswer(out any) (*Message, error) {
	if err := c.Prepare(); err != nil {
		return nil, err
	}
	v := reflect.ValueOf(out).Elem()
	m := &Message{Status: max(c.Status, 0), Header: http.Header{}}
	if m.Status == 0 {
		m.Status = http.StatusOK
	}
	for i := range c.out.fields {
		f := &c.out.fields[i]
		value := v.Field(f.index)
		if absent(value) {
			continue
		}
		switch f.place {
		case inStatus:
			if n := int(deref(value).Int()); n != 0 {
				m.Status = n
			}
		case inHeader, inHeaders:
			if err := f.addHeader(m.Header, value); err != nil {
				return nil, fmt.Errorf("encode %s: %w", c.Operation, err)
			}
		}
	}
	root := c.out.root
	if root == "" {
		root = c.Operation + "Response"
	}
	c.writeBody(c.out, &c.outBound, root, m, v)
	return m, nil
}

// EncodeRequest writes a request as a client does: it is the inverse of DecodeRequest. in is a pointer to the Input
// type.
func (c *Codec) EncodeRequest(in any) (*Message, error) {
	if err := c.Prepare(); err != nil {
		return nil, err
	}
	v := reflect.ValueOf(in).Elem()
	m := &Message{Method: c.pattern.Method, Header: http.Header{}}
	labels := map[string]string{}
	var bound, rest []pair
	for i := range c.in.fields {
		f := &c.in.fields[i]
		value := v.Field(f.index)
		if absent(value) {
			continue
		}
		switch f.place {
		case inLabel:
			labels[f.at] = scalarText(f.shape, deref(value), f.times)
		case inQuery:
			bound = f.appendQuery(bound, value)
		case inQueries:
			rest = f.appendQueries(rest, value)
		case inHeader, inHeaders:
			if err := f.addHeader(m.Header, value); err != nil {
				return nil, fmt.Errorf("encode %s: %w", c.Operation, err)
			}
		}
	}
	var query []pair
	m.Path, query = c.pattern.path(func(label string) string { return labels[label] })
	query = slices.DeleteFunc(slices.Clone(query), func(p pair) bool { // a member says its value
		return p.value == "" && slices.ContainsFunc(bound, func(q pair) bool { return q.name == p.name })
	})
	m.Query = writeQuery(query, bound, rest)
	root := c.in.root
	if root == "" {
		root = c.Operation + "Request"
	}
	c.writeBody(c.in, &c.inBound, root, m, v)
	return m, nil
}

// writeQuery writes parameters. Of the last ones, those are left out whose names stand before.
func writeQuery(query, bound, rest []pair) string {
	taken := map[string]bool{}
	for _, p := range append(append([]pair(nil), query...), bound...) {
		taken[p.name] = true
	}
	var parts []string
	for i, p := range append(append(append([]pair(nil), query...), bound...), rest...) {
		if i >= len(query)+len(bound) && taken[p.name] {
			continue
		}
		text := url.QueryEscape(p.name)
		if i >= len(query) || p.value != "" {
			text += "=" + escape(p.value)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "&")
}

func (f *field) appendQuery(query []pair, v reflect.Value) []pair {
	if f.shape.form != formList {
		return append(query, pair{f.at, scalarText(f.shape, deref(v), f.times)})
	}
	for i := range v.Len() {
		query = append(query, pair{f.at, scalarText(f.shape.elem, deref(v.Index(i)), f.times)})
	}
	return query
}

func (f *field) appendQueries(query []pair, v reflect.Value) []pair {
	for _, key := range sortedKeys(v) {
		value := deref(v.MapIndex(key))
		if f.shape.elem.form != formList {
			query = append(query, pair{key.String(), value.String()})
			continue
		}
		for i := range value.Len() {
			query = append(query, pair{key.String(), deref(value.Index(i)).String()})
		}
	}
	return query
}

func (f *field) addHeader(header http.Header, v reflect.Value) error {
	set := func(name, text string) error {
		if !headerSafe(text) || name == "" || strings.ContainsAny(name, " \t\r\n:") {
			return fmt.Errorf("the value of %s cannot stand in a header", f.out)
		}
		if f.place == inHeaders {
			header[name] = []string{text} // clients take what follows the prefix as it is written
		} else {
			header.Set(name, text)
		}
		return nil
	}
	switch {
	case f.place == inHeaders:
		for _, key := range sortedKeys(v) {
			if err := set(f.at+key.String(), deref(v.MapIndex(key)).String()); err != nil {
				return err
			}
		}
		return nil
	case f.shape.form != formList:
		return set(f.at, scalarText(f.shape, deref(v), f.times))
	case v.Len() == 0:
		return nil
	}
	return set(f.at, headerList(f.shape, v, f.times))
}

// writeBody writes what stands in the body of a message, and says in its header what that is.
func (c *Codec) writeBody(s *shape, b *bindings, root string, m *Message, v reflect.Value) {
	kind := ""
	switch {
	case b.payload == nil && b.body:
		m.Body, kind = c.appendDocument(s, root, v), c.Protocol.ContentType()
	case b.payload == nil || absent(v.Field(b.payload.index)):
	default:
		f := b.payload
		value := v.Field(f.index)
		switch f.shape.form {
		case formStream:
			m.Stream, kind = closer(value), "application/octet-stream"
		case formBlob:
			m.Body, kind = deref(value).Bytes(), "application/octet-stream"
		case formString:
			m.Body, kind = []byte(deref(value).String()), "text/plain"
		default:
			m.Body, kind = c.appendDocument(f.shape, f.rootName(), deref(value)), c.Protocol.ContentType()
		}
	}
	if kind != "" && m.Header.Get("Content-Type") == "" {
		m.Header.Set("Content-Type", kind)
	}
}

// closer is a stream that can be closed, and sought in if it could be before.
func closer(v reflect.Value) io.ReadCloser {
	switch r := v.Interface().(type) {
	case io.ReadCloser:
		return r
	case io.ReadSeeker:
		return seeker{r}
	case io.Reader:
		return io.NopCloser(r)
	}
	return nil
}

type seeker struct{ io.ReadSeeker }

// Close implements io.Closer.
func (seeker) Close() error { return nil }

func (c *Codec) appendDocument(s *shape, root string, v reflect.Value) []byte {
	if c.Protocol == RESTJSON {
		return appendJSON(nil, s, v, false)
	}
	dst := []byte(xmlHead)
	dst = openRoot(dst, root, c.Namespace)
	dst = c.appendValue(dst, s, v, "")
	return closeTag(dst, root)
}

// DecodeResponse fills out, a pointer to the Output type, from a service's answer, as a client does: it is the inverse
// of EncodeAnswer.
func (c *Codec) DecodeResponse(m *Message, out any) error {
	if err := c.Prepare(); err != nil {
		return err
	}
	v := reflect.ValueOf(out).Elem()
	for i := range c.out.fields {
		f := &c.out.fields[i]
		var err error
		switch f.place {
		case inStatus:
			settable(v.Field(f.index), f.pointer).SetInt(int64(m.Status))
		case inHeader, inHeaders:
			err = f.setHeader(v.Field(f.index), m.Header)
		}
		// Whoever made an object says what Expires is, and whatever it says is handed on.
		if err != nil && f.at != "Expires" {
			return c.unreadable(under(err, f.out))
		}
	}
	return c.unreadable(c.readBody(c.out, &c.outBound, "", m, v))
}
