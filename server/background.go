package server

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"postern/aws/fault"
	"postern/bus"
)

const backgroundName = "background"

// backgroundModule starts what the modules before it do beside requests. It ends that before any of them ends.
type backgroundModule struct {
	log    *slog.Logger
	hints  bus.Bus
	server *Server
	config *Config
	state  *stateModule

	cancel  context.CancelFunc
	running sync.WaitGroup
}

func (m *backgroundModule) module() module {
	return module{name: backgroundName, open: m.open, close: m.close}
}

func (m *backgroundModule) open(context.Context) error {
	ctx, cancel := context.WithCancel(context.Background())
	m.cancel = cancel
	var reconcilers []reconciler
	for _, part := range m.server.opened {
		if part.run != nil {
			m.running.Go(func() { m.work(ctx, part) })
		}
		if part.reconcilers != nil {
			reconcilers = append(reconcilers, part.reconcilers()...)
		}
		if part.replicas != nil && m.config.Database != "" {
			for _, r := range part.replicas() {
				follow := m.follow(r.set)
				m.running.Go(func() { follow(ctx) })
				reconcilers = append(reconcilers, r.reconciler())
			}
		}
	}
	m.running.Go(func() { reconcile(ctx, m.hints, m.log, reconcilers) })
	return nil
}

// work runs a module until ctx ends, and stops the server if the module does not run that long.
func (m *backgroundModule) work(ctx context.Context, part module) {
	err := fault.Contain(part.name, func() error { return part.run(ctx) })
	if err != nil && ctx.Err() == nil {
		m.server.fail(fmt.Errorf("%s: %w", part.name, err))
	}
}

func (m *backgroundModule) close() error {
	m.cancel()
	m.running.Wait()
	return nil
}
