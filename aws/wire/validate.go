package wire

import (
	"reflect"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Validate checks what a decoded request holds against the service's model: required members, lengths, ranges, patterns
// and values of enums. in is a pointer to the Input type. Its error is an Invalid or Missing fault in the words of the
// protocol's services. Its work is bounded by the request's size: it reads each value once, and matches no pattern
// against a value that is too long.
func (c *Codec) Validate(in any) error {
	if err := c.Prepare(); err != nil {
		return err
	}
	var found violations
	c.in.validate(reflect.ValueOf(in).Elem(), nil, &found)
	if len(found) == 0 {
		return nil
	}
	return c.answer(found)
}

// maxViolations is how many violations one answer tells of at most.
const maxViolations = 50

// A violation is one thing that the model demands and a request does not have.
type violation struct {
	path string
	// value is as AWS shows it: "null", "'x'", or empty for what is not shown to anybody.
	value string
	// demand says what is demanded: "Member must not be null".
	demand string
	kind   demand
	limit  *limit
}

// demand is the kind of a violation, for services that have own words for it.
type demand uint8

const (
	present demand = iota
	shorter
	longer
	smaller // of a number
	larger
	matching
	listed   // among the values of the enum
	elements // about what a list or map holds
)

type violations []violation

// add adds a violation, unless there are enough.
func (vs *violations) add(v violation, at *step) {
	if len(*vs) < maxViolations {
		v.path = at.String()
		*vs = append(*vs, v)
	}
}

// step is one part of the path to a value: a member of a structure, or an element of what the step before leads to.
// The path becomes text only where something is wrong.
type step struct {
	up    *step
	name  string // of a member, or the key of a map's element
	index int    // of a list's element, from 1
}

// String is the path as AWS writes it: "targets.1.member.key".
func (s *step) String() string {
	if s == nil {
		return ""
	}
	var b strings.Builder
	if s.up != nil {
		b.WriteString(s.up.String())
		b.WriteByte('.')
	}
	if s.index > 0 {
		b.WriteString(strconv.Itoa(s.index))
		b.WriteString(".member")
		return b.String()
	}
	r, n := utf8.DecodeRuneInString(s.name)
	b.WriteRune(unicode.ToLower(r))
	b.WriteString(s.name[n:])
	return b.String()
}

// validate finds the violations below v.
func (s *shape) validate(v reflect.Value, at *step, found *violations) {
	if !s.checks || len(*found) == maxViolations {
		return
	}
	switch s.form {
	case formStruct:
		for i := range s.fields {
			s.fields[i].validate(v, at, found)
		}
	case formList:
		for i := range v.Len() {
			s.elem.validate(deref(v.Index(i)), &step{up: at, index: i + 1}, found)
		}
	case formMap:
		for _, key := range sortedKeys(v) {
			entry := step{up: at, name: key.String()}
			s.elem.validate(deref(v.MapIndex(key)), &step{up: &entry, name: "member"}, found)
		}
	case formUnion:
		variant, f, held := variantOf(s, v)
		f.shape.validate(held, &step{up: at, name: variant}, found)
	}
}

// validate finds the violations of one member of the structure v.
func (f *field) validate(v reflect.Value, at *step, found *violations) {
	value := v.Field(f.index)
	if absent(value) {
		if f.required {
			found.add(violation{value: "null", demand: "Member must not be null", kind: present}, &step{up: at, name: f.in})
		}
		return
	}
	if f.limit == nil && !f.shape.checks {
		return
	}
	here := step{up: at, name: f.in}
	value = deref(value)
	if f.limit != nil {
		f.limit.validate(f.shape, value, &here, found)
	}
	f.shape.validate(value, &here, found)
}

// validate finds what is wrong with one value, in the order that AWS tells it in.
func (l *limit) validate(s *shape, v reflect.Value, at *step, found *violations) {
	report := func(kind demand, text string) {
		shown := ""
		if !l.sensitive {
			shown = "'" + show(s, v) + "'"
		}
		found.add(violation{value: shown, demand: text, kind: kind, limit: l}, at)
	}
	kind, ok := l.within(s, v)
	if !ok {
		report(kind, l.demand(s, kind))
	}
	if s.form == formString {
		text := v.String()
		switch {
		case l.enum != nil && !l.lists(text):
			report(listed, l.demand(s, listed))
		case l.matcher != nil && (ok || len(text) <= maxMatched) && !l.matcher()(text):
			report(matching, l.demand(s, matching))
		}
	}
	if l.key != nil && s.form == formMap {
		for it := v.MapRange(); it.Next(); {
			if !l.key.holds(textShape, it.Key()) {
				report(elements, "Map keys must satisfy constraint: ["+l.key.all(textShape)+"]")
				break
			}
		}
	}
	if l.elem != nil && !l.holdsElements(s, v) {
		report(elements, l.ofElements(s))
	}
}

// maxMatched is the most bytes of a value of a wrong length that a pattern is matched against as well.
const maxMatched = 1024

// textShape is the shape of a map's keys.
var textShape = &shape{form: formString}
