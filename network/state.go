package network

import (
	"iter"

	"postern/record"
)

// State is the intended network at one moment. It is immutable: its records are shared and must not be changed.
type State struct{ *record.Tables }

// The VPC, Subnet … methods find one resource of a scope or return Amazon's not-found or malformed-id error; the VPCs,
// Subnets … methods give all of them in the order of their ids.

// where returns those of the records that a condition holds for.
func where[T any](all iter.Seq[*T], condition func(*T) bool) iter.Seq[*T] {
	return func(yield func(*T) bool) {
		for r := range all {
			if condition(r) && !yield(r) {
				return
			}
		}
	}
}
