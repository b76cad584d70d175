package ec2

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/network"
	"postern/services/compute"
)

// about are the resources that a request turns out to be about, found in the network as it stands: what an association,
// an attachment, a name or an address means. What does not exist stands as the wildcard of its type; the handler says
// what is wrong with it.
type about struct {
	*view
	names []string
}

// found declares an operation whose resources do not all stand in the request.
func found[In any](s *service, tell func(*about, *In)) api.Resources {
	return api.Lookup(findFrom(s, tell))
}

func findFrom[In any](s *service, tell func(*about, *In)) func(*api.Call, *In) []string {
	return func(c *api.Call, in *In) []string {
		a := &about{view: s.view(c)}
		tell(a, in)
		return a.names
	}
}

// add names resources of one type once each; an empty id is any of them.
func (a *about) add(kind string, ids ...string) {
	for _, id := range ids {
		if name := kind + "/" + cmp.Or(id, "*"); !slices.Contains(a.names, name) {
			a.names = append(a.names, name)
		}
	}
}

// addOwner names the instance that an interface is attached to, if it is attached to one.
func (a *about) addOwner(n *network.Interface) {
	if n.Attachment != nil && !n.Managed() {
		a.add("instance", n.Owner())
	}
}

// addGroups names the security groups of a new interface in a VPC: the default one where a request names none.
func (a *about) addGroups(vpc string, ids []string) {
	if len(ids) > 0 {
		a.add("security-group", ids...)
		return
	}
	if g, err := a.GroupNamed(a.scope, vpc, "default"); err == nil {
		a.add("security-group", g.ID)
		return
	}
	a.add("security-group", "")
}

// addPlace names a new interface's subnet and groups.
func (a *about) addPlace(subnet string, groups []string) {
	a.add("subnet", subnet)
	vpc := ""
	if n, err := a.Subnet(a.scope, subnet); err == nil {
		vpc = n.VPC
	}
	a.addGroups(vpc, groups)
}

// vpcID is the VPC that a request names, or the default one.
func (a *about) vpcID(id *string) string {
	if v, ok := a.DefaultVPC(a.scope); ok && id == nil {
		return v.ID
	}
	return aws.ToString(id)
}

// tableAssociated finds the route table of an association and what it is associated with.
func (a *about) tableAssociated(id *string) {
	for t := range a.RouteTables(a.scope) {
		for _, x := range t.Associations {
			if x.ID == aws.ToString(id) {
				a.add("route-table", t.ID)
				if x.Subnet != "" {
					a.add("subnet", x.Subnet)
				}
				return
			}
		}
	}
	a.add("route-table", "")
	a.add("subnet", "")
}

func aboutTableAssociation(a *about, in *sdk.DisassociateRouteTableInput) {
	a.tableAssociated(in.AssociationId)
}

func aboutTableReplacement(a *about, in *sdk.ReplaceRouteTableAssociationInput) {
	a.add("route-table", aws.ToString(in.RouteTableId))
	a.tableAssociated(in.AssociationId)
}

func aboutACLReplacement(a *about, in *sdk.ReplaceNetworkAclAssociationInput) {
	a.add("network-acl", aws.ToString(in.NetworkAclId))
	for acl := range a.NetworkACLs(a.scope) {
		for _, x := range acl.Associations {
			if x.ID == aws.ToString(in.AssociationId) {
				a.add("network-acl", acl.ID)
				a.add("subnet", x.Subnet)
				return
			}
		}
	}
	a.add("subnet", "")
}

func aboutBlock(a *about, in *sdk.DisassociateVpcCidrBlockInput) {
	for v := range a.VPCs(a.scope) {
		if slices.ContainsFunc(v.Blocks, func(b network.Block) bool { return b.ID == aws.ToString(in.AssociationId) }) {
			a.add("vpc", v.ID)
			return
		}
	}
	a.add("vpc", "")
}

func aboutPeeringRequest(a *about, in *sdk.CreateVpcPeeringConnectionInput) {
	a.add("vpc-peering-connection", "")
	a.add("vpc", a.vpcID(in.VpcId))
}

// aboutPeeringAnswer is about the accepter's VPC too: it is the caller's that is opened to the other.
func aboutPeeringAnswer(a *about, in *sdk.AcceptVpcPeeringConnectionInput) {
	a.add("vpc-peering-connection", aws.ToString(in.VpcPeeringConnectionId))
	if p, err := a.PeeringOf(a.scope, aws.ToString(in.VpcPeeringConnectionId)); err == nil {
		a.add("vpc", p.Accepter)
		return
	}
	a.add("vpc", "")
}

func aboutNewGroup(a *about, in *sdk.CreateSecurityGroupInput) {
	a.add("security-group", "")
	a.add("vpc", a.vpcID(in.VpcId))
}

func aboutRuleChanges(a *about, in *sdk.ModifySecurityGroupRulesInput) {
	a.add("security-group", aws.ToString(in.GroupId))
	for _, x := range in.SecurityGroupRules {
		a.add("security-group-rule", aws.ToString(x.SecurityGroupRuleId))
		if x.SecurityGroupRule != nil && x.SecurityGroupRule.PrefixListId != nil {
			a.add("prefix-list", *x.SecurityGroupRule.PrefixListId)
		}
	}
}

func aboutNewInterface(a *about, in *sdk.CreateNetworkInterfaceInput) {
	a.add("network-interface", "")
	a.addPlace(aws.ToString(in.SubnetId), in.Groups)
}

func aboutInterfaceChange(a *about, in *sdk.ModifyNetworkInterfaceAttributeInput) {
	a.add("network-interface", aws.ToString(in.NetworkInterfaceId))
	a.add("security-group", in.Groups...)
	if n, err := a.Interface(a.scope, aws.ToString(in.NetworkInterfaceId)); err == nil && in.Attachment != nil {
		a.addOwner(n)
	}
}

func aboutInstanceChange(a *about, in *sdk.ModifyInstanceAttributeInput) {
	a.add("instance", aws.ToString(in.InstanceId))
	a.add("security-group", in.Groups...)
}

func aboutAttachment(a *about, in *sdk.DetachNetworkInterfaceInput) {
	for n := range a.Interfaces(a.scope) {
		if n.Attachment != nil && n.Attachment.ID == aws.ToString(in.AttachmentId) {
			a.add("network-interface", n.ID)
			a.add("instance", n.Owner())
			return
		}
	}
	a.add("network-interface", "")
	a.add("instance", "")
}

// aboutAssignment is about the interfaces that lose an address by it too.
func aboutAssignment(a *about, in *sdk.AssignPrivateIpAddressesInput) {
	a.add("network-interface", aws.ToString(in.NetworkInterfaceId))
	to, err := a.Interface(a.scope, aws.ToString(in.NetworkInterfaceId))
	if err != nil || !aws.ToBool(in.AllowReassignment) {
		return
	}
	for n := range a.Interfaces(a.scope) {
		has := func(x netip.Addr) bool { return slices.Contains(in.PrivateIpAddresses, x.String()) }
		if n.Subnet == to.Subnet && slices.ContainsFunc(n.Addresses, has) {
			a.add("network-interface", n.ID)
		}
	}
}

// addAddress names an Elastic IP address and the interface that it is associated with.
func (a *about) addAddress(allocation, public *string) {
	e, err := a.elasticIP(allocation, public)
	if err != nil {
		a.add("elastic-ip", aws.ToString(allocation))
		return
	}
	a.add("elastic-ip", e.ID)
	if e.Interface != "" {
		a.add("network-interface", e.Interface)
	}
}

func aboutAddressAssociation(a *about, in *sdk.AssociateAddressInput) {
	a.addAddress(in.AllocationId, in.PublicIp)
	var onto []*network.Interface
	if in.InstanceId != nil {
		a.add("instance", *in.InstanceId)
		onto = a.Attached(*in.InstanceId)
	}
	if in.NetworkInterfaceId != nil {
		a.add("network-interface", *in.NetworkInterfaceId)
		if n, err := a.Interface(a.scope, *in.NetworkInterfaceId); err == nil {
			onto = append(onto, n)
		}
	}
	for _, n := range onto {
		a.add("network-interface", n.ID)
		if n.Public != nil && n.Public.Allocation != "" { // this one makes room
			a.add("elastic-ip", n.Public.Allocation)
		}
	}
}

func aboutAddressDissociation(a *about, in *sdk.DisassociateAddressInput) {
	if in.AssociationId == nil {
		a.addAddress(nil, in.PublicIp)
		return
	}
	for e := range a.ElasticIPs(a.scope) {
		if e.Association == *in.AssociationId {
			a.addAddress(&e.ID, nil)
			return
		}
	}
	a.add("elastic-ip", "")
	a.add("network-interface", "")
}

func aboutAddressRelease(a *about, in *sdk.ReleaseAddressInput) {
	a.addAddress(in.AllocationId, in.PublicIp)
}

func subnetsOf(ids []string, more []types.SubnetConfiguration) []string {
	out := slices.Clone(ids)
	for _, x := range more {
		out = append(out, aws.ToString(x.SubnetId))
	}
	return out
}

func aboutNewEndpoint(a *about, in *sdk.CreateVpcEndpointInput) {
	a.add("vpc-endpoint", "")
	a.add("vpc", aws.ToString(in.VpcId))
	a.add("subnet", subnetsOf(in.SubnetIds, in.SubnetConfigurations)...)
	a.add("route-table", in.RouteTableIds...)
	a.add("security-group", in.SecurityGroupIds...)
	if in.VpcEndpointType == types.VpcEndpointTypeInterface {
		a.addGroups(aws.ToString(in.VpcId), in.SecurityGroupIds)
	}
}

func aboutEndpointChange(a *about, in *sdk.ModifyVpcEndpointInput) {
	a.add("vpc-endpoint", aws.ToString(in.VpcEndpointId))
	a.add("subnet", subnetsOf(slices.Concat(in.AddSubnetIds, in.RemoveSubnetIds), in.SubnetConfigurations)...)
	a.add("security-group", slices.Concat(in.AddSecurityGroupIds, in.RemoveSecurityGroupIds)...)
	a.add("route-table", slices.Concat(in.AddRouteTableIds, in.RemoveRouteTableIds)...)
}

// addNotification names the service or the endpoint whose connections a notification is about.
func (a *about) addNotification(id string) {
	n, err := a.ConnectionNotification(a.scope, id)
	switch {
	case err != nil:
		a.add(endpointServiceType, "")
		a.add("vpc-endpoint", "")
	case n.Service != "":
		a.add(endpointServiceType, n.Service)
	default:
		a.add("vpc-endpoint", n.Endpoint)
	}
}

func aboutNotificationChange(a *about, in *sdk.ModifyVpcEndpointConnectionNotificationInput) {
	a.addNotification(aws.ToString(in.ConnectionNotificationId))
}

func aboutNotifications(a *about, in *sdk.DeleteVpcEndpointConnectionNotificationsInput) {
	for _, id := range in.ConnectionNotificationIds {
		a.addNotification(id)
	}
}

// runResources are what RunInstances is about: the place of every interface that it makes, and of those that are there.
func (s *service) runResources(c *api.Call, in *sdk.RunInstancesInput) []string {
	out := findFrom(s, func(a *about, in *sdk.RunInstancesInput) {
		a.add("instance", "")
		a.add("network-interface", "")
		if in.KeyName != nil {
			a.add(keyPairType, *in.KeyName)
		}
		groups := slices.Clone(in.SecurityGroupIds)
		for _, name := range in.SecurityGroups {
			if id, err := s.groupID(c, nil, &name); err == nil {
				groups = append(groups, id)
			}
		}
		if len(in.NetworkInterfaces) == 0 {
			a.addPlace(a.launchSubnet(in, in.SubnetId), groups)
			return
		}
		for _, x := range in.NetworkInterfaces {
			a.addLaunchInterface(in, x)
		}
		// A request with both is refused; whatever it names was asked about.
		if in.SubnetId != nil {
			a.add("subnet", *in.SubnetId)
		}
		a.add("security-group", groups...)
	})(c, in)
	return append([]string{imageARN(c, cmp.Or(aws.ToString(in.ImageId), compute.HostImage(c.Region)))}, out...)
}

func (a *about) launchSubnet(in *sdk.RunInstancesInput, named *string) string {
	if named != nil {
		return *named
	}
	if n, err := a.DefaultSubnet(a.scope, zoneOf(in)); err == nil {
		return n.ID
	}
	return ""
}

func (a *about) addLaunchInterface(in *sdk.RunInstancesInput, x types.InstanceNetworkInterfaceSpecification) {
	if x.NetworkInterfaceId == nil {
		a.addPlace(a.launchSubnet(in, x.SubnetId), x.Groups)
		return
	}
	a.add("network-interface", *x.NetworkInterfaceId)
	if n, err := a.Interface(a.scope, *x.NetworkInterfaceId); err == nil {
		a.addPlace(n.Subnet, n.Groups)
	}
	a.add("security-group", x.Groups...)
}
