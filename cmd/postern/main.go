// Command postern is the server, the command line and the doctor of Postern.
package main

import (
	"os"

	"postern/cmd/postern/program"
)

func main() { os.Exit(program.Main()) }
