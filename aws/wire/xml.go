package wire

import (
	"encoding/base64"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const xmlHead = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

// appendEC2 writes EC2's form: members beside requestId in one element. An answer without members says
// <return>true</return>, as EC2 does.
func (c *Codec) appendEC2(dst []byte, v reflect.Value, requestID string) []byte {
	root := c.Operation + "Response"
	dst = append(dst, xmlHead...)
	dst = openRoot(dst, root, c.Namespace)
	dst = appendElement(dst, "requestId", requestID)
	if len(c.out.fields) == 0 {
		dst = appendElement(dst, "return", "true")
	}
	dst = c.appendMembers(dst, c.out, v, true)
	return closeTag(dst, root)
}

// appendQuery writes AWS query's form: members in a result element, then ResponseMetadata.
func (c *Codec) appendQuery(dst []byte, v reflect.Value, requestID string) []byte {
	root := c.Operation + "Response"
	dst = openRoot(dst, root, c.Namespace)
	if c.result {
		dst = openTag(dst, c.Operation+"Result")
		dst = c.appendMembers(dst, c.out, v, true)
		dst = closeTag(dst, c.Operation+"Result")
	}
	dst = openTag(dst, "ResponseMetadata")
	dst = appendElement(dst, "RequestId", requestID)
	dst = closeTag(dst, "ResponseMetadata")
	return closeTag(dst, root)
}

// appendREST writes the members in one element.
func (c *Codec) appendREST(dst []byte, v reflect.Value) []byte {
	root := c.Operation + "Response"
	dst = openRoot(dst, root, c.Namespace)
	dst = c.appendMembers(dst, c.out, v, true)
	return closeTag(dst, root)
}

// appendMembers writes a struct's members. What is absent is left out, except that the lists of the answer itself
// always stand, so that an empty result is an empty list for every client.
func (c *Codec) appendMembers(dst []byte, s *shape, v reflect.Value, top bool) []byte {
	for i := range s.fields {
		f := &s.fields[i]
		value := v.Field(f.index)
		if f.place != inBody || f.attribute || f.leftOut(value) && !(top && f.shape.form == formList) {
			continue
		}
		if f.pointer {
			value = value.Elem()
		}
		if f.text {
			dst = appendText(dst, scalarText(f.shape, value, dateTime))
			continue
		}
		dst = c.appendMember(dst, f, value)
	}
	return dst
}

// appendMember writes one member: an element, or one for each element of a flat list.
func (c *Codec) appendMember(dst []byte, f *field, v reflect.Value) []byte {
	if f.flat && f.shape.form == formList {
		for i := range v.Len() {
			dst = c.appendElement(dst, f.out, f.shape.elem, deref(v.Index(i)), f.item)
		}
		return dst
	}
	if f.flat && f.shape.form == formMap {
		for _, key := range sortedKeys(v) {
			dst = openTag(dst, f.out)
			dst = appendElement(dst, "key", key.String())
			dst = c.appendElement(dst, "value", f.shape.elem, deref(v.MapIndex(key)), f.item)
			dst = closeTag(dst, f.out)
		}
		return dst
	}
	if f.shape.form == formTime && f.times == httpDate {
		return appendElement(dst, f.out, scalarText(f.shape, v, f.times))
	}
	return c.appendElement(dst, f.out, f.shape, v, f.item)
}

// appendElement writes a value in its element, with the attributes that it has.
func (c *Codec) appendElement(dst []byte, name string, s *shape, v reflect.Value, item string) []byte {
	if s.attributes {
		dst = appendTagWith(dst, name, s, v)
	} else {
		dst = openTag(dst, name)
	}
	return closeTag(c.appendValue(dst, s, v, item), name)
}

// appendTagWith opens an element with attributes. What is called xsi:… is of XML Schema's namespace.
func appendTagWith(dst []byte, name string, s *shape, v reflect.Value) []byte {
	dst = append(append(dst, '<'), name...)
	for i := range s.fields {
		f := &s.fields[i]
		value := v.Field(f.index)
		if !f.attribute || absent(value) {
			continue
		}
		if strings.HasPrefix(f.out, "xsi:") {
			dst = append(dst, ` xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"`...)
		}
		dst = append(append(append(dst, ' '), f.out...), `="`...)
		text := string(appendText(nil, scalarText(f.shape, deref(value), dateTime)))
		dst = append(append(dst, strings.NewReplacer(`"`, "&#34;", "\n", "&#xA;", "\t", "&#x9;").Replace(text)...), '"')
	}
	return append(dst, '>')
}

// appendValue writes what stands inside a value's element; item is the name of a list's elements.
func (c *Codec) appendValue(dst []byte, s *shape, v reflect.Value, item string) []byte {
	switch s.form {
	case formString:
		return appendText(dst, v.String())
	case formBool:
		return strconv.AppendBool(dst, v.Bool())
	case formInt:
		return strconv.AppendInt(dst, v.Int(), 10)
	case formFloat:
		return strconv.AppendFloat(dst, v.Float(), 'g', -1, s.bits)
	case formTime:
		return c.appendTime(dst, timeOf(v))
	case formBlob:
		return base64.StdEncoding.AppendEncode(dst, v.Bytes())
	case formList:
		for i := range v.Len() {
			dst = c.appendElement(dst, item, s.elem, deref(v.Index(i)), item)
		}
		return dst
	case formMap:
		return c.appendEntries(dst, s, v, item)
	case formUnion:
		name, f, value := variantOf(s, v)
		dst = openTag(dst, name)
		dst = c.appendValue(dst, f.shape, value, item)
		return closeTag(dst, name)
	default:
		return c.appendMembers(dst, s, v, false)
	}
}

func (c *Codec) appendEntries(dst []byte, s *shape, v reflect.Value, item string) []byte {
	for _, key := range sortedKeys(v) {
		dst = openTag(dst, "entry")
		dst = appendElement(dst, "key", key.String())
		dst = c.appendElement(dst, "value", s.elem, deref(v.MapIndex(key)), item)
		dst = closeTag(dst, "entry")
	}
	return dst
}

// appendTime writes RFC 3339 in UTC: EC2 and S3 with milliseconds, REST with those that are there, the others without.
func (c *Codec) appendTime(dst []byte, t time.Time) []byte {
	if c.Protocol == RESTXML {
		return t.UTC().AppendFormat(dst, "2006-01-02T15:04:05.999Z")
	}
	if c.Protocol == EC2 || c.Protocol == S3 {
		return t.UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z")
	}
	return t.UTC().AppendFormat(dst, "2006-01-02T15:04:05Z")
}

func openRoot(dst []byte, name, namespace string) []byte {
	dst = append(append(dst, '<'), name...)
	if namespace != "" {
		dst = append(dst, ` xmlns="`...)
		dst = append(append(dst, namespace...), '"')
	}
	return append(dst, '>')
}

func openTag(dst []byte, name string) []byte { return append(append(append(dst, '<'), name...), '>') }

func closeTag(dst []byte, name string) []byte {
	return append(append(append(dst, '<', '/'), name...), '>')
}

func appendElement(dst []byte, name, text string) []byte {
	return closeTag(appendText(openTag(dst, name), text), name)
}

// appendText escapes text; what XML 1.0 cannot carry becomes U+FFFD. Carriage returns are escaped since a parser would
// turn them into line feeds.
func appendText(dst []byte, s string) []byte {
	start := 0
	for i := 0; i < len(s); {
		r, n := rune(s[i]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRuneInString(s[i:])
		}
		if with := xmlEscape(r, n); with != "" {
			dst = append(append(dst, s[start:i]...), with...)
			start = i + n
		}
		i += n
	}
	return append(dst, s[start:]...)
}

func xmlEscape(r rune, n int) string {
	switch {
	case r == '&':
		return "&amp;"
	case r == '<':
		return "&lt;"
	case r == '>':
		return "&gt;"
	case r == '\r':
		return "&#xD;"
	case r == '\t' || r == '\n':
		return ""
	case r < 0x20, r == utf8.RuneError && n == 1, r == 0xFFFE, r == 0xFFFF:
		return "\uFFFD"
	}
	return ""
}
