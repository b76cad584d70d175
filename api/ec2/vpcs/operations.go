package vpcs

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/ec2/internal/query"
	sdk "postern/aws/service/ec2"
)

// Operations are the rows of the table. Takes names the members of a request that are made use of; the pipeline refuses
// others by name.
func Operations(c Config) []api.Operation {
	s := &service{network: c.Network, flowLogs: c.FlowLogs}
	return slices.Concat(
		s.vpcOperations(), s.defaultOperations(), s.dhcpOperations(), s.aclOperations(), s.routeOperations(), s.peeringOperations(),
		s.groupOperations(), s.interfaceOperations(), s.publicOperations(), s.listOperations(),
	)
}

func (s *service) vpcOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateVpc", query.On(func(*sdk.CreateVpcInput) []string { return []string{"vpc/*"} }), s.createVpc,
			api.Takes("CidrBlock", "InstanceTenancy", "AmazonProvidedIpv6CidrBlock", "TagSpecifications"),
			api.Beside("a VPC comes with its main route table, default network ACL and default group", "route-table", "network-acl", "security-group")),
		api.Op("DescribeVpcs", api.Everything, s.describeVpcs, query.Pages, api.Takes("VpcIds")),
		api.Op("DeleteVpc", query.One("vpc", func(in *sdk.DeleteVpcInput) *string { return in.VpcId }), s.deleteVpc, api.Takes("VpcId"),
			api.Beside("what came with the VPC goes with it", "route-table", "network-acl", "security-group")),
		api.Op("ModifyVpcAttribute", query.One("vpc", func(in *sdk.ModifyVpcAttributeInput) *string { return in.VpcId }), s.modifyVpcAttribute,
			api.Takes("VpcId", "EnableDnsSupport", "EnableDnsHostnames", "EnableNetworkAddressUsageMetrics")),
		api.Op("DescribeVpcAttribute", query.One("vpc", func(in *sdk.DescribeVpcAttributeInput) *string { return in.VpcId }), s.describeVpcAttribute,
			api.Takes("VpcId", "Attribute")),
		api.Op("AssociateVpcCidrBlock", query.One("vpc", func(in *sdk.AssociateVpcCidrBlockInput) *string { return in.VpcId }), s.associateVpcCidrBlock,
			api.Takes("VpcId", "CidrBlock")),
		api.Op("DisassociateVpcCidrBlock", query.Found(s.view, aboutBlock), s.disassociateVpcCidrBlock,
			api.Takes("AssociationId")),

		api.Op("CreateSubnet", query.On(func(in *sdk.CreateSubnetInput) []string { return []string{"subnet/*", "vpc/" + aws.ToString(in.VpcId)} }), s.createSubnet,
			api.Takes("VpcId", "CidrBlock", "AvailabilityZone", "AvailabilityZoneId", "TagSpecifications"),
			api.Beside("a new subnet is under its VPC's default network ACL", "network-acl")),
		api.Op("DescribeSubnets", api.Everything, s.describeSubnets, query.Pages, api.Takes("SubnetIds")),
		api.Op("DeleteSubnet", query.One("subnet", func(in *sdk.DeleteSubnetInput) *string { return in.SubnetId }), s.deleteSubnet, api.Takes("SubnetId"),
			api.Beside("associations go with the subnet", "network-acl", "route-table")),
		api.Op("ModifySubnetAttribute", query.One("subnet", func(in *sdk.ModifySubnetAttributeInput) *string { return in.SubnetId }), s.modifySubnetAttribute,
			api.Takes("SubnetId", "MapPublicIpOnLaunch", "AssignIpv6AddressOnCreation", "EnableDns64", "PrivateDnsHostnameTypeOnLaunch",
				"EnableResourceNameDnsARecordOnLaunch", "EnableResourceNameDnsAAAARecordOnLaunch")),
	}
}

// entryMembers are what the calls that set an entry of a network ACL take.
var entryMembers = api.Takes("NetworkAclId", "RuleNumber", "Egress", "Protocol", "RuleAction", "CidrBlock", "Ipv6CidrBlock", "PortRange", "IcmpTypeCode")

func (s *service) aclOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateNetworkAcl", query.On(func(in *sdk.CreateNetworkAclInput) []string {
			return []string{"network-acl/*", "vpc/" + aws.ToString(in.VpcId)}
		}), s.createNetworkAcl, api.Takes("VpcId", "ClientToken", "TagSpecifications")),
		api.Op("DescribeNetworkAcls", api.Everything, s.describeNetworkAcls, query.Pages, api.Takes("NetworkAclIds")),
		api.Op("DeleteNetworkAcl", query.One("network-acl", func(in *sdk.DeleteNetworkAclInput) *string { return in.NetworkAclId }), s.deleteNetworkAcl,
			api.Takes("NetworkAclId")),
		api.Op("CreateNetworkAclEntry", query.One("network-acl", func(in *sdk.CreateNetworkAclEntryInput) *string { return in.NetworkAclId }),
			s.createNetworkAclEntry, entryMembers),
		api.Op("ReplaceNetworkAclEntry", query.One("network-acl", func(in *sdk.ReplaceNetworkAclEntryInput) *string { return in.NetworkAclId }),
			s.replaceNetworkAclEntry, entryMembers),
		api.Op("DeleteNetworkAclEntry", query.One("network-acl", func(in *sdk.DeleteNetworkAclEntryInput) *string { return in.NetworkAclId }),
			s.deleteNetworkAclEntry, api.Takes("NetworkAclId", "RuleNumber", "Egress")),
		api.Op("ReplaceNetworkAclAssociation", query.Found(s.view, aboutACLReplacement),
			s.replaceNetworkAclAssociation, api.Takes("AssociationId", "NetworkAclId")),
	}
}

func (s *service) routeOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateRouteTable", query.On(func(in *sdk.CreateRouteTableInput) []string {
			return []string{"route-table/*", "vpc/" + aws.ToString(in.VpcId)}
		}), s.createRouteTable, api.Takes("VpcId", "ClientToken", "TagSpecifications")),
		api.Op("DescribeRouteTables", api.Everything, s.describeRouteTables, query.Pages, api.Takes("RouteTableIds")),
		api.Op("DeleteRouteTable", query.One("route-table", func(in *sdk.DeleteRouteTableInput) *string { return in.RouteTableId }), s.deleteRouteTable,
			api.Takes("RouteTableId")),
		api.Op("AssociateRouteTable", query.On(func(in *sdk.AssociateRouteTableInput) []string {
			return []string{"route-table/" + aws.ToString(in.RouteTableId), "subnet/" + aws.ToString(in.SubnetId)}
		}), s.associateRouteTable, api.Takes("RouteTableId", "SubnetId")),
		api.Op("DisassociateRouteTable", query.Found(s.view, aboutTableAssociation), s.disassociateRouteTable,
			api.Takes("AssociationId")),
		api.Op("ReplaceRouteTableAssociation", query.Found(s.view, aboutTableReplacement),
			s.replaceRouteTableAssociation, api.Takes("AssociationId", "RouteTableId")),
		api.Op("CreateRoute", query.One("route-table", func(in *sdk.CreateRouteInput) *string { return in.RouteTableId }), s.createRoute,
			api.Takes("RouteTableId", "DestinationCidrBlock", "DestinationPrefixListId", "GatewayId", "NatGatewayId", "InstanceId", "NetworkInterfaceId", "VpcPeeringConnectionId")),
		api.Op("ReplaceRoute", query.One("route-table", func(in *sdk.ReplaceRouteInput) *string { return in.RouteTableId }), s.replaceRoute,
			api.Takes("RouteTableId", "DestinationCidrBlock", "DestinationPrefixListId", "GatewayId", "NatGatewayId", "InstanceId", "NetworkInterfaceId", "VpcPeeringConnectionId")),
		api.Op("DeleteRoute", query.One("route-table", func(in *sdk.DeleteRouteInput) *string { return in.RouteTableId }), s.deleteRoute,
			api.Takes("RouteTableId", "DestinationCidrBlock", "DestinationPrefixListId")),

		api.Op("CreateInternetGateway", query.On(func(*sdk.CreateInternetGatewayInput) []string { return []string{"internet-gateway/*"} }), s.createInternetGateway,
			api.Takes("TagSpecifications")),
		api.Op("DescribeInternetGateways", api.Everything, s.describeInternetGateways, query.Pages, api.Takes("InternetGatewayIds")),
		api.Op("AttachInternetGateway", query.On(func(in *sdk.AttachInternetGatewayInput) []string {
			return []string{"internet-gateway/" + aws.ToString(in.InternetGatewayId), "vpc/" + aws.ToString(in.VpcId)}
		}), s.attachInternetGateway, api.Takes("InternetGatewayId", "VpcId")),
		api.Op("DetachInternetGateway", query.On(func(in *sdk.DetachInternetGatewayInput) []string {
			return []string{"internet-gateway/" + aws.ToString(in.InternetGatewayId), "vpc/" + aws.ToString(in.VpcId)}
		}), s.detachInternetGateway, api.Takes("InternetGatewayId", "VpcId")),
		api.Op("DeleteInternetGateway", query.One("internet-gateway", func(in *sdk.DeleteInternetGatewayInput) *string { return in.InternetGatewayId }),
			s.deleteInternetGateway, api.Takes("InternetGatewayId")),
	}
}

func (s *service) peeringOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateVpcPeeringConnection", query.Found(s.view, aboutPeeringRequest), s.createVpcPeeringConnection, api.Takes("VpcId", "PeerVpcId", "PeerOwnerId", "PeerRegion", "TagSpecifications")),
		api.Op("DescribeVpcPeeringConnections", api.Everything, s.describeVpcPeeringConnections, query.Pages, api.Takes("VpcPeeringConnectionIds")),
		api.Op("AcceptVpcPeeringConnection", query.Found(s.view, aboutPeeringAnswer),
			s.acceptVpcPeeringConnection, api.Takes("VpcPeeringConnectionId")),
		api.Op("RejectVpcPeeringConnection", query.One("vpc-peering-connection", func(in *sdk.RejectVpcPeeringConnectionInput) *string { return in.VpcPeeringConnectionId }),
			s.rejectVpcPeeringConnection, api.Takes("VpcPeeringConnectionId")),
		api.Op("DeleteVpcPeeringConnection", query.One("vpc-peering-connection", func(in *sdk.DeleteVpcPeeringConnectionInput) *string { return in.VpcPeeringConnectionId }),
			s.deleteVpcPeeringConnection, api.Takes("VpcPeeringConnectionId")),
		api.Op("ModifyVpcPeeringConnectionOptions",
			query.One("vpc-peering-connection", func(in *sdk.ModifyVpcPeeringConnectionOptionsInput) *string { return in.VpcPeeringConnectionId }),
			s.modifyVpcPeeringConnectionOptions, api.Takes("VpcPeeringConnectionId", "RequesterPeeringConnectionOptions", "AccepterPeeringConnectionOptions")),
	}
}

// ruleMembers are what the calls on rules of a group take: permissions, and the older way to give one.
var ruleMembers = api.Takes("GroupId", "IpPermissions", "CidrIp", "IpProtocol", "FromPort", "ToPort", "SourceSecurityGroupName")

func (s *service) groupOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateSecurityGroup", query.Found(s.view, aboutNewGroup), s.createSecurityGroup, api.Takes("VpcId", "GroupName", "Description", "TagSpecifications")),
		api.Op("DescribeSecurityGroups", api.Everything, s.describeSecurityGroups, query.Pages, api.Takes("GroupIds", "GroupNames")),
		api.Op("DeleteSecurityGroup", oneGroup(s, func(in *sdk.DeleteSecurityGroupInput) (id, name *string) { return in.GroupId, in.GroupName }), s.deleteSecurityGroup,
			api.Takes("GroupId", "GroupName")),
		api.Op("AuthorizeSecurityGroupIngress", oneGroup(s, func(in *sdk.AuthorizeSecurityGroupIngressInput) (id, name *string) { return in.GroupId, in.GroupName }),
			s.authorizeIngress, ruleMembers, api.Takes("GroupName", "TagSpecifications")),
		api.Op("AuthorizeSecurityGroupEgress", query.One("security-group", func(in *sdk.AuthorizeSecurityGroupEgressInput) *string { return in.GroupId }),
			s.authorizeEgress, ruleMembers, api.Takes("TagSpecifications")),
		api.Op("RevokeSecurityGroupIngress", oneGroup(s, func(in *sdk.RevokeSecurityGroupIngressInput) (id, name *string) { return in.GroupId, in.GroupName }),
			s.revokeIngress, ruleMembers, api.Takes("GroupName", "SecurityGroupRuleIds")),
		api.Op("RevokeSecurityGroupEgress", query.One("security-group", func(in *sdk.RevokeSecurityGroupEgressInput) *string { return in.GroupId }),
			s.revokeEgress, ruleMembers, api.Takes("SecurityGroupRuleIds")),
		api.Op("DescribeSecurityGroupRules", api.Everything, s.describeSecurityGroupRules, query.Pages, api.Takes("SecurityGroupRuleIds")),
		api.Op("DescribeStaleSecurityGroups", api.Everything, s.describeStaleSecurityGroups, api.Takes("VpcId", "MaxResults", "NextToken")),
		api.Op("DescribeSecurityGroupReferences", api.Everything, s.describeSecurityGroupReferences, api.Takes("GroupId")),
		api.Op("ModifySecurityGroupRules", query.Found(s.view, aboutRuleChanges),
			s.modifySecurityGroupRules, api.Takes("GroupId", "SecurityGroupRules")),
		api.Op("UpdateSecurityGroupRuleDescriptionsIngress", oneGroup(s, func(in *sdk.UpdateSecurityGroupRuleDescriptionsIngressInput) (id, name *string) {
			return in.GroupId, in.GroupName
		}),
			s.describeRulesIngress, api.Takes("GroupId", "GroupName", "IpPermissions", "SecurityGroupRuleDescriptions")),
		api.Op("UpdateSecurityGroupRuleDescriptionsEgress", oneGroup(s, func(in *sdk.UpdateSecurityGroupRuleDescriptionsEgressInput) (id, name *string) {
			return in.GroupId, in.GroupName
		}),
			s.describeRulesEgress, api.Takes("GroupId", "GroupName", "IpPermissions", "SecurityGroupRuleDescriptions")),
	}
}

func (s *service) interfaceOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateNetworkInterface", query.Found(s.view, aboutNewInterface), s.createNetworkInterface, api.Takes("SubnetId", "Groups", "PrivateIpAddress", "PrivateIpAddresses", "SecondaryPrivateIpAddressCount",
			"Description", "InterfaceType", "ClientToken", "TagSpecifications")),
		api.Op("DescribeNetworkInterfaces", api.Everything, s.describeNetworkInterfaces, query.Pages, api.Takes("NetworkInterfaceIds", "IncludeManagedResources")),
		api.Op("DeleteNetworkInterface", query.One("network-interface", func(in *sdk.DeleteNetworkInterfaceInput) *string { return in.NetworkInterfaceId }),
			s.deleteNetworkInterface, api.Takes("NetworkInterfaceId"),
			api.Beside("an association goes with the interface", "elastic-ip")),
		api.Op("ModifyNetworkInterfaceAttribute", query.Found(s.view, aboutInterfaceChange),
			s.modifyNetworkInterface, api.Takes("NetworkInterfaceId", "Groups", "Description", "SourceDestCheck", "Attachment"),
			api.Beside("nothing of the groups that the interface leaves is changed", "security-group")),
		api.Op("DescribeNetworkInterfaceAttribute", query.One("network-interface", func(in *sdk.DescribeNetworkInterfaceAttributeInput) *string { return in.NetworkInterfaceId }),
			s.describeNetworkInterfaceAttribute, api.Takes("NetworkInterfaceId", "Attribute")),
	}
}

func (s *service) listOperations() []api.Operation {
	return []api.Operation{
		api.Op("DescribePrefixLists", api.Everything, s.describePrefixLists, query.Pages, api.Takes("PrefixListIds")),
		api.Op("DescribeManagedPrefixLists", api.Everything, s.describeManagedPrefixLists, query.Pages, api.Takes("PrefixListIds")),
		api.Op("CreateManagedPrefixList", query.On(func(*sdk.CreateManagedPrefixListInput) []string { return []string{"prefix-list/*"} }), s.createManagedPrefixList,
			api.Takes("PrefixListName", "AddressFamily", "MaxEntries", "Entries", "ClientToken", "TagSpecifications")),
		api.Op("ModifyManagedPrefixList", query.One("prefix-list", func(in *sdk.ModifyManagedPrefixListInput) *string { return in.PrefixListId }),
			s.modifyManagedPrefixList, api.Takes("PrefixListId", "CurrentVersion", "PrefixListName", "AddEntries", "RemoveEntries", "MaxEntries")),
		api.Op("DeleteManagedPrefixList", query.One("prefix-list", func(in *sdk.DeleteManagedPrefixListInput) *string { return in.PrefixListId }),
			s.deleteManagedPrefixList, api.Takes("PrefixListId")),
		api.Op("GetManagedPrefixListEntries", query.One("prefix-list", func(in *sdk.GetManagedPrefixListEntriesInput) *string { return in.PrefixListId }),
			s.getManagedPrefixListEntries, api.Takes("PrefixListId", "TargetVersion", "MaxResults", "NextToken")),
	}
}

// publicOperations are those on public addresses, NAT gateways and flow logs.
func (s *service) publicOperations() []api.Operation {
	return []api.Operation{
		api.Op("AllocateAddress", query.On(func(*sdk.AllocateAddressInput) []string { return []string{"elastic-ip/*"} }), s.allocateAddress,
			api.Takes("Domain", "NetworkBorderGroup", "PublicIpv4Pool", "TagSpecifications")),
		api.Op("AssociateAddress", query.Found(s.view, aboutAddressAssociation), s.associateAddress, api.Takes("AllocationId", "PublicIp", "InstanceId", "NetworkInterfaceId", "PrivateIpAddress", "AllowReassociation")),
		api.Op("DescribeAddresses", api.Everything, s.describeAddresses, api.Takes("AllocationIds", "PublicIps", "Filters")),
		api.Op("DescribeAddressesAttribute", api.Everything, s.describeAddressesAttribute, api.Takes("AllocationIds", "Attribute", "MaxResults", "NextToken")),
		api.Op("DisassociateAddress", query.Found(s.view, aboutAddressDissociation),
			s.disassociateAddress, api.Takes("AssociationId", "PublicIp")),
		api.Op("ReleaseAddress", query.Found(s.view, aboutAddressRelease), s.releaseAddress,
			api.Takes("AllocationId", "PublicIp", "NetworkBorderGroup")),

		api.Op("CreateNatGateway", query.On(func(in *sdk.CreateNatGatewayInput) []string {
			out := []string{"natgateway/*", "subnet/" + aws.ToString(in.SubnetId)}
			if in.AllocationId != nil {
				out = append(out, "elastic-ip/"+*in.AllocationId)
			}
			return out
		}), s.createNatGateway, api.Takes("SubnetId", "AllocationId", "ConnectivityType", "PrivateIpAddress", "AvailabilityMode", "ClientToken", "TagSpecifications"),
			api.Beside("the gateway's interface is the service's own", "network-interface")),
		api.Op("DescribeNatGateways", api.Everything, s.describeNatGateways, api.Takes("NatGatewayIds", "Filter", "MaxResults", "NextToken")),
		api.Op("DeleteNatGateway", query.One("natgateway", func(in *sdk.DeleteNatGatewayInput) *string { return in.NatGatewayId }), s.deleteNatGateway,
			api.Takes("NatGatewayId"),
			api.Beside("the gateway's interface and association are the service's own", "network-interface", "elastic-ip")),

		api.Op("CreateFlowLogs", query.On(func(in *sdk.CreateFlowLogsInput) []string {
			out := []string{"vpc-flow-log/*"}
			for _, id := range in.ResourceIds {
				prefix, _, _ := strings.Cut(id, "-")
				if kind := query.ResourceTypes[prefix]; kind != "" {
					out = append(out, kind+"/"+id)
				}
			}
			return out
		}), s.createFlowLogs, api.Takes("ResourceIds", "ResourceType", "TrafficType", "LogDestinationType", "LogDestination", "LogFormat",
			"MaxAggregationInterval", "DestinationOptions", "LogGroupName", "DeliverLogsPermissionArn", "ClientToken", "TagSpecifications")),
		api.Op("DescribeFlowLogs", api.Everything, s.describeFlowLogs, api.Takes("FlowLogIds", "Filter", "MaxResults", "NextToken")),
		api.Op("DeleteFlowLogs", query.Each("vpc-flow-log", func(in *sdk.DeleteFlowLogsInput) []string { return in.FlowLogIds }), s.deleteFlowLogs,
			api.Takes("FlowLogIds")),
	}
}
