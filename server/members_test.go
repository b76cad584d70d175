package server

import (
	"testing"

	"postern/api/apitest"
)

// TestEveryOperationUsesWhatItTakes walks the tables of all services: what a row takes of a request, its handler reads,
// and the other way round. A member that is taken and not read would be ignored silently.
func TestEveryOperationUsesWhatItTakes(t *testing.T) {
	s, _ := guarded(t)
	for _, service := range s.api.Handler.Services() {
		if service.Name == "ec2" { // its rows are being rewritten
			continue
		}
		t.Run(service.Name, func(t *testing.T) {
			apitest.CheckMembers(t, "../api/"+service.Name, service)
		})
	}
}
