package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"postern/api"
	apiresolver "postern/api/route53resolver"
	"postern/aws/fault"
	"postern/aws/scope"
	"postern/network"
)

// networkModule is the intended state of the private network.
type networkModule struct {
	config *Config
	state  *stateModule

	*network.Service
}

func (m *networkModule) module() module {
	return module{
		name: "network", open: m.open, services: m.services, reconcilers: m.reconcilers, replicas: m.replicas,
	}
}

func (m *networkModule) open(ctx context.Context) error {
	verify, err := m.config.lookupTXT()
	if err != nil {
		return err
	}
	m.Service, err = network.New(ctx, network.Config{
		Store:       m.state.Set(setNetwork),
		Now:         m.config.Now,
		HostTargets: m.config.hostTarget,
		LookupTXT:   verify,
		Internet:    m.config.internet(),
	})
	if err != nil {
		return err
	}
	if err := m.ensureDefaultVPC(ctx); err != nil {
		return fmt.Errorf("make the default VPC: %w", err)
	}
	return nil
}

func (m *networkModule) replicas() []replica { return []replica{{setNetwork, m.Refresh}} }

func (m *networkModule) services() []api.Service {
	return []api.Service{apiresolver.New(apiresolver.Config{Network: m.Service})}
}

func (m *networkModule) reconcilers() []reconciler {
	return []reconciler{{name: "network", every: time.Minute, run: m.Reconcile}}
}

// ensureDefaultVPC makes the default VPC where it is asked for and not there, as every account has one on AWS.
func (m *networkModule) ensureDefaultVPC(ctx context.Context) error {
	scope := scope.Scope{Account: m.config.Account, Region: m.config.Region}
	if _, ok := m.State().DefaultVPC(scope); ok || !m.config.DefaultVPC {
		return nil
	}
	_, err := m.CreateDefaultVpc(ctx, scope)
	return err
}

// verifyTime is how long the name server may take for one record.
const verifyTime = 2 * time.Second

// hostTarget reports whether an address and port of this host may be the target of an endpoint service.
func (c *Config) hostTarget(a netip.AddrPort) bool { return slices.Contains(c.HostTargets, a) }

// lookupTXT returns a function that asks the configured name server for TXT records; nil where there is none.
func (c *Config) lookupTXT() (func(ctx context.Context, name string) ([]string, error), error) {
	if c.VerifyDNS == "" {
		return nil, nil
	}
	if _, err := netip.ParseAddrPort(c.VerifyDNS); err != nil {
		return nil, fault.New(fault.Invalid, "server.Open",
			"--verify-dns %q: write it as address:port, such as 127.0.0.1:53", c.VerifyDNS)
	}
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, c.VerifyDNS)
	}
	asker := net.Resolver{PreferGo: true, Dial: dial}
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
