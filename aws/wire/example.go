package wire

import (
	"io"
	"maps"
	"reflect"
	"regexp/syntax"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Example makes an input with every member set to something that the model allows: texts without limits are "x", lists
// and maps have one element where one is enough. It is a pointer to the Input type. Tests of every operation use it.
func (c *Codec) Example() (any, error) {
	if err := c.Prepare(); err != nil {
		return nil, err
	}
	v := reflect.New(c.Input)
	c.in.example(v.Elem(), nil, 0)
	return v.Interface(), nil
}

// maxExample is how deep types that contain themselves are filled.
const maxExample = 16

// example sets v, which can be set, to a value that satisfies the limit, if there is one.
func (s *shape) example(v reflect.Value, l *limit, depth int) {
	if depth > maxExample {
		return
	}
	if l == nil {
		l = &limit{}
	}
	switch s.form {
	case formString:
		v.SetString(l.sample())
	case formBool:
		v.SetBool(true)
	case formInt:
		v.SetInt(int64(l.least()))
	case formFloat:
		v.SetFloat(l.least())
	case formTime:
		v.Set(reflect.ValueOf(time.Unix(946684800, 0).UTC()))
	case formBlob:
		v.SetBytes([]byte(strings.Repeat("x", int(l.least()))))
	case formList:
		v.Set(reflect.MakeSlice(s.typ, 0, 1))
		s.resize(v, l, int(l.least()), depth)
	case formMap:
		v.Set(reflect.MakeMap(s.typ))
		s.resize(v, l, int(l.least()), depth)
	case formStruct:
		for i := range s.fields {
			f := &s.fields[i]
			f.shape.example(settable(v.Field(f.index), f.pointer), f.limit, depth+1)
		}
	case formStream:
		v.Set(reflect.ValueOf(io.NopCloser(strings.NewReader("x"))))
	case formUnion: // the first of its variants by name
		name := slices.Min(slices.Collect(maps.Keys(s.variants)))
		_ = setVariant(s.variants[name], v, func(f *field, held reflect.Value) error {
			f.shape.example(settable(held, f.pointer), f.limit, depth+1)
			return nil
		})
	}
}

// settable makes a pointer's value, or is the value itself.
func settable(v reflect.Value, pointer bool) reflect.Value {
	if !pointer {
		return v
	}
	v.Set(reflect.New(v.Type().Elem()))
	return v.Elem()
}

// least is the smallest size or number that is allowed and not nothing.
func (l *limit) least() float64 {
	if l.min != nil {
		return max(l.min.value, min(1, l.most()))
	}
	return min(1, l.most())
}

func (l *limit) most() float64 {
	if l.max == nil {
		return 1 << 30
	}
	return l.max.value
}

// resize gives a list or map n elements that satisfy their limits; those of a list are alike.
func (s *shape) resize(v reflect.Value, l *limit, n, depth int) {
	if s.form == formMap {
		v.Clear()
		for i := range n {
			elem := reflect.New(v.Type().Elem()).Elem()
			s.elem.example(settable(elem, s.pointer), l.elem, depth+1)
			v.SetMapIndex(reflect.ValueOf(exampleKey(l.key, i)).Convert(s.typ.Key()), elem)
		}
		return
	}
	v.Set(reflect.MakeSlice(s.typ, n, n))
	if n == 0 {
		return
	}
	s.elem.example(settable(v.Index(0), s.pointer), l.elem, depth+1)
	for i := 1; i < n; i++ {
		v.Index(i).Set(v.Index(0))
	}
}

// exampleKey is the i-th key of a map.
func exampleKey(l *limit, i int) string {
	key := ""
	for n := i; ; n /= 26 {
		key += string(rune('a' + n%26))
		if n < 26 {
			break
		}
	}
	if l != nil && l.min != nil && float64(len(key)) < l.min.value {
		key += strings.Repeat("x", int(l.min.value)-len(key))
	}
	return key
}

// sample is a text that satisfies the limit.
func (l *limit) sample() string {
	if l.enum != nil {
		return l.enum[0]
	}
	if text, ok := l.sampleOf(int(l.least())); ok {
		return text
	}
	for n := range 200 {
		if text, ok := l.sampleOf(n); ok {
			return text
		}
	}
	return "x"
}

// sampleOf is a text that satisfies the limit and whose repetitions are made n times where the pattern leaves it open:
// its length grows with n.
func (l *limit) sampleOf(n int) (string, bool) {
	text := strings.Repeat("x", n)
	if l.pattern != "" {
		expression, err := syntax.Parse(expression(l.pattern), syntax.Perl)
		if err != nil {
			return "", false
		}
		var b strings.Builder
		write(&b, expression, n)
		text = b.String()
	}
	v := reflect.ValueOf(text)
	return text, l.holds(textShape, v)
}

// write writes a text that an expression matches.
func write(b *strings.Builder, e *syntax.Regexp, n int) {
	var elem *syntax.Regexp
	times := 1
	switch e.Op {
	case syntax.OpLiteral:
		b.WriteString(string(e.Rune))
		return
	case syntax.OpCharClass:
		b.WriteRune(member(e.Rune))
		return
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte('x')
		return
	case syntax.OpConcat:
		for _, part := range e.Sub {
			write(b, part, n)
		}
		return
	case syntax.OpAlternate, syntax.OpCapture:
		elem = e.Sub[0]
	case syntax.OpStar:
		times, elem = n, e.Sub[0]
	case syntax.OpPlus:
		times, elem = max(n, 1), e.Sub[0]
	case syntax.OpQuest:
		times, elem = min(n, 1), e.Sub[0]
	case syntax.OpRepeat:
		times, elem = max(n, e.Min), e.Sub[0]
		if e.Max >= 0 {
			times = min(times, e.Max)
		}
	default:
		return
	}
	for range times {
		write(b, elem, n)
	}
}

// member is a character of a class, given as pairs: a letter or digit where there is one.
func member(class []rune) rune {
	for _, want := range "a1A/" {
		for i := 0; i < len(class); i += 2 {
			if class[i] <= want && want <= class[i+1] {
				return want
			}
		}
	}
	if len(class) == 0 {
		return utf8.RuneError
	}
	return class[0]
}
