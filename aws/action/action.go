// Package action is AWS's Service Authorization Reference for the services that Postern serves or may serve: the
// resource types that each action is about, and the condition keys that its requests may have.
package action

import (
	"slices"
	"strings"

	"postern/aws/arn"
)

// Action is one action of a service. It is shared and not changed.
type Action struct {
	// Name is "ssm:SendCommand".
	Name string
	// Keys are the condition keys of all requests for the action, as AWS writes them; a family ends with "/" or ":".
	Keys []string
	// Resources are the types of resource that the action may be about.
	Resources []Resource

	table *table // of the service
}

// Resource is one type of resource of an action.
type Resource struct {
	// Type is the type's name in the reference, such as "vpc-endpoint-service".
	Type string
	// Required types stand in each request for the action.
	Required bool
	// Keys are the condition keys that requests about such a resource have beside the action's own.
	Keys []string

	arn arn.Pattern
}

// Is reports whether an ARN, which may have wildcards of its own, is one of the type.
func (r *Resource) Is(resource string) bool { return r.arn.Match(resource) }

// KeysWith returns the lists of condition keys that requests for the action that are about a resource may have. For
// "*", and a resource of no type of the service, these are the keys that it has with any type.
func (a *Action) KeysWith(resource string) [][]string {
	lists := [][]string{a.Keys}
	for i := range a.Resources {
		if r := &a.Resources[i]; r.Is(resource) {
			lists = append(lists, r.Keys)
		}
	}
	if len(lists) > 1 || slices.ContainsFunc(a.table.all(), func(t arn.Pattern) bool { return t.Match(resource) }) {
		return lists
	}
	for _, r := range a.Resources {
		lists = append(lists, r.Keys)
	}
	return lists
}

// May reports whether a request for the action that is about a resource may have a condition key. Letter case does not
// matter.
func (a *Action) May(key, resource string) bool {
	return slices.ContainsFunc(a.KeysWith(resource), func(keys []string) bool { return Names(keys, key) })
}

// Names reports whether a key is one of a list, or of a family in it. Letter case does not matter.
func Names(keys []string, key string) bool {
	return slices.ContainsFunc(keys, func(one string) bool {
		if Family(one) {
			return len(key) > len(one) && strings.EqualFold(key[:len(one)], one)
		}
		return strings.EqualFold(key, one)
	})
}

// Family reports whether a name in a list of keys stands for all keys that begin with it.
func Family(key string) bool { return strings.HasSuffix(key, "/") || strings.HasSuffix(key, ":") }
