// Package external keeps objects at an S3 service elsewhere.
//
//	Store ── requests signed with the service's own key, over HTTPS ──▶ https://HOST/PREFIX+BUCKET/KEY
//
// Each bucket is one there, with a prefix before its name, so that versions and listings are the service's. Keys are as
// they are: objects can be read there by their names. Accounts, policies and what is configured on buckets stay here;
// the service sees one user.
//
// What the service refuses to this server is not the fault of who asked: it is told to them as ServiceUnavailable, and
// to the log with the service's own words.
package external
