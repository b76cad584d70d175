package mgs

import "encoding/json"

// Output limits of a reply, in characters.
const (
	// OutputLimit bounds StepStatus.Output.
	OutputLimit = 2500
	// StreamLimit bounds StepStatus.StandardOutput and StandardError.
	StreamLimit = 24000
	// TruncatedMark ends an output that was cut.
	TruncatedMark = "--output truncated--"
	// ErrorMark stands between standard output and standard error in StepStatus.Output.
	ErrorMark = "\n----------ERROR-------\n"
	// ReplyLimit is the most bytes that an agent sends in one reply.
	ReplyLimit = 120000
)

// CommandContent is the Content of a Job of TopicSendCommand.
type CommandContent struct {
	// Parameters are the caller's: a string, a list of strings, a map or a list of maps as the document types them.
	Parameters map[string]any `json:"Parameters"`
	// DocumentContent is the document as a JSON object.
	DocumentContent         json.RawMessage `json:"DocumentContent"`
	CommandID               string          `json:"CommandId"`
	DocumentName            string          `json:"DocumentName"`
	OutputS3BucketName      string          `json:"OutputS3BucketName"`
	OutputS3KeyPrefix       string          `json:"OutputS3KeyPrefix"`
	CloudWatchLogGroupName  string          `json:"CloudWatchLogGroupName"`
	CloudWatchOutputEnabled string          `json:"CloudWatchOutputEnabled"` // "true" or "false"
}

// CancelContent is the Content of a Job of TopicCancelCommand.
type CancelContent struct {
	// CancelMessageID is the JobID of the command to cancel.
	CancelMessageID string `json:"CancelMessageId"`
}

// Status is the state of a step or a document as the agent tells it.
type Status string

// The statuses. SuccessAndReboot and PassedAndReboot are interim: the agent goes on after the reboot.
const (
	NotStarted       Status = "NotStarted"
	InProgress       Status = "InProgress"
	Success          Status = "Success"
	SuccessAndReboot Status = "SuccessAndReboot"
	PassedAndReboot  Status = "PassedAndReboot"
	Failed           Status = "Failed"
	Cancelled        Status = "Cancelled"
	TimedOut         Status = "TimedOut"
	Skipped          Status = "Skipped"
)

// Terminal reports whether nothing follows the status.
func (s Status) Terminal() bool {
	switch s {
	case Success, Failed, Cancelled, TimedOut, Skipped:
		return true
	default:
		return false
	}
}

// ReplyContent is the Content of a JobReply, and of a SendReply of ec2messages.
type ReplyContent struct {
	AdditionalInfo      AdditionalInfo `json:"additionalInfo"`
	DocumentStatus      Status         `json:"documentStatus"`
	DocumentTraceOutput string         `json:"documentTraceOutput"`
	// RuntimeStatus is keyed by plugin name in schema 1.x and by step name in 2.x. It holds only the step that has
	// just ended; a first reply has none, and the last one has it only where the document has a single step.
	RuntimeStatus map[string]*StepStatus `json:"runtimeStatus"`
}

// AdditionalInfo is the sender's part of a reply.
type AdditionalInfo struct {
	Agent    AgentInfo `json:"agent"`
	DateTime string    `json:"dateTime"`
	RunID    string    `json:"runId"`
	// RuntimeStatusCounts counts the steps by status; in the last reply they sum up to the number of steps.
	RuntimeStatusCounts map[Status]int `json:"runtimeStatusCounts"`
	// AbleToOpenMGSConnection is sent by ec2messages only.
	AbleToOpenMGSConnection *bool `json:"ableToOpenMGSConnection,omitempty"`
}

// AgentInfo tells which agent replied. Every field may be empty.
type AgentInfo struct {
	Lang      string `json:"lang"`
	Name      string `json:"name"`
	OS        string `json:"os"`
	OSVersion string `json:"osver"`
	Version   string `json:"ver"`
}

// StepStatus is one step's outcome.
type StepStatus struct {
	Status Status `json:"status"`
	Code   int    `json:"code"`
	// Name is the action, such as "aws:runShellScript".
	Name               string `json:"name"`
	Output             string `json:"output"`
	StartDateTime      string `json:"startDateTime"`
	EndDateTime        string `json:"endDateTime"`
	OutputS3BucketName string `json:"outputS3BucketName"`
	OutputS3KeyPrefix  string `json:"outputS3KeyPrefix"`
	StepName           string `json:"stepName"`
	StandardOutput     string `json:"standardOutput"`
	StandardError      string `json:"standardError"`
}

// DocumentStatus derives the document's status from those of its steps, first match: any SuccessAndReboot, Failed,
// TimedOut, Cancelled; all Success or Skipped; else InProgress.
func DocumentStatus(steps []Status) Status {
	for _, s := range []Status{SuccessAndReboot, Failed, TimedOut, Cancelled} {
		for _, step := range steps {
			if step == s {
				return s
			}
		}
	}
	for _, step := range steps {
		if step != Success && step != Skipped {
			return InProgress
		}
	}
	return Success
}
