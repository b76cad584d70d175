package mgs

import (
	"fmt"
	"strings"
	"time"
)

// Topics of a Job. The agent compares only these prefixes; the service may add a suffix such as ".us.east.1.1".
const (
	TopicSendCommand   = "aws.ssm.sendCommand"
	TopicCancelCommand = "aws.ssm.cancelCommand"
)

// TimeFormat is the layout of dates in payloads: ISO 8601 with milliseconds, UTC.
const TimeFormat = "2006-01-02T15:04:05.000Z"

// FormatTime writes t as payloads have it.
func FormatTime(t time.Time) string { return t.UTC().Format(TimeFormat) }

// ParseTime reads a payload's date. Any number of fractional digits and any RFC 3339 offset will do.
func ParseTime(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, s)
	return t.UTC(), err
}

// Open is the control channel's first WebSocket frame, the only text frame. It goes from the agent to the service.
type Open struct {
	Cookie        *string `json:"Cookie"`
	SchemaVersion string  `json:"MessageSchemaVersion"`
	RequestID     string  `json:"RequestId"`
	Token         string  `json:"TokenValue"`
	AgentVersion  string  `json:"AgentVersion"`
	PlatformType  string  `json:"PlatformType"`
}

// CreateChannel is the body of POST /v1/control-channel/ID and of POST /v1/data-channel/ID.
type CreateChannel struct {
	SchemaVersion string `json:"MessageSchemaVersion"`
	RequestID     string `json:"RequestId"`
	// ClientID is sent for data channels only, and is empty when it comes from the agent.
	ClientID *string `json:"ClientId,omitempty"`
}

// Job is the payload of agent_job.
type Job struct {
	SchemaVersion int    `json:"SchemaVersion"`
	JobID         string `json:"JobId"`
	Topic         string `json:"Topic"`
	// Content is a CommandContent or CancelContent as JSON text.
	Content string `json:"Content"`
}

// JobAck is the payload of agent_job_ack.
type JobAck struct {
	JobID string `json:"jobId"`
	// MessageID is the ID of the agent_job message.
	MessageID   string `json:"acknowledgedMessageId"`
	CreatedDate string `json:"createdDate"`
	StatusCode  Code   `json:"statusCode"`
	Error       string `json:"errorMessage"`
}

// JobReply is the payload of agent_job_reply.
type JobReply struct {
	SchemaVersion int    `json:"schemaVersion"`
	JobID         string `json:"jobId"`
	// Content is a ReplyContent as JSON text.
	Content string `json:"content"`
	Topic   string `json:"topic"`
}

// JobReplyAck is the payload of agent_job_reply_ack.
type JobReplyAck struct {
	JobID string `json:"jobId"`
	// MessageID is the ID of the agent_job_reply message.
	MessageID string `json:"acknowledgedMessageId"`
}

// Task is the payload of interactive_shell.
type Task struct {
	SchemaVersion int    `json:"SchemaVersion"`
	TaskID        string `json:"TaskId"`
	Topic         string `json:"Topic"`
	Content       string `json:"Content"`
}

// TaskComplete is the payload of agent_task_complete.
type TaskComplete struct {
	SchemaVersion    int    `json:"SchemaVersion"`
	TaskID           string `json:"TaskId"`
	Topic            string `json:"Topic"`
	FinalStatus      string `json:"FinalTaskStatus"`
	IsRoutingFailure bool   `json:"IsRoutingFailure"`
	AccountID        string `json:"AwsAccountId"`
	InstanceID       string `json:"InstanceId"`
	Output           string `json:"Output"`
	S3Bucket         string `json:"S3Bucket"`
	S3URLSuffix      string `json:"S3UrlSuffix"`
	LogGroup         string `json:"CwlGroup"`
	LogStream        string `json:"CwlStream"`
	RetryNumber      int    `json:"RetryNumber"`
}

// TaskAcknowledge is the payload of agent_task_acknowledge.
type TaskAcknowledge struct {
	SchemaVersion int `json:"SchemaVersion"`
	// MessageID is the ID of the agent_task_complete message.
	MessageID string `json:"MessageId"`
	TaskID    string `json:"TaskId"`
	Topic     string `json:"Topic"`
}

// Closed is the payload of channel_closed.
type Closed struct {
	MessageType   string `json:"MessageType"`
	MessageID     string `json:"MessageId"`
	DestinationID string `json:"DestinationId"`
	SessionID     string `json:"SessionId"`
	SchemaVersion int    `json:"SchemaVersion"`
	CreatedDate   string `json:"CreatedDate"`
	Output        string `json:"Output,omitempty"`
}

// JobID names a command's delivery to one node. It is also the MessageId of ec2messages.
func JobID(command, node string) string { return "aws.ssm." + command + "." + node }

// CommandOf returns the command id in a JobID: the second-last of its dot-separated parts, which is what the agent
// takes.
func CommandOf(jobID string) (string, error) {
	parts := strings.Split(jobID, ".")
	if len(parts) < 4 || parts[0] != "aws" || parts[1] != "ssm" || parts[len(parts)-2] == "" {
		return "", fmt.Errorf("job id %q has not the form aws.ssm.COMMAND.NODE", jobID)
	}
	return parts[len(parts)-2], nil
}
