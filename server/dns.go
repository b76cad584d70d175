package server

import (
	"context"

	"postern/network/dns"
)

// resolverModule is the resolver of every VPC.
type resolverModule struct {
	config  *Config
	network *networkModule
	fabric  *fabricModule
}

func (m *resolverModule) module() module { return module{name: "resolver", run: m.run} }

func (m *resolverModule) run(ctx context.Context) error {
	resolver := dns.New(dns.Options{
		Snapshot: m.network.Snapshot, DialResolver: m.fabric.DialResolver, Log: m.config.Log,
	})
	packets, connections := m.fabric.Resolver()
	err := resolver.Serve(ctx, packets, connections)
	m.config.Log.Debug("the resolver ended", "counts", resolver.Stats())
	return err
}
