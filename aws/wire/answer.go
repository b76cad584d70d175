package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// DecodeAnswer fills out, a pointer to the Output type, from a service's answer, as a client does: it is the inverse of
// Append. Members that the type does not have are passed over, so that a newer service is understood.
func (c *Codec) DecodeAnswer(body []byte, out any) error {
	if err := c.Prepare(); err != nil {
		return err
	}
	v := reflect.ValueOf(out).Elem()
	if c.Protocol == JSON {
		d := jsonDecoder{jsonScanner{data: body}}
		return c.unreadable(d.document(c.out, v))
	}
	r := newXMLReader(body)
	if _, err := r.root(); err != nil {
		return c.unreadable(err)
	}
	if c.Protocol != Query {
		return c.unreadable(r.members(c.out, v, 0))
	}
	return c.unreadable(r.children(0, func(name string) error {
		if name == c.Operation+"Result" {
			return r.members(c.out, v, 1)
		}
		return r.Skip()
	}))
}

func (c *Codec) unreadable(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("read the answer of %s: %w", c.Operation, err)
}

// xmlReader reads answers, and the bodies of requests in the REST protocols.
type xmlReader struct {
	*xml.Decoder
	// attributes points to the attributes of the element that was opened last.
	attributes *[]xml.Attr
}

func newXMLReader(body []byte) xmlReader {
	return xmlReader{xml.NewDecoder(bytes.NewReader(body)), new([]xml.Attr)}
}

// root reads up to the first element, and returns its name.
func (r xmlReader) root() (string, error) {
	for {
		token, err := r.Token()
		if errors.Is(err, io.EOF) {
			return "", io.ErrUnexpectedEOF
		}
		if err != nil {
			return "", err
		}
		if start, ok := token.(xml.StartElement); ok {
			*r.attributes = start.Attr
			return start.Name.Local, nil
		}
	}
}

// children visits the elements within the one that has been opened, up to its end. visit reads its element to the end.
func (r xmlReader) children(depth int, visit func(name string) error) error {
	if depth > MaxDepth {
		return &problem{kind: excessive, text: "nested too deeply"}
	}
	for {
		token, err := r.Token()
		if err != nil {
			return err
		}
		switch token := token.(type) {
		case xml.StartElement:
			*r.attributes = token.Attr
			if err := visit(token.Name.Local); err != nil {
				return under2(err, token.Name.Local)
			}
		case xml.EndElement:
			return nil
		}
	}
}

// text reads the text of the element that has been opened, up to its end.
func (r xmlReader) text() (string, error) {
	var text strings.Builder
	for {
		token, err := r.Token()
		if err != nil {
			return "", err
		}
		switch token := token.(type) {
		case xml.CharData:
			text.Write(token)
		case xml.StartElement:
			if err := r.Skip(); err != nil {
				return "", err
			}
		case xml.EndElement:
			return text.String(), nil
		}
	}
}

// members reads a struct. Names are compared as the SDK does, without regard to case.
func (r xmlReader) members(s *shape, v reflect.Value, depth int) error {
	if err := r.readAttributes(s, v); err != nil {
		return err
	}
	if s.text {
		return r.textMember(s, v)
	}
	return r.children(depth, func(name string) error {
		for i := range s.fields {
			f := &s.fields[i]
			if f.place != inBody || f.attribute || !strings.EqualFold(f.out, name) {
				continue
			}
			target := v.Field(f.index)
			switch {
			case f.flat && f.shape.form == formList:
				return r.value(f.shape.elem, appendElem(f.shape, target), f.item, depth+1)
			case f.flat && f.shape.form == formMap:
				if target.IsNil() {
					target.Set(reflect.MakeMap(f.shape.typ))
				}
				return r.entry(f.shape, target, f.item, depth+1)
			}
			if f.shape.form == formTime && f.times == httpDate {
				text, err := r.text()
				if err != nil {
					return err
				}
				return f.set(target, strings.TrimSpace(text))
			}
			if f.pointer {
				target.Set(reflect.New(f.shape.typ))
				target = target.Elem()
			}
			return r.value(f.shape, target, f.item, depth+1)
		}
		return r.Skip()
	})
}

// textMember reads the member that is the text of the element that has been opened.
func (r xmlReader) textMember(s *shape, v reflect.Value) error {
	text, err := r.text()
	if err != nil || text == "" {
		return err
	}
	for i := range s.fields {
		if f := &s.fields[i]; f.text {
			return f.set(v.Field(f.index), text)
		}
	}
	return nil
}

// readAttributes reads the members that are attributes of the element that has been opened.
func (r xmlReader) readAttributes(s *shape, v reflect.Value) error {
	if !s.attributes {
		return nil
	}
	for i := range s.fields {
		f := &s.fields[i]
		_, local, prefixed := strings.Cut(f.out, ":")
		if !prefixed {
			local = f.out
		}
		for _, a := range *r.attributes {
			if f.attribute && a.Name.Local == local && (a.Name.Space != "") == prefixed {
				if err := readScalar(f.shape, settable(v.Field(f.index), f.pointer), a.Value, dateTime); err != nil {
					return under(err, f.out)
				}
			}
		}
	}
	return nil
}

// value reads the element that has been opened into v; item is the name of a list's elements.
func (r xmlReader) value(s *shape, v reflect.Value, item string, depth int) error {
	switch s.form {
	case formStruct:
		return r.members(s, v, depth)
	case formList:
		if v.IsNil() {
			v.Set(reflect.MakeSlice(s.typ, 0, 0))
		}
		return r.children(depth, func(name string) error {
			if !strings.EqualFold(name, item) {
				return r.Skip()
			}
			return r.value(s.elem, appendElem(s, v), item, depth+1)
		})
	case formMap:
		v.Set(reflect.MakeMap(s.typ))
		return r.children(depth, func(string) error { return r.entry(s, v, item, depth+1) })
	case formUnion:
		return r.children(depth, func(name string) error {
			variant, ok := s.variants[name]
			if !ok {
				return r.Skip()
			}
			return setVariant(variant, v, func(f *field, target reflect.Value) error {
				if f.pointer {
					target.Set(reflect.New(f.shape.typ))
					target = target.Elem()
				}
				return r.value(f.shape, target, item, depth+1)
			})
		})
	}
	text, err := r.text()
	if err != nil {
		return err
	}
	return setText(s, v, text)
}

// entry reads the key and the value of a map's entry.
func (r xmlReader) entry(s *shape, v reflect.Value, item string, depth int) error {
	var key string
	elem := reflect.New(s.elem.typ)
	err := r.children(depth, func(name string) (err error) {
		switch name {
		case "key":
			key, err = r.text()
			return err
		case "value":
			return r.value(s.elem, elem.Elem(), item, depth+1)
		}
		return r.Skip()
	})
	if err != nil {
		return err
	}
	if !s.pointer {
		elem = elem.Elem()
	}
	v.SetMapIndex(reflect.ValueOf(key).Convert(s.typ.Key()), elem)
	return nil
}

// setText reads a scalar. An empty element is the zero value.
func setText(s *shape, v reflect.Value, text string) error {
	if s.form == formString {
		v.SetString(text)
		return nil
	}
	text = strings.TrimSpace(text)
	if text == "" {
		return nil
	}
	var err error
	switch s.form {
	case formBool:
		var b bool
		b, err = strconv.ParseBool(text)
		v.SetBool(b)
	case formInt:
		var n int64
		n, err = strconv.ParseInt(text, 10, s.bits)
		v.SetInt(n)
	case formFloat:
		var f float64
		f, err = strconv.ParseFloat(text, s.bits)
		v.SetFloat(f)
	case formTime:
		var t time.Time
		t, err = time.Parse(time.RFC3339Nano, text)
		v.Set(reflect.ValueOf(t.UTC()))
	case formBlob:
		var data []byte
		data, err = base64.StdEncoding.DecodeString(text)
		v.SetBytes(data)
	}
	if err != nil {
		return &problem{kind: mistyped, text: err.Error()}
	}
	return nil
}
