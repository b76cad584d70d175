package server

import (
	"context"

	"postern/network/privatelink"
)

// privateLinkModule carries connections from endpoints to services of one's own.
type privateLinkModule struct {
	config *Config
	fabric *fabricModule

	*privatelink.Carrier
}

func (m *privateLinkModule) module() module {
	return module{name: "private link", open: m.open, close: func() error { return m.Close() }}
}

func (m *privateLinkModule) open(context.Context) error {
	m.Carrier = privatelink.New(privatelink.Options{
		Fabric: m.fabric.Fabric, HostTargets: m.config.hostTarget, Now: m.config.Now, Log: m.config.Log,
	})
	return nil
}
