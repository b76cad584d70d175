// Command postern-s3 keeps the objects of S3 for the server that starts it.
package main

import (
	"os"

	"postern/services/s3/embedded/program"
)

func main() { os.Exit(program.Main()) }
