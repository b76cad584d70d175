// Package report is the form in which measurements are published: figures with their reference of the same run, the
// target, whether it was reached, and what limits them.
package report
