package agent

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"

	"postern/agent/execute"
	"postern/ssm/mgs"
)

const (
	// mostReboots limits how often one command may have its node boot again; Amazon's agent allows as many.
	mostReboots = 15
	// rebootTime bounds the command that begins a reboot.
	rebootTime = time.Minute
)

// rebootNow has the machine boot again. Amazon's agent gives it a minute; what this one keeps is on the disk by now.
func rebootNow(ctx context.Context) error {
	// A reboot that has begun ends this agent, and what it has started.
	own, cancel := context.WithTimeout(context.WithoutCancel(ctx), rebootTime)
	defer cancel()
	out, err := exec.CommandContext(own, "/sbin/shutdown", "-r", "now").CombinedOutput()
	var ended *exec.ExitError
	if errors.As(err, &ended) && !ended.Exited() && own.Err() == nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("shutdown -r now: %w %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

// rebootFor keeps a job that has asked for a reboot (exit status 194) and begins that. It returns false where there
// will be none, and the job has ended.
func (a *Agent) rebootFor(ctx context.Context, b *job) bool {
	b.reboots++
	err := fmt.Errorf("it has asked for more than %d reboots", mostReboots)
	if b.reboots <= mostReboots {
		if err = a.jobs.keep(b); err == nil {
			a.Log.Info("a command asks for a reboot", "command", b.Command)
			err = a.Reboot(ctx)
		}
	}
	if err == nil {
		return true
	}
	a.Log.Warn("a command does not go on after a reboot", "command", b.Command, "error", err)
	a.reply(ctx, b.ID, execute.Result{Status: mgs.Failed}, "exit status 194 asks for a reboot: "+err.Error())
	return false
}

// keep writes down what a job goes on with after a reboot.
func (j *jobs) keep(b *job) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	r := j.known[b.Command]
	r.After = &afterReboot{Content: b.content, From: *b.from, Reboots: b.reboots}
	j.known[b.Command] = r
	return j.writeLocked(b.Command, r)
}

// resume goes on with the jobs that have asked for the reboot that has been, the oldest first.
func (a *Agent) resume(ctx context.Context) {
	for _, b := range a.jobs.kept() {
		run, stop := context.WithCancelCause(context.WithoutCancel(ctx))
		b.run, b.stop = run, stop
		if err := b.read(); err != nil {
			a.reply(ctx, b.ID, execute.Result{Status: mgs.Failed}, err.Error())
			a.jobs.finish(b)
			continue
		}
		a.start(ctx, b)
	}
}

func (j *jobs) kept() []*job {
	j.mu.Lock()
	defer j.mu.Unlock()
	var out []*job
	for command, r := range j.known {
		if r.After == nil || r.Done || j.active[command] != nil {
			continue
		}
		from := r.After.From
		b := &job{ID: r.ID, Command: command, content: r.After.Content, from: &from, reboots: r.After.Reboots}
		j.active[command] = b
		out = append(out, b)
	}
	slices.SortFunc(out, func(a, b *job) int { return j.known[a.Command].Taken.Compare(j.known[b.Command].Taken) })
	return out
}
