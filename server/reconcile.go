package server

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"postern/aws/fault"
	"postern/bus"
)

// reconciler brings one part of what runs in line with what is intended. It takes no input, is idempotent and does
// not retry: it runs on a hint and by the clock, and its next run is its retry.
type reconciler struct {
	name string
	// topics are the hints that it runs on; every is how often it runs without one.
	topics []string
	every  time.Duration
	run    func(context.Context) error
}

// reconcile runs every reconciler of the list until ctx ends.
func reconcile(ctx context.Context, b bus.Bus, log *slog.Logger, list []reconciler) {
	var running sync.WaitGroup
	for _, r := range list {
		running.Go(func() { r.loop(ctx, b, log) })
	}
	running.Wait()
}

func (r reconciler) loop(ctx context.Context, b bus.Bus, log *slog.Logger) {
	// One channel for all topics: a hint says only "look again".
	look := make(chan struct{}, 1)
	var forwarding sync.WaitGroup
	for _, topic := range r.topics {
		hints, cancel := b.Subscribe(topic)
		defer cancel()
		forwarding.Go(func() { forward(ctx, hints, look) })
	}
	defer forwarding.Wait()
	clock := time.NewTicker(r.every)
	defer clock.Stop()
	for {
		switch err := fault.Contain("reconcile "+r.name, func() error { return r.run(ctx) }); {
		case errors.Is(err, fault.ErrPanic):
			fault.LogPanic(log, "reconcile "+r.name, err)
		case err != nil && ctx.Err() == nil:
			log.Warn("reconcile", "reconciler", r.name, "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-look:
		case <-clock.C:
		}
	}
}

func forward(ctx context.Context, hints <-chan struct{}, look chan<- struct{}) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hints:
			select {
			case look <- struct{}{}:
			default:
			}
		}
	}
}
