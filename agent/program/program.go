// Package program is the postern-agent command: its verbs and flags.
package program

import (
	"flag"
	"fmt"
	"io"
	"os"

	"postern/agent/pid1"
)

const usage = `postern-agent is the agent of a managed node.

  postern-agent init   be the first process of an instance (only for the instance itself)
`

// Main runs the command and returns its exit status: 0, 1 for a failure, 2 for a mistake in the arguments.
func Main(args []string) int { return run(args, os.Stdout, os.Stderr) }

func run(args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return 2
	}
	switch args[0] {
	case "init":
		return initMain(args[1:], stderr)
	case "help", "-h", "--help":
		fmt.Fprint(stdout, usage)
		return 0
	default:
		fmt.Fprintf(stderr, "postern-agent: no such command: %s\n\n%s", args[0], usage)
		return 2
	}
}

func initMain(args []string, stderr io.Writer) int {
	var c pid1.Config
	flags := flag.NewFlagSet("postern-agent init", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&c.Instance, "instance", "", "the instance's `id`")
	flags.StringVar(&c.UserData, "user-data", "", "`file` with the user data")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	c.Agent = flags.Args()
	return pid1.Run(c)
}
