package server

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"postern/api"
	"postern/api/apitest"
	"postern/network/vpc"
	"postern/server/front"
)

// TestHealth: a server says that it answers, to anybody who reaches its public listener, and nothing else without a
// key.
func TestHealth(t *testing.T) {
	s, _ := guarded(t)
	handler := s.api.front.Handler()
	ask := func(method, path string) *http.Request {
		return httptest.NewRequestWithContext(t.Context(), method, "http://localhost:4566"+path, nil)
	}
	for _, tt := range []struct {
		request *http.Request
		status  int
		says    string
	}{
		{ask(http.MethodGet, front.HealthPath), http.StatusOK, `{"status":"ok"}`},
		{ask(http.MethodPost, front.HealthPath), http.StatusMethodNotAllowed, "GET"},
		{ask(http.MethodGet, "/_postern/healthy"), http.StatusNotFound, front.HealthPath},
		{ask(http.MethodPost, front.ResetPath), http.StatusNotFound, "--ephemeral"},
	} {
		status, body := apitest.Do(handler, tt.request)
		if status != tt.status || !strings.Contains(body, tt.says) {
			t.Errorf("%s %s: %d %s", tt.request.Method, tt.request.URL, status, body)
		}
	}
	inside := ask(http.MethodGet, front.HealthPath)
	inside = inside.WithContext(api.WithOrigin(t.Context(), vpc.Origin{
		VPC: "vpc-1", Endpoint: "vpce-1", Service: "com.amazonaws.us-east-1.ssm",
	}))
	if status, body := apitest.Do(handler, inside); status == http.StatusOK {
		t.Errorf("through an endpoint, which has the service's paths only: %d %s", status, body)
	}
}
