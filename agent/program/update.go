package program

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"postern/agent"
)

// trialTime bounds the time in which a new program has to come online.
const trialTime = 2 * time.Minute

// again goes on as the program that serves after an update: the new one if that comes online in a trial, and else this
// one, which stands where it stood. It returns only with an error.
func (c *command) again(ctx context.Context) error {
	u, err := agent.ReadUpdate(c.options.dir)
	if err == nil && u == nil {
		err = errors.New("the update is not there any more")
	}
	if err != nil {
		return err
	}
	if err := c.try(ctx, u.New); err != nil {
		u.Failed = fmt.Sprintf("postern-agent %s does not come online: %v", u.To, err)
		_ = os.Remove(u.New) // it is of no use, and named in the result
		fmt.Fprintln(c.stderr, "postern-agent: "+u.Failed)
	} else if err := os.Rename(u.New, c.program); err != nil {
		u.Failed = err.Error()
	}
	if err := u.Write(c.options.dir); err != nil {
		return err
	}
	return syscall.Exec(c.program, os.Args, os.Environ()) //nolint:gosec // its own path, and its own arguments
}

// try has a program come online as this node, and end.
func (c *command) try(ctx context.Context, program string) error {
	ctx, cancel := context.WithTimeout(ctx, trialTime)
	defer cancel()
	args := []string{"run", "--trial", "--state", c.options.dir, "--endpoint", c.options.endpoint}
	said, err := exec.CommandContext(ctx, program, args...).CombinedOutput() //nolint:gosec // it was checked
	if ctx.Err() != nil {
		err = fmt.Errorf("not within %v", trialTime)
	}
	if err != nil {
		lines := strings.Split(strings.TrimSpace(string(said)), "\n")
		return fmt.Errorf("%w %s", err, lines[len(lines)-1])
	}
	return nil
}
