package server

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"postern/aws/fault"
	"postern/network/privatelink"
)

// verifyTime is how long the name server may take for one record.
const verifyTime = 2 * time.Second

// openPrivateLink makes what carries connections to endpoint services of one's own.
func (s *Server) openPrivateLink(context.Context) error {
	s.links = privatelink.New(privatelink.Options{Fabric: s.fabric, HostTargets: s.config.hostTarget, Log: s.log})
	s.onClose(s.links.Close)
	return nil
}

// hostTarget reports whether an address and port of this host may be the target of an endpoint service.
func (c *Config) hostTarget(a netip.AddrPort) bool { return slices.Contains(c.HostTargets, a) }

// lookupTXT asks the configured name server for TXT records; it is nil where there is none.
func (c *Config) lookupTXT() (func(ctx context.Context, name string) ([]string, error), error) {
	if c.VerifyDNS == "" {
		return nil, nil
	}
	if _, err := netip.ParseAddrPort(c.VerifyDNS); err != nil {
		return nil, fault.New(fault.Invalid, "server.Open", "--verify-dns %q: write it as address:port, such as 127.0.0.1:53", c.VerifyDNS)
	}
	asker := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, c.VerifyDNS)
	}}
	return func(ctx context.Context, name string) ([]string, error) {
		ctx, cancel := context.WithTimeout(ctx, verifyTime)
		defer cancel()
		texts, err := asker.LookupTXT(ctx, strings.TrimSuffix(name, ".")+".")
		if absent := new(net.DNSError); errors.As(err, &absent) && absent.IsNotFound {
			return nil, nil
		}
		return texts, err
	}, nil
}
