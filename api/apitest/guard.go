package apitest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"postern/api"
	"postern/aws/sigv4"
	"postern/aws/wire"
)

// Guard calls every operation of a handler twice: without a signature, and as a stranger, whose key is known and to
// whom no policy allows anything. Neither may get an answer from a handler. Operations with Auth Unsigned are called
// unsigned only to see that they do not fail inside, and those with Auth Anyone are not called by the stranger.
func Guard(t *testing.T, h *api.Handler, stranger sigv4.Credentials, now time.Time) {
	t.Helper()
	operations := 0
	for _, service := range h.Services() {
		for _, op := range service.Operations {
			operations++
			t.Run(service.Name+"/"+op.Name, func(t *testing.T) { guard(t, h, service, op, stranger, now) })
		}
	}
	if operations == 0 {
		t.Error("no operations: the tables are not seen")
	}
}

// head reports whether the answers to an operation have no body, and so no words.
func head(op api.Operation) bool { return strings.HasPrefix(op.Pattern, http.MethodHead+" ") }

func guard(
	t *testing.T, h *api.Handler, service api.Service, op api.Operation, stranger sigv4.Credentials, now time.Time,
) {
	if op.Action == "" || !strings.Contains(op.Action, ":") {
		t.Errorf("action %q", op.Action)
	}
	call := func(sign bool) (int, string) {
		r, body, err := Request(service, op, nil)
		if err != nil {
			t.Fatal(err)
		}
		if sign {
			if err := Sign(r, body, service, stranger, now); err != nil {
				t.Fatal(err)
			}
		}
		return Do(h, r)
	}
	status, answer := call(false)
	switch {
	case op.Auth == api.Unsigned && status >= 500:
		t.Errorf("called by nobody: %d %s", status, answer)
	case head(op) && status == http.StatusForbidden:
	case op.Auth != api.Unsigned && !strings.Contains(answer, missingToken(service.Protocol)):
		t.Errorf("called by nobody: %d %s", status, answer)
	}
	if op.Auth == api.Unsigned || op.Auth == api.Anyone {
		return
	}
	status, answer = call(true)
	if head(op) && status == http.StatusForbidden {
		return
	}
	denied := strings.Contains(answer, "AccessDenied") || strings.Contains(answer, "UnauthorizedOperation")
	if op.Auth == api.Node { // a stranger has no node's key
		denied = strings.Contains(answer, "UnrecognizedClientException")
	}
	if !denied {
		t.Errorf("called by a stranger: %d %s", status, answer)
	}
}

// missingToken is in the code of a request without a signature.
func missingToken(p wire.Protocol) string {
	if p == wire.S3 {
		return "AccessDenied"
	}
	return "MissingAuthenticationToken"
}

// Do serves one request in memory.
func Do(h http.Handler, r *http.Request) (status int, body string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	answer, err := io.ReadAll(w.Result().Body)
	if err != nil {
		return w.Code, err.Error()
	}
	return w.Code, string(answer)
}
