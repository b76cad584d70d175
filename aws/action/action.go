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

// May reports whether a request for the action that is about a resource may have a condition key. Letter case does not
// matter. Of "*", and of a resource of a type that the action does not have, it may have any key that the action has
// with some type.
func (a *Action) May(key, resource string) bool {
	if Names(a.Keys, key) {
		return true
	}
	found := false
	for i := range a.Resources {
		r := &a.Resources[i]
		if !r.Is(resource) {
			continue
		}
		if found = true; Names(r.Keys, key) {
			return true
		}
	}
	return !found && slices.ContainsFunc(a.Resources, func(r Resource) bool { return Names(r.Keys, key) })
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
