package ec2messages

import "postern/api"

// operations is the table of what the service does. AWS has no resource types for these actions.
func (s *service) operations() []api.Operation {
	return []api.Operation{
		api.Op("GetMessages",
			api.Everything,
			s.getMessages,
			api.Takes("Destination", "MessagesRequestId"),
			api.Unread("a message is given again until it is acknowledged, and agents know duplicates",
				"VisibilityTimeoutInSeconds")),
		api.Op("AcknowledgeMessage",
			api.Everything,
			s.acknowledgeMessage,
			api.Takes("MessageId")),
		api.Op("SendReply",
			api.Everything,
			s.sendReply,
			api.Takes("MessageId", "ReplyId", "Payload")),
		api.Op("FailMessage",
			api.Everything,
			s.failMessage,
			api.Takes("MessageId"),
			api.Unread("either type of failure ends the invocation in the same way", "FailureType")),
		api.Op("DeleteMessage",
			api.Everything,
			s.deleteMessage,
			api.Takes("MessageId")),
		api.Op("GetEndpoint",
			api.Everything,
			s.getEndpoint,
			api.Takes("Destination")),
	}
}
