// Package program is postern-s3, which keeps objects for package embedded: github.com/versity/versitygw over a
// directory, with what that library lacks put right around it. Only the server starts it, and it ends with the server.
package program
