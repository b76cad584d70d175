// Package scope holds where a resource of AWS lives: one account's part of one region.
package scope

import "strings"

// Scope is one account's part of one region. Several scopes share one server and one store. The zero Scope is none.
type Scope struct {
	// Account is twelve digits, Region a name such as "us-east-1".
	Account, Region string
}

// String returns "ACCOUNT/REGION".
func (s Scope) String() string { return s.Account + "/" + s.Region }

// Key returns the key of a name within the scope: "ACCOUNT/REGION/NAME".
func (s Scope) Key(name string) string { return s.String() + "/" + name }

// Parse takes a Key apart; ok is false for text of another form.
func Parse(key string) (s Scope, name string, ok bool) {
	parts := strings.SplitN(key, "/", 3)
	if len(parts) < 3 {
		return Scope{}, "", false
	}
	return Scope{parts[0], parts[1]}, parts[2], true
}
