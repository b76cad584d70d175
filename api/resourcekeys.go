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
}

// resourceOf takes the resource of a question apart. It has no type where the question is about "*".
func resourceOf(q *Question) (r Resource, kind string) {
	r = Resource{Call: q.Call, ARN: q.Resource, Account: q.Call.Account, Region: q.Call.Region}
	parts, ok := arn.Split(q.Resource)
	if !ok {
		return r, ""
	}
	r.Account, r.Region = first(parts[4], r.Account), first(parts[3], r.Region)
	kind, r.ID, _ = strings.Cut(parts[5], "/")
	return r, kind
}

// resourceTagFamily is the name by which policies know the tags of resources in all services, in lower case.
const resourceTagFamily = "aws:resourcetag/"

// tagName is the key of a resource's tag in a condition key, given in lower case, that is about one.
func (s *service) tagName(key string) (name string, isTag bool) {
	if name, ok := strings.CutPrefix(key, resourceTagFamily); ok {
		return name, true
	}
	if s.tagFamily == "" {
		return "", false
	}
	return strings.CutPrefix(key, s.tagFamily)
}

// isTag reports whether a key, given in lower case, is about a tag of the resource.
func (s *service) isTag(key string) bool {
	_, is := s.tagName(key)
	return is
}

// ofResource reports whether resources of a type tell a key, given in lower case.
func (s *service) ofResource(kind, key string) bool {
	t, ok := s.types[kind]
	if !ok {
		return false
	}
	if s.isTag(key) {
		return t.Tags != nil
	}
	return t.keys[key] != nil || s.isID(kind, key)
}

// isID reports whether a key, given in lower case, is the id of resources of a type.
func (s *service) isID(kind, key string) bool { return key != "" && s.types[kind].idKey == key }

// ofResource returns the values of a key that the resource tells, and whether it is known which it has.
func (a *asking) ofResource(key string) (values []string, known bool) {
	t := a.acting.types[a.kind]
	name, isTag := a.acting.tagName(key)
	if a.acting.isID(a.kind, key) {
		if a.any {
			return nil, true
		}
		return []string{a.resource.ID}, true
	}
	if !isTag {
		values, err := t.keys[key](a.ctx, a.resource)
		return values, err == nil
	}
	if !a.asked && !a.any { // what is still to be made has no tags
		a.held, a.heldErr = t.Tags(a.ctx, a.resource)
		a.asked = true
	}
	if a.heldErr != nil {
		return nil, false
	}
	known = true
	for key, value := range a.held {
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
