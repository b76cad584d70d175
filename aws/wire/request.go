package wire

import (
	"encoding/base64"
	"net/url"
	"reflect"
	"strconv"
	"time"
)

// AppendRequest appends the body of a request as a client would write it. in is a pointer to the Input type. The guard
// test calls every operation with it; it is the inverse of Decode.
func (c *Codec) AppendRequest(dst []byte, in any, version string) ([]byte, error) {
	if err := c.Prepare(); err != nil {
		return dst, err
	}
	v := reflect.ValueOf(in).Elem()
	if c.Protocol == JSON || c.Protocol == REST { // names are the same both ways
		return appendJSON(dst, c.in, v, false), nil
	}
	w := formWriter{dst: dst, member: c.Protocol == Query}
	w.pair("Action", c.Operation)
	w.pair("Version", version)
	w.value(c.in, v, "")
	return w.dst, nil
}

// formWriter writes "name=value&…".
type formWriter struct {
	dst    []byte
	member bool // lists stand below "member"
}

func (w *formWriter) pair(name, value string) {
	if len(w.dst) > 0 {
		w.dst = append(w.dst, '&')
	}
	w.dst = append(w.dst, url.QueryEscape(name)...)
	w.dst = append(w.dst, '=')
	w.dst = append(w.dst, url.QueryEscape(value)...)
}

func (w *formWriter) value(s *shape, v reflect.Value, name string) {
	switch s.form {
	case formString:
		w.pair(name, v.String())
	case formBool:
		w.pair(name, strconv.FormatBool(v.Bool()))
	case formInt:
		w.pair(name, strconv.FormatInt(v.Int(), 10))
	case formFloat:
		w.pair(name, strconv.FormatFloat(v.Float(), 'g', -1, s.bits))
	case formTime:
		w.pair(name, timeOf(v).UTC().Format(time.RFC3339Nano))
	case formBlob:
		w.pair(name, base64.StdEncoding.EncodeToString(v.Bytes()))
	case formList:
		w.list(s, v, name)
	case formMap:
		for i, key := range sortedKeys(v) {
			entry := name + ".entry." + strconv.Itoa(i+1)
			w.pair(entry+".key", key.String())
			w.value(s.elem, deref(v.MapIndex(key)), entry+".value")
		}
	case formUnion:
		variant, f, held := variantOf(s, v)
		w.value(f.shape, held, name+"."+variant)
	default:
		w.members(s, v, name)
	}
}

func (w *formWriter) members(s *shape, v reflect.Value, name string) {
	if name != "" {
		name += "."
	}
	for i := range s.fields {
		f := &s.fields[i]
		if value := v.Field(f.index); !absent(value) {
			w.value(f.shape, deref(value), name+f.in)
		}
	}
}

func (w *formWriter) list(s *shape, v reflect.Value, name string) {
	if v.Len() == 0 {
		w.pair(name, "")
	}
	if w.member {
		name += ".member"
	}
	for i := range v.Len() {
		w.value(s.elem, deref(v.Index(i)), name+"."+strconv.Itoa(i+1))
	}
}
