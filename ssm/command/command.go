package command

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"postern/aws/scope"
	"postern/ssm/document"
	"postern/ssm/mgs"
	"postern/ssm/node"
)

// Command is one request. ID, Scope and Requested are stored beside it; the others' names stand in databases.
type Command struct {
	ID        string      `json:"-"`
	Scope     scope.Scope `json:"-"`
	Requested time.Time   `json:"-"`

	Document string
	Version  string
	// Content is the document as it was then, Wire the given parameters as they travel to agents.
	Content json.RawMessage
	Given   map[string][]string `json:",omitempty"`
	Wire    map[string]any      `json:",omitempty"`
	Comment string              `json:",omitempty"`
	// Nodes and Targets are the request's; TargetCount is the number of nodes that they selected.
	Nodes       []string      `json:",omitempty"`
	Targets     []node.Filter `json:",omitempty"`
	TargetCount int
	// TimeoutSeconds is the delivery time-out, Execute how long the document may run.
	TimeoutSeconds int
	Execute        time.Duration
	// MaxConcurrency and MaxErrors are as they were given, Concurrency and ErrorLimit what they mean for TargetCount.
	MaxConcurrency, MaxErrors string
	Concurrency, ErrorLimit   int
	Output                    Output
	// CancelRequested says that the whole command is being cancelled.
	CancelRequested bool `json:",omitempty"`
}

// Output says where agents put whole outputs.
type Output struct {
	S3Bucket string `json:",omitempty"`
	S3Prefix string `json:",omitempty"`
	S3Region string `json:",omitempty"`
	// LogGroup is the CloudWatch log group where Logs is set; empty means the document's own.
	LogGroup string `json:",omitempty"`
	Logs     bool   `json:",omitempty"`
}

// Expires returns the moment by which every invocation has ended or timed out.
func (c *Command) Expires() time.Time {
	return c.Requested.Add(time.Duration(c.TimeoutSeconds)*time.Second + c.Execute)
}

// content returns the content of the job that every node of the command is sent.
func (c *Command) content() (string, error) {
	b, err := json.Marshal(mgs.CommandContent{
		Parameters:              c.Wire,
		DocumentContent:         c.Content,
		CommandID:               c.ID,
		DocumentName:            c.Document,
		OutputS3BucketName:      c.Output.S3Bucket,
		OutputS3KeyPrefix:       c.Output.S3Prefix,
		CloudWatchLogGroupName:  c.Output.LogGroup,
		CloudWatchOutputEnabled: strconv.FormatBool(c.Output.Logs),
	})
	return string(b), err
}

// steps returns the keys under which agents report the document's steps.
func (c *Command) steps() (map[string]bool, error) {
	doc, err := document.Parse(c.Content, document.JSON)
	if err != nil {
		return nil, fmt.Errorf("document of command %s: %w", c.ID, err)
	}
	keys := make(map[string]bool, len(doc.Templates))
	for _, t := range doc.Templates {
		keys[t.ID] = true
	}
	return keys, nil
}

func (c *Command) row() CommandRow {
	body, err := json.Marshal(c)
	if err != nil {
		panic("command: " + err.Error()) // only strings, numbers, times and what came from JSON
	}
	return CommandRow{ID: c.ID, Scope: c.Scope, Requested: c.Requested, Body: body}
}

func readCommand(r CommandRow) (*Command, error) {
	c := &Command{}
	if err := json.Unmarshal(r.Body, c); err != nil {
		return nil, fmt.Errorf("read command %s: %w", r.ID, err)
	}
	c.ID, c.Scope, c.Requested = r.ID, r.Scope, r.Requested
	return c, nil
}

// Summary is a command's state, derived from its invocations.
type Summary struct {
	Status  string
	Details Details
	// Completed counts the invocations that have ended, Errors those that count against MaxErrors.
	Completed, Errors, DeliveryTimedOut int

	held, active int
}

// Summarise derives a command's state from how its invocations stand:
//
//	active:  Cancelling if that is asked for, Pending while nothing has begun, else InProgress
//	ended:   NoInstancesInTag without any; Cancelled if that was asked for and happened; Success if all that could be
//	         delivered is; then, against MaxErrors, Failed, ExecutionTimedOut, DeliveryTimedOut; Cancelled if all are;
//	         Undeliverable or InvalidPlatform if all are; else Incomplete
func (c *Command) Summarise(counts []Count) Summary {
	by := map[Details]int{}
	var s Summary
	var queued int
	for _, n := range counts {
		switch n.Stage {
		case Held:
			s.held += n.N
		case Ended:
			by[n.Details] += n.N
			s.Completed += n.N
		case Queued:
			queued += n.N
			s.active += n.N
		case Running, Cancelling:
			s.active += n.N
		}
	}
	s.Errors = by[Failed] + by[ExecutionTimedOut]
	s.DeliveryTimedOut = by[DeliveryTimedOut]
	s.Details = c.details(s, by, queued)
	s.Status = StatusOf(s.Details)
	return s
}

func (c *Command) details(s Summary, by map[Details]int, queued int) Details {
	open := s.held + s.active
	switch {
	case open > 0 && c.CancelRequested:
		return InCancellation
	case open > 0 && s.Completed == 0 && queued == s.active:
		return Pending
	case open > 0:
		return InProgress
	case s.Completed == 0:
		return NoInstancesInTag
	case c.CancelRequested && by[Cancelled] > 0, by[Cancelled] == s.Completed:
		return Cancelled
	case by[Undeliverable] == s.Completed:
		return Undeliverable
	case by[InvalidPlatform] == s.Completed:
		return InvalidPlatform
	case by[Success]+by[Undeliverable] == s.Completed:
		return Success
	case s.Errors > c.ErrorLimit && by[Failed] > 0:
		return Failed
	case s.Errors > c.ErrorLimit:
		return ExecutionTimedOut
	case by[DeliveryTimedOut] > c.ErrorLimit:
		return DeliveryTimedOut
	}
	return Incomplete
}

// share reads a MaxConcurrency or MaxErrors: a number, or a percentage of the targets rounded down.
func share(text string, targets int) (int, bool) {
	percent, isPercent := strings.CutSuffix(text, "%")
	n, err := strconv.Atoi(percent)
	if err != nil || n < 0 || len(text) > 7 || percent != strconv.Itoa(n) || isPercent && n > 100 {
		return 0, false
	}
	if isPercent {
		n = n * targets / 100
	}
	return n, true
}
