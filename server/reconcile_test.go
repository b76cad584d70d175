package server

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"postern/aws/fault"
	"postern/bus"
)

func TestReconcilerRunsAtOnceOnHintsAndByTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var b bus.Local
		var runs atomic.Int64
		before := fault.Contained()
		list := []reconciler{{
			name: "r", topics: []string{"a", "b"}, every: time.Minute,
			run: func(context.Context) error {
				if runs.Add(1) == 3 {
					panic("contained, and run again")
				}
				return errors.New("shown in the log and tried again")
			},
		}}
		done := make(chan struct{})
		go func() { reconcile(ctx, &b, slog.New(slog.DiscardHandler), list); close(done) }()
		for _, step := range []struct {
			what string
			do   func()
			want int64
		}{
			{"start", func() {}, 1},
			{"a hint", func() { b.Publish("a") }, 2},
			{"another topic", func() { b.Publish("b") }, 3},
			{"a foreign topic", func() { b.Publish("c") }, 3},
			{"the clock", func() { <-time.After(61 * time.Second) }, 4},
		} {
			step.do()
			synctest.Wait()
			if got := runs.Load(); got != step.want {
				t.Errorf("after %s: %d runs, want %d", step.what, got, step.want)
			}
		}
		if fault.Contained() != before+1 {
			t.Errorf("%d panics were counted", fault.Contained()-before)
		}
		cancel()
		<-done
	})
}
