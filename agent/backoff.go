package agent

import (
	"context"
	"math/rand/v2"
	"time"
)

// Waiting between tries. Amazon's agent goes up to 40 minutes; a node that is mended should be back within seconds.
const (
	firstWait = 250 * time.Millisecond
	maxWait   = 5 * time.Second
)

// A backoff doubles its waits up to maxWait. Each is spread over its upper half, so that nodes that lost their road
// together do not come back together.
type backoff struct{ next time.Duration }

func newBackoff() *backoff { return &backoff{firstWait} }

func (b *backoff) reset() { b.next = firstWait }

// sleep waits, and returns false if ctx ended meanwhile.
func (b *backoff) sleep(ctx context.Context) bool {
	wait := b.next/2 + rand.N(b.next/2+1)
	b.next = min(2*b.next, maxWait)
	return pause(ctx, wait)
}

// pause waits for d, and returns false if ctx ended meanwhile.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
