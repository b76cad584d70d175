package server

import (
	"path/filepath"
	"testing"

	"postern/api/apitest"
)

// TestEveryOperationUsesWhatItTakes walks the tables of all services: what a row takes of a request, its handler reads,
// and the other way round. A member that is taken and not read would be ignored silently.
func TestEveryOperationUsesWhatItTakes(t *testing.T) {
	s, _ := guarded(t)
	for _, service := range s.api.Handler.Services() {
		t.Run(service.Name, func(t *testing.T) {
			directory := "../api/" + service.Name
			below, err := filepath.Glob(directory + "/*")
			if err != nil {
				t.Fatal(err)
			}
			apitest.CheckMembers(t, service, append([]string{directory}, below...)...)
		})
	}
}
