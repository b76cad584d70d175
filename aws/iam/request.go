package iam

import (
	"strings"
	"time"
)

// Request is one thing that a caller wants to do to one resource. A call that is about several resources is several
// requests, each of which has to be allowed.
type Request struct {
	Principal *Principal
	// Action is "service:Operation"; letter case does not matter.
	Action string
	// Resource is an ARN, or "*" for actions that cannot be limited to a resource.
	Resource string
	// Account owns the resource. Empty, or anything that is not twelve digits (as in arn:aws:iam::aws:policy/X), means the
	// caller's own account.
	Account string
	// Time is the moment of the request.
	Time time.Time
	// Keys gives the values of a condition key that the principal does not answer, such as aws:SourceVpce or
	// ssm:resourceTag/Name. It is asked with the key in lower case; nil means that the request has no such key.
	Keys func(key string) []string
	// Simulated, if set, is asked before everything else, the principal and the time included, and ok says that it knows
	// the key: its values are those that a simulation supposes, nil where it supposes none.
	Simulated func(key string) (values []string, ok bool)
	// Judged reports whether it is known if the request has a condition key, given in lower case. Nil means that it is
	// known of every key. A statement that allows under a condition on a key of which it is not known allows nothing, and
	// one that denies does.
	Judged func(key string) bool
}

// KeyMap makes Request.Keys of a map. Letter case of the keys does not matter; a key that stands there twice, in
// different case, has no value: see Ambiguous.
func KeyMap(m map[string][]string) func(string) []string {
	return func(key string) []string {
		if len(m) == 0 || Ambiguous(m, key) {
			return nil
		}
		for name, values := range m {
			if strings.EqualFold(name, key) {
				return values
			}
		}
		return nil
	}
}

// Ambiguous reports whether a map holds a key more than once, in different letter case, as a request can that sets the
// tags Team and team. Policies do not tell these apart, so nobody can say which is meant.
func Ambiguous(m map[string][]string, key string) bool {
	found := 0
	for name := range m {
		if strings.EqualFold(name, key) {
			found++
		}
	}
	return found > 1
}
