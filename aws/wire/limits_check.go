package wire

import (
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// within reports whether a value is within its bounds, and which one it exceeds.
func (l *limit) within(s *shape, v reflect.Value) (demand, bool) {
	if l.min == nil && l.max == nil {
		return 0, true
	}
	var size float64
	under, over := longer, shorter
	switch s.form {
	case formInt:
		size, under, over = float64(v.Int()), larger, smaller
	case formFloat:
		size, under, over = v.Float(), larger, smaller
	case formString:
		size = float64(l.characters(v.String()))
	case formList, formMap, formBlob:
		size = float64(v.Len())
	default:
		return 0, true
	}
	switch {
	case l.max != nil && size > l.max.value:
		return over, false
	case l.min != nil && size < l.min.value:
		return under, false
	}
	return 0, true
}

// characters is the length of a text. They are only counted where it matters: a character has one to four bytes.
func (l *limit) characters(text string) int {
	n := len(text)
	if (l.max == nil || float64(n) <= l.max.value) && (l.min == nil || float64(n)/utf8.UTFMax >= l.min.value) {
		return n
	}
	return utf8.RuneCountInString(text)
}

// lists reports whether a text is among the enum's values.
func (l *limit) lists(text string) bool { return slices.Contains(l.enum, text) }

// holds reports whether a value satisfies all that is demanded of it.
func (l *limit) holds(s *shape, v reflect.Value) bool {
	if _, ok := l.within(s, v); !ok {
		return false
	}
	if s.form == formString {
		text := v.String()
		if l.enum != nil && !l.lists(text) || l.matcher != nil && !l.matcher()(text) {
			return false
		}
	}
	return l.elem == nil || l.holdsElements(s, v)
}

// holdsElements reports whether what a list or map holds satisfies all that is demanded of it.
func (l *limit) holdsElements(s *shape, v reflect.Value) bool {
	switch s.form {
	case formList:
		for i := range v.Len() {
			if !l.elem.holds(s.elem, deref(v.Index(i))) {
				return false
			}
		}
	case formMap:
		for it := v.MapRange(); it.Next(); {
			if !l.elem.holds(s.elem, deref(it.Value())) {
				return false
			}
		}
	}
	return true
}

// demand says in AWS's words what is demanded.
func (l *limit) demand(s *shape, kind demand) string {
	switch kind {
	case shorter:
		return "Member must have length less than or equal to " + l.max.text
	case longer:
		return "Member must have length greater than or equal to " + l.min.text
	case smaller:
		return "Member must have value less than or equal to " + l.max.text
	case larger:
		return "Member must have value greater than or equal to " + l.min.text
	case matching:
		return "Member must satisfy regular expression pattern: " + l.pattern
	case listed:
		return "Member must satisfy enum value set: [" + strings.Join(l.enum, ", ") + "]"
	case elements:
		return l.ofElements(s)
	}
	return ""
}

// ofElements says what is demanded of the elements of a list or map.
func (l *limit) ofElements(s *shape) string {
	if s.form == formMap {
		return "Map value must satisfy constraint: [" + l.elem.all(s.elem) + "]"
	}
	return "Member must satisfy constraint: [" + l.elem.all(s.elem) + "]"
}

// all says all that is demanded of a value.
func (l *limit) all(s *shape) string {
	var kinds []demand
	add := func(demanded bool, kind demand) {
		if demanded {
			kinds = append(kinds, kind)
		}
	}
	under, over := longer, shorter
	if s.form == formInt || s.form == formFloat {
		under, over = larger, smaller
	}
	add(l.max != nil, over)
	add(l.min != nil, under)
	add(l.pattern != "", matching)
	add(l.enum != nil, listed)
	add(l.elem != nil, elements)
	demands := make([]string, len(kinds))
	for i, kind := range kinds {
		demands[i] = l.demand(s, kind)
	}
	return strings.Join(demands, ", ")
}
