// Package s3 is as much of Amazon S3 as a node's agent needs: to put the output of commands into buckets, and to get
// what commands refer to. It is standard library and sigv4, because an agent has to stay small.
package s3
