// Package ssm is the second heart, Systems Manager, and holds the little that all its rooms share.
//
//	document   what a command document says: parameters and steps (pure)
//	node       who the managed nodes are and how they are
//	parameter  named values with their history
//	command    what was asked of which node, and what came of it
//	mailbox    what waits for a node until one of its roads is open
//	mgs        the bytes that agent and service exchange
package ssm

// Scope is where a record lives: one account's part of one region. Several scopes share one process and one store.
type Scope struct {
	Account string
	Region  string
}

// String is "account/region".
func (s Scope) String() string { return s.Account + "/" + s.Region }
