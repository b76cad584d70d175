package vpcs

import (
	"slices"

	"postern/api"
)

// Operations returns the rows of the table. Takes names the members of a request that are made use of; the pipeline
// refuses others by name.
func Operations(c Config) []api.Operation {
	s := newService(c)
	return slices.Concat(
		s.vpcOperations(),
		s.subnetOperations(),
		s.dhcpOperations(),
		s.aclOperations(),
		s.routeOperations(),
		s.routeTableEntryOperations(),
		s.gatewayOperations(),
		s.peeringOperations(),
		s.groupOperations(),
		s.ruleOperations(),
		s.ruleListOperations(),
		s.interfaceOperations(),
		s.addressOperations(),
		s.listOperations(),
		s.flowLogOperations(),
	)
}

func (s *service) vpcOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateVpc",
			api.About("vpc/*"),
			s.createVpc,
			api.Takes("CidrBlock", "InstanceTenancy", "AmazonProvidedIpv6CidrBlock", "TagSpecifications"),
			api.Beside(
				"a VPC comes with its main route table, default network ACL and default group",
				"route-table", "network-acl", "security-group",
			)),
		api.Op("DescribeVpcs",
			api.Everything,
			s.describeVpcs,
			api.Takes("VpcIds", "Filters", "MaxResults", "NextToken")),
		api.Op("DeleteVpc",
			api.About("vpc/{VpcId}"),
			s.deleteVpc,
			api.Takes("VpcId"),
			api.Beside("what came with the VPC goes with it", "route-table", "network-acl", "security-group")),
		api.Op("ModifyVpcAttribute",
			api.About("vpc/{VpcId}"),
			s.modifyVpcAttribute,
			api.Takes("VpcId", "EnableDnsSupport", "EnableDnsHostnames", "EnableNetworkAddressUsageMetrics")),
		api.Op("DescribeVpcAttribute",
			api.About("vpc/{VpcId}"),
			s.describeVpcAttribute,
			api.Takes("VpcId", "Attribute")),
		api.Op("AssociateVpcCidrBlock",
			api.About("vpc/{VpcId}"),
			s.associateVpcCidrBlock,
			api.Takes("VpcId", "CidrBlock")),
		api.Op("DisassociateVpcCidrBlock",
			api.Lookup(s.vpcOfBlock, "vpc"),
			s.disassociateVpcCidrBlock,
			api.Takes("AssociationId")),
		api.Op("CreateDefaultVpc",
			api.About("vpc/*"),
			s.createDefaultVpc,
			api.All,
			api.Beside(
				"AWS has no resource types for it",
				"subnet", "route-table", "network-acl", "security-group", "internet-gateway",
			)),
	}
}

func (s *service) subnetOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateSubnet",
			api.About("subnet/*", "vpc/{VpcId}"),
			s.createSubnet,
			api.Takes("VpcId", "CidrBlock", "AvailabilityZone", "AvailabilityZoneId", "TagSpecifications"),
			api.Beside("a new subnet is under its VPC's default network ACL", "network-acl")),
		api.Op("DescribeSubnets",
			api.Everything,
			s.describeSubnets,
			api.Takes("SubnetIds", "Filters", "MaxResults", "NextToken")),
		api.Op("DeleteSubnet",
			api.About("subnet/{SubnetId}"),
			s.deleteSubnet,
			api.Takes("SubnetId"),
			api.Beside("associations go with the subnet", "network-acl", "route-table")),
		api.Op("ModifySubnetAttribute",
			api.About("subnet/{SubnetId}"),
			s.modifySubnetAttribute,
			api.Takes(
				"SubnetId", "MapPublicIpOnLaunch", "AssignIpv6AddressOnCreation", "EnableDns64",
				"PrivateDnsHostnameTypeOnLaunch", "EnableResourceNameDnsARecordOnLaunch",
				"EnableResourceNameDnsAAAARecordOnLaunch",
			)),
		api.Op("CreateDefaultSubnet",
			api.About("subnet/*"),
			s.createDefaultSubnet,
			api.Takes("AvailabilityZone", "AvailabilityZoneId", "Ipv6Native"),
			api.Beside("AWS has no resource types for it", "vpc", "network-acl")),
	}
}

func (s *service) dhcpOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateDhcpOptions",
			api.About("dhcp-options/*"),
			s.createDhcpOptions,
			api.Takes("DhcpConfigurations", "TagSpecifications")),
		api.Op("DescribeDhcpOptions",
			api.Everything,
			s.describeDhcpOptions,
			api.Takes("DhcpOptionsIds", "Filters", "MaxResults", "NextToken")),
		api.Op("AssociateDhcpOptions",
			api.About("dhcp-options/{DhcpOptionsId}", "vpc/{VpcId}"),
			s.associateDhcpOptions,
			api.Takes("DhcpOptionsId", "VpcId"),
			api.Beside("nothing of the set that the VPC leaves is changed", "dhcp-options")),
		api.Op("DeleteDhcpOptions",
			api.About("dhcp-options/{DhcpOptionsId}"),
			s.deleteDhcpOptions,
			api.Takes("DhcpOptionsId")),
	}
}

func (s *service) aclOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateNetworkAcl",
			api.About("network-acl/*", "vpc/{VpcId}"),
			s.createNetworkAcl,
			api.Takes("VpcId", "ClientToken", "TagSpecifications")),
		api.Op("DescribeNetworkAcls",
			api.Everything,
			s.describeNetworkAcls,
			api.Takes("NetworkAclIds", "Filters", "MaxResults", "NextToken")),
		api.Op("DeleteNetworkAcl",
			api.About("network-acl/{NetworkAclId}"),
			s.deleteNetworkAcl,
			api.Takes("NetworkAclId")),
		api.Op("CreateNetworkAclEntry",
			api.About("network-acl/{NetworkAclId}"),
			s.createNetworkAclEntry,
			api.Takes(
				"NetworkAclId", "RuleNumber", "Egress", "Protocol", "RuleAction", "CidrBlock", "Ipv6CidrBlock",
				"PortRange", "IcmpTypeCode",
			)),
		api.Op("ReplaceNetworkAclEntry",
			api.About("network-acl/{NetworkAclId}"),
			s.replaceNetworkAclEntry,
			api.Takes(
				"NetworkAclId", "RuleNumber", "Egress", "Protocol", "RuleAction", "CidrBlock", "Ipv6CidrBlock",
				"PortRange", "IcmpTypeCode",
			)),
		api.Op("DeleteNetworkAclEntry",
			api.About("network-acl/{NetworkAclId}"),
			s.deleteNetworkAclEntry,
			api.Takes("NetworkAclId", "RuleNumber", "Egress")),
		api.Op("ReplaceNetworkAclAssociation",
			api.About("network-acl/{NetworkAclId}").
				And(api.Lookup(s.replacedACL, "network-acl?", "subnet")),
			s.replaceNetworkAclAssociation,
			api.Takes("AssociationId", "NetworkAclId")),
	}
}

func (s *service) routeOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateRouteTable",
			api.About("route-table/*", "vpc/{VpcId}"),
			s.createRouteTable,
			api.Takes("VpcId", "ClientToken", "TagSpecifications")),
		api.Op("DescribeRouteTables",
			api.Everything,
			s.describeRouteTables,
			api.Takes("RouteTableIds", "Filters", "MaxResults", "NextToken")),
		api.Op("DeleteRouteTable",
			api.About("route-table/{RouteTableId}"),
			s.deleteRouteTable,
			api.Takes("RouteTableId")),
		api.Op("AssociateRouteTable",
			api.About("route-table/{RouteTableId}", "subnet/{SubnetId}"),
			s.associateRouteTable,
			api.Takes("RouteTableId", "SubnetId")),
		api.Op("DisassociateRouteTable",
			api.Lookup(s.disassociatedTable, "route-table", "subnet?"),
			s.disassociateRouteTable,
			api.Takes("AssociationId")),
		api.Op("ReplaceRouteTableAssociation",
			api.About("route-table/{RouteTableId}").
				And(api.Lookup(s.replacedTable, "route-table", "subnet?")),
			s.replaceRouteTableAssociation,
			api.Takes("AssociationId", "RouteTableId")),
	}
}

func (s *service) routeTableEntryOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateRoute",
			api.About("route-table/{RouteTableId}"),
			s.createRoute,
			api.Takes(
				"RouteTableId", "DestinationCidrBlock", "DestinationPrefixListId", "GatewayId", "NatGatewayId",
				"InstanceId", "NetworkInterfaceId", "VpcPeeringConnectionId",
			)),
		api.Op("ReplaceRoute",
			api.About("route-table/{RouteTableId}"),
			s.replaceRoute,
			api.Takes(
				"RouteTableId", "DestinationCidrBlock", "DestinationPrefixListId", "GatewayId", "NatGatewayId",
				"InstanceId", "NetworkInterfaceId", "VpcPeeringConnectionId",
			)),
		api.Op("DeleteRoute",
			api.About("route-table/{RouteTableId}"),
			s.deleteRoute,
			api.Takes("RouteTableId", "DestinationCidrBlock", "DestinationPrefixListId")),
	}
}

func (s *service) gatewayOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateInternetGateway",
			api.About("internet-gateway/*"),
			s.createInternetGateway,
			api.Takes("TagSpecifications")),
		api.Op("DescribeInternetGateways",
			api.Everything,
			s.describeInternetGateways,
			api.Takes("InternetGatewayIds", "Filters", "MaxResults", "NextToken")),
		api.Op("AttachInternetGateway",
			api.About("internet-gateway/{InternetGatewayId}", "vpc/{VpcId}"),
			s.attachInternetGateway,
			api.Takes("InternetGatewayId", "VpcId")),
		api.Op("DetachInternetGateway",
			api.About("internet-gateway/{InternetGatewayId}", "vpc/{VpcId}"),
			s.detachInternetGateway,
			api.Takes("InternetGatewayId", "VpcId")),
		api.Op("DeleteInternetGateway",
			api.About("internet-gateway/{InternetGatewayId}"),
			s.deleteInternetGateway,
			api.Takes("InternetGatewayId")),
		api.Op("CreateNatGateway",
			api.About("natgateway/*", "subnet/{SubnetId}", "elastic-ip/{AllocationId?}"),
			s.createNatGateway,
			api.Takes(
				"SubnetId", "AllocationId", "ConnectivityType", "PrivateIpAddress", "AvailabilityMode", "ClientToken",
				"TagSpecifications",
			),
			api.Beside("the gateway's interface is the service's own", "network-interface")),
		api.Op("DescribeNatGateways",
			api.Everything,
			s.describeNatGateways,
			api.Takes("NatGatewayIds", "Filter", "MaxResults", "NextToken")),
		api.Op("DeleteNatGateway",
			api.About("natgateway/{NatGatewayId}"),
			s.deleteNatGateway,
			api.Takes("NatGatewayId"),
			api.Beside("the gateway's interface and association are the service's own", "network-interface", "elastic-ip")),
	}
}

func (s *service) peeringOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateVpcPeeringConnection",
			api.About("vpc-peering-connection/*", "vpc/{VpcId}"),
			s.createVpcPeeringConnection,
			api.Keys(newPeeringKeys, requesterVPC, accepterVPC),
			api.Takes("VpcId", "PeerVpcId", "PeerOwnerId", "PeerRegion", "TagSpecifications")),
		api.Op("DescribeVpcPeeringConnections",
			api.Everything,
			s.describeVpcPeeringConnections,
			api.Takes("VpcPeeringConnectionIds", "Filters", "MaxResults", "NextToken")),
		api.Op("AcceptVpcPeeringConnection",
			api.About("vpc-peering-connection/{VpcPeeringConnectionId}").
				And(api.Lookup(s.acceptingVPC, "vpc")),
			s.acceptVpcPeeringConnection,
			api.Takes("VpcPeeringConnectionId")),
		api.Op("RejectVpcPeeringConnection",
			api.About("vpc-peering-connection/{VpcPeeringConnectionId}"),
			s.rejectVpcPeeringConnection,
			api.Takes("VpcPeeringConnectionId")),
		api.Op("DeleteVpcPeeringConnection",
			api.About("vpc-peering-connection/{VpcPeeringConnectionId}"),
			s.deleteVpcPeeringConnection,
			api.Takes("VpcPeeringConnectionId")),
		api.Op("ModifyVpcPeeringConnectionOptions",
			api.About("vpc-peering-connection/{VpcPeeringConnectionId}"),
			s.modifyVpcPeeringConnectionOptions,
			api.Takes(
				"VpcPeeringConnectionId", "RequesterPeeringConnectionOptions", "AccepterPeeringConnectionOptions",
			)),
	}
}

func (s *service) groupOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateSecurityGroup",
			api.About("security-group/*").
				And(api.Lookup(s.vpcOfNewGroup, "vpc")),
			s.createSecurityGroup,
			api.Takes("VpcId", "GroupName", "Description", "TagSpecifications")),
		api.Op("DescribeSecurityGroups",
			api.Everything,
			s.describeSecurityGroups,
			api.Takes("GroupIds", "GroupNames", "Filters", "MaxResults", "NextToken")),
		api.Op("DeleteSecurityGroup",
			api.Lookup(s.deletedGroup, "security-group"),
			s.deleteSecurityGroup,
			api.Takes("GroupId", "GroupName")),
		api.Op("DescribeStaleSecurityGroups",
			api.Everything,
			s.describeStaleSecurityGroups,
			api.Takes("VpcId", "MaxResults", "NextToken")),
		api.Op("DescribeSecurityGroupReferences",
			api.About("security-group/{GroupId}"),
			s.describeSecurityGroupReferences, api.Takes("GroupId")),
	}
}

func (s *service) ruleOperations() []api.Operation {
	return []api.Operation{
		api.Op("AuthorizeSecurityGroupIngress",
			api.Lookup(s.authorizedGroup, "security-group"),
			s.authorizeIngress,
			api.Takes(
				"GroupId", "IpPermissions", "CidrIp", "IpProtocol", "FromPort", "ToPort", "SourceSecurityGroupName",
				"GroupName", "TagSpecifications",
			)),
		api.Op("AuthorizeSecurityGroupEgress",
			api.About("security-group/{GroupId}"),
			s.authorizeEgress,
			api.Takes(
				"GroupId", "IpPermissions", "CidrIp", "IpProtocol", "FromPort", "ToPort", "SourceSecurityGroupName",
				"TagSpecifications",
			)),
		api.Op("RevokeSecurityGroupIngress",
			api.Lookup(s.revokedGroup, "security-group"),
			s.revokeIngress,
			api.Takes(
				"GroupId", "IpPermissions", "CidrIp", "IpProtocol", "FromPort", "ToPort", "SourceSecurityGroupName",
				"GroupName", "SecurityGroupRuleIds",
			)),
		api.Op("RevokeSecurityGroupEgress",
			api.About("security-group/{GroupId}"),
			s.revokeEgress,
			api.Takes(
				"GroupId", "IpPermissions", "CidrIp", "IpProtocol", "FromPort", "ToPort", "SourceSecurityGroupName",
				"SecurityGroupRuleIds",
			)),
	}
}

func (s *service) ruleListOperations() []api.Operation {
	return []api.Operation{
		api.Op("DescribeSecurityGroupRules",
			api.Everything,
			s.describeSecurityGroupRules,
			api.Takes("SecurityGroupRuleIds", "Filters", "MaxResults", "NextToken")),
		api.Op("ModifySecurityGroupRules",
			api.About(
				"security-group/{GroupId}",
				"security-group-rule/{SecurityGroupRules.SecurityGroupRuleId}",
				"prefix-list/{SecurityGroupRules.SecurityGroupRule.PrefixListId?}",
			),
			s.modifySecurityGroupRules,
			api.Takes("GroupId", "SecurityGroupRules")),
		api.Op("UpdateSecurityGroupRuleDescriptionsIngress",
			api.Lookup(s.describedIngress, "security-group"),
			s.describeRulesIngress,
			api.Takes("GroupId", "GroupName", "IpPermissions", "SecurityGroupRuleDescriptions")),
		api.Op("UpdateSecurityGroupRuleDescriptionsEgress",
			api.Lookup(s.describedEgress, "security-group"),
			s.describeRulesEgress,
			api.Takes("GroupId", "GroupName", "IpPermissions", "SecurityGroupRuleDescriptions")),
	}
}

func (s *service) interfaceOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateNetworkInterface",
			api.About("network-interface/*", "subnet/{SubnetId}").
				And(api.Lookup(s.groupsOfNewInterface, "security-group")),
			s.createNetworkInterface,
			api.Takes(
				"SubnetId", "Groups", "PrivateIpAddress", "PrivateIpAddresses", "SecondaryPrivateIpAddressCount",
				"Description", "InterfaceType", "ClientToken", "TagSpecifications",
			)),
		api.Op("DescribeNetworkInterfaces",
			api.Everything,
			s.describeNetworkInterfaces,
			api.Takes("NetworkInterfaceIds", "Filters", "MaxResults", "NextToken"),
			api.Unread("no resource is managed by a service of AWS", "IncludeManagedResources")),
		api.Op("DeleteNetworkInterface",
			api.About("network-interface/{NetworkInterfaceId}"),
			s.deleteNetworkInterface,
			api.Takes("NetworkInterfaceId"),
			api.Beside("an association goes with the interface", "elastic-ip")),
		api.Op("ModifyNetworkInterfaceAttribute",
			api.About("network-interface/{NetworkInterfaceId}", "security-group/{Groups?}").
				And(api.Lookup(s.instanceOfInterface, "instance?")),
			s.modifyNetworkInterface,
			api.Takes("NetworkInterfaceId", "Groups", "Description", "SourceDestCheck", "Attachment"),
			api.Beside("nothing of the groups that the interface leaves is changed", "security-group")),
		api.Op("DescribeNetworkInterfaceAttribute",
			api.About("network-interface/{NetworkInterfaceId}"),
			s.describeNetworkInterfaceAttribute,
			api.Takes("NetworkInterfaceId", "Attribute")),
	}
}

func (s *service) addressOperations() []api.Operation {
	return []api.Operation{
		api.Op("AllocateAddress",
			api.About("elastic-ip/*"),
			s.allocateAddress,
			api.Takes("Domain", "NetworkBorderGroup", "PublicIpv4Pool", "TagSpecifications")),
		api.Op("AssociateAddress",
			api.Lookup(s.associatedAddress, "elastic-ip", "instance?", "network-interface?"),
			s.associateAddress,
			api.Takes(
				"AllocationId", "PublicIp", "InstanceId", "NetworkInterfaceId", "PrivateIpAddress", "AllowReassociation",
			)),
		api.Op("DescribeAddresses",
			api.Everything,
			s.describeAddresses,
			api.Takes("AllocationIds", "PublicIps", "Filters")),
		api.Op("DescribeAddressesAttribute",
			api.Everything,
			s.describeAddressesAttribute,
			api.Takes("AllocationIds", "Attribute", "MaxResults", "NextToken")),
		api.Op("DisassociateAddress",
			api.Lookup(s.disassociatedAddress, "elastic-ip", "network-interface?"),
			s.disassociateAddress,
			api.Takes("AssociationId", "PublicIp")),
		api.Op("ReleaseAddress",
			api.Lookup(s.releasedAddress, "elastic-ip", "network-interface?"),
			s.releaseAddress,
			api.Takes("AllocationId", "PublicIp", "NetworkBorderGroup")),
	}
}

func (s *service) listOperations() []api.Operation {
	return []api.Operation{
		api.Op("DescribePrefixLists",
			api.Everything,
			s.describePrefixLists,
			api.Takes("PrefixListIds", "Filters", "MaxResults", "NextToken")),
		api.Op("DescribeManagedPrefixLists",
			api.Everything,
			s.describeManagedPrefixLists,
			api.Takes("PrefixListIds", "Filters", "MaxResults", "NextToken")),
		api.Op("CreateManagedPrefixList",
			api.About("prefix-list/*"),
			s.createManagedPrefixList,
			api.Takes(
				"PrefixListName", "AddressFamily", "MaxEntries", "Entries", "ClientToken", "TagSpecifications",
			)),
		api.Op("ModifyManagedPrefixList",
			api.About("prefix-list/{PrefixListId}"),
			s.modifyManagedPrefixList,
			api.Takes(
				"PrefixListId", "CurrentVersion", "PrefixListName", "AddEntries", "RemoveEntries", "MaxEntries",
			)),
		api.Op("DeleteManagedPrefixList",
			api.About("prefix-list/{PrefixListId}"),
			s.deleteManagedPrefixList,
			api.Takes("PrefixListId")),
		api.Op("GetManagedPrefixListEntries",
			api.About("prefix-list/{PrefixListId}"),
			s.getManagedPrefixListEntries,
			api.Takes("PrefixListId", "TargetVersion", "MaxResults", "NextToken")),
	}
}

func (s *service) flowLogOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateFlowLogs",
			api.About("vpc-flow-log/*").
				And(api.Lookup(flowLogged)),
			s.createFlowLogs,
			api.Takes(
				"ResourceIds", "ResourceType", "TrafficType", "LogDestinationType", "LogDestination", "LogFormat",
				"MaxAggregationInterval", "DestinationOptions", "LogGroupName", "DeliverLogsPermissionArn", "ClientToken",
				"TagSpecifications",
			)),
		api.Op("DescribeFlowLogs",
			api.Everything,
			s.describeFlowLogs,
			api.Takes("FlowLogIds", "Filter", "MaxResults", "NextToken")),
		api.Op("DeleteFlowLogs",
			api.About("vpc-flow-log/{FlowLogIds}"),
			s.deleteFlowLogs,
			api.Takes("FlowLogIds")),
	}
}
