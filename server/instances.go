package server

import (
	"context"
	"net/netip"
	"os"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/network"
	"postern/network/fabric"
	"postern/network/link"
	"postern/services/compute"
	"postern/services/identity"
	"postern/ssm/node"
)

// instanceMTU is the MTU of instances' interfaces, in bytes, as Amazon's have.
const instanceMTU = 9001

// cables connects instances to the fabric.
type cables struct {
	fabric   *fabric.Fabric
	network  *network.Service
	nodes    *node.Service
	identity *identity.Service
	// cable makes a link of what an instance's interface is the other end of; nil means link.NewTAP.
	cable func(tap *os.File, mtu int) (link.Link, error)
}

var _ compute.Network = (*cables)(nil)

// Attach implements compute.Network.
func (c *cables) Attach(interfaceID string, tap *os.File) (detach func(), err error) {
	l, err := c.link(interfaceID, tap)
	if err != nil {
		return nil, err
	}
	return c.fabric.Attach(interfaceID, l), nil
}

func (c *cables) link(interfaceID string, tap *os.File) (link.Link, error) {
	if c.cable != nil {
		return c.cable(tap, instanceMTU)
	}
	n, ok := c.network.State().AnyInterface(interfaceID)
	if !ok {
		return nil, fault.New(fault.NotFound, "server.Attach", "the network interface %s is gone", interfaceID)
	}
	subnet, ok := c.network.Snapshot().Subnet(n.Subnet)
	if !ok {
		return nil, fault.New(fault.NotFound, "server.Attach", "the subnet %s of %s is gone", n.Subnet, interfaceID)
	}
	mac, err := link.ParseMAC(n.MAC)
	if err != nil {
		return nil, err
	}
	return link.NewTAP(tap, instanceMTU, mac, netip.PrefixFrom(n.Addresses[0], subnet.CIDR.Bits()))
}

// Lease implements compute.Network.
func (c *cables) Lease(i compute.Instance) (compute.Lease, error) {
	state := c.network.State()
	v, err := state.VPC(scope.Scope(i.Scope), i.VPC)
	if err != nil {
		return compute.Lease{}, err
	}
	l := state.Lease(v)
	out := compute.Lease{Servers: l.Servers, Search: l.Search}
	for _, n := range state.Attached(i.ID) {
		subnet, err := state.Subnet(scope.Scope(i.Scope), n.Subnet)
		if err != nil {
			return compute.Lease{}, err
		}
		out.Cards = append(out.Cards, compute.Card{
			Interface: n.ID, Index: n.Attachment.Index, MAC: n.MAC, Address: netip.PrefixFrom(n.Addresses[0], subnet.CIDR.Bits()),
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
