package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// stopTime is how long a process may take to end when it is asked to.
const stopTime = 20 * time.Second

// A process is one that the benchmark has started. Its output goes to a file.
type process struct {
	cmd  *exec.Cmd
	log  string
	done chan struct{} // closed when it has ended
	err  error         // why, once done
}

// start starts a program. in and out are nil for a process that is not talked to.
func (b *bench) start(name string, in io.Reader, out io.Writer, program string, args ...string) (*process, error) {
	log, err := os.CreateTemp(b.tmp, name+"-*.log")
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p := &process{cmd: exec.Command(program, args...), log: log.Name(), done: make(chan struct{})}
	p.cmd.Env = environment()
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = in, out, log
	if out == nil {
		p.cmd.Stdout = log
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// environment is the benchmark's own, less what would lead programs elsewhere.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return strings.HasPrefix(name, "AWS_") || strings.HasPrefix(name, "POSTERN_") ||
			strings.HasSuffix(strings.ToLower(name), "_proxy")
	})
}

// stop ends a process and waits for it. How it ends is no error.
func (p *process) stop() {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		_ = p.cmd.Process.Signal(signal) // it may have ended already
		timer := time.NewTimer(stopTime)
		select {
		case <-p.done:
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// ended is an error if the process has ended.
func (p *process) ended() error {
	select {
	case <-p.done:
	default:
		return nil
	}
	text, _ := os.ReadFile(p.log) // the error is told without it as well
	return fmt.Errorf("%s has ended: %w: %s", filepath.Base(p.cmd.Path), errors.Join(p.err, io.EOF), tail(text))
}

// resident returns the memory of a process, in bytes.
func (p *process) resident() (uint64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	return parseResident(string(text))
}

// parseResident reads VmRSS out of proc(5)'s status.
func parseResident(status string) (uint64, error) {
	for line := range strings.Lines(status) {
		fields := strings.Fields(line)
		if len(fields) == 3 && fields[0] == "VmRSS:" && fields[2] == "kB" {
			kilobytes, err := strconv.ParseUint(fields[1], 10, 64)
			return kilobytes << 10, err
		}
	}
	return 0, errors.New("the process's status has no VmRSS")
}

// processorTime returns the processor time that a process has used since it started.
func (p *process) processorTime() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	return parseProcessorTime(string(text))
}

// tick is the unit of times in proc(5)'s stat: USER_HZ is 100 on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// parseProcessorTime reads utime and stime, the 14th and 15th field of proc(5)'s stat; the second one is the program's
// name in parentheses, which may hold anything.
func parseProcessorTime(stat string) (time.Duration, error) {
	i := strings.LastIndexByte(stat, ')')
	fields := strings.Fields(stat[i+1:])
	if i < 0 || len(fields) < 13 {
		return 0, errors.New("the process's stat is too short")
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * tick, errors.Join(err, err2)
}

// settle waits until a process's memory has not shrunk by more than one per cent for a while, and returns it. A process
// gives memory back slowly.
func (p *process) settle(ctx context.Context, atLeast time.Duration) (uint64, error) {
	if err := pause(ctx, atLeast); err != nil {
		return 0, err
	}
	const every, longest = 5 * time.Second, 30 * time.Second
	last, err := p.resident()
	began := time.Now()
	for err == nil && time.Since(began) < longest {
		if err = pause(ctx, every); err != nil {
			break
		}
		var now uint64
		if now, err = p.resident(); err != nil || float64(now) > 0.99*float64(last) {
			return now, err
		}
		last = now
	}
	return last, err
}
