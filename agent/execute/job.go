package execute

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"postern/ssm/document"
	"postern/ssm/mgs"
)

// Exit codes that end a document, that ask for a reboot after which the step runs again, and the code of what was
// stopped.
const (
	exitSuccess = 168
	exitFailure = 169
	exitReboot  = 194
	stoppedCode = 137
	// cancelledUpload bounds the upload of what a cancelled step has written.
	cancelledUpload = time.Minute
)

// Node describes the node to the steps that run on it.
type Node struct {
	ID, Region string
	// Platform is "Linux", PlatformName and PlatformVersion what /etc/os-release says.
	Platform, PlatformName, PlatformVersion string
}

// A Script is what a Runner runs.
type Script struct {
	// Interpreter is a program's name, such as "sh".
	Interpreter string
	Lines       []string
	// Dir is the working directory; one that is not absolute means the default, "/".
	Dir     string
	Timeout time.Duration
	// Env is added to the environment.
	Env []string
	// Stdout and Stderr get all that the script writes, if they are not nil. They do not fail. A Runner may leave them
	// alone.
	Stdout, Stderr io.Writer
}

// Outcome tells how a script ended.
type Outcome struct {
	// Code is the exit status, 1 where nothing could be started, 137 where it was stopped.
	Code   int
	Status mgs.Status
	// Stdout and Stderr are at most mgs.StreamLimit bytes and a little more than that of what came.
	Stdout, Stderr string
	// Err explains a failure where the exit status does not.
	Err error
	// Restart asks for the agent to be started again, after which the step runs a second time.
	Restart bool
}

// ErrShutdown is the cause of a context that ends because the agent does, not because somebody cancelled the command.
var ErrShutdown = errors.New("the agent was stopped")

// stopped returns the outcome of a script that ctx kept from running, or stopped.
func stopped(ctx context.Context, code int) Outcome {
	if cause := context.Cause(ctx); errors.Is(cause, ErrShutdown) {
		return Outcome{Code: code, Status: mgs.Failed, Err: cause}
	}
	return Outcome{Code: code, Status: mgs.Cancelled}
}

// Runner runs scripts; OS does.
type Runner interface {
	// Run returns when the script has ended, or was stopped because its time was up or ctx had ended.
	Run(ctx context.Context, s Script) Outcome
}

// A Job is a command ready to run, once it has what it refers to in Parameter Store.
type Job struct {
	Command string
	// Bucket and Prefix say where in S3 whole outputs go; an empty Bucket, that they go nowhere.
	Bucket, Prefix string

	document *document.Document
	values   document.Values
	steps    []document.Step
	schema   string
	depth    int // of documents that run documents
}

var secureReference = regexp.MustCompile(`\{\{\s*ssm-secure:`)

// Read checks what the service sent.
func Read(c *mgs.CommandContent) (*Job, error) {
	d, err := document.Parse(c.DocumentContent, document.JSON)
	if err != nil {
		return nil, fmt.Errorf("read the document: %w", err)
	}
	values, err := d.FromWire(c.Parameters)
	if err != nil {
		return nil, fmt.Errorf("read the parameters: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if secureReference.MatchString(fmt.Sprint(values[name])) {
			return nil, fmt.Errorf("parameter %s names a secret of Parameter Store, which this agent does not read", name)
		}
	}
	return &Job{
		Command: c.CommandID, Bucket: c.OutputS3BucketName, Prefix: c.OutputS3KeyPrefix,
		document: d, values: values, steps: d.Steps(values), schema: d.SchemaVersion,
	}, nil
}

// StoredParameter holds a parameter as Parameter Store returns it.
type StoredParameter = document.StoredParameter

// References returns the names of what the job refers to in Parameter Store; Fill takes it.
func (j *Job) References() []string {
	tree := []any{map[string]any(j.values)}
	for _, s := range j.steps {
		for _, set := range s.Sets {
			tree = append(tree, set)
		}
	}
	return document.References(tree)
}

// Fill puts in what the job refers to. The document's bounds hold for that, too.
func (j *Job) Fill(stored map[string]StoredParameter) error {
	given, err := document.PutStored(map[string]any(j.values), stored)
	if err != nil {
		return err
	}
	values, err := j.document.FromWire(given.(map[string]any))
	if err != nil {
		return err
	}
	steps := j.document.Steps(values)
	for n := range steps {
		for k, set := range steps[n].Sets {
			put, err := document.PutStored(set, stored)
			if err != nil {
				return fmt.Errorf("step %s: %w", steps[n].ID, err)
			}
			steps[n].Sets[k] = put.(map[string]any)
		}
		steps[n].Inputs = steps[n].Sets[0]
	}
	j.values, j.steps = values, steps
	return nil
}

// Report takes what there is to tell while a job runs.
type Report func(r Result)

// Result is one reply's worth: the document's status and the steps that go with it.
type Result struct {
	Status mgs.Status
	// Steps is nil in the first report, holds the step that has just ended in the next ones, and in the last one that
	// of a document with a single step.
	Steps map[string]*mgs.StepStatus
	// Counts are the steps that have ended, by status.
	Counts map[mgs.Status]int
}

// Progress tells how far a job has come that goes on after a reboot.
type Progress struct {
	// Step is the step to run again, Done are those that have ended.
	Step int
	Done map[string]*mgs.StepStatus
	// Ended says that one of them has ended the document.
	Ended bool
	// Restart says that the agent is to be started again, and not the machine.
	Restart bool
}

// Run runs the steps in order, from where an earlier run has stopped. Where ctx ends, the step that runs is stopped
// and the rest is cancelled. Where a step asks for a reboot, Run returns what to go on with, and nil otherwise.
func (j *Job) Run(ctx context.Context, from *Progress, o On) *Progress {
	r := &run{On: o, Job: j, done: map[string]*mgs.StepStatus{}}
	if r.Now == nil {
		r.Now = time.Now
	}
	first := 0
	if from != nil {
		first, r.ended = from.Step, from.Ended
		maps.Copy(r.done, from.Done)
	}
	o.Report(Result{Status: mgs.InProgress})
	for n := first; n < len(j.steps); n++ {
		s := r.step(ctx, n)
		if r.reboot {
			delete(r.done, j.steps[n].ID)
			o.Report(Result{Status: mgs.SuccessAndReboot, Counts: r.counts()})
			return &Progress{Step: n, Done: r.done, Ended: r.ended, Restart: r.restart}
		}
		o.Report(Result{Status: mgs.InProgress, Steps: map[string]*mgs.StepStatus{j.steps[n].ID: s}, Counts: r.counts()})
	}
	last := Result{
		Status: mgs.DocumentStatus(slices.Collect(maps.Keys(r.counts()))),
		Steps:  map[string]*mgs.StepStatus{},
		Counts: r.counts(),
	}
	if len(j.steps) == 1 {
		last.Steps = r.done
	}
	o.Report(last)
	return nil
}

// On holds where a job runs, and the functions that it reports to.
type On struct {
	Node   Node
	Runner Runner
	Report Report
	// Now is the clock of what is reported; nil means time.Now.
	Now func() time.Time
	// Upload gets the whole output of steps; nil leaves it at what replies hold.
	Upload Upload
	// Plugins do the work of steps that are no scripts, by action.
	Plugins map[string]Plugin
	// Downloads is where content is that earlier steps have brought. Scripts work there, if it is there.
	Downloads string
	// Fill gives a document that a document runs what it refers to in Parameter Store.
	Fill func(ctx context.Context, j *Job) error
	// Spool is a directory for the output that Upload gets; empty means the system's of temporary files.
	Spool string
}

// A Plugin does the work of one kind of step. It gets the step's inputs, the job and where that runs.
type Plugin func(ctx context.Context, j *Job, o On, inputs map[string]any) Outcome

// Failure is the outcome of a step that could not do its work.
func Failure(err error) Outcome { return Outcome{Code: 1, Status: mgs.Failed, Err: err} }

// run is one run of a job.
type run struct {
	*Job
	On
	done map[string]*mgs.StepStatus
	// ended says that a step has ended the document, reboot that one goes on after a reboot, or if restart is set, after
	// the agent was started again.
	ended, reboot, restart bool
}

func (r *run) counts() map[mgs.Status]int {
	counts := map[mgs.Status]int{}
	for _, s := range r.done {
		counts[s.Status]++
	}
	return counts
}

func (r *run) step(ctx context.Context, n int) *mgs.StepStatus {
	s := &r.steps[n]
	out := &mgs.StepStatus{Name: s.Action, StartDateTime: mgs.FormatTime(r.Now())}
	r.done[s.ID] = out
	verdict, why := r.judge(s, n)
	switch verdict {
	case document.Skip:
		out.Status, out.Output = mgs.Skipped, why
	case document.Fail:
		out.Status, out.Output = mgs.Failed, why
	case document.Run:
		r.execute(ctx, s, out)
	}
	out.EndDateTime = mgs.FormatTime(r.Now())
	if out.Code == exitSuccess || out.Code == exitFailure ||
		out.Status == mgs.Failed && s.OnFailure == "exit" || out.Status == mgs.Success && s.OnSuccess == "exit" {
		r.ended = true
	}
	return out
}

// interpreters are the plugins that this agent has.
var interpreters = map[string]string{"aws:runShellScript": "sh", "aws:runPowerShellScript": "pwsh"}

// elsewhere are plugins that exist, but not on Linux.
var elsewhere = []string{"aws:psModule", "aws:applications", "aws:updateAgent", "aws:domainJoin"}

// judge decides what becomes of a step, in this order: a document that has ended, a plugin that does not exist, a
// plugin that is not for this platform, preconditions.
func (r *run) judge(s *document.Step, n int) (document.Verdict, string) {
	if r.ended && (!s.Finally || n < len(r.steps)-1) {
		return document.Skip, fmt.Sprintf("Plugin with name %s and id %s skipped due to prior step with an exit condition",
			s.Action, s.ID)
	}
	if slices.Contains(elsewhere, s.Action) {
		if r.schema == "2.2" {
			return document.Skip, fmt.Sprintf("Step execution skipped due to unsupported plugin: %s. Step name: %s", s.Action,
				s.ID)
		}
		return document.Fail, fmt.Sprintf("Plugin with name %s is not supported in current platform. Step name: %s",
			s.Action, s.ID)
	}
	verdict, why := s.Judge(r.Node.Platform)
	if interpreters[s.Action] == "" && r.Plugins[s.Action] == nil && verdict != document.Skip {
		return document.Fail, fmt.Sprintf("Plugin with name %s is not supported by this version of ssm agent, please "+
			"update to latest version. Step name: %s", s.Action, s.ID)
	}
	return verdict, why
}

// execute runs a step's scripts: one, but for schema 1.2, where a plugin may have several.
func (r *run) execute(ctx context.Context, s *document.Step, out *mgs.StepStatus) {
	var all Outcome
	kept := r.open()
	defer kept.close()
	for _, set := range s.Sets {
		one := *s
		one.Inputs = set
		before := kept.sizes()
		o := r.script(ctx, &one, set, kept)
		kept.add(before, &o)
		all.Stdout += o.Stdout
		all.Stderr += o.Stderr
		all.Status, all.Err = o.Status, errors.Join(all.Err, o.Err)
		if o.Restart {
			r.reboot, r.restart = true, true
			return
		}
		if all.Code = o.Code; o.Status != mgs.Success {
			break
		}
	}
	if all.Code == exitReboot && all.Status == mgs.Failed {
		r.reboot = true
	}
	out.Code, out.Status = all.Code, all.Status
	if all.Status == mgs.Failed && all.Err != nil && all.Code != exitSuccess {
		if all.Stderr != "" && all.Stderr[len(all.Stderr)-1] != '\n' {
			all.Stderr += "\n"
		}
		if interpreters[s.Action] != "" {
			all.Stderr += kept.note("failed to run commands: ")
		}
		all.Stderr += kept.note(all.Err.Error())
	}
	all.Stderr += r.upload(ctx, Streams{Action: s.Action, Step: s.Name}, kept, out)
	out.Output = joinOutput(all.Stdout, all.Stderr, mgs.OutputLimit)
	addition := r.ending(s, out, &all)
	out.StandardOutput = Truncate(all.Stdout+addition, mgs.StreamLimit)
	out.StandardError = Truncate(all.Stderr, mgs.StreamLimit)
}

// ending applies the exit codes and the step's onFailure to the result.
func (r *run) ending(s *document.Step, out *mgs.StepStatus, all *Outcome) string {
	switch {
	case all.Code == exitSuccess:
		out.Status, all.Stderr = mgs.Success, ""
		out.Output = joinOutput(all.Stdout, "", mgs.OutputLimit)
		return "\nStep exited with code 168. Therefore, marking step as succeeded. Further document steps will be skipped."
	case all.Code == exitFailure:
		note := "\nStep exited with code 169. Therefore, marking step as Failed. Further document steps will be skipped."
		all.Stderr += note
		return note
	case out.Status == mgs.Failed && (s.OnFailure == "exit" || s.OnFailure == "successAndExit"):
		note := "\nStep was found to have onFailure property. Further document steps will be skipped."
		all.Stderr += note
		if s.OnFailure == "successAndExit" {
			out.Status, out.Code = mgs.Success, exitSuccess
		}
		return note
	}
	return ""
}

func (r *run) script(ctx context.Context, s *document.Step, set map[string]any, kept *whole) Outcome {
	if ctx.Err() != nil {
		return stopped(ctx, 1)
	}
	if do := r.Plugins[s.Action]; do != nil {
		timed, cancel := context.WithTimeout(ctx, document.Timeout(set))
		defer cancel()
		o := do(timed, r.Job, r.On, set)
		if ctx.Err() != nil && o.Status == mgs.Failed {
			o.Code, o.Status = stoppedCode, stopped(ctx, stoppedCode).Status
		}
		return o
	}
	dir := r.directory(set)
	stdout, stderr := kept.writers()
	return r.Runner.Run(ctx, Script{
		Interpreter: interpreters[s.Action],
		Lines:       s.Lines("runCommand"),
		Dir:         dir,
		Timeout:     document.Timeout(set),
		Env: append(r.document.Environment(r.values),
			"AWS_SSM_INSTANCE_ID="+r.Node.ID, "AWS_SSM_REGION_NAME="+r.Node.Region,
			"AWS_SSM_PLATFORM_NAME="+r.Node.PlatformName, "AWS_SSM_PLATFORM_VERSION="+r.Node.PlatformVersion,
			"SSM_COMMAND_ID="+r.Command,
		),
		Stdout: stdout, Stderr: stderr,
	})
}

// directory returns where a script works: what is not absolute is below what earlier steps have downloaded, if that is
// there.
func (r *run) directory(set map[string]any) string {
	dir, _ := set["workingDirectory"].(string)
	if r.Downloads == "" || filepath.IsAbs(dir) {
		return dir
	}
	below := filepath.Join(r.Downloads, dir)
	if info, err := os.Stat(below); err == nil && info.IsDir() {
		return below
	}
	return dir
}
