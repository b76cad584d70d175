// Package tags converts tags between AWS's shapes, which every service has its own type of, and those of the services
// behind the API.
package tags

import (
	"maps"
	"slices"

	"postern/aws/fault"
)

// Wire is the type of a tag in a service's shapes.
type Wire interface {
	~struct{ Key, Value *string }
}

// Tag is the type of a tag in the services behind the API.
type Tag interface {
	~struct{ Key, Value string }
}

type pair struct{ Key, Value string }

func read[W Wire](tag W) pair {
	p := struct{ Key, Value *string }(tag)
	var out pair
	if p.Key != nil {
		out.Key = *p.Key
	}
	if p.Value != nil {
		out.Value = *p.Value
	}
	return out
}

func write[W Wire](p pair) W { return W(struct{ Key, Value *string }{&p.Key, &p.Value}) }

// From reads the tags of a request, in their order.
func From[T Tag, W Wire](in []W) []T {
	out := make([]T, len(in))
	for i, tag := range in {
		out[i] = T(read(tag))
	}
	return out
}

// To writes tags into an answer, in their order; nil where there are none, so that the member is left out.
func To[W Wire, T Tag](tags []T) []W {
	if len(tags) == 0 {
		return nil
	}
	out := make([]W, len(tags))
	for i, tag := range tags {
		out[i] = write[W](pair(tag))
	}
	return out
}

// FromMap reads the tags of a request where they are kept by their keys. A key that stands twice is refused.
func FromMap[W Wire](in []W) (map[string]string, error) {
	out := make(map[string]string, len(in))
	for _, tag := range in {
		p := read(tag)
		if _, twice := out[p.Key]; twice {
			return nil, fault.New(fault.Invalid, "tags.FromMap", "tag key %q stands twice", p.Key)
		}
		out[p.Key] = p.Value
	}
	return out, nil
}

// ToMap writes tags into an answer, in the order of their keys; nil where there are none.
func ToMap[W Wire](tags map[string]string) []W {
	var out []W
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		out = append(out, write[W](pair{key, tags[key]}))
	}
	return out
}

// Keys of policies that follow from the tags of a request.
const (
	RequestTag = "aws:RequestTag/" // a family: the tag's key follows
	TagKeys    = "aws:TagKeys"
)

// Conditions adds the condition keys of a request's tags to keys and returns it; nil makes a new map where there are
// tags.
func Conditions[W Wire](keys map[string][]string, in []W) map[string][]string {
	for _, tag := range in {
		p := read(tag)
		if keys == nil {
			keys = map[string][]string{}
		}
		keys[RequestTag+p.Key] = []string{p.Value}
		keys[TagKeys] = append(keys[TagKeys], p.Key)
	}
	return keys
}
