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
	// releaseInterval is how often memory that was needed for a while, by the handshakes of many nodes at once, is given
	// back.
	releaseInterval = 30 * time.Second
)

// memoryModule keeps what the process holds near what it needs.
type memoryModule struct {
	config   *Config
	released time.Time
}

func (m *memoryModule) module() module {
	return module{name: "memory", reconcilers: func() []reconciler {
		m.released = m.config.Now()
		return []reconciler{{name: "memory", every: 3 * time.Second, run: m.release}}
	}}
}

func (m *memoryModule) release(context.Context) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent(inUse()))
	}
	if now := m.config.Now(); now.Sub(m.released) >= releaseInterval {
		m.released = now
		debug.FreeOSMemory()
	}
	return nil
}

// inUse returns what the last collection found alive, in bytes, with the stacks: the garbage is measured against it.
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

// gcPercent returns how much garbage may gather, in per cent of what is in use.
func gcPercent(inUse uint64) int {
	if inUse == 0 {
		return mostGC
	}
	return int(min(max(100*headroom/inUse, leastGC), mostGC))
}
