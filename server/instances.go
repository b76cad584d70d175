package server

import (
	"context"
	"net/netip"
	"os"

	"postern/network"
	"postern/network/fabric"
	"postern/network/link"
	"postern/ssm/node"
	"postern/support/compute"
	"postern/support/identity"
)

// instanceMTU is the MTU of instances' interfaces, in bytes, as Amazon's have.
const instanceMTU = 9001

// cables connects instances to the fabric.
type cables struct {
	fabric   *fabric.Fabric
	network  *network.Service
	nodes    *node.Service
	identity *identity.Service
	// cable makes a link of an instance's TUN; nil means link.NewTUN.
	cable func(tun *os.File, mtu int) (link.Link, error)
}

var _ compute.Network = (*cables)(nil)

// Attach implements compute.Network.
func (c *cables) Attach(interfaceID string, tun *os.File) (detach func(), err error) {
	l, err := c.link(tun)
	if err != nil {
		return nil, err
	}
	return c.fabric.Attach(interfaceID, l), nil
}

func (c *cables) link(tun *os.File) (link.Link, error) {
	if c.cable != nil {
		return c.cable(tun, instanceMTU)
	}
	return link.NewTUN(tun, instanceMTU)
}

// Lease implements compute.Network.
func (c *cables) Lease(i compute.Instance) (compute.Lease, error) {
	state := c.network.State()
	v, err := state.VPC(network.Scope(i.Scope), i.VPC)
	if err != nil {
		return compute.Lease{}, err
	}
	l := state.Lease(v)
	out := compute.Lease{Servers: l.Servers, Search: l.Search}
	for _, n := range state.Attached(i.ID) {
		subnet, err := state.Subnet(network.Scope(i.Scope), n.Subnet)
		if err != nil {
			return compute.Lease{}, err
		}
		out.Cards = append(out.Cards, compute.Card{
			Interface: n.ID, Index: n.Attachment.Index, Address: netip.PrefixFrom(n.Addresses[0], subnet.CIDR.Bits()),
			Secondary: n.Addresses[1:], Gateway: subnet.CIDR.Addr().Next(),
		})
	}
	return out, nil
}

// Terminated implements compute.Network: what is left of an instance in the network, in Systems Manager and in identity
// goes.
func (c *cables) Terminated(ctx context.Context, i compute.Instance) error {
	if err := c.network.ReleaseOwner(ctx, i.ID); err != nil {
		return err
	}
	if err := c.nodes.Forget(ctx, i.ID); err != nil {
		return err
	}
	return c.identity.Revoke(ctx, i.ID)
}
