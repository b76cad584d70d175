package agent

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"postern/agent/execute"
	"postern/ssm/mgs"
)

const (
	// atOnce jobs run and inQueue wait, as in Amazon's agent; the service delivers any other later.
	atOnce  = 5
	inQueue = 5
	// rememberJobs sets how long a command's id is known, so that it does not run twice. The service stops delivering
	// long before.
	rememberJobs = time.Hour
)

// A job is one command that this node was given.
type job struct {
	ID      string // aws.ssm.COMMAND.NODE
	Command string
	// content holds what the service sent.
	content string
	ready   *execute.Job
	// from tells where to go on after a reboot, the times of which are counted.
	from    *execute.Progress
	reboots int
	// run ends when the job is to stop, and says why.
	run  context.Context
	stop context.CancelCauseFunc
}

// jobRecord holds what is kept of a job.
type jobRecord struct {
	ID    string    `json:"jobId"`
	Taken time.Time `json:"taken"`
	Done  bool      `json:"done"`
	// After is there for a job that goes on after a reboot.
	After *afterReboot `json:"afterReboot,omitempty"`
}

// afterReboot holds what a job goes on with.
type afterReboot struct {
	Content string           `json:"content"`
	From    execute.Progress `json:"from"`
	Reboots int              `json:"reboots"`
}

// jobs are the commands that this node runs, will run and has run.
type jobs struct {
	dir string
	now func() time.Time

	mu      sync.Mutex
	known   map[string]jobRecord // by command
	active  map[string]*job
	waiting []*job
}

var commandIDs = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`) // they become file names

var errCancelled = errors.New("the command was cancelled")

// openJobs reads what an earlier process left.
func openJobs(dir string, now func() time.Time) (*jobs, error) {
	j := &jobs{now: now, known: map[string]jobRecord{}, active: map[string]*job{}}
	if dir == "" {
		return j, nil
	}
	j.dir = filepath.Join(dir, "commands")
	entries, err := os.ReadDir(j.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(j.dir, e.Name()))
		if err != nil {
			return nil, err
		}
		var r jobRecord
		command, ok := strings.CutSuffix(e.Name(), ".json")
		if ok && json.Unmarshal(text, &r) == nil {
			j.known[command] = r
		}
	}
	return j, nil
}

func scriptDir(dir string) string {
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, "scripts")
}

// interrupted returns the jobs that an earlier process took and did not end.
func (j *jobs) interrupted() []jobRecord {
	j.mu.Lock()
	defer j.mu.Unlock()
	var out []jobRecord
	for command, r := range j.known {
		if r.Done || r.After != nil || j.active[command] != nil {
			continue
		}
		out = append(out, r)
		j.finishLocked(command)
	}
	return out
}

// take decides about a job: Accepted, and then whether it starts now, or the code of a refusal.
func (j *jobs) take(b *job) (code mgs.Code, start bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.purgeLocked()
	_, known := j.known[b.Command]
	switch {
	case known:
		return mgs.Duplicate, false
	case len(j.active) >= atOnce && len(j.waiting) >= inQueue:
		return mgs.BufferFull, false
	}
	r := jobRecord{ID: b.ID, Taken: j.now()}
	if err := j.writeLocked(b.Command, r); err != nil {
		return mgs.UnexpectedError, false
	}
	j.known[b.Command] = r
	if len(j.active) >= atOnce {
		j.waiting = append(j.waiting, b)
		return mgs.Accepted, false
	}
	j.active[b.Command] = b
	return mgs.Accepted, true
}

// finish notes a job's end and returns the one to start now, if there is one.
func (j *jobs) finish(b *job) *job {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.active, b.Command)
	j.finishLocked(b.Command)
	if len(j.waiting) == 0 {
		return nil
	}
	next := j.waiting[0]
	j.waiting = j.waiting[1:]
	j.active[next.Command] = next
	return next
}

func (j *jobs) finishLocked(command string) {
	r := j.known[command]
	r.Done, r.After = true, nil
	j.known[command] = r
	_ = j.writeLocked(command, r) // at worst the next process reports it as interrupted: a terminal state is sticky
}

// cancel stops a command that runs, or takes one that waits out of the queue and returns it.
func (j *jobs) cancel(command string) *job {
	j.mu.Lock()
	defer j.mu.Unlock()
	if b := j.active[command]; b != nil {
		b.stop(errCancelled)
		return nil
	}
	for n, b := range j.waiting {
		if b.Command == command {
			j.waiting = append(j.waiting[:n:n], j.waiting[n+1:]...)
			return b
		}
	}
	return nil
}

func (j *jobs) purgeLocked() {
	for command, r := range j.known {
		if !r.Done || j.now().Sub(r.Taken) < rememberJobs {
			continue
		}
		delete(j.known, command)
		if j.dir != "" {
			// Tried again after the next start.
			_ = os.Remove(filepath.Join(j.dir, command+".json"))
			_ = os.RemoveAll(filepath.Join(filepath.Dir(j.dir), downloadDir, command))
		}
	}
}

func (j *jobs) writeLocked(command string, r jobRecord) error {
	if j.dir == "" {
		return nil
	}
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(j.dir, 0o700); err != nil {
		return err
	}
	// Not synced: it protects from the end of this process; when the machine ends, so does what the command did.
	name := filepath.Join(j.dir, command+".json")
	if err := os.WriteFile(name+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}

// deliver takes a job from either service. It answers with a code, and with what to do once the code is on its way.
func (a *Agent) deliver(ctx context.Context, jobID, topic, content string) (code mgs.Code, after func()) {
	nothing := func() {}
	command, err := mgs.CommandOf(jobID)
	switch {
	case strings.HasPrefix(topic, mgs.TopicCancelCommand):
		return a.cancel(ctx, content)
	case !strings.HasPrefix(topic, mgs.TopicSendCommand):
		return mgs.UnexpectedDocumentType, nothing
	case err != nil || !commandIDs.MatchString(command):
		return mgs.ParseError, nothing
	}
	// A job outlives the connection by which it came.
	run, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	b := &job{ID: jobID, Command: command, content: content, run: run, stop: stop}
	if err = b.read(); err != nil {
		a.Log.Warn("a command cannot be read", "command", command, "error", err)
		return mgs.ParseError, func() { a.reply(ctx, jobID, execute.Result{Status: mgs.Failed}, "") }
	}
	code, start := a.jobs.take(b)
	if !start {
		return code, nothing
	}
	return code, func() { a.start(ctx, b) }
}

func (a *Agent) cancel(ctx context.Context, content string) (mgs.Code, func()) {
	var c mgs.CancelContent
	command := ""
	err := json.Unmarshal([]byte(content), &c)
	if err == nil {
		command, err = mgs.CommandOf(c.CancelMessageID)
	}
	if err != nil {
		return mgs.ParseError, func() {}
	}
	return mgs.Accepted, func() {
		if b := a.jobs.cancel(command); b != nil {
			a.abandon(ctx, b, errCancelled)
		}
	}
}

// start runs a job, and then those that waited for its place.
func (a *Agent) start(ctx context.Context, b *job) {
	a.spawn.Go(func() {
		defer context.AfterFunc(ctx, func() { b.stop(execute.ErrShutdown) })()
		a.Log.Info("command runs", "command", b.Command)
		if err := a.fill(b.run, b.ready); err != nil {
			a.Log.Warn("a command does not run", "command", b.Command, "error", err)
			a.reply(ctx, b.ID, execute.Result{Status: mgs.Failed}, err.Error())
		} else if p := b.ready.Run(b.run, b.from, a.on(ctx, b)); p != nil {
			b.from = p
			if p.Restart && a.restartFor(ctx, b) || !p.Restart && a.rebootFor(ctx, b) {
				return // it goes on after it
			}
		}
		b.stop(nil)
		if next := a.jobs.finish(b); next != nil {
			a.start(ctx, next)
		}
	})
}

// abandon reports a job that never ran.
func (a *Agent) abandon(ctx context.Context, b *job, why error) {
	b.stop(why)
	b.ready.Run(b.run, b.from, a.on(ctx, b))
	a.jobs.mu.Lock()
	a.jobs.finishLocked(b.Command)
	a.jobs.mu.Unlock()
}

func (b *job) read() error {
	var c mgs.CommandContent
	err := json.Unmarshal([]byte(b.content), &c)
	if err == nil {
		c.CommandID = b.Command
		b.ready, err = execute.Read(&c)
	}
	return err
}

func (a *Agent) on(ctx context.Context, b *job) execute.On {
	return execute.On{
		Node:   a.node(),
		Runner: a.Runner,
		Report: func(r execute.Result) { a.reply(ctx, b.ID, r, "") },
		Now:    a.Now,
		Upload: a.upload(b),
		Spool:  scriptDir(a.Dir),

		Plugins: map[string]execute.Plugin{
			"aws:downloadContent": a.downloadContent, "aws:runDocument": a.runDocument,
			"aws:updateSsmAgent": a.updateAgent,
		},
		Downloads: a.downloads(b.Command),
		Fill:      a.fill,
	}
}

func (a *Agent) node() execute.Node {
	return execute.Node{
		ID: a.Identity.Node(), Region: a.Identity.Region(),
		Platform: a.platform.kind, PlatformName: a.platform.name, PlatformVersion: a.platform.version,
	}
}
