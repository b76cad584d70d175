package agent

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"time"
)

// Waiting between tries. Amazon's agent goes up to 40 minutes; a node that is mended should be back within seconds.
const (
	firstWait = 250 * time.Millisecond
	// maxNoPath holds where the service is not reached: trying costs it nothing, and whoever mends the path is looking.
	maxNoPath = 3 * time.Second
	// The service was reached and did not serve: it is busy, or starts, or refuses.
	maxWait = 10 * time.Second
)

// A backoff doubles its waits. Each is spread over its upper half, so that nodes that lost their path together do not
// come back together.
type backoff struct{ next time.Duration }

func newBackoff() *backoff { return &backoff{firstWait} }

func (b *backoff) reset() { b.next = firstWait }

// sleep waits after a failure, and returns false if ctx ended meanwhile.
func (b *backoff) sleep(ctx context.Context, failure error) bool {
	longest := maxWait
	var dial *net.OpError
	if errors.As(failure, &dial) && dial.Op == "dial" {
		longest = maxNoPath
	}
	wait := min(b.next, longest)
	b.next = min(2*b.next, maxWait)
	return pause(ctx, wait/2+rand.N(wait/2+1))
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
