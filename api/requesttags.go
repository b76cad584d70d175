package api

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// A tagMember is a member of an operation's input that holds tags. A list of tag specifications has, in each, the type
// of resource that its tags are for.
type tagMember struct {
	index     int
	inner     string // the member of the member that holds them, or ""
	specified bool
}

// nestedTags are the members that hold tags in a member of theirs, as S3's do.
var nestedTags = map[string]string{"Tagging": "TagSet", "CreateBucketConfiguration": "Tags"}

// tagMembers finds the members of an input that hold tags. Their names are the same in all services, their shapes not.
func tagMembers(input reflect.Type) ([]tagMember, error) {
	var out []tagMember
	for _, name := range []string{
		"Tags", "TagKeys", "TagList", "TagSpecifications", "Tagging", "CreateBucketConfiguration",
	} {
		f, ok := input.FieldByName(name)
		nested := nestedTags[name]
		if !ok || nested != "" && element(f.Type).Kind() != reflect.Struct {
			continue
		}
		of, m := f.Type, tagMember{index: f.Index[0], inner: nested}
		if nested != "" {
			inner, ok := element(f.Type).FieldByName(nested)
			if !ok {
				return nil, fmt.Errorf("has a member %s without %s", name, nested)
			}
			of = inner.Type
		}
		if of.Kind() == reflect.Slice && of.Elem().Kind() == reflect.Struct {
			if tags, ok := of.Elem().FieldByName("Tags"); ok {
				of, m.specified = tags.Type, true
			}
		}
		if !holdsTags(of) {
			return nil, fmt.Errorf("has tags of a form that policies cannot be asked with: %s", f.Type)
		}
		out = append(out, m)
	}
	return out, nil
}

// holdsTags reports whether readTags can read values of a type: a list of keys, a list of keys and values, or a map.
func holdsTags(t reflect.Type) bool {
	switch {
	case t.Kind() == reflect.Map:
		return t.Key().Kind() == reflect.String && t.Elem().Kind() == reflect.String
	case t.Kind() != reflect.Slice:
		return false
	case t.Elem().Kind() == reflect.String:
		return true
	}
	return t.Elem().Kind() == reflect.Struct && tagField(t.Elem(), "Key") != nil && tagField(t.Elem(), "Value") != nil
}

// tagField finds the member of a tag: KMS calls a tag's key TagKey, the others Key.
func tagField(t reflect.Type, name string) []int {
	for _, name := range []string{name, "Tag" + name} {
		if f, ok := t.FieldByName(name); ok && element(f.Type).Kind() == reflect.String {
			return f.Index
		}
	}
	return nil
}

// requestTag is one tag of a request.
type requestTag struct {
	kind       string // the type of resource that it is for; "" for all
	key, value string
	valued     bool // false for one that is taken away whatever its value is
}

// tagsOf reads the tags of a request.
func (op *Operation) tagsOf(in any) []requestTag {
	var out []requestTag
	for _, m := range op.tagMembers {
		v := reflect.ValueOf(in).Elem().Field(m.index)
		if m.inner != "" {
			if v.IsNil() {
				continue
			}
			v = v.Elem().FieldByName(m.inner)
		}
		if !m.specified {
			out = readTags(out, "", v)
			continue
		}
		for i := range v.Len() {
			out = readTags(out, v.Index(i).FieldByName("ResourceType").String(), v.Index(i).FieldByName("Tags"))
		}
	}
	return out
}

// readTags adds the tags of a value whose type holdsTags.
func readTags(out []requestTag, kind string, v reflect.Value) []requestTag {
	if v.Kind() == reflect.Map {
		for _, key := range v.MapKeys() {
			out = append(out, requestTag{kind: kind, key: key.String(), value: v.MapIndex(key).String(), valued: true})
		}
		slices.SortFunc(out, func(a, b requestTag) int { return strings.Compare(a.key, b.key) })
		return out
	}
	for i := range v.Len() {
		tag := requestTag{kind: kind}
		if one := v.Index(i); one.Kind() == reflect.String {
			tag.key = one.String()
		} else {
			tag.key, _ = pointed(one.FieldByIndex(tagField(one.Type(), "Key")))
			tag.value, tag.valued = pointed(one.FieldByIndex(tagField(one.Type(), "Value")))
		}
		out = append(out, tag)
	}
	return out
}

// pointed is a text or what a pointer to one points to.
func pointed(v reflect.Value) (text string, there bool) {
	if v.Kind() != reflect.Pointer {
		return v.String(), true
	}
	if v.IsNil() {
		return "", false
	}
	return v.Elem().String(), true
}

// boundTags refuses a request whose tags are longer than any that AWS has.
func boundTags(tags []requestTag) error {
	for _, t := range tags {
		if len(t.key) > MaxKeyValue || len(t.value) > MaxKeyValue {
			return tooLong("the tag %.100s has a key or a value of more than %d bytes", t.key, MaxKeyValue)
		}
	}
	if len(tags) > maxKeyValues {
		return tooLong("it has more than %d tags", maxKeyValues)
	}
	return nil
}

// requestTagValues are the values of aws:TagKeys or of a key of the family aws:RequestTag/, given in lower case, in a
// question about a resource of a type. ambiguous says that two tags of the request differ in nothing but letter case,
// so that policies cannot tell them apart.
func requestTagValues(tags []requestTag, kind, key string) (values []string, ambiguous bool) {
	name, isTag := strings.CutPrefix(key, requestTagFamily)
	for _, t := range tags {
		switch {
		case t.kind != "" && t.kind != kind:
		case key == tagKeysKey:
			values = append(values, t.key)
		case isTag && t.valued && strings.EqualFold(t.key, name):
			ambiguous = ambiguous || values != nil
			values = []string{t.value}
		}
	}
	return values, ambiguous
}

// The condition keys of a request's tags, in lower case.
const (
	requestTagFamily = "aws:requesttag/"
	tagKeysKey       = "aws:tagkeys"
)
