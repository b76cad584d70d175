package server

import (
	"context"
	"fmt"

	"postern/store"
)

// stateModule is the database. It keeps the records of every other module.
type stateModule struct {
	config *Config
	base   *baseModule
	// damaged is told that the database can no longer be trusted.
	damaged func(error)

	*store.DB
}

func (m *stateModule) module() module {
	return module{name: "state", open: m.open, close: func() error { return m.Close() }}
}

func (m *stateModule) open(ctx context.Context) (err error) {
	path := m.base.dir.File("state.db")
	if m.base.dir.Temporary() {
		path = ""
	}
	m.DB, err = store.Open(ctx, store.Options{Path: path, MaxPages: m.config.Hooks.MaxPages, Damaged: m.damaged})
	if err != nil {
		return fmt.Errorf("open the state: %w", err)
	}
	return nil
}
