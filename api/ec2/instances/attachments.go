package instances

import (
	"context"
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/ec2/internal/query"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/network"
)

// attachNetworkInterface answers when a running instance has the interface; one that does not run gets it at its boot.
func (s *service) attachNetworkInterface(
	ctx context.Context, c *api.Call, in *sdk.AttachNetworkInterfaceInput,
) (*sdk.AttachNetworkInterfaceOutput, error) {
	if in.DeviceIndex == nil {
		return nil, query.Required("deviceIndex")
	}
	if aws.ToInt32(in.NetworkCardIndex) != 0 {
		return nil, query.Unbuilt(c, "a second network card")
	}
	n, err := s.instances.Attach(ctx, query.ScopeOf(c), network.AttachInput{
		Interface: aws.ToString(in.NetworkInterfaceId), Owner: aws.ToString(in.InstanceId), Index: int(*in.DeviceIndex),
	})
	if err != nil {
		return nil, err
	}
	return &sdk.AttachNetworkInterfaceOutput{
		AttachmentId: aws.String(n.Attachment.ID), NetworkCardIndex: aws.Int32(0),
	}, nil
}

// detachNetworkInterface takes an interface away at once; there is nothing that Force could force more.
func (s *service) detachNetworkInterface(
	ctx context.Context, c *api.Call, in *sdk.DetachNetworkInterfaceInput,
) (*sdk.DetachNetworkInterfaceOutput, error) {
	return nil, s.instances.Detach(ctx, query.ScopeOf(c), aws.ToString(in.AttachmentId))
}

func (s *service) assignPrivateIpAddresses(
	ctx context.Context,
	c *api.Call,
	in *sdk.AssignPrivateIpAddressesInput,
) (*sdk.AssignPrivateIpAddressesOutput, error) {
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
	assigned, err := s.instances.Assign(ctx, query.ScopeOf(c), network.AssignInput{
		Interface: aws.ToString(in.NetworkInterfaceId), Addresses: wanted, Count: count,
		Reassign: aws.ToBool(in.AllowReassignment),
	})
	if err != nil {
		return nil, err
	}
	return &sdk.AssignPrivateIpAddressesOutput{
		NetworkInterfaceId: in.NetworkInterfaceId,
		AssignedPrivateIpAddresses: query.Convert(assigned, func(a netip.Addr) types.AssignedPrivateIpAddress {
			return types.AssignedPrivateIpAddress{PrivateIpAddress: query.String(a)}
		}),
	}, nil
}

func (s *service) unassignPrivateIpAddresses(
	ctx context.Context,
	c *api.Call,
	in *sdk.UnassignPrivateIpAddressesInput,
) (*sdk.UnassignPrivateIpAddressesOutput, error) {
	if len(in.PrivateIpAddresses) == 0 {
		return nil, query.Required("privateIpAddress")
	}
	gone, err := addresses("privateIpAddress", in.PrivateIpAddresses)
	if err != nil {
		return nil, err
	}
	return nil, s.instances.Unassign(ctx, query.ScopeOf(c), aws.ToString(in.NetworkInterfaceId), gone)
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
