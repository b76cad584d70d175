package command

import (
	"cmp"
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	"postern/ssm/mgs"
)

// Limits of what is kept of a step, in characters, as the public API has them.
const (
	StdoutLimit = 24000
	StderrLimit = 8000
	OutputLimit = 2500
	// maxSteps and maxName bound what an agent can make us keep.
	maxSteps = 100
	maxName  = 256
)

// Step has the result of one step on one node. Its fields' names stand in databases.
type Step struct {
	// Name is the action, such as "aws:runShellScript".
	Name   string
	Status mgs.Status
	Code   int
	Output string `json:",omitempty"`
	Stdout string `json:",omitempty"`
	Stderr string `json:",omitempty"`
	// Start and End are as the agent wrote them.
	Start, End         string `json:",omitempty"`
	S3Bucket, S3Prefix string `json:",omitempty"`
}

// Details returns the step's status in the API's words.
func (s *Step) Details() Details {
	switch s.Status {
	case mgs.TimedOut:
		return ExecutionTimedOut
	case mgs.NotStarted:
		return Pending
	case mgs.Skipped:
		return Success
	case mgs.SuccessAndReboot, mgs.PassedAndReboot:
		return InProgress
	}
	return string(s.Status)
}

func newStep(s *mgs.StepStatus) *Step {
	return &Step{
		Name: cut(s.Name, maxName), Status: mgs.Status(cut(string(s.Status), maxName)), Code: s.Code,
		Output: clip(s.Output, OutputLimit),
		Stdout: clip(s.StandardOutput, StdoutLimit), Stderr: clip(s.StandardError, StderrLimit),
		Start: cut(s.StartDateTime, maxName), End: cut(s.EndDateTime, maxName),
		S3Bucket: cut(s.OutputS3BucketName, maxName), S3Prefix: cut(s.OutputS3KeyPrefix, 4*maxName),
	}
}

// clip keeps the first n characters of an output, the last of which say that there was more, as agents mark what they
// cut.
func clip(s string, n int) string {
	if len(s) <= n || utf8.RuneCountInString(s) <= n {
		return s
	}
	return cut(s, n-len(mgs.TruncatedMark)) + mgs.TruncatedMark
}

// cut keeps the first n characters of s.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}

// better compares two reports of one step: a terminal one beats the other, then the one that ended later. What is left
// is settled by the content, so that the order in which the two came cannot matter.
func better(a, b *Step) int {
	return cmp.Or(
		compareBool(a.Status.Terminal(), b.Status.Terminal()),
		stamp(a.End).Compare(stamp(b.End)),
		stamp(a.Start).Compare(stamp(b.Start)),
		cmp.Compare(a.Status, b.Status),
		cmp.Compare(a.Code, b.Code),
		cmp.Compare(a.Stdout, b.Stdout),
		cmp.Compare(a.Stderr, b.Stderr),
		cmp.Compare(a.Output, b.Output),
		cmp.Compare(a.End, b.End),
		cmp.Compare(a.Start, b.Start),
		cmp.Compare(a.Name, b.Name),
		cmp.Compare(a.S3Bucket, b.S3Bucket),
		cmp.Compare(a.S3Prefix, b.S3Prefix),
	)
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// stamp reads an agent's time; one that cannot be read is before all others.
func stamp(s string) time.Time {
	t, err := mgs.ParseTime(s)
	if err != nil {
		return time.Time{}
	}
	return t
}

// replied merges what an agent reports, in whatever order it comes and however often. A reply also shows that the node
// has the job.
func (i *Invocation) replied(r *mgs.ReplyContent, now time.Time) {
	i.accepted(now)
	for _, id := range slices.Sorted(maps.Keys(r.RuntimeStatus)) { // which of too many are kept hangs on it
		status := r.RuntimeStatus[id]
		if status == nil || id == "" || utf8.RuneCountInString(id) > maxName {
			continue
		}
		i.merge(id, newStep(status))
	}
	d, terminal := decision(r.DocumentStatus)
	if terminal {
		i.Expected = max(i.Expected, sum(r.AdditionalInfo.RuntimeStatusCounts))
	}
	if i.Stage == Ended || i.Accepted.IsZero() {
		return
	}
	if terminal && i.Decided == "" {
		i.Decided, i.DecidedAt, i.Due = d, now, now.Add(settleGrace)
		if r.DocumentTraceOutput != "" {
			i.Trace = cut(r.DocumentTraceOutput, OutputLimit)
		}
	}
	if i.Decided != "" && i.terminalSteps() >= i.Expected {
		i.end(i.Decided, now)
	}
}

func (i *Invocation) merge(id string, s *Step) {
	old, ok := i.Steps[id]
	if !ok && len(i.Steps) >= maxSteps {
		return
	}
	if ok && better(old, s) >= 0 {
		return
	}
	if i.Steps == nil {
		i.Steps = map[string]*Step{}
	}
	i.Steps[id] = s
}

func (i *Invocation) terminalSteps() int {
	n := 0
	for _, s := range i.Steps {
		if s.Status.Terminal() {
			n++
		}
	}
	return n
}

// sum adds the counts up. An agent that lies can make its own invocation wait a few seconds longer, no more.
func sum(counts map[mgs.Status]int) int {
	n := 0
	for _, c := range counts {
		if c > 0 && c <= maxSteps {
			n += c
		}
	}
	return min(n, maxSteps)
}
