package command

import "postern/ssm/mgs"

// Details are an invocation's StatusDetails, and with some more values a command's.
type Details = string

// StatusDetails of invocations and commands.
const (
	Pending           Details = "Pending"
	InProgress        Details = "InProgress"
	Delayed           Details = "Delayed"
	InCancellation    Details = "Cancelling"
	Success           Details = "Success"
	Failed            Details = "Failed"
	Cancelled         Details = "Cancelled"
	DeliveryTimedOut  Details = "DeliveryTimedOut"
	ExecutionTimedOut Details = "ExecutionTimedOut"
	Undeliverable     Details = "Undeliverable"
	// Terminated invocations were never sent, because the command had more errors than it may.
	Terminated Details = "Terminated"
	// InvalidPlatform invocations were never sent, because no step of the document runs on the node's platform.
	InvalidPlatform Details = "InvalidPlatform"

	// Incomplete and NoInstancesInTag are of commands only.
	Incomplete       Details = "Incomplete"
	NoInstancesInTag Details = "NoInstancesInTag"
)

// TimedOut is a Status and no StatusDetails.
const TimedOut = "TimedOut"

// StatusOf returns the coarser Status that goes with StatusDetails.
func StatusOf(d Details) string {
	switch d {
	case DeliveryTimedOut, ExecutionTimedOut:
		return TimedOut
	case Terminated:
		return Cancelled
	case Undeliverable, InvalidPlatform, Incomplete, NoInstancesInTag:
		return Failed
	}
	return d
}

// decision returns the end of an invocation that a document's terminal status decides, and false for any other status.
func decision(s mgs.Status) (Details, bool) {
	switch s {
	case mgs.Success, mgs.Skipped:
		return Success, true
	case mgs.Failed:
		return Failed, true
	case mgs.Cancelled:
		return Cancelled, true
	case mgs.TimedOut:
		return ExecutionTimedOut, true
	}
	return "", false
}
