// Package s3 keeps buckets and what is configured on them, and reaches the objects in them.
//
//	bucket ── owner, region ── policy, public access block, ownership, encryption, CORS, lifecycle, tags, versioning
//	  └ objects, their versions and tags, uploads in parts: in an Upstream, which speaks S3 itself
//
// A bucket is a record; its objects are in a bucket of the same name at the Upstream, which knows one user, this
// package, and nothing of accounts, policies or regions. What has to hold in both at once (a bucket is made, is
// deleted, keeps versions) is written down as a step of the record first; Heal brings to its end what a crash has
// interrupted.
//
// The Upstream is package embedded, which runs when the first request needs it, or a service elsewhere, by package
// external.
package s3
