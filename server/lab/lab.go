// Package lab runs a server for tests of other software: its state is in memory, and a reset empties all of it.
package lab

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"sync"

	"postern/aws/fault"
	"postern/server"
	"postern/server/front"
	"postern/services/compute/guest"
)

// Config says how a Lab runs.
type Config struct {
	// Server has no data directory.
	Server server.Config
	// AfterReset is called after the lab was emptied by a request, and before that is answered; what it returns goes into
	// the answer. nil does nothing.
	AfterReset func(context.Context) (string, error)
}

// Lab is a server that can be emptied: the address, the certificates and the root user's key stay. What a reset empties
// is not a list that could miss something: it closes the server, and opens another on the same base.
type Lab struct {
	config Config
	base   *server.Base
	front  *front.Server
	// handler is serve behind the guard against web pages.
	handler http.Handler

	// mu is held while requests find their server, and whole while it is replaced. Nobody who holds it waits for a client:
	// a request is in no generation while its body is awaited and its answer sent.
	mu      sync.RWMutex
	current *generation

	resetting sync.Mutex // one at a time, and none after Close
	closed    bool
	failing   sync.Once
	done      chan struct{}
	failed    error
}

// Open opens a lab. ctx bounds the start only.
func Open(ctx context.Context, c Config) (*Lab, error) {
	l := &Lab{config: c, done: make(chan struct{})}
	var err error
	if l.base, err = server.OpenBase(ctx, c.Server); err != nil {
		return nil, err
	}
	l.config.Server = l.base.Config()
	l.handler = l.base.Guard.Wrap(front.Management(http.HandlerFunc(l.serve), l.serveReset))
	l.front = front.New(front.Config{
		Handler: l, Certificate: l.base.Authority().GetCertificate, Log: l.config.Server.Log,
	})
	if err := l.begin(ctx); err != nil {
		return nil, errors.Join(err, l.base.Close())
	}
	l.front.ServePublic(l.base.Listener())
	return l, nil
}

// begin opens the next generation. The lab is held, or not there yet.
func (l *Lab) begin(ctx context.Context) error {
	s, err := l.base.Open(ctx)
	if err != nil {
		return err
	}
	g := &generation{Server: s, handler: s.Handler()}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	l.current = g
	go l.watch(g)
	return nil
}

// watch passes on that a server has stopped by itself.
func (l *Lab) watch(g *generation) {
	select {
	case <-g.Done():
		l.fail(g.Err())
	case <-g.ctx.Done():
	}
}

func (l *Lab) fail(err error) {
	l.failing.Do(func() {
		l.failed = err
		close(l.done)
	})
}

// Reset empties the lab. Requests that come meanwhile wait, and find it empty.
func (l *Lab) Reset(ctx context.Context) error {
	l.resetting.Lock()
	defer l.resetting.Unlock()
	if l.closed {
		return fault.New(fault.Unavailable, "lab.Reset", "the server is stopping")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.current.end()
	if err == nil {
		err = l.begin(ctx)
	}
	if err != nil {
		l.fail(fmt.Errorf("reset: %w", err))
	}
	return err
}

// renew empties the lab, puts into it what AfterReset does, and says so.
func (l *Lab) renew(ctx context.Context) (said string, err error) {
	if err := l.Reset(ctx); err != nil {
		return "", err
	}
	said = "the lab is empty again"
	if l.config.AfterReset == nil {
		return said, nil
	}
	more, err := l.config.AfterReset(ctx)
	if err != nil {
		return "", fmt.Errorf("%s, and then: %w", said, err)
	}
	return said + "; " + more, nil
}

// enter finds the generation that a request is for. It is false for a lab that was closed.
func (l *Lab) enter() (*generation, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.current, l.current.enter()
}

// ServeHTTP answers as the public listener does.
func (l *Lab) ServeHTTP(w http.ResponseWriter, r *http.Request) { l.handler.ServeHTTP(w, r) }

// serve leaves a request to the server that there is.
func (l *Lab) serve(w http.ResponseWriter, r *http.Request) {
	p := newPending(r)
	for {
		g, entered := l.enter()
		if !entered {
			http.Error(w, "the server is stopping", http.StatusServiceUnavailable)
			return
		}
		if p.serve(g, w) {
			return
		}
	}
}

func (l *Lab) serveReset(w http.ResponseWriter, r *http.Request) {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	switch {
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "POST empties the lab", http.StatusMethodNotAllowed)
	case err != nil || !peer.Addr().Unmap().IsLoopback():
		http.Error(w, "only this host may empty the lab", http.StatusForbidden)
	default:
		began := l.base.Config().Now()
		// Who asked may leave: a reset that has begun is brought to its end.
		said, err := l.renew(context.WithoutCancel(r.Context()))
		if err != nil {
			http.Error(w, fault.Text(err), http.StatusServiceUnavailable)
			return
		}
		l.config.Server.Log.Info("the lab is empty again", "duration", l.base.Config().Now().Sub(began))
		fmt.Fprintln(w, said)
	}
}

// take returns the generation that there is, which stays till leave is called.
func (l *Lab) take() (g *generation, leave func()) {
	g, entered := l.enter()
	if !entered {
		return g, func() {}
	}
	return g, g.leave
}

// Access returns how clients of this host reach the lab.
func (l *Lab) Access() server.Access {
	g, leave := l.take()
	defer leave()
	return g.Access()
}

// Join returns the address, host:port, at which machines join over WireGuard.
func (l *Lab) Join() string {
	g, leave := l.take()
	defer leave()
	return g.Join()
}

// Missing returns what this host lacks for instances; empty means that they work.
func (l *Lab) Missing() []guest.Missing {
	g, leave := l.take()
	leave() // it may take a while, and a reset need not wait for it
	return g.Missing()
}

// Done is closed when the lab has stopped by itself; Err then says why.
func (l *Lab) Done() <-chan struct{} { return l.done }

// Err returns why Done was closed.
func (l *Lab) Err() error { return l.failed }

// Close ends everything, and waits for it. Closing again does nothing.
func (l *Lab) Close() error {
	l.resetting.Lock()
	defer l.resetting.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	err := l.current.end()
	l.front.Close()
	return errors.Join(err, l.base.Close())
}
