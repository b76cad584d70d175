// Package s3 serves the S3 API: buckets and what is configured on them from records, and objects from where
// services/s3 keeps them, in whose name every request was authenticated and judged here. operations.go is the table of
// what it does.
package s3
