// Package iam is the policy judge: it reads policy documents and says whether a caller may do something, and why.
//
// It is pure: no store, clock, network or goroutine. The running system, the doctor and the tests ask the same
// function, Evaluate, and so give the same answer with the same reason. A document is compiled once, by Parse, and
// judged in about a microsecond, however many statements it has: an index finds those that may be about the request.
//
// What is judged follows the IAM User Guide, "Policy evaluation logic" and "IAM JSON policy elements reference". The
// order of evaluation stands above Decision.
package iam
