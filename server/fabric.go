package server

import (
	"context"
	"net"
	"net/netip"
	"slices"

	"postern/aws/fault"
	"postern/network"
	"postern/network/fabric"
	"postern/network/link/userstack"
)

// fabricModule is the data plane.
type fabricModule struct {
	config   *Config
	flowLogs *flowLogsModule

	*fabric.Fabric
}

func (m *fabricModule) module() module {
	return module{name: "fabric", open: m.open, close: func() error { return m.Close() }}
}

func (m *fabricModule) open(context.Context) error {
	userstack.LogTo(m.config.Log)
	m.Fabric = fabric.New(fabric.Options{
		Log:        m.config.Log,
		Watch:      m.config.Hooks.Watch,
		FlowLog:    m.flowLogs.Take,
		FlowLogEnd: m.flowLogs.End,
		Dial:       m.config.dialInternet(),
	})
	return nil
}

// internet describes what lies behind Internet gateways: what the configuration opens, without the networks that this
// host is on, unless they are named.
func (c *Config) internet() network.InternetConfig {
	return network.InternetConfig{Range: c.PublicRange, Open: c.Internet, Closed: hostNetworks()}
}

// hostNetworks are the IPv4 networks that this host has an address in.
func hostNetworks() []netip.Prefix {
	var out []netip.Prefix
	for _, p := range hostAddresses() {
		out = append(out, p.Masked())
	}
	return out
}

// hostAddresses are this host's IPv4 addresses, each with its network.
func hostAddresses() []netip.Prefix {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var out []netip.Prefix
	for _, a := range addresses {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() {
			out = append(out, p)
		}
	}
	return out
}

// dialInternet connects for nodes; it is nil where nothing is opened. The judge has allowed the address. This host's
// own are looked at again, because they change: they are reached only where they are named one by one.
func (c *Config) dialInternet() func(context.Context, string, netip.AddrPort) (net.Conn, error) {
	if len(c.Internet) == 0 {
		return nil
	}
	var dialer net.Dialer
	return func(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error) {
		own := slices.ContainsFunc(hostAddresses(), func(p netip.Prefix) bool { return p.Addr() == to.Addr() })
		if named := netip.PrefixFrom(to.Addr(), 32); own && !slices.Contains(c.Internet, named) {
			return nil, fault.New(fault.Denied, "server.dialInternet", "%s is this host's", to.Addr())
		}
		return dialer.DialContext(ctx, network, to.String())
	}
}
