package instances

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api/ec2/internal/query"
	"postern/api/ec2/vpcs"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/services/compute"
)

func aboutInstanceChange(a *query.About, in *sdk.ModifyInstanceAttributeInput) {
	a.Add("instance", aws.ToString(in.InstanceId))
	a.Add("security-group", in.Groups...)
}

func aboutAttachment(a *query.About, in *sdk.DetachNetworkInterfaceInput) {
	for n := range a.Interfaces(a.Scope) {
		if n.Attachment != nil && n.Attachment.ID == aws.ToString(in.AttachmentId) {
			a.Add("network-interface", n.ID)
			a.Add("instance", n.Owner())
			return
		}
	}
	a.Add("network-interface", "")
	a.Add("instance", "")
}

// aboutAssignment is about the interfaces that lose an address by it too.
func aboutAssignment(a *query.About, in *sdk.AssignPrivateIpAddressesInput) {
	a.Add("network-interface", aws.ToString(in.NetworkInterfaceId))
	to, err := a.Interface(a.Scope, aws.ToString(in.NetworkInterfaceId))
	if err != nil || !aws.ToBool(in.AllowReassignment) {
		return
	}
	for n := range a.Interfaces(a.Scope) {
		has := func(x netip.Addr) bool { return slices.Contains(in.PrivateIpAddresses, x.String()) }
		if n.Subnet == to.Subnet && slices.ContainsFunc(n.Addresses, has) {
			a.Add("network-interface", n.ID)
		}
	}
}

// aboutLaunch is about the place of every interface that RunInstances makes, and of those that are there.
func aboutLaunch(a *query.About, in *sdk.RunInstancesInput) {
	a.Add("image", cmp.Or(aws.ToString(in.ImageId), compute.HostImage(a.Scope.Region)))
	a.Add("instance", "")
	a.Add("network-interface", "")
	if in.KeyName != nil {
		a.Add(query.KeyPairType, *in.KeyName)
	}
	groups := slices.Clone(in.SecurityGroupIds)
	for _, name := range in.SecurityGroups {
		if id, err := vpcs.GroupID(a.View, nil, &name); err == nil {
			groups = append(groups, id)
		}
	}
	if len(in.NetworkInterfaces) == 0 {
		a.AddPlace(launchSubnet(a, in, in.SubnetId), groups)
		return
	}
	for _, x := range in.NetworkInterfaces {
		addLaunchInterface(a, in, x)
	}
	// A request with both is refused; whatever it names was asked about.
	if in.SubnetId != nil {
		a.Add("subnet", *in.SubnetId)
	}
	a.Add("security-group", groups...)
}

func launchSubnet(a *query.About, in *sdk.RunInstancesInput, named *string) string {
	if named != nil {
		return *named
	}
	if n, err := a.DefaultSubnet(a.Scope, zoneOf(in)); err == nil {
		return n.ID
	}
	return ""
}

func addLaunchInterface(a *query.About, in *sdk.RunInstancesInput, x types.InstanceNetworkInterfaceSpecification) {
	if x.NetworkInterfaceId == nil {
		a.AddPlace(launchSubnet(a, in, x.SubnetId), x.Groups)
		return
	}
	a.Add("network-interface", *x.NetworkInterfaceId)
	if n, err := a.Interface(a.Scope, *x.NetworkInterfaceId); err == nil {
		a.AddPlace(n.Subnet, n.Groups)
	}
	a.Add("security-group", x.Groups...)
}
