// Package execute runs command documents on a node: step after step, each judged before it runs, each reported when it
// has ended, in the words of Amazon's own agent, which people and programs read.
//
//	content ─→ Read ─→ Job ─→ Run ─→ in progress · one result a step · the whole
package execute
