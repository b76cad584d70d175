package cli

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// secondLook has a service call a function once, when it is asked for the second time what wait asks for.
func secondLook(s *service, then func()) {
	var asked atomic.Int32
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".DescribeInstanceInformation") && asked.Add(1) == 2 {
			then()
		}
		s.ServeHTTP(w, r)
	})
}

// pastContext gets a deadline that is past, as a connection sees it a moment before the context ends.
type pastContext struct {
	context.Context
	past atomic.Bool
}

func (c *pastContext) Deadline() (time.Time, bool) { return time.Unix(1, 0), c.past.Load() }

// TestWaitCutOffByItsDeadline: a look under way at the deadline does not hide what the one before has found.
func TestWaitCutOffByItsDeadline(t *testing.T) {
	s := newService(t, twoNodes())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	past := &pastContext{Context: ctx}
	secondLook(s, func() {
		past.past.Store(true)
		time.AfterFunc(4*waitPoll, cancel)
	})
	err := new(app).wait(past, []string{"i-9"})
	if err == nil || err.Error() != "not Online in time: i-9" {
		t.Errorf("it ends with %v", err)
	}
}

// TestWaitOfAServerThatGoes: it had answered, so that the exit code is that of what is not Online.
func TestWaitOfAServerThatGoes(t *testing.T) {
	s := newService(t, twoNodes())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	secondLook(s, func() {
		_ = s.Listener.Close()
		time.AfterFunc(10*waitPoll, cancel)
	})
	a := new(app)
	err := a.wait(ctx, []string{"i-9"})
	if f := describe(err, a.endpoint); f.Exit != exitFailed || !strings.HasPrefix(f.Message, "not Online in time: i-9") ||
		!strings.Contains(f.Message, "; then no Postern answers at "+s.URL) {
		t.Errorf("it ends with exit code %d: %s", f.Exit, f.Message)
	}
}

// TestWaitOfAServerThatNeverAnswers: what accepts connections and says nothing is no server that answers.
func TestWaitOfAServerThatNeverAnswers(t *testing.T) {
	newService(t, nil)
	mute := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // or it is not seen that the client has gone
		<-r.Context().Done()
	}))
	defer mute.Close()
	t.Setenv("AWS_ENDPOINT_URL", mute.URL)
	_, stderr, code := typed(t, nil, "wait", "--timeout", "300ms")
	if code != exitNoServer || !strings.Contains(stderr, "no Postern answers at "+mute.URL) {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}
