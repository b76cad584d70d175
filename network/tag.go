package network

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"

	"postern/aws/fault"
	"postern/aws/scope"
)

// cleanTags checks tags that a caller gives and brings them into order. Of several with one key it is an error.
func (l *Limits) cleanTags(tags []Tag) ([]Tag, error) {
	if len(tags) == 0 {
		return nil, nil
	}
	if len(tags) > l.TagsPerResource {
		return nil, overLimit("TagLimitExceeded", "The maximum number of tags per resource is %d", l.TagsPerResource)
	}
	out := slices.Clone(tags)
	slices.SortFunc(out, func(a, b Tag) int { return cmp.Compare(a.Key, b.Key) })
	for i, t := range out {
		if err := checkTag(t); err != nil {
			return nil, err
		}
		if i > 0 && out[i-1].Key == t.Key {
			return nil, invalidValue("Duplicate tag key '%s' specified.", t.Key)
		}
	}
	return out, nil
}

func checkTag(t Tag) error {
	switch {
	case t.Key == "":
		return invalidValue("Tag key cannot be empty or null.")
	case utf8.RuneCountInString(t.Key) > 128:
		return invalidValue("Tag key exceeds the maximum length of 128 characters")
	case utf8.RuneCountInString(t.Value) > 256:
		return invalidValue("Tag value exceeds the maximum length of 256 characters")
	case len(t.Key) >= 4 && strings.EqualFold(t.Key[:4], "aws:"):
		return invalidValue("Tag keys starting with 'aws:' are reserved for internal use")
	}
	return nil
}

// withTags returns tags with more put over them, in order; more is as CreateTags takes it.
func (l *Limits) withTags(tags, more []Tag) ([]Tag, error) {
	out := slices.Clone(tags)
	for i, t := range more {
		if err := checkTag(t); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(more[:i], func(u Tag) bool { return u.Key == t.Key }) {
			return nil, invalidValue("Duplicate tag key '%s' specified.", t.Key)
		}
		i, ok := slices.BinarySearchFunc(out, t.Key, func(t Tag, key string) int { return cmp.Compare(t.Key, key) })
		if ok {
			out[i] = t
			continue
		}
		out = slices.Insert(out, i, t)
	}
	if len(out) > l.TagsPerResource {
		return nil, overLimit("TagLimitExceeded", "The maximum number of tags per resource is %d", l.TagsPerResource)
	}
	return out, nil
}

// TagRemoval says which tags go: the one with Key, if Value is nil or its value; an empty list is all of them.
type TagRemoval struct {
	Key   string
	Value *string
}

func withoutTags(tags []Tag, gone []TagRemoval) []Tag {
	if len(gone) == 0 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(tags), func(t Tag) bool {
		return slices.ContainsFunc(gone, func(g TagRemoval) bool {
			return g.Key == t.Key && (g.Value == nil || *g.Value == t.Value)
		})
	})
}

// CreateTags puts tags on resources of the network, over those they have.
func (s *Service) CreateTags(ctx context.Context, c scope.Scope, ids []string, tags []Tag) error {
	return s.do(ctx, c, func(p *plan) error {
		return p.retag(ids, func(old []Tag) ([]Tag, error) { return p.limits.withTags(old, tags) })
	})
}

// DeleteTags takes tags from resources of the network. A tag that is not there is no error.
func (s *Service) DeleteTags(ctx context.Context, c scope.Scope, ids []string, gone []TagRemoval) error {
	return s.do(ctx, c, func(p *plan) error {
		return p.retag(ids, func(old []Tag) ([]Tag, error) { return withoutTags(old, gone), nil })
	})
}

// CheckTaggable returns an error unless every id names a resource of the network in the scope.
func (s *State) CheckTaggable(c scope.Scope, ids []string) error {
	for _, id := range ids {
		if _, err := s.taggable(c, id); err != nil {
			return err
		}
	}
	return nil
}

// TagsOf returns the tags of a resource of the scope, of any type that has an id; nil where there is none of it.
func (s *State) TagsOf(c scope.Scope, id string) []Tag {
	t := typeOf(id)
	if t == nil {
		return nil
	}
	found, err := t.taggable(s, c, id)
	if err != nil {
		return nil
	}
	return found.tags
}

func (p *plan) retag(ids []string, change func([]Tag) ([]Tag, error)) error {
	for _, id := range ids {
		t, err := p.taggable(p.scope, id)
		if err != nil {
			return err
		}
		tags, err := change(t.tags)
		if err != nil {
			return err
		}
		p.note(t.with(tags))
	}
	return nil
}

// taggable is a resource's tags, and how to make a copy of its record with others.
type taggable struct {
	tags []Tag
	with func([]Tag) keyed
}

// tagHolder is a kind of record, or a part of records, that may have tags.
type tagHolder interface {
	typ() *resourceType
	taggable(s *State, c scope.Scope, id string) (taggable, error)
	tagged(s *State, c scope.Scope) iter.Seq[Tagged]
}

// takesTags reports whether EC2's CreateTags and DescribeTags are about the type.
func (t *resourceType) takesTags() bool { return t.name != "" && t.service == "" }

// taggable finds a resource that may have tags by its id.
func (s *State) taggable(c scope.Scope, id string) (taggable, error) {
	if t := typeOf(id); t != nil && t.typ().takesTags() {
		return t.taggable(s, c, id)
	}
	return taggable{}, refuse(fault.Invalid, "InvalidID", "The ID '%s' is not valid", id)
}

func (k *kind[T]) taggable(s *State, c scope.Scope, id string) (taggable, error) {
	r, err := k.lookup(s, c, id)
	if err != nil {
		return taggable{}, err
	}
	return taggable{k.metaOf(r).Tags, func(tags []Tag) keyed {
		changed := new(T)
		*changed = *r
		k.metaOf(changed).Tags = tags
		return any(changed).(keyed)
	}}, nil
}

// Tagged is one resource with its tags.
type Tagged struct {
	ID, Type string
	Tags     []Tag
}

// Tagged are all resources of the scope that have tags.
func (s *State) Tagged(c scope.Scope) []Tagged {
	var out []Tagged
	add := func(t tagHolder) {
		if t.typ().takesTags() {
			out = slices.AppendSeq(out, t.tagged(s, c))
		}
	}
	for _, k := range kinds {
		add(k)
	}
	for _, part := range parts {
		add(part)
	}
	return out
}

func (k *kind[T]) tagged(s *State, c scope.Scope) iter.Seq[Tagged] {
	return func(yield func(Tagged) bool) {
		for r := range k.scoped(s, c) {
			if m := k.metaOf(r); len(m.Tags) > 0 && m.scope() == c && !yield(Tagged{m.ID, k.name, m.Tags}) {
				return
			}
		}
	}
}

// CheckTags returns an error unless tags with more put over them are what a resource may have. It is for resources that
// others keep.
func (s *Service) CheckTags(tags, more []Tag) error {
	_, err := s.limits.withTags(tags, more)
	return err
}

// Removes reports whether a DeleteTags with these removals takes the tag away.
func Removes(gone []TagRemoval, t Tag) bool { return len(withoutTags([]Tag{t}, gone)) == 0 }
