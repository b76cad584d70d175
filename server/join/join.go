// Package join decides which machines that are not instances enter the private network over WireGuard, and where: the
// policy behind the one datagram by which a machine joins.
package join

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"postern/aws/fault"
	"postern/network"
	"postern/network/fabric"
	"postern/network/link"
	"postern/services/machine"
	"postern/ssm/node"
)

// Policy admits machines that show a usable activation, to the subnet that the activation names.
type Policy struct {
	// Machines keeps the machines that have joined.
	Machines *machine.Service
	// Nodes knows the activations.
	Nodes   *node.Service
	Network *network.Service
	// CA is the certificate, in PEM, that machines are to trust.
	CA  []byte
	Now func() time.Time
}

var _ fabric.Joiner = (*Policy)(nil)

// JoinKey implements fabric.Joiner.
func (p *Policy) JoinKey(ctx context.Context, activation string) ([]byte, error) {
	a, err := p.Nodes.Activation(ctx, activation)
	if err != nil {
		return nil, err
	}
	return a.JoinKey, nil
}

// Join implements fabric.Joiner.
func (p *Policy) Join(ctx context.Context, r link.JoinRequest) (link.Grant, error) {
	a, err := p.Nodes.Activation(ctx, r.Activation)
	if err != nil {
		return link.Grant{}, err
	}
	if _, known := p.Machines.Find(r.PublicKey.String()); !known {
		if err := usable(a, p.Now()); err != nil {
			return link.Grant{}, err
		}
	}
	if a.Place == nil {
		return link.Grant{}, fault.New(fault.Missing, "server.Join",
			"activation %s does not say where its machines go: make one with the tag %s=subnet-…, "+
				"by a user who may ec2:CreateNetworkInterface there", a.ID, node.TagSubnet)
	}
	if r.Subnet != "" && r.Subnet != a.Place.Subnet {
		return link.Grant{}, fault.New(fault.Denied, "server.Join",
			"the activation lets machines into %s only: join without --subnet", a.Place.Subnet)
	}
	m, err := p.Machines.Admit(ctx, machine.Request{
		Machine: machine.Machine{
			Key: r.PublicKey.String(), Scope: a.Scope, Subnet: a.Place.Subnet, Activation: a.ID,
			Hostname: r.Hostname, Joined: p.Now(),
		},
		Groups: a.Place.Groups,
		Limit:  a.Limit,
	})
	if err != nil {
		return link.Grant{}, err
	}
	// The activation may have been deleted meanwhile, and what it let in put out before this machine was.
	if _, err := p.Nodes.Activation(ctx, a.ID); err != nil {
		return link.Grant{}, errors.Join(err, p.Machines.Expel(context.WithoutCancel(ctx), a.ID))
	}
	return p.grant(m)
}

// usable says why an activation lets no new machine in, if it does not. One that is used up could not make a node of
// it; and a machine that was deregistered, and knows the code, is to stay out.
func usable(a node.Activation, now time.Time) error {
	switch {
	case a.Expired(now):
		return fault.New(fault.Denied, "server.Join", "activation %s has expired: make a new one", a.ID)
	case a.Count >= a.Limit:
		return fault.New(fault.Limit, "server.Join",
			"activation %s is used up: it has made %d of %d nodes", a.ID, a.Count, a.Limit)
	}
	return nil
}

// grant tells a machine where it stands.
func (p *Policy) grant(m machine.Machine) (link.Grant, error) {
	s := p.Network.Snapshot()
	subnet, ok := s.Subnet(m.Subnet)
	if !ok {
		return link.Grant{}, fault.New(fault.NotFound, "server.Join",
			"the subnet %s is gone: deregister this machine and join anew", m.Subnet)
	}
	var routes []netip.Prefix
	if v, ok := s.VPC(m.VPC); ok {
		routes = v.CIDRs[:min(len(v.CIDRs), link.MaxRoutes)]
	}
	given := link.Grant{
		Account: m.Account, Region: m.Region, VPC: m.VPC, Subnet: m.Subnet, Interface: m.Interface,
		Address:  netip.PrefixFrom(m.Address, subnet.CIDR.Bits()),
		Routes:   routes,
		Resolver: s.ResolverAddress(m.VPC),
		MTU:      fabric.DefaultWireGuardMTU,
		CA:       p.CA,
	}
	p.lease(&given)
	return given, nil
}

// lease tells a machine of the DNS servers and domains that the VPC's DHCP options name, where they are not the
// default.
func (p *Policy) lease(to *link.Grant) {
	state := p.Network.State()
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

// Readmit makes every machine that has joined before a peer of the WireGuard port, and removes the peers that are no
// longer machines: after a restart the port knows nobody.
func (p *Policy) Readmit(port *fabric.WireGuard) error {
	var failed error
	known := map[string]bool{}
	for _, m := range p.Machines.All() {
		known[m.Key] = true
		if err := addPeer(port, m); err != nil {
			failed = errors.Join(failed, fmt.Errorf("machine %s: %w", m.Key, err))
		}
	}
	for _, peer := range port.Peers() {
		if !known[peer.PublicKey.String()] {
			port.RemovePeer(peer.PublicKey)
		}
	}
	return failed
}

func addPeer(port *fabric.WireGuard, m machine.Machine) error {
	var key link.PublicKey
	if err := key.UnmarshalText([]byte(m.Key)); err != nil {
		return err
	}
	return port.AddPeer(fabric.WireGuardPeer{PublicKey: key, Interface: m.Interface, VPC: m.VPC, Address: m.Address})
}
