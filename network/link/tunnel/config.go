package tunnel

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"postern/aws/fault"
	"postern/network/link"
)

// keepAlive says how often a datagram is sent at least, so that a NAT or firewall on the way keeps the way back open.
const keepAlive = 25 * time.Second

// Config holds everything that a node has to keep to come back: the answer to its joining. It marshals to JSON, which
// holds the private key: keep the file readable by its owner only.
type Config struct {
	// Server is the host (name or address) and UDP port of the server.
	Server string `json:"server"`
	// ServerKey is the WireGuard public key that the server has for this node's VPC.
	ServerKey link.PublicKey `json:"serverKey"`
	// PrivateKey is the node's own.
	PrivateKey link.PrivateKey `json:"privateKey"`
	// Grant says where the node was put.
	Grant link.Grant `json:"grant"`
}

// Validate reports the first field that keeps a tunnel from working.
func (c *Config) Validate() error {
	const op = "tunnel.Config"
	if _, _, err := net.SplitHostPort(c.Server); err != nil {
		return fault.New(fault.Invalid, op, "server: %q is not HOST:PORT", c.Server)
	}
	switch {
	case c.ServerKey.IsZero():
		return fault.New(fault.Missing, op, "server key: must not be zero")
	case c.PrivateKey.IsZero():
		return fault.New(fault.Missing, op, "private key: must not be zero")
	case !c.Grant.Address.Addr().Is4():
		return fault.New(fault.Invalid, op, "address: %s is not an IPv4 address with its prefix length", c.Grant.Address)
	}
	return c.Grant.Validate()
}

// Local is the node's private address.
func (c *Config) Local() netip.Addr { return c.Grant.Address.Addr() }

// routes are the ranges that lead into the tunnel: those granted, and the DNS servers that lie in none of them.
func (c *Config) routes() []netip.Prefix {
	routes := append([]netip.Prefix(nil), c.Grant.Routes...)
	if len(routes) == 0 {
		routes = append(routes, c.Grant.Address.Masked())
	}
	for _, server := range append([]netip.Addr{c.Grant.Resolver}, c.Grant.Servers...) {
		if !slices.ContainsFunc(routes, func(r netip.Prefix) bool { return r.Contains(server) }) {
			routes = append(routes, netip.PrefixFrom(server, server.BitLen()))
		}
	}
	return routes
}

// dns holds what wg-quick(8) calls so: DNS servers and the domains to look for short names in.
func (c *Config) dns() string {
	var words []string
	for _, a := range c.Grant.NameServers() {
		words = append(words, a.String())
	}
	return strings.Join(append(words, c.Grant.Search...), ", ")
}

// WireGuardINI is the configuration of a stock WireGuard client (wg-quick(8)) for the same tunnel. It holds the private
// key.
func (c *Config) WireGuardINI() string {
	var routes []string
	for _, r := range c.routes() {
		routes = append(routes, r.String())
	}
	key, _ := c.PrivateKey.MarshalText() // never returns an error
	host := netip.PrefixFrom(c.Local(), c.Local().BitLen())
	return fmt.Sprintf(`[Interface]
PrivateKey = %s
Address = %s
DNS = %s
MTU = %d

[Peer]
PublicKey = %s
Endpoint = %s
AllowedIPs = %s
PersistentKeepalive = %d
`, key, host, c.dns(), c.Grant.MTU,
		c.ServerKey, c.Server, strings.Join(routes, ", "), int(keepAlive.Seconds()))
}
