package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/network"
	"postern/network/fabric"
	"postern/network/link"
	"postern/network/vpc"
	"postern/services/machine"
	"postern/ssm/node"
)

// gate lets machines that are not instances into the private network.
type gate struct {
	machines *machine.Service
	nodes    *node.Service
	network  *network.Service
	ca       []byte
	now      func() time.Time
	// open is the WireGuard port, nil until it listens.
	open *fabric.WireGuard
}

var _ fabric.Joiner = (*gate)(nil)

// JoinKey implements fabric.Joiner.
func (g *gate) JoinKey(ctx context.Context, activation string) ([]byte, error) {
	a, err := g.nodes.Activation(ctx, activation)
	if err != nil {
		return nil, err
	}
	return a.JoinKey, nil
}

// Join implements fabric.Joiner.
func (g *gate) Join(ctx context.Context, r link.JoinRequest) (link.Grant, error) {
	a, err := g.nodes.Activation(ctx, r.Activation)
	if err != nil {
		return link.Grant{}, err
	}
	if _, known := g.machines.Find(r.PublicKey.String()); !known {
		if err := usable(a, g.now()); err != nil {
			return link.Grant{}, err
		}
	}
	if a.Place == nil {
		return link.Grant{}, fault.New(fault.Missing, "server.Join",
			"activation %s does not say where its machines go: make one with the tag %s=subnet-…, "+
				"by a user who may ec2:CreateNetworkInterface there", a.ID, node.TagSubnet)
	}
	if r.Subnet != "" && r.Subnet != a.Place.Subnet {
		return link.Grant{}, fault.New(fault.Denied, "server.Join", "the activation lets machines into %s only: join without --subnet", a.Place.Subnet)
	}
	m, err := g.machines.Admit(ctx, machine.Request{
		Machine: machine.Machine{
			Key: r.PublicKey.String(), Scope: a.Scope, Subnet: a.Place.Subnet, Activation: a.ID, Hostname: r.Hostname, Joined: g.now(),
		},
		Groups: a.Place.Groups,
		Limit:  a.Limit,
	})
	if err != nil {
		return link.Grant{}, err
	}
	// The activation may have been deleted meanwhile, and what it let in put out before this machine was.
	if _, err := g.nodes.Activation(ctx, a.ID); err != nil {
		return link.Grant{}, errors.Join(err, g.machines.Expel(context.WithoutCancel(ctx), a.ID))
	}
	return g.grant(m)
}

// usable says why an activation lets no new machine in, if it does not. One that is used up could not make a node of it;
// and a machine that was deregistered, and knows the code, is to stay out.
func usable(a node.Activation, now time.Time) error {
	switch {
	case a.Expired(now):
		return fault.New(fault.Denied, "server.Join", "activation %s has expired: make a new one", a.ID)
	case a.Count >= a.Limit:
		return fault.New(fault.Limit, "server.Join", "activation %s is used up: it has made %d of %d nodes", a.ID, a.Count, a.Limit)
	}
	return nil
}

// grant tells a machine where it stands.
func (g *gate) grant(m machine.Machine) (link.Grant, error) {
	s := g.network.Snapshot()
	subnet, ok := s.Subnet(m.Subnet)
	if !ok {
		return link.Grant{}, fault.New(fault.NotFound, "server.Join", "the subnet %s is gone: deregister this machine and join anew", m.Subnet)
	}
	var routes []netip.Prefix
	if v, ok := s.VPC(m.VPC); ok {
		routes = v.CIDRs[:min(len(v.CIDRs), link.MaxRoutes)]
	}
	given := link.Grant{
		Account: m.Account, Region: m.Region, VPC: m.VPC, Subnet: m.Subnet, Interface: m.Interface,
		Address: netip.PrefixFrom(m.Address, subnet.CIDR.Bits()), Routes: routes, Resolver: s.ResolverAddress(m.VPC),
		MTU: fabric.DefaultWireGuardMTU, CA: g.ca,
	}
	g.lease(&given)
	return given, nil
}

// lease tells a machine of the DNS servers and domains that the VPC's DHCP options name, where they are not the default.
func (g *gate) lease(to *link.Grant) {
	state := g.network.State()
	v, ok := state.AnyVPC(to.VPC)
	if !ok {
		return
	}
	l := state.Lease(v)
	to.Search = l.Search
	if !slices.Equal(l.Servers, []netip.Addr{to.Resolver}) {
		to.Servers = l.Servers
	}
}

// readmit lets every machine in that has joined before, and puts out what is no longer one: after a restart the
// WireGuard port knows nobody.
func (g *gate) readmit(context.Context) error {
	var failed error
	known := map[string]bool{}
	for _, m := range g.machines.All() {
		known[m.Key] = true
		var key link.PublicKey
		if err := key.UnmarshalText([]byte(m.Key)); err != nil {
			failed = errors.Join(failed, fmt.Errorf("machine %s: %w", m.Key, err))
			continue
		}
		err := g.open.AddPeer(fabric.WireGuardPeer{PublicKey: key, Interface: m.Interface, VPC: m.VPC, Address: m.Address})
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("machine %s: %w", m.Key, err))
		}
	}
	for _, p := range g.open.Peers() {
		if !known[p.PublicKey.String()] {
			g.open.RemovePeer(p.PublicKey)
		}
	}
	return failed
}

// forget puts out the machine of a managed node that is no more.
func (g *gate) forget(ctx context.Context, id string) error {
	_, _, err := g.machines.Forget(ctx, id)
	return err
}

// interfaces gives machines their network interfaces.
type interfaces struct{ network *network.Service }

var _ machine.Interfaces = interfaces{}

// Create implements machine.Interfaces. Until the machine has registered as a node it is its own owner.
func (i interfaces) Create(ctx context.Context, m machine.Machine, groups []string) (machine.Machine, error) {
	made, err := i.network.CreateInterface(ctx, scope.Scope(m.Scope), network.CreateInterfaceInput{
		Subnet: m.Subnet, Kind: vpc.AttachedInterface, Owner: owner(m), Groups: groups, Description: "machine " + m.Hostname,
		DeleteOnTermination: true,
	})
	if err != nil {
		return m, err
	}
	m.Interface, m.VPC, m.Address = made.ID, made.VPC, made.Addresses[0]
	return m, nil
}

// owner is what a machine's interface belongs to: its node, or before there is one, its key.
func owner(m machine.Machine) string {
	if m.Node != "" {
		return m.Node
	}
	sum := sha256.Sum256([]byte(m.Key))
	return "machine-" + hex.EncodeToString(sum[:8])
}

// Own implements machine.Interfaces.
func (i interfaces) Own(ctx context.Context, m machine.Machine) error {
	return i.network.ReassignInterface(ctx, scope.Scope(m.Scope), m.Interface, owner(m))
}

// Release implements machine.Interfaces.
func (i interfaces) Release(ctx context.Context, m machine.Machine) error {
	return i.network.ReleaseOwner(ctx, owner(m))
}
