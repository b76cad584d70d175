package wire

import (
	"encoding/base64"
	"math"
	"reflect"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// appendJSON appends a value. Members that are nil, and empty enums, are left out; plain numbers and booleans always
// stand, as in AWS's answers. The lists of the answer itself stand even when they are nil, so that an empty result is
// an empty list for every client.
func appendJSON(dst []byte, s *shape, v reflect.Value, top bool) []byte {
	switch s.form {
	case formString:
		return appendJSONString(dst, v.String())
	case formBool:
		return strconv.AppendBool(dst, v.Bool())
	case formInt:
		return strconv.AppendInt(dst, v.Int(), 10)
	case formFloat:
		return appendJSONFloat(dst, v.Float(), s.bits)
	case formTime:
		return appendEpoch(dst, timeOf(v))
	case formBlob:
		dst = append(dst, '"')
		dst = base64.StdEncoding.AppendEncode(dst, v.Bytes())
		return append(dst, '"')
	case formList:
		return appendJSONList(dst, s, v)
	case formMap:
		return appendJSONMap(dst, s, v)
	case formUnion:
		name, f, value := variantOf(s, v)
		dst = appendJSONString(append(dst, '{'), name)
		return append(appendJSON(append(dst, ':'), f.shape, value, false), '}')
	default:
		return appendJSONStruct(dst, s, v, top)
	}
}

func appendJSONStruct(dst []byte, s *shape, v reflect.Value, top bool) []byte {
	dst = append(dst, '{')
	empty := len(dst)
	for i := range s.fields {
		f := &s.fields[i]
		value := v.Field(f.index)
		if f.place != inBody || f.leftOut(value) && !(top && f.shape.form == formList) {
			continue
		}
		if f.pointer {
			value = value.Elem()
		}
		if len(dst) > empty {
			dst = append(dst, ',')
		}
		dst = appendJSONString(dst, f.out)
		dst = appendJSON(append(dst, ':'), f.shape, value, false)
	}
	return append(dst, '}')
}

func appendJSONList(dst []byte, s *shape, v reflect.Value) []byte {
	dst = append(dst, '[')
	for i := range v.Len() {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendJSONElem(dst, s, v.Index(i))
	}
	return append(dst, ']')
}

func appendJSONMap(dst []byte, s *shape, v reflect.Value) []byte {
	dst = append(dst, '{')
	for i, key := range sortedKeys(v) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendJSONString(dst, key.String()), ':')
		dst = appendJSONElem(dst, s, v.MapIndex(key))
	}
	return append(dst, '}')
}

func appendJSONElem(dst []byte, s *shape, v reflect.Value) []byte {
	if s.pointer || s.elem.form == formUnion {
		if v.IsNil() {
			return append(dst, "null"...)
		}
		v = deref(v)
	}
	return appendJSON(dst, s.elem, v, false)
}

func sortedKeys(v reflect.Value) []reflect.Value {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int {
		if a.String() < b.String() {
			return -1
		}
		return 1
	})
	return keys
}

// variantOf is the wire name, the field and the value of the variant that a union holds. The SDK's unions hold
// pointers to variants.
func variantOf(s *shape, v reflect.Value) (string, *field, reflect.Value) {
	held := deref(v.Elem())
	name := variantName(held.Type())
	f := &s.variants[name].fields[0]
	return name, f, deref(held.Field(f.index))
}

// timeOf takes a time out of a value without allocating where it can.
func timeOf(v reflect.Value) time.Time {
	if v.CanAddr() {
		return *v.Addr().Interface().(*time.Time)
	}
	return v.Interface().(time.Time)
}

// appendEpoch writes seconds since 1970 with milliseconds where there are any.
func appendEpoch(dst []byte, t time.Time) []byte {
	ms := t.UnixMilli()
	if ms%1000 == 0 {
		return strconv.AppendInt(dst, ms/1000, 10)
	}
	return strconv.AppendFloat(dst, float64(ms)/1000, 'f', 3, 64)
}

func appendJSONFloat(dst []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(dst, `"-Infinity"`...)
	}
	return strconv.AppendFloat(dst, f, 'g', -1, bits)
}

const hexDigits = "0123456789abcdef"

// appendJSONString writes a string; invalid UTF-8 becomes U+FFFD, as JSON cannot carry it.
func appendJSONString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				dst = append(append(dst, s[start:i]...), "\uFFFD"...)
				start = i + 1
			}
			i += n
			continue
		}
		dst = append(dst, s[start:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		start = i
	}
	return append(append(dst, s[start:]...), '"')
}
