// Package parameter is Parameter Store: named values with their history.
//
//	Put ─→ version 1 ─→ version 2 ─→ … ─→ version n, the latest
//	                        ↑
//	                     a label: it stays with its version until it is moved or removed
//
// A parameter keeps its 100 newest versions; the oldest goes when one more comes, unless it has a label. Names are a
// hierarchy: "/a/b/c" lies below the path "/a", and "/a" and "a" are the same parameter.
//
// Values are text that everybody with the permission reads. Type SecureString is not built: it needs a key service, and
// nothing is stored as if it were encrypted.
package parameter
