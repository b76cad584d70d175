package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"

	"postern/agent/execute"
	"postern/bench/swarming"
	"postern/ssm/mgs"
)

// tally counts what happens to all agents. It is their log, too.
type tally struct {
	mu                                                             sync.Mutex
	registered, open, opened, refused, health, ran, twice, trouble int
	last, fatal                                                    string
}

func (t *tally) add(numbers ...*int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, n := range numbers {
		*n++
	}
}

func (t *tally) count() swarming.Count {
	t.mu.Lock()
	defer t.mu.Unlock()
	return swarming.Count{
		Registered: t.registered, Open: t.open, Opened: t.opened, Refused: t.refused, Health: t.health, Ran: t.ran,
		Twice:   t.twice,
		Trouble: t.last, Troubles: t.trouble, Fatal: t.fatal,
	}
}

func (t *tally) warn(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = text
	t.trouble++
}

// fail notes why the swarm is not what it was to be.
func (t *tally) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fatal = err.Error()
}

var _ slog.Handler = (*tally)(nil)

// Enabled implements slog.Handler: agents say much that is no trouble.
func (*tally) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

// Handle implements slog.Handler.
func (t *tally) Handle(_ context.Context, r slog.Record) error {
	text := []string{r.Message}
	r.Attrs(func(a slog.Attr) bool {
		text = append(text, a.String())
		return true
	})
	t.warn(strings.Join(text, " "))
	return nil
}

// WithAttrs implements slog.Handler.
func (t *tally) WithAttrs([]slog.Attr) slog.Handler { return t }

// WithGroup implements slog.Handler.
func (t *tally) WithGroup(string) slog.Handler { return t }

// watched counts what an agent's requests are answered with.
type watched struct {
	http.RoundTripper
	tally *tally
	// there is called when a control channel opens.
	there func()
}

// RoundTrip implements http.RoundTripper.
func (w *watched) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := w.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	channel := r.Header.Get("Upgrade") == "websocket"
	switch {
	case channel && response.StatusCode == http.StatusSwitchingProtocols:
		if conn, ok := response.Body.(io.ReadWriteCloser); ok {
			w.tally.add(&w.tally.open, &w.tally.opened)
			response.Body = &watchedConn{ReadWriteCloser: conn, tally: w.tally}
			w.there()
		}
	case channel:
		w.tally.add(&w.tally.refused)
	case response.StatusCode == http.StatusOK && r.Header.Get("X-Amz-Target") == "AmazonSSM.UpdateInstanceInformation":
		w.tally.add(&w.tally.health)
	}
	return response, nil
}

// CloseIdleConnections lets http.Client close the connections.
func (w *watched) CloseIdleConnections() {
	if c, ok := w.RoundTripper.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// watchedConn is an open control channel.
type watchedConn struct {
	io.ReadWriteCloser
	tally *tally
	once  sync.Once
}

// Close implements io.Closer.
func (c *watchedConn) Close() error {
	c.once.Do(func() {
		c.tally.mu.Lock()
		defer c.tally.mu.Unlock()
		c.tally.open--
	})
	return c.ReadWriteCloser.Close()
}

// actor runs nothing: it says whose script it was, and how often it was given that one.
type actor struct {
	tally *tally

	mu    sync.Mutex
	times map[string]int // by command
}

var _ execute.Runner = (*actor)(nil)

// Run implements execute.Runner.
func (a *actor) Run(_ context.Context, s execute.Script) execute.Outcome {
	var node, command string
	for _, v := range s.Env {
		switch name, value, _ := strings.Cut(v, "="); name {
		case "AWS_SSM_INSTANCE_ID":
			node = value
		case "SSM_COMMAND_ID":
			command = value
		}
	}
	a.mu.Lock()
	a.times[command]++
	times := a.times[command]
	a.mu.Unlock()
	a.tally.add(&a.tally.ran)
	if times > 1 {
		a.tally.add(&a.tally.twice)
	}
	return execute.Outcome{Status: mgs.Success, Stdout: swarming.Words(node, command, times)}
}
