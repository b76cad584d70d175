package agent

import (
	"context"
	"sync"
	"time"
)

// Names of the roads, as UpdateInstanceInformation has them.
const (
	roadMGS = "ssmmessages"
	roadMDS = "ec2messages"
)

// road is the road by which commands come now.
type road struct {
	mu      sync.Mutex
	now     string       // "" until there is one
	channel *openChannel // nil while the control channel is not open
	// denied says that the service lets this node use ec2messages only.
	denied bool
	// moved is closed and replaced at every change that is worth telling the service.
	moved chan struct{}
	// open is closed while the channel is open; shut is closed while it is not.
	open, shut chan struct{}
}

func (r *road) init() {
	r.moved = make(chan struct{})
	r.open, r.shut = make(chan struct{}), make(chan struct{})
	close(r.shut)
}

func (r *road) name() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

// take notes that a road carries. The first one is no change worth telling at once: the next ping says it.
func (r *road) take(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.now != name && r.now != "" {
		close(r.moved)
		r.moved = make(chan struct{})
	}
	r.now = name
}

// setChannel notes that the control channel is open, or with nil that it is not.
func (r *road) setChannel(c *openChannel) {
	r.mu.Lock()
	defer r.mu.Unlock()
	was := r.channel != nil
	r.channel = c
	switch {
	case c != nil && !was:
		close(r.open)
		r.shut = make(chan struct{})
	case c == nil && was:
		close(r.shut)
		r.open = make(chan struct{})
	}
}

func (r *road) current() *openChannel {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.channel
}

func (r *road) setDenied(denied bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.denied = denied
}

// opened is closed while the channel is open.
func (r *road) opened() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.open
}

// closed is closed while the channel is not open.
func (r *road) closed() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.shut
}

// changes is closed at the next change of the road.
func (r *road) changes() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.moved
}

// wait waits for a change or for d, and returns false if ctx ended meanwhile.
func (r *road) wait(ctx context.Context, changed <-chan struct{}, d time.Duration) bool {
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
func (r *road) waitShut(ctx context.Context, d time.Duration) bool {
	r.mu.Lock()
	denied, opened := r.denied, r.open
	r.mu.Unlock()
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
