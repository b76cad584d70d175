package mgs

// The message types of the control channel.
const (
	// AgentJob carries a Job to the agent.
	AgentJob = "agent_job"
	// AgentJobAck answers AgentJob with a JobAck.
	AgentJobAck = "agent_job_ack"
	// AgentJobReply carries a JobReply to the service.
	AgentJobReply = "agent_job_reply"
	// AgentJobReplyAck answers AgentJobReply with a JobReplyAck.
	AgentJobReplyAck = "agent_job_reply_ack"
	// InteractiveShell carries a Task that starts a session.
	InteractiveShell = "interactive_shell"
	// AgentTaskComplete says that a session ended; AgentTaskAcknowledge answers it.
	AgentTaskComplete    = "agent_task_complete"
	AgentTaskAcknowledge = "agent_task_acknowledge"
	// AgentTelemetry and AgentUpdateResult are reports that need no answer.
	AgentTelemetry    = "agent_telemetry"
	AgentUpdateResult = "agent_update_result"
)

// The message types of a data channel.
const (
	InputStreamData   = "input_stream_data"
	OutputStreamData  = "output_stream_data"
	Acknowledge       = "acknowledge"
	AgentSessionState = "agent_session_state"
	// ChannelClosed ends a session; it travels on control and data channels.
	ChannelClosed    = "channel_closed"
	PausePublication = "pause_publication"
	StartPublication = "start_publication"
)

var types = [...]string{
	AgentJob, AgentJobAck, AgentJobReply, AgentJobReplyAck, InteractiveShell, AgentTaskComplete, AgentTaskAcknowledge,
	AgentTelemetry, AgentUpdateResult, InputStreamData, OutputStreamData, Acknowledge, AgentSessionState, ChannelClosed,
	PausePublication, StartPublication,
}

// What a data channel message's payload is.
const (
	PayloadOutput               = 1
	PayloadError                = 2
	PayloadSize                 = 3
	PayloadParameter            = 4
	PayloadHandshakeRequest     = 5
	PayloadHandshakeResponse    = 6
	PayloadHandshakeComplete    = 7
	PayloadEncChallengeRequest  = 8
	PayloadEncChallengeResponse = 9
	PayloadFlag                 = 10
	PayloadStdErr               = 11
	PayloadExitCode             = 12
)

// What a PayloadFlag message says, as a 32-bit integer.
const (
	DisconnectToPort   = 1
	TerminateSession   = 2
	ConnectToPortError = 3
)

// Code is the outcome of an agent_job, as its acknowledgement's statusCode.
type Code string

// The codes that the agent answers an agent_job with.
const (
	// Accepted means that the job will be run.
	Accepted Code = "200"
	// ClosedProcessor means that the agent is shutting down: deliver again later.
	ClosedProcessor Code = "51401"
	// BufferFull means that five jobs run and five wait: deliver the same job again later.
	BufferFull Code = "51402"
	// UnexpectedDocumentType means a topic that is neither a command nor a cancellation.
	UnexpectedDocumentType Code = "51403"
	// TranslationFailed is an error inside the agent.
	TranslationFailed Code = "51404"
	// Duplicate means that this command ran, runs or waits already: it counts as accepted.
	Duplicate Code = "51405"
	// InvalidDocument means that the document cannot be run.
	InvalidDocument Code = "51406"
	// ContainerNotSupported means that the agent runs in container mode.
	ContainerNotSupported Code = "51407"
	// ParseError means that the job's content cannot be read; a Failed reply follows.
	ParseError Code = "51408"
	// UnexpectedError is any other error inside the agent.
	UnexpectedError Code = "51499"
)

var codeTexts = map[Code]string{
	Accepted:               "Successful",
	ClosedProcessor:        "ClosedProcessor",
	BufferFull:             "ProcessorBufferFull",
	UnexpectedDocumentType: "UnexpectedDocumentType",
	TranslationFailed:      "ProcessorErrorCodeTranslationFailed",
	Duplicate:              "DuplicateCommand",
	InvalidDocument:        "InvalidDocument",
	ContainerNotSupported:  "ContainerNotSupported",
	ParseError:             "AgentJobMessageParseError",
	UnexpectedError:        "UnexpectedError",
}

// Text returns the errorMessage that goes with the code; an unknown code is its own text.
func (c Code) Text() string {
	if t, ok := codeTexts[c]; ok {
		return t
	}
	return string(c)
}

// Verdict says what the service does with a job after its acknowledgement.
type Verdict int

// The verdicts.
const (
	// JobFailed: the job will never run.
	JobFailed Verdict = iota
	// JobRunning: the job is the agent's now.
	JobRunning
	// JobAgain: deliver the same job later.
	JobAgain
)

// Verdict says what a code means for the job. An unknown code is JobFailed.
func (c Code) Verdict() Verdict {
	switch c {
	case Accepted, Duplicate:
		return JobRunning
	case ClosedProcessor, BufferFull, UnexpectedError:
		return JobAgain
	default:
		return JobFailed
	}
}
