package lab

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"postern/api/apitest"
	"postern/server"
	"postern/server/front"
)

// TestHealth: a lab says that it answers, to anybody who reaches its public listener.
func TestHealth(t *testing.T) {
	l := openLab(t, server.Config{})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost:4566"+front.HealthPath, nil)
	if status, body := apitest.Do(l, r); status != http.StatusOK || !strings.Contains(body, `{"status":"ok"}`) {
		t.Errorf("%d %s", status, body)
	}
}

// What a lab is to hold after a reset is put there before the reset is answered, and named in the answer.
func TestAfterReset(t *testing.T) {
	broken := false
	l := openWith(t, Config{AfterReset: func(context.Context) (string, error) {
		if broken {
			return "", errors.New("no more room")
		}
		return "sample network: vpc-1", nil
	}})
	status, body := apitest.Do(l, resetRequest(t, nil))
	if status != http.StatusOK || body != "the lab is empty again; sample network: vpc-1\n" {
		t.Errorf("%d %s", status, body)
	}
	broken = true
	status, body = apitest.Do(l, resetRequest(t, nil))
	if status != http.StatusServiceUnavailable || !strings.Contains(body, "no more room") {
		t.Errorf("%d %s", status, body)
	}
}
