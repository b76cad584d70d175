// Package networktest is what tests of the private network share: a store in memory, and the suite that every
// network.Store must pass.
package networktest
