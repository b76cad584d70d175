package agent

import (
	"context"
	"sync"
	"time"
)

// The services by which commands come, as UpdateInstanceInformation names them.
const (
	overSSMMessages = "ssmmessages"
	overEC2Messages = "ec2messages"
)

// transport tracks which service brings commands now, and whether the control channel is open.
type transport struct {
	mu      sync.Mutex
	now     string       // "" until one has brought something
	channel *openChannel // nil while the control channel is not open
	// denied says that the service lets this node use ec2messages only.
	denied bool
	// moved is closed and replaced at every change that is worth telling the service.
	moved chan struct{}
	// open is closed while the channel is open; shut is closed while it is not.
	open, shut chan struct{}
}

func (t *transport) init() {
	t.moved = make(chan struct{})
	t.open, t.shut = make(chan struct{}), make(chan struct{})
	close(t.shut)
}

func (t *transport) name() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.now
}

// take notes that commands come over the named service. The first one is no change worth telling at once: the next ping
// says it.
func (t *transport) take(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.now != name && t.now != "" {
		close(t.moved)
		t.moved = make(chan struct{})
	}
	t.now = name
}

// setChannel notes that the control channel is open, or with nil that it is not.
func (t *transport) setChannel(c *openChannel) {
	t.mu.Lock()
	defer t.mu.Unlock()
	was := t.channel != nil
	t.channel = c
	switch {
	case c != nil && !was:
		close(t.open)
		t.shut = make(chan struct{})
	case c == nil && was:
		close(t.shut)
		t.open = make(chan struct{})
	}
}

func (t *transport) current() *openChannel {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.channel
}

func (t *transport) setDenied(denied bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.denied = denied
}

// opened returns a channel that is closed while the channel is open.
func (t *transport) opened() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.open
}

// closed returns one that is closed while the channel is not open.
func (t *transport) closed() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.shut
}

// changes returns a channel that is closed at the next change of service.
func (t *transport) changes() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.moved
}

// wait waits for a change or for d, and returns false if ctx ended meanwhile.
func (t *transport) wait(ctx context.Context, changed <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-changed:
		return true
	case <-ctx.Done():
		return false
	}
}

// waitShut waits for d, and reports whether the channel was shut all the while. Where it is denied, there is nothing to
// wait for.
func (t *transport) waitShut(ctx context.Context, d time.Duration) bool {
	t.mu.Lock()
	denied, opened := t.denied, t.open
	t.mu.Unlock()
	if denied {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-opened:
		return false
	case <-ctx.Done():
		return false
	}
}
