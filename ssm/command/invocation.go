package command

import (
	"encoding/json"
	"fmt"
	"time"

	"postern/ssm/mgs"
)

// Invocation is one command on one node. Row's fields are stored beside it; the others' names stand in databases.
type Invocation struct {
	Row `json:"-"`

	// Name is the node's name when the command was sent.
	Name string `json:",omitempty"`
	// Deliver and Execute bound the times of delivery and execution.
	Deliver, Execute time.Duration
	// Sent is the moment at which the job was first on its way, Accepted that at which it was known to have arrived,
	// Finished that at which the invocation ended.
	Sent, Accepted, Finished time.Time
	// CancelID is the cancellation's own command id; CancelHeard says that the node acknowledged it.
	CancelID    string `json:",omitempty"`
	CancelHeard bool   `json:",omitempty"`
	// Decided is the end that the document's terminal status makes of the invocation, DecidedAt the moment at which it
	// came, and Expected the number of steps that it counted.
	Decided   Details `json:",omitempty"`
	DecidedAt time.Time
	Expected  int `json:",omitempty"`
	// Trace explains the end, by the service or the agent, beside the steps' output.
	Trace string           `json:",omitempty"`
	Steps map[string]*Step `json:",omitempty"`
}

// Times that are the service's own.
const (
	// settleGrace bounds the time for which a decided invocation waits for steps that are still on their way.
	settleGrace = 5 * time.Second
	// executionGrace is added to a document's own time-out: an agent repeats a reply that was not acknowledged only
	// every five minutes.
	executionGrace = 6 * time.Minute
	// cancelGrace is the time after an acknowledged cancellation at which a job that was never accepted counts as not run.
	cancelGrace = 15 * time.Second
	// refusedDelay is the time after which a job is sent again to a node that was too busy.
	refusedDelay = 8 * time.Second
)

// lostReport says how a result can have been lost: the public agent drops a report that is too large, and says so in
// its own log only.
var lostReport = fmt.Sprintf(
	"Agents drop reports of more than %d bytes of JSON: write a large output to a file", mgs.ReplyLimit)

// Status returns the coarser status.
func (i *Invocation) Status() string { return StatusOf(i.Details) }

func (i *Invocation) end(d Details, now time.Time) {
	i.Stage, i.Details, i.Due, i.Finished = Ended, d, time.Time{}, now
}

// release lets a held invocation go.
func (i *Invocation) release(now time.Time) {
	if i.Stage == Held {
		i.Stage, i.Details, i.Due = Queued, Pending, now.Add(i.Deliver)
	}
}

// sent notes that the job is on its way.
func (i *Invocation) sent(now time.Time) {
	if i.Stage == Queued && i.Sent.IsZero() {
		i.Sent = now
	}
}

// unanswered notes that the job was sent in vain.
func (i *Invocation) unanswered() {
	if i.Stage == Queued {
		i.Details = Delayed
	}
}

// accepted notes that the node has the job.
func (i *Invocation) accepted(now time.Time) {
	if !i.Accepted.IsZero() || i.Stage != Queued && i.Stage != Cancelling {
		return
	}
	i.Accepted = now
	i.Due = now.Add(i.Execute + executionGrace)
	if i.Stage == Queued {
		i.Stage, i.Details = Running, InProgress
	}
}

// acknowledged notes the node's answer to the job. hint says what may be wrong, where the node does not.
func (i *Invocation) acknowledged(code mgs.Code, hint string, now time.Time) {
	switch code.Verdict() {
	case mgs.JobRunning:
		i.accepted(now)
	case mgs.JobAgain:
		if i.Stage == Queued {
			// What was refused was not run: the time in which it may be sent again starts anew.
			i.Details, i.Sent = Delayed, now.Add(refusedDelay)
		}
	default:
		if i.Stage == Queued || i.Stage == Cancelling && i.Accepted.IsZero() {
			i.Trace = fmt.Sprintf("the agent refused the command: %s (%s)%s", code.Text(), code, hint)
			i.end(Failed, now)
		}
	}
}

// cancel asks for the invocation to be ended. id names the cancellation.
func (i *Invocation) cancel(id string, now time.Time) {
	switch {
	case i.Stage == Held, i.Stage == Queued && i.Sent.IsZero():
		i.end(Cancelled, now)
	case i.Stage == Queued, i.Stage == Running && i.Decided == "":
		i.Stage, i.Details, i.CancelID = Cancelling, InCancellation, id
	}
}

// cancelHeard notes that the node acknowledged the cancellation. What it had by then it will report as cancelled.
func (i *Invocation) cancelHeard(now time.Time) {
	if i.Stage != Cancelling || i.CancelHeard {
		return
	}
	i.CancelHeard = true
	switch due := now.Add(executionGrace); {
	case i.Accepted.IsZero():
		i.Due = now.Add(cancelGrace)
	case due.Before(i.Due):
		i.Due = due // an agent that still has the job reports its end within that time
	}
}

// terminate ends what was never let go, because the command had too many errors.
func (i *Invocation) terminate(now time.Time) {
	if i.Stage == Held {
		i.end(Terminated, now)
	}
}

// gone notes that the node no longer exists.
func (i *Invocation) gone(now time.Time) {
	switch i.Stage {
	case Held, Queued:
		i.Trace = "the node was deregistered or terminated before it took the command"
		i.end(Undeliverable, now)
	case Running, Cancelling:
		i.Trace = "the node was deregistered or terminated while the command ran"
		i.end(Failed, now)
	case Ended:
	}
}

// tick lets the clock do its part.
func (i *Invocation) tick(now time.Time) {
	if i.Due.IsZero() || now.Before(i.Due) {
		return
	}
	switch {
	case i.Stage == Queued:
		i.end(DeliveryTimedOut, now)
	case i.Decided != "":
		i.end(i.Decided, now)
	case i.Stage == Cancelling && i.Accepted.IsZero():
		i.end(Cancelled, now)
	case i.Stage == Cancelling && i.CancelHeard:
		i.Trace = "the agent took the cancellation and reported no end of the command: " +
			"it does not have it any more. " + lostReport
		i.end(Cancelled, now)
	default:
		i.Trace = "the agent accepted the command and reported no result in time. " + lostReport
		i.end(ExecutionTimedOut, now)
	}
}

func (i *Invocation) row() Row {
	body, err := json.Marshal(i)
	if err != nil {
		panic("command: " + err.Error()) // only strings, numbers and times
	}
	r := i.Row
	r.Body = body
	return r
}

func readInvocation(r Row) (*Invocation, error) {
	i := &Invocation{}
	if err := json.Unmarshal(r.Body, i); err != nil {
		return nil, fmt.Errorf("read invocation of %s on %s: %w", r.CommandID, r.Node, err)
	}
	i.Row = r
	i.Body = nil
	return i, nil
}
