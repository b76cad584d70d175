package server

import (
	"context"
	"errors"
	"log/slog"
	"sync"
)

// Server is a running Postern.
type Server struct {
	config Config
	log    *slog.Logger
	parts

	// opened are the modules that there are, in the order in which they were made.
	opened []module

	closing sync.Once
	closed  error
	failing sync.Once
	done    chan struct{}
	failed  error
}

// Open makes every module and begins to answer. ctx bounds the start only.
func Open(ctx context.Context, c Config) (*Server, error) {
	c = c.withDefaults()
	if err := c.check(false); err != nil {
		return nil, err
	}
	s := newServer(c)
	if err := s.open(ctx, s.modules(nil)); err != nil {
		return nil, err
	}
	return s, nil
}

func newServer(c Config) *Server { return &Server{config: c, log: c.Log, done: make(chan struct{})} }

// open makes the modules of a list in order. If one fails, those before it are closed.
func (s *Server) open(ctx context.Context, list []module) error {
	if err := checkOrder(list); err != nil {
		return err
	}
	for _, m := range list {
		if m.open != nil {
			if err := m.open(ctx); err != nil {
				return errors.Join(err, s.Close())
			}
		}
		s.opened = append(s.opened, m)
	}
	return nil
}

// Close ends every module, last made first, and waits for it. Closing again does nothing.
func (s *Server) Close() error {
	s.closing.Do(func() {
		for i := len(s.opened) - 1; i >= 0; i-- {
			if end := s.opened[i].close; end != nil {
				s.closed = errors.Join(s.closed, end())
			}
		}
	})
	return s.closed
}

// fail ends Done for a module that stopped by itself.
func (s *Server) fail(err error) {
	s.failing.Do(func() {
		s.log.Error("the server cannot go on", "error", err)
		s.failed = err
		close(s.done)
	})
}

// Done is closed when a module of the server has stopped by itself; Err then says which and why.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err returns why Done was closed.
func (s *Server) Err() error { return s.failed }
