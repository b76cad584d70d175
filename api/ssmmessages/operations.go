package ssmmessages

import (
	"net/http"

	"postern/api"
)

// operations is the table of what the service does. AWS has no resource types for these actions.
func (s *Channels) operations() []api.Operation {
	return []api.Operation{
		api.Op("CreateControlChannel",
			api.Everything,
			s.create,
			api.At("POST /v1/control-channel/{id}", http.StatusCreated),
			api.Takes("MessageSchemaVersion"),
			api.Unread("it is an id for the trace of whoever asks", "RequestId")),
		api.Stream("OpenControlChannel", "GET /v1/control-channel/{id}",
			api.Everything,
			s.open),
	}
}
