package wire

import (
	"iter"
	"reflect"
	"strings"
)

// An Edge is a limit of an operation's input, told by an input that stands at it.
type Edge struct {
	// Input is a pointer to the Input type in which all else is as the model allows. It is good until the next Edge.
	Input any
	// Outside says that the input is just outside the limit, else it is just inside.
	Outside bool
	// Path is the member as AWS writes it, and Demand what is demanded of it.
	Path, Demand string
}

// Edges gives an input just inside and one just outside every limit of the operation, as far as there is one: not every
// pattern has texts of every length. A test of all operations holds the pipeline against them.
func (c *Codec) Edges() iter.Seq[Edge] {
	return func(yield func(Edge) bool) {
		in, err := c.Example()
		if err != nil {
			return
		}
		e := &edges{input: in, yield: yield, seen: map[*shape]bool{}, form: c.Protocol != JSON}
		e.members(c.in, reflect.ValueOf(in).Elem(), nil)
	}
}

type edges struct {
	input any
	yield func(Edge) bool
	seen  map[*shape]bool // structures that stand above
	form  bool            // a structure without members cannot be written
	done  bool
}

func (e *edges) members(s *shape, v reflect.Value, at *step) {
	if e.seen[s] || !s.checks {
		return
	}
	e.seen[s] = true
	defer delete(e.seen, s)
	for i := range s.fields {
		f := &s.fields[i]
		value := v.Field(f.index)
		here := &step{up: at, name: f.in}
		writable := !e.form || at == nil || len(s.fields) > 1
		if f.required && writable && value.Kind() != reflect.Bool && !value.CanInt() {
			e.try(value, reflect.Zero(value.Type()), Edge{Outside: true, Path: here.String(), Demand: "Member must not be null"})
		}
		if absent(value) {
			continue
		}
		if f.limit != nil {
			e.limit(f.limit, f.shape, deref(value), here)
		}
		e.below(f.shape, deref(value), here)
	}
}

func (e *edges) below(s *shape, v reflect.Value, at *step) {
	switch s.form {
	case formStruct:
		e.members(s, v, at)
	case formList:
		if v.Len() > 0 && s.elem.form == formStruct {
			e.members(s.elem, deref(v.Index(0)), &step{up: at, index: 1})
		}
	}
}

// try offers the input with one value changed.
func (e *edges) try(v, to reflect.Value, edge Edge) {
	if e.done {
		return
	}
	old := reflect.New(v.Type()).Elem()
	old.Set(v)
	v.Set(to)
	edge.Input = e.input
	e.done = !e.yield(edge)
	v.Set(old)
}

// limit offers the edges of one value.
func (e *edges) limit(l *limit, s *shape, v reflect.Value, at *step) {
	path := at.String()
	outside := func(to reflect.Value, ok bool, kind demand) {
		if ok {
			e.try(v, to, Edge{Outside: true, Path: path, Demand: l.demand(s, kind)})
		}
	}
	inside := func(to reflect.Value, ok bool) {
		if ok {
			e.try(v, to, Edge{Path: path})
		}
	}
	under, over := longer, shorter
	if s.form == formInt {
		under, over = larger, smaller
	}
	if l.max != nil {
		to, ok := l.sized(s, int(l.max.value)+1, false)
		outside(to, ok, over)
		inside(l.sized(s, int(l.max.value), true))
	}
	if l.min != nil && l.min.value > 0 {
		to, ok := l.sized(s, int(l.min.value)-1, false)
		// Of an enum without a value, and of a list that is left out, nothing can be said.
		outside(to, ok && !absent(to), under)
		inside(l.sized(s, int(l.min.value), true))
	}
	if s.form == formString {
		text, ok := l.stranger()
		outside(reflect.ValueOf(text).Convert(s.typ), ok && l.enum == nil, matching)
		outside(reflect.ValueOf("no-such-value").Convert(s.typ), l.enum != nil, listed)
	}
	if s.form == formList && l.elem != nil && s.elem.form == formString {
		text, ok := l.elem.outsider()
		to := reflect.MakeSlice(s.typ, max(1, v.Len()), max(1, v.Len()))
		for i := range to.Len() {
			to.Index(i).Set(reflect.ValueOf(text).Convert(s.elem.typ))
		}
		outside(to, ok && !s.pointer, elements)
	}
}

// sized is a value of a size, or a number. What is inside satisfies all else.
func (l *limit) sized(s *shape, n int, inside bool) (reflect.Value, bool) {
	v := reflect.New(s.typ).Elem()
	switch s.form {
	case formString:
		if inside {
			text, ok := l.sampleOf(n)
			v.SetString(text)
			return v, ok && len(text) == n && l.enum == nil
		}
		v.SetString(strings.Repeat("x", n))
		return v, true
	case formInt:
		v.SetInt(int64(n))
		return v, true
	case formList:
		s.resize(v, l, n, 1)
		return v, true
	case formMap:
		v.Set(reflect.MakeMap(s.typ))
		s.resize(v, l, n, 1)
		return v, true
	}
	return v, false
}

// stranger is a text within the bounds that the pattern does not match.
func (l *limit) stranger() (string, bool) {
	if l.pattern == "" {
		return "", false
	}
	for _, c := range []string{"!", " ", "\n", "~", "é", "\U0001F512"} {
		text := strings.Repeat(c, int(l.least()))
		v := reflect.ValueOf(text)
		if _, ok := l.within(textShape, v); ok && !l.matcher()(text) {
			return text, true
		}
	}
	return "", false
}

// outsider is a text that the limit does not allow.
func (l *limit) outsider() (string, bool) {
	if l.enum != nil {
		return "no-such-value", true
	}
	if text, ok := l.stranger(); ok {
		return text, true
	}
	if l.max != nil {
		return strings.Repeat("x", int(l.max.value)+1), true
	}
	return "", l.min != nil && l.min.value > 0
}
