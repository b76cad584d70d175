package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"postern/aws/fault"
	"postern/services/compute/guest"
)

// TestKey is the root user's key of a lab that is opened with TestCredentials: what tools for local AWS endpoints are
// set up with.
var TestKey = RootKey{ID: "test", Secret: "test"}

// Lab is a server for tests of other software. Its state is in memory, and a reset empties all of it: the address, the
// certificates and the root user's key stay. What a reset empties is not a list that could miss something: it closes
// the server, and opens another in its frame.
type Lab struct {
	config Config
	frame  *frame
	web    *web
	// handler is serve behind what keeps web pages out.
	handler http.Handler

	// mu is held while requests find their server, and whole while it is replaced. Nobody who holds it waits for a client: a
	// request is at no server while its body is awaited and its answer sent.
	mu      sync.RWMutex
	current *turn

	resetting sync.Mutex // one at a time, and none after Close
	closed    bool
	failing   sync.Once
	done      chan struct{}
	failed    error
}

// OpenLab opens a lab. ctx bounds the start only.
func OpenLab(ctx context.Context, c Config) (*Lab, error) {
	l := &Lab{config: c.withDefaults(), done: make(chan struct{})}
	if l.config.DataDir != "" {
		return nil, fault.New(fault.Invalid, "server.OpenLab", "a lab keeps its state in memory and takes no data directory")
	}
	l.config.lab = true
	if err := l.config.check(); err != nil {
		return nil, err
	}
	guard, err := newVisitors(l.config)
	if err != nil {
		return nil, err
	}
	l.handler = guard.guard(answerOwn(http.HandlerFunc(l.serve), l.serveReset))
	if l.frame, err = openFrame(l.config); err != nil {
		return nil, err
	}
	if l.frame.public, err = net.Listen("tcp", l.config.Listen); err != nil {
		return nil, errors.Join(listenFault("TCP", l.config.Listen, "--listen", err), l.frame.data.close())
	}
	l.config.frame = l.frame
	l.web = newWeb(l, l.frame.ca.GetCertificate, l.config.Log)
	if err := l.begin(ctx); err != nil {
		return nil, l.abandon(err)
	}
	l.config.WireGuard = l.current.Join() // the port that was free stays the same
	l.web.servePublic(l.frame.public)
	return l, nil
}

// abandon gives back what a lab that cannot begin has taken.
func (l *Lab) abandon(err error) error {
	l.frame.clearing.Wait()
	return errors.Join(err, l.frame.public.Close(), l.frame.data.close())
}

// begin opens a server in the frame. The lab is held, or not there yet.
func (l *Lab) begin(ctx context.Context) error {
	s, err := Open(ctx, l.config)
	if err != nil {
		return err
	}
	t := &turn{Server: s, handler: l.config.Laboratory.tap(s.pipeline)}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	l.current = t
	go l.watch(t)
	return nil
}

// watch passes on that a server has stopped by itself.
func (l *Lab) watch(t *turn) {
	select {
	case <-t.Done():
		l.fail(t.Err())
	case <-t.ctx.Done():
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
		return fault.New(fault.Unavailable, "server.Reset", "the server is stopping")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.current.checked:
		l.frame.checked, l.frame.missing = true, l.current.missing
	default:
	}
	err := l.current.end()
	if err == nil {
		l.frame.turns++
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

// take finds the server that there is, which stays till leave is called.
func (l *Lab) take() (t *turn, leave func()) {
	t, entered := l.enter()
	if !entered {
		return t, func() {}
	}
	return t, t.leave
}

// enter finds the server that a request is for. It is false for a lab that was closed.
func (l *Lab) enter() (*turn, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.current, l.current.enter()
}

// ServeHTTP is the lab's public door.
func (l *Lab) ServeHTTP(w http.ResponseWriter, r *http.Request) { l.handler.ServeHTTP(w, r) }

// serve leaves a request to the server that there is.
func (l *Lab) serve(w http.ResponseWriter, r *http.Request) {
	v := newVisit(r)
	for {
		t, entered := l.enter()
		if !entered {
			http.Error(w, "the server is stopping", http.StatusServiceUnavailable)
			return
		}
		if v.at(t, w) {
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
		began := time.Now()
		// Whoever asked may leave: a reset that has begun is brought to its end.
		said, err := l.renew(context.WithoutCancel(r.Context()))
		if err != nil {
			http.Error(w, fault.Text(err), http.StatusServiceUnavailable)
			return
		}
		l.config.Log.Info("the lab is empty again", "duration", time.Since(began))
		fmt.Fprintln(w, said)
	}
}

// Access returns how clients of this host reach the lab.
func (l *Lab) Access() Access {
	t, leave := l.take()
	defer leave()
	return t.Access()
}

// Join is the address, host:port, at which machines join over WireGuard.
func (l *Lab) Join() string {
	t, leave := l.take()
	defer leave()
	return t.Join()
}

// Missing is what this host lacks for instances; empty means that they work.
func (l *Lab) Missing() []guest.Missing {
	t, leave := l.take()
	leave() // it may take a while, and a reset need not wait for it
	return t.Missing()
}

// Done is closed when the lab has stopped by itself; Err then says why.
func (l *Lab) Done() <-chan struct{} { return l.done }

// Err is why Done was closed.
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
	l.web.close()
	l.frame.clearing.Wait()
	return errors.Join(err, l.frame.data.close())
}

// checkTestCredentials refuses a key that everybody knows where more than this host could use it, or where it would stay.
func (c Config) checkTestCredentials() error {
	if !c.TestCredentials {
		return nil
	}
	if !c.lab {
		return fault.New(fault.Invalid, "server.Open", "test credentials are for labs, whose state is in memory")
	}
	address, err := net.ResolveTCPAddr("tcp", c.Listen)
	if err != nil || !address.IP.IsLoopback() {
		return fault.New(fault.Invalid, "server.Open", "test credentials are known to everybody: the address %s is not on loopback", c.Listen)
	}
	return nil
}
