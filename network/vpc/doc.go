// Package vpc is the judge of the private network: immutable values that describe every VPC, and the decisions that
// follow from them. May this flow pass, what does this name mean, where does this connection come from: the running
// fabric, the API, the doctor and the tests all ask here and so cannot disagree.
//
// It does no I/O, starts no goroutine and reads no clock.
package vpc
