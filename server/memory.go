package server

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// headroom is how much garbage may gather before it is collected, in bytes. Go's own measure is as much as is in use,
	// which with ten thousand nodes is a waste.
	headroom = 64 << 20
	// Collecting earlier than at leastGC per cent costs too much, and later than at mostGC, Go's default, gains nothing.
	leastGC, mostGC = 25, 100
	// release is how often memory that was needed for a while, by the handshakes of many nodes at once, is given back.
	release = 30 * time.Second
)

// memory keeps what the process holds near what it needs.
type memory struct {
	now      func() time.Time
	released time.Time
}

// tend is a reconciler.
func (m *memory) tend(context.Context) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent(inUse()))
	}
	if now := m.now(); now.Sub(m.released) >= release {
		m.released = now
		debug.FreeOSMemory()
	}
	return nil
}

// inUse is what the last collection found alive, in bytes, with the stacks: what the garbage is measured against.
func inUse() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(sample)
	var sum uint64
	for _, s := range sample {
		if s.Value.Kind() == metrics.KindUint64 {
			sum += s.Value.Uint64()
		}
	}
	return sum
}

// gcPercent is how much garbage may gather, in per cent of what is in use.
func gcPercent(inUse uint64) int {
	if inUse == 0 {
		return mostGC
	}
	return int(min(max(100*headroom/inUse, leastGC), mostGC))
}
