//go:build !linux

package program

import (
	"fmt"
	"os"
)

// InitMain does nothing where objects cannot be kept.
func InitMain() {}

// Main says that objects are kept on Linux only.
func Main() int {
	fmt.Fprintln(os.Stderr, "postern-s3: objects are kept on Linux only; give the server an S3 service with --s3-endpoint")
	return 1
}
