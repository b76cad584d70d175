package query

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/aws/fault"
	"postern/aws/scope"
	"postern/aws/service/ec2/types"
	"postern/network"
)

// maxFilterValues is how many values all filters of one request have at the most (EC2 API, "FilterLimitExceeded").
const maxFilterValues = 200

// View is the state that one request sees, and the part of it that is the caller's.
type View struct {
	*network.State
	Scope scope.Scope
	Call  *api.Call
}

// See shows a request the state as it is now.
func See(n *network.Service, c *api.Call) *View { return &View{n.State(), ScopeOf(c), c} }

// Values holds the values of one filter, any of which matches.
type Values []string

// Is reports whether a resource's value is one of those asked for. In them * stands for any text, ? for one character,
// and \ takes the next character as it is.
func (v Values) Is(have string) bool {
	for _, want := range v {
		if like(want, have) {
			return true
		}
	}
	return false
}

// Any reports whether one of a resource's values is one of those asked for.
func (v Values) Any(have []string) bool {
	for _, h := range have {
		if v.Is(h) {
			return true
		}
	}
	return false
}

func (v Values) flag(have bool) bool {
	if have {
		return v.Is("true")
	}
	return v.Is("false")
}

// like matches text with a pattern. star is where the last * was, to come back to with one more character taken by it.
func like(pattern, text string) bool {
	if !strings.ContainsAny(pattern, `*?\`) {
		return pattern == text
	}
	p, t := 0, 0
	star, mark := -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, t
			p++
		case p < len(pattern) && pattern[p] == '?':
			p++
			t += runeLength(text[t:])
		case p < len(pattern) && literal(pattern, &p) == text[t]:
			p++
			t++
		case star >= 0:
			mark++
			p, t = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// literal is the byte that the pattern wants at p; it moves p over an escape.
func literal(pattern string, p *int) byte {
	if pattern[*p] == '\\' && *p+1 < len(pattern) {
		*p++
	}
	return pattern[*p]
}

func runeLength(s string) int {
	for i := range s {
		if i > 0 {
			return i
		}
	}
	return len(s)
}

// Test is one filter: does a resource have one of the values?
type Test[T any] func(v *View, r T, want Values) bool

// None is a filter on an attribute that no resource here has.
func None[T any](*View, T, Values) bool { return false }

func Text[T any](of func(T) string) Test[T] {
	return func(_ *View, r T, want Values) bool { return want.Is(of(r)) }
}

func Flag[T any](of func(T) bool) Test[T] {
	return func(_ *View, r T, want Values) bool { return want.flag(of(r)) }
}

// Always is a filter on an attribute that is the same for every resource.
func Always[T any](value string) Test[T] {
	return func(_ *View, _ T, want Values) bool { return want.Is(value) }
}

// condition is a filter of a request with the test that answers it.
type condition[T any] struct {
	test Test[T]
	want Values
}

// filters turns a request's filters into conditions; all must hold.
func filters[T any](l Listing[T], asked []types.Filter) ([]condition[T], error) {
	var out []condition[T]
	total := 0
	for _, f := range asked {
		name, want := aws.ToString(f.Name), Values(f.Values)
		if total += len(want); total > maxFilterValues {
			return nil, fault.New(fault.Limit, "ec2.filters", "The maximum number of filter values is %d", maxFilterValues).
				WithCode("FilterLimitExceeded")
		}
		if len(want) == 0 {
			return nil, Invalid("The filter '%s' has no values", name)
		}
		t, ok := l.Filters[name]
		if !ok {
			t = tagFilter(name, l.Tags)
		}
		if t == nil && slices.Contains(l.Unbuilt, name) {
			return nil, fault.New(fault.NotImplemented, "ec2.filters", "The filter '%s' is not implemented", name)
		}
		if t == nil {
			return nil, Invalid("The filter '%s' is invalid", name)
		}
		out = append(out, condition[T]{t, want})
	}
	return out, nil
}

// tagFilter is the filter tag:KEY, or tag-key.
func tagFilter[T any](name string, tags func(T) []network.Tag) Test[T] {
	if tags == nil {
		return nil
	}
	if key, ok := strings.CutPrefix(name, "tag:"); ok {
		return func(_ *View, r T, want Values) bool {
			for _, t := range tags(r) {
				if t.Key == key && want.Is(t.Value) {
					return true
				}
			}
			return false
		}
	}
	if name != "tag-key" {
		return nil
	}
	return func(_ *View, r T, want Values) bool {
		for _, t := range tags(r) {
			if want.Is(t.Key) {
				return true
			}
		}
		return false
	}
}

func holds[T any](v *View, r T, all []condition[T]) bool {
	for _, c := range all {
		if !c.test(v, r, c.want) {
			return false
		}
	}
	return true
}
