package instances

import (
	"cmp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/ec2/internal/query"
	"postern/api/ec2/vpcs"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/services/compute"
)

// launchedFrom names the image of new instances, the place of every interface that is made for them, and the interfaces
// that are there already.
func (s *service) launchedFrom(c *api.Call, in *sdk.RunInstancesInput) []string {
	v := s.view(c)
	out := query.Names("image", cmp.Or(aws.ToString(in.ImageId), compute.HostImage(v.Scope.Region)))
	groups := slices.Clone(in.SecurityGroupIds)
	for _, name := range in.SecurityGroups {
		if id, err := vpcs.GroupID(v, nil, &name); err == nil {
			groups = append(groups, id)
		}
	}
	if len(in.NetworkInterfaces) == 0 {
		return append(out, placeOf(v, launchSubnet(v, in, in.SubnetId), groups)...)
	}
	for i := range in.NetworkInterfaces {
		out = append(out, interfaceOf(v, in, &in.NetworkInterfaces[i])...)
	}
	// A request with both is refused; whatever it names was asked about.
	if in.SubnetId != nil {
		out = append(out, "subnet/"+*in.SubnetId)
	}
	return append(out, query.Names("security-group", groups...)...)
}

func placeOf(v *query.View, subnet string, groups []string) []string {
	return append(query.Names("subnet", subnet), v.GroupsIn(subnet, groups)...)
}

func launchSubnet(v *query.View, in *sdk.RunInstancesInput, named *string) string {
	if named != nil {
		return *named
	}
	if n, err := v.DefaultSubnet(v.Scope, zoneOf(in)); err == nil {
		return n.ID
	}
	return ""
}

func interfaceOf(
	v *query.View, in *sdk.RunInstancesInput, x *types.InstanceNetworkInterfaceSpecification,
) []string {
	if x.NetworkInterfaceId == nil {
		return placeOf(v, launchSubnet(v, in, x.SubnetId), x.Groups)
	}
	out := append(query.Names("network-interface", *x.NetworkInterfaceId), query.Names("security-group", x.Groups...)...)
	if n, err := v.Interface(v.Scope, *x.NetworkInterfaceId); err == nil {
		out = append(out, placeOf(v, n.Subnet, n.Groups)...)
	}
	return out
}
