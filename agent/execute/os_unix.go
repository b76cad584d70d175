//go:build unix

package execute

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"postern/ssm/mgs"
)

// leftOver bounds the wait for the end of a script's output when a process that it left behind still holds it.
const leftOver = 250 * time.Millisecond

// errNotZero has the wording of os/exec, which is that of Amazon's agent.
type errNotZero int

func (e errNotZero) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// OS runs scripts as processes of this host.
type OS struct {
	// Dir holds script files while they run, and nobody else may write there; empty means the system's directory of
	// temporary files. Only this user may read them.
	Dir string
}

// Run implements Runner. The script gets a process group of its own, and all of it is killed when it is stopped.
func (o OS) Run(ctx context.Context, s Script) Outcome {
	file, err := o.write(s.Lines)
	if err != nil {
		return Outcome{Code: 1, Status: mgs.Failed, Err: fmt.Errorf("write the script: %w", err)}
	}
	defer os.RemoveAll(filepath.Dir(file)) //nolint:errcheck // what stays is removed with the state directory
	timed, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	stdout, stderr := &capture{max: mgs.StreamLimit + 1}, &capture{max: mgs.StreamLimit + 1}
	cmd := exec.CommandContext(timed, s.Interpreter, file)
	if s.Interpreter == "sh" && len(s.Lines) > 0 && strings.HasPrefix(s.Lines[0], "#!") {
		// Amazon's agent has sh execute the file, so that its first line decides who reads it.
		cmd = exec.CommandContext(timed, "sh", "-c", `exec "$0"`, file)
	}
	cmd.Stdout, cmd.Stderr = both(stdout, s.Stdout), both(stderr, s.Stderr)
	cmd.Env = environment(s.Env)
	cmd.Dir = "/"
	if filepath.IsAbs(s.Dir) {
		cmd.Dir = s.Dir
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = leftOver
	err = cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // the script itself has ended well
	}
	out := outcome(ctx, timed, cmd, err)
	out.Stdout, out.Stderr = string(stdout.text), string(stderr.text)
	return out
}

func both(begin *capture, all io.Writer) io.Writer {
	if all == nil {
		return begin
	}
	return io.MultiWriter(begin, all)
}

func outcome(ctx, timed context.Context, cmd *exec.Cmd, err error) Outcome {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return Outcome{Status: mgs.Success}
	case ctx.Err() != nil:
		return stopped(ctx, stoppedCode)
	case timed.Err() != nil:
		return Outcome{Code: stoppedCode, Status: mgs.TimedOut}
	case errors.As(err, &exit) && exit.Exited():
		return Outcome{Code: exit.ExitCode(), Status: mgs.Failed, Err: errNotZero(exit.ExitCode())}
	case errors.As(err, &exit):
		return Outcome{Code: cmd.ProcessState.ExitCode(), Status: mgs.Failed, Err: err}
	default:
		return Outcome{Code: 1, Status: mgs.Failed, Err: err}
	}
}

func (o OS) write(lines []string) (string, error) {
	if o.Dir != "" {
		if err := os.MkdirAll(o.Dir, 0o700); err != nil {
			return "", err
		}
	}
	// Never a directory of a known name among those of others: somebody else might own it, and change the script.
	dir, err := os.MkdirTemp(o.Dir, "postern-script-")
	if err != nil {
		return "", err
	}
	// The script runs in a directory of its own choice, so its file is not named from this process's ($TMPDIR may do
	// that).
	if dir, err = filepath.Abs(dir); err != nil {
		return "", err
	}
	file := filepath.Join(dir, "_script.sh")
	// No process may be forked meanwhile: it would have the file open for writing, and the kernel executes no such file.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return file, os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o700)
}

// environment is this process's own, less what is meant for the agent alone.
func environment(more []string) []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "POSTERN_") {
			env = append(env, v)
		}
	}
	return append(env, more...)
}
