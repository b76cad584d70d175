// Package bustest is the conformance suite of buses.
package bustest

import (
	"sync"
	"testing"
	"time"

	"postern/bus"
)

// patience is how long a hint that must come may take on a busy machine.
const patience = 10 * time.Second

// Run runs the conformance suite on the buses that open makes.
func Run(t *testing.T, open func(t *testing.T) bus.Bus) {
	t.Run("a hint reaches every subscriber of its topic and nobody else", func(t *testing.T) {
		b := open(t)
		one, cancelOne := b.Subscribe("node/i-1")
		two, cancelTwo := b.Subscribe("node/i-1")
		other, cancelOther := b.Subscribe("node/i-2")
		defer cancelOne()
		defer cancelTwo()
		defer cancelOther()
		b.Publish("node/i-1")
		wait(t, one)
		wait(t, two)
		b.Publish("node/i-2")
		wait(t, other)
		idle(t, one)
	})
	t.Run("many hints may arrive as one and nobody blocks", func(t *testing.T) {
		b := open(t)
		hints, cancel := b.Subscribe("t")
		defer cancel()
		for range 1000 {
			b.Publish("t")
		}
		wait(t, hints)
	})
	t.Run("after cancel there are no more hints", func(t *testing.T) {
		b := open(t)
		hints, cancel := b.Subscribe("t")
		keep, cancelKeep := b.Subscribe("t")
		defer cancelKeep()
		cancel()
		cancel()
		b.Publish("t")
		wait(t, keep)
		idle(t, hints)
	})
	t.Run("subscribing and publishing at once", func(t *testing.T) {
		b := open(t)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 200 {
					hints, cancel := b.Subscribe("t")
					b.Publish("t")
					wait(t, hints)
					cancel()
				}
			})
		}
		wg.Wait()
	})
}

func wait(t *testing.T, hints <-chan struct{}) {
	t.Helper()
	select {
	case <-hints:
	case <-time.After(patience):
		t.Error("no hint came")
	}
}

func idle(t *testing.T, hints <-chan struct{}) {
	t.Helper()
	select {
	case <-hints:
		t.Error("a hint came that nobody sent")
	default:
	}
}
