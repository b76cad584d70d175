package server

import (
	"context"
	"net/netip"
	"os"

	"postern/network/flowlog"
)

// flowLogsModule writes flow logs into the data directory. It closes after the fabric, whose last records it still
// takes.
type flowLogsModule struct {
	config  *Config
	base    *baseModule
	network *networkModule

	*flowlog.Writer
}

func (m *flowLogsModule) module() module {
	return module{name: "flow logs", open: m.open, close: m.close}
}

func (m *flowLogsModule) open(context.Context) error {
	m.Writer = flowlog.New(flowlog.Config{
		Dir: m.dir(), State: m.network.State, Log: m.config.Log,
		Service: func(a netip.Addr) bool {
			_, ok := m.network.Snapshot().PublicServiceAt(a)
			return ok
		},
	})
	return nil
}

func (m *flowLogsModule) dir() string { return m.base.dir.File("flow-logs") }

// close writes what is left. Where another generation of the server follows, nothing stays.
func (m *flowLogsModule) close() error {
	if m.base.kept != nil {
		return os.RemoveAll(m.dir())
	}
	m.Close(m.config.Now())
	return nil
}
