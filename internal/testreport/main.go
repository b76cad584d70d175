// Command testreport runs `go test` with the arguments it is given and prints what a reader needs: a line for each
// package, all that failing tests said, and which tests were skipped, with the reason. Plain `go test` hides the last,
// so that a machine that lacks half of what the tests need looks like one that passed them all. It exits as go test
// does.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	cmd.Stderr = stderr
	events, err := cmd.StdoutPipe()
	if err == nil {
		// Ctrl-C goes to go test too, which ends its tests: what it says then still has to be printed.
		signal.Ignore(os.Interrupt, syscall.SIGTERM)
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprintf(stderr, "testreport: %v\n", err)
		return 1
	}
	r := newReport(stdout)
	err = errors.Join(r.read(events), cmd.Wait())
	r.close()
	var ended *exec.ExitError
	switch {
	case errors.As(err, &ended):
		return max(1, ended.ExitCode())
	case err != nil:
		fmt.Fprintf(stderr, "testreport: %v\n", err)
		return 1
	}
	return 0
}
