package wire

import (
	"encoding/base64"
	"math"
	"reflect"
	"strconv"
	"time"
)

// jsonDecoder reads one JSON document into SDK types, without an intermediate tree. It is strict where encoding/json
// and the SDK's own reader are not: whole input, no invalid UTF-8, no number for a string.
type jsonDecoder struct {
	jsonScanner
}

// document reads the whole input, which must be one object or nothing at all.
func (d *jsonDecoder) document(s *shape, v reflect.Value) error {
	d.space()
	if d.pos == len(d.data) {
		return nil
	}
	if err := d.value(s, v, 0); err != nil {
		return err
	}
	d.space()
	if d.pos != len(d.data) {
		return d.syntax("data after the end of the document")
	}
	return nil
}

// value reads the next value into v, whose type is the shape's.
func (d *jsonDecoder) value(s *shape, v reflect.Value, depth int) error {
	if depth > MaxDepth {
		return &problem{kind: excessive, text: "nested too deeply"}
	}
	d.space()
	switch s.form {
	case formStruct:
		return d.members(s, v, depth)
	case formUnion:
		return d.union(s, v, depth)
	case formList:
		return d.list(s, v, depth)
	case formMap:
		return d.mapping(s, v, depth)
	case formBool:
		return d.boolean(v)
	case formInt, formFloat, formTime:
		return d.number(s, v)
	default:
		return d.text(s, v)
	}
}

// object walks an object's members.
func (d *jsonDecoder) object(visit func(key string) error) error {
	if d.peek() != '{' {
		return d.expected("an object")
	}
	d.pos++
	for first := true; ; first = false {
		d.space()
		if d.peek() == '}' {
			d.pos++
			return nil
		}
		if !first {
			if err := d.punctuation(','); err != nil {
				return err
			}
			d.space()
		}
		key, err := d.string()
		if err != nil {
			return err
		}
		d.space()
		if err := d.punctuation(':'); err != nil {
			return err
		}
		if err := visit(key); err != nil {
			return err
		}
	}
}

func (d *jsonDecoder) members(s *shape, v reflect.Value, depth int) error {
	return d.object(func(key string) error {
		i, ok := s.byName[key]
		if !ok {
			return d.skip(depth + 1)
		}
		f := &s.fields[i]
		d.space()
		if d.null() {
			return nil
		}
		target := v.Field(f.index)
		if f.pointer {
			target.Set(reflect.New(f.shape.typ))
			target = target.Elem()
		}
		return under2(d.value(f.shape, target, depth+1), key)
	})
}

// under2 is under without its cost where there is no error.
func under2(err error, name string) error {
	if err == nil {
		return nil
	}
	return under(err, name)
}

func (d *jsonDecoder) union(s *shape, v reflect.Value, depth int) error {
	return d.object(func(key string) error {
		variant, ok := s.variants[key]
		d.space()
		if !ok {
			return d.skip(depth + 1)
		}
		if d.null() {
			return nil
		}
		if !v.IsNil() {
			return &problem{kind: mistyped, path: key, text: "only one member of a union may be set"}
		}
		return under2(setVariant(variant, v, func(f *field, target reflect.Value) error {
			return d.value(f.shape, target, depth+1)
		}), key)
	})
}

// setVariant makes the variant of a union, reads its one field, and sets the union to it.
func setVariant(variant *shape, union reflect.Value, read func(*field, reflect.Value) error) error {
	p := reflect.New(variant.typ)
	f := &variant.fields[0]
	if err := read(f, p.Elem().Field(f.index)); err != nil {
		return err
	}
	union.Set(p)
	return nil
}

func (d *jsonDecoder) list(s *shape, v reflect.Value, depth int) error {
	if d.peek() != '[' {
		return d.expected("a list")
	}
	d.pos++
	v.Set(reflect.MakeSlice(s.typ, 0, 0))
	for i := 0; ; i++ {
		d.space()
		if d.peek() == ']' {
			d.pos++
			return nil
		}
		if i > 0 {
			if err := d.punctuation(','); err != nil {
				return err
			}
			d.space()
		}
		if d.null() {
			continue // AWS passes over null in a list that is not sparse
		}
		if err := d.value(s.elem, appendElem(s, v), depth+1); err != nil {
			return underIndex(err, i)
		}
	}
}

// appendElem makes a list one longer and returns its last element, behind the pointer if it is one.
func appendElem(s *shape, v reflect.Value) reflect.Value {
	n := v.Len()
	v.Grow(1)
	v.SetLen(n + 1)
	elem := v.Index(n)
	if s.pointer {
		elem.Set(reflect.New(s.elem.typ))
		return elem.Elem()
	}
	elem.SetZero()
	return elem
}

func (d *jsonDecoder) mapping(s *shape, v reflect.Value, depth int) error {
	v.Set(reflect.MakeMap(s.typ))
	return d.object(func(key string) error {
		d.space()
		if d.null() {
			return nil
		}
		elem := reflect.New(s.elem.typ)
		if err := d.value(s.elem, elem.Elem(), depth+1); err != nil {
			return under(err, key)
		}
		if !s.pointer {
			elem = elem.Elem()
		}
		v.SetMapIndex(reflect.ValueOf(key).Convert(s.typ.Key()), elem)
		return nil
	})
}

func (d *jsonDecoder) boolean(v reflect.Value) error {
	switch {
	case d.literal("true"):
		v.SetBool(true)
	case d.literal("false"):
		v.SetBool(false)
	default:
		return d.expected("true or false")
	}
	return nil
}

func (d *jsonDecoder) text(s *shape, v reflect.Value) error {
	if d.peek() != '"' {
		return d.expected("a string")
	}
	text, err := d.string()
	if err != nil {
		return err
	}
	if s.form == formString {
		v.SetString(text)
		return nil
	}
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return &problem{kind: mistyped, text: "expected base64"}
	}
	v.SetBytes(data)
	return nil
}

func (d *jsonDecoder) number(s *shape, v reflect.Value) error {
	if c := d.peek(); c != '-' && (c < '0' || c > '9') {
		return d.expected("a number")
	}
	digits, err := d.numeral()
	if err != nil {
		return err
	}
	if s.form == formInt {
		n, err := strconv.ParseInt(digits, 10, s.bits)
		if err != nil {
			return &problem{kind: mistyped, text: "expected an integer of " + strconv.Itoa(s.bits) + " bits"}
		}
		v.SetInt(n)
		return nil
	}
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil {
		return &problem{kind: mistyped, text: "number out of range"}
	}
	if s.form == formFloat {
		v.SetFloat(n)
		return nil
	}
	if math.Abs(n) > maxEpoch {
		return &problem{kind: mistyped, text: "time out of range"}
	}
	v.Set(reflect.ValueOf(epoch(n)))
	return nil
}

// maxEpoch is the year 9999, in seconds.
const maxEpoch = 253402300799

// epoch is the time of a number of seconds, to the millisecond, as AWS JSON has it.
func epoch(seconds float64) time.Time {
	return time.UnixMilli(int64(math.Round(seconds * 1000))).UTC()
}
