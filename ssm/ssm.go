// Package ssm is the second heart, Systems Manager, and holds the little that its packages share.
//
//	document   what a command document says: parameters and steps (pure)
//	node       who the managed nodes are and how they are
//	parameter  named values with their history
//	command    what was asked of which node, and what came of it
//	mailbox    what waits for a node until one of its channels is open
//	mgs        the bytes that agent and service exchange
package ssm
