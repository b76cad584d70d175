// Command postern-agent is the agent of a managed node.
package main

import (
	"os"

	"postern/agent/program"
)

func main() { os.Exit(program.Main(os.Args[1:])) }
