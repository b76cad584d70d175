package network

import (
	"cmp"
	"slices"
	"time"

	"postern/aws/scope"
)

// Meta holds what every resource has.
type Meta struct {
	ID              string
	Account, Region string
	Created         time.Time
	// Tags are in the order of their keys.
	Tags []Tag `json:",omitempty"`
}

// Tag is one key (1–128 characters) with its value (0–256).
type Tag struct{ Key, Value string }

func (m *Meta) key() string        { return m.ID }
func (m *Meta) meta() *Meta        { return m }
func (m *Meta) scope() scope.Scope { return scope.Scope{Account: m.Account, Region: m.Region} }

// Tag returns the value of a tag, and whether the resource has it.
func (m *Meta) Tag(key string) (string, bool) { return tagValue(m.Tags, key) }

func tagValue(tags []Tag, key string) (string, bool) {
	i, ok := slices.BinarySearchFunc(tags, key, func(t Tag, key string) int { return cmp.Compare(t.Key, key) })
	if !ok {
		return "", false
	}
	return tags[i].Value, true
}
