package instances

import (
	"context"
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/ec2/internal/query"
	"postern/aws/fault"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/network"
	"postern/services/compute"
)

// attachNetworkInterface answers when a running instance has the interface; one that does not run gets it at its boot.
func (s *service) attachNetworkInterface(ctx context.Context, c *api.Call, in *sdk.AttachNetworkInterfaceInput) (*sdk.AttachNetworkInterfaceOutput, error) {
	if in.DeviceIndex == nil {
		return nil, query.Required("deviceIndex")
	}
	if aws.ToInt32(in.NetworkCardIndex) != 0 {
		return nil, query.Unbuilt(c, "a second network card")
	}
	i, err := s.instance(c, aws.ToString(in.InstanceId))
	if err != nil {
		return nil, err
	}
	if i.State == compute.Terminated || i.State == compute.ShuttingDown {
		return nil, fault.New(fault.Conflict, "ec2", "Instance '%s' is not in a valid state for this operation: it is %s", i.ID, i.State).WithCode("IncorrectState")
	}
	n, err := s.network.AttachInterface(ctx, query.ScopeOf(c), network.AttachInput{
		Interface: aws.ToString(in.NetworkInterfaceId), Owner: i.ID, Zone: i.Zone, Index: int(*in.DeviceIndex),
	})
	if err != nil {
		return nil, err
	}
	if err := s.compute.UpdateInterfaces(ctx, instanceScope(c), i.ID); err != nil {
		if _, e := s.network.DetachInterface(context.WithoutCancel(ctx), query.ScopeOf(c), n.Attachment.ID); e != nil {
			return nil, e
		}
		return nil, err
	}
	return &sdk.AttachNetworkInterfaceOutput{AttachmentId: aws.String(n.Attachment.ID), NetworkCardIndex: aws.Int32(0)}, nil
}

// detachNetworkInterface takes an interface away at once; there is nothing that Force could force more.
func (s *service) detachNetworkInterface(ctx context.Context, c *api.Call, in *sdk.DetachNetworkInterfaceInput) (*sdk.DetachNetworkInterfaceOutput, error) {
	n, err := s.network.DetachInterface(ctx, query.ScopeOf(c), aws.ToString(in.AttachmentId))
	if err != nil {
		return nil, err
	}
	return nil, s.refresh(ctx, c, n)
}

// refresh has the instance of an interface, if it is one's, take what has become of it.
func (s *service) refresh(ctx context.Context, c *api.Call, n *network.Interface) error {
	if n.Attachment == nil {
		return nil
	}
	err := s.compute.UpdateInterfaces(ctx, instanceScope(c), n.Owner())
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Invalid) { // a machine's that Postern does not run
		return nil
	}
	return err
}

func (s *service) assignPrivateIpAddresses(ctx context.Context, c *api.Call, in *sdk.AssignPrivateIpAddressesInput) (*sdk.AssignPrivateIpAddressesOutput, error) {
	count := int(aws.ToInt32(in.SecondaryPrivateIpAddressCount))
	switch {
	case len(in.PrivateIpAddresses) == 0 && count == 0:
		return nil, query.Required("secondaryPrivateIpAddressCount or privateIpAddress")
	case len(in.PrivateIpAddresses) > 0 && count != 0:
		return nil, query.Combination("Only one of secondaryPrivateIpAddressCount and privateIpAddress can be specified")
	case count < 0:
		return nil, query.Invalid("Value (%d) for parameter secondaryPrivateIpAddressCount is invalid.", count)
	}
	wanted, err := addresses("privateIpAddress", in.PrivateIpAddresses)
	if err != nil {
		return nil, err
	}
	n, assigned, err := s.network.AssignAddresses(ctx, query.ScopeOf(c), network.AssignInput{
		Interface: aws.ToString(in.NetworkInterfaceId), Addresses: wanted, Count: count, Reassign: aws.ToBool(in.AllowReassignment),
	})
	if err != nil {
		return nil, err
	}
	refresh := s.refresh
	if aws.ToBool(in.AllowReassignment) {
		refresh = s.refreshAll
	}
	if err := refresh(ctx, c, n); err != nil {
		return nil, err
	}
	return &sdk.AssignPrivateIpAddressesOutput{
		NetworkInterfaceId: in.NetworkInterfaceId,
		AssignedPrivateIpAddresses: query.Convert(assigned, func(a netip.Addr) types.AssignedPrivateIpAddress {
			return types.AssignedPrivateIpAddress{PrivateIpAddress: query.String(a)}
		}),
	}, nil
}

// refreshAll is refresh for the instances of a subnet's other interfaces too: an address may have been one of theirs.
func (s *service) refreshAll(ctx context.Context, c *api.Call, n *network.Interface) error {
	v := s.view(c)
	for other := range v.Interfaces(v.Scope) {
		if other.Subnet == n.Subnet && other.ID != n.ID {
			if err := s.refresh(ctx, c, other); err != nil {
				return err
			}
		}
	}
	return s.refresh(ctx, c, n)
}

func (s *service) unassignPrivateIpAddresses(ctx context.Context, c *api.Call, in *sdk.UnassignPrivateIpAddressesInput) (*sdk.UnassignPrivateIpAddressesOutput, error) {
	if len(in.PrivateIpAddresses) == 0 {
		return nil, query.Required("privateIpAddress")
	}
	gone, err := addresses("privateIpAddress", in.PrivateIpAddresses)
	if err != nil {
		return nil, err
	}
	n, err := s.network.UnassignAddresses(ctx, query.ScopeOf(c), aws.ToString(in.NetworkInterfaceId), gone)
	if err != nil {
		return nil, err
	}
	return nil, s.refresh(ctx, c, n)
}

func addresses(parameter string, texts []string) ([]netip.Addr, error) {
	out := make([]netip.Addr, len(texts))
	for i, text := range texts {
		var err error
		if out[i], err = query.Address(parameter, text); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// detachedInterface names the interface of an attachment and its instance.
func (s *service) detachedInterface(c *api.Call, in *sdk.DetachNetworkInterfaceInput) []string {
	v := s.view(c)
	for n := range v.Interfaces(v.Scope) {
		if n.Attachment != nil && n.Attachment.ID == aws.ToString(in.AttachmentId) {
			return []string{"network-interface/" + n.ID, "instance/" + n.Owner()}
		}
	}
	return nil
}

// reassignedFrom names the interfaces that lose an address to another.
func (s *service) reassignedFrom(c *api.Call, in *sdk.AssignPrivateIpAddressesInput) (out []string) {
	v := s.view(c)
	to, err := v.Interface(v.Scope, aws.ToString(in.NetworkInterfaceId))
	if err != nil || !aws.ToBool(in.AllowReassignment) {
		return nil
	}
	for n := range v.Interfaces(v.Scope) {
		has := func(a netip.Addr) bool { return slices.Contains(in.PrivateIpAddresses, a.String()) }
		if n.Subnet == to.Subnet && slices.ContainsFunc(n.Addresses, has) {
			out = append(out, "network-interface/"+n.ID)
		}
	}
	return out
}
