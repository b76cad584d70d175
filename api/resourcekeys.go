package api

import (
	"strings"

	"postern/aws/arn"
)

// Resource is one resource that policies are asked about.
type Resource struct {
	*Call
	// ARN names it in the question; it may end with "*" for any of its type.
	ARN string
	// Account and Region are the ARN's, or the call's where the ARN has none.
	Account, Region string
	// ID follows the type in the ARN: "vpc-0123456789abcdef0", "path/name".
	ID string
	// Given are the condition keys that the operation's row gives, or who asks beside it.
	Given map[string][]string
}

// resourceOf takes the resource of a question apart. It has no type where the question is about "*". s is the service
// of the action, or nil; given are the condition keys that come with the question.
func (s *service) resourceOf(q *Question, given map[string][]string) (r Resource, kind string, isNew bool) {
	r = Resource{Call: q.Call, ARN: q.Resource, Account: q.Call.Account, Region: q.Call.Region, Given: given}
	parts, ok := arn.Split(q.Resource)
	if !ok {
		return r, "", false
	}
	r.Account, r.Region = first(parts[4], r.Account), first(parts[3], r.Region)
	if s != nil && s.TypeOf != nil {
		kind, r.ID = s.TypeOf(parts[5])
		return r, kind, r.ID == "*" // any other star is part of a name
	}
	kind, r.ID, _ = strings.Cut(parts[5], "/")
	return r, kind, strings.HasSuffix(r.ID, "*")
}

// resourceTagFamily is the name by which policies know the tags of resources in all services, in lower case.
const resourceTagFamily = "aws:resourcetag/"

// tagged finds what gives the tags that a condition key, given in lower case, is about in questions about resources of
// a type, the family of the key, and the key of the tag. isTag is true where nothing gives them, too.
func (s *service) tagged(kind, key string) (tags TagsFunc, family, name string, isTag bool) {
	t := s.types[kind]
	if name, ok := strings.CutPrefix(key, resourceTagFamily); ok {
		return t.Tags, resourceTagFamily, name, true
	}
	if name, ok := strings.CutPrefix(key, s.tagFamily); ok && s.tagFamily != "" {
		return t.Tags, resourceTagFamily, name, true
	}
	for family, tags := range t.tagFamilies {
		if name, ok := strings.CutPrefix(key, family); ok {
			return tags, family, name, true
		}
	}
	return nil, "", "", false
}

// isTag reports whether a key, given in lower case, is about a tag of resources of a type.
func (s *service) isTag(kind, key string) bool {
	_, _, _, is := s.tagged(kind, key)
	return is
}

// ofResource reports whether resources of a type tell a key, given in lower case.
func (s *service) ofResource(kind, key string) bool {
	t, ok := s.types[kind]
	if !ok {
		return false
	}
	if tags, _, _, is := s.tagged(kind, key); is {
		return tags != nil
	}
	return t.keys[key] != nil || s.isID(kind, key)
}

// isID reports whether a key, given in lower case, is the id of resources of a type.
func (s *service) isID(kind, key string) bool { return key != "" && s.types[kind].idKey == key }

// heldTags are tags of a resource, once they were asked for. Nobody knows them after an error.
type heldTags struct {
	tags map[string]string
	err  error
}

// ofResource returns the values of a key that the resource tells, and whether it is known which it has.
func (a *asking) ofResource(key string) (values []string, known bool) {
	if a.acting.isID(a.kind, key) {
		if a.any {
			return nil, true
		}
		return []string{a.resource.ID}, true
	}
	tags, family, name, isTag := a.acting.tagged(a.kind, key)
	if !isTag {
		values, err := a.acting.types[a.kind].keys[key](a.ctx, a.resource)
		return values, err == nil
	}
	if a.any { // what is still to be made has no tags
		return nil, true
	}
	held, asked := a.held[family]
	if !asked {
		held.tags, held.err = tags(a.ctx, a.resource)
		if a.held == nil {
			a.held = map[string]heldTags{}
		}
		a.held[family] = held
	}
	if held.err != nil {
		return nil, false
	}
	known = true
	for key, value := range held.tags {
		if strings.EqualFold(key, name) {
			known = values == nil // policies do not tell Team and team apart
			values = []string{value}
		}
	}
	if !known {
		return nil, false
	}
	return values, true
}
