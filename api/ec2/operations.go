package ec2

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	sdk "postern/aws/service/ec2"
)

// operations is the table of what the EC2 API does here. Takes names the members of a request that are made use of; the
// pipeline refuses others by name.
func (s *service) operations() []api.Operation {
	return slices.Concat(
		s.vpcOperations(), s.defaultOperations(), s.dhcpOperations(), s.aclOperations(), s.routeOperations(), s.peeringOperations(), s.groupOperations(), s.interfaceOperations(), s.attachmentOperations(), s.endpointOperations(), s.serviceOperations(),
		s.publicOperations(), s.instanceOperations(), s.otherOperations(), s.keyPairOperations(), s.classicLinkOperations(), s.absentOperations(),
	)
}

// pages are what every Describe call takes.
var pages = api.Takes("Filters", "MaxResults", "NextToken")

func (s *service) vpcOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateVpc", on(func(*sdk.CreateVpcInput) []string { return []string{"vpc/*"} }), s.createVpc,
			api.Takes("CidrBlock", "InstanceTenancy", "AmazonProvidedIpv6CidrBlock", "TagSpecifications"),
			api.Beside("a VPC comes with its main route table, default network ACL and default group", "route-table", "network-acl", "security-group")),
		api.Op("DescribeVpcs", api.Everything, s.describeVpcs, pages, api.Takes("VpcIds")),
		api.Op("DeleteVpc", one("vpc", func(in *sdk.DeleteVpcInput) *string { return in.VpcId }), s.deleteVpc, api.Takes("VpcId"),
			api.Beside("what came with the VPC goes with it", "route-table", "network-acl", "security-group")),
		api.Op("ModifyVpcAttribute", one("vpc", func(in *sdk.ModifyVpcAttributeInput) *string { return in.VpcId }), s.modifyVpcAttribute,
			api.Takes("VpcId", "EnableDnsSupport", "EnableDnsHostnames", "EnableNetworkAddressUsageMetrics")),
		api.Op("DescribeVpcAttribute", one("vpc", func(in *sdk.DescribeVpcAttributeInput) *string { return in.VpcId }), s.describeVpcAttribute,
			api.Takes("VpcId", "Attribute")),
		api.Op("AssociateVpcCidrBlock", one("vpc", func(in *sdk.AssociateVpcCidrBlockInput) *string { return in.VpcId }), s.associateVpcCidrBlock,
			api.Takes("VpcId", "CidrBlock")),
		api.Op("DisassociateVpcCidrBlock", found(s, aboutBlock), s.disassociateVpcCidrBlock,
			api.Takes("AssociationId")),

		api.Op("CreateSubnet", on(func(in *sdk.CreateSubnetInput) []string { return []string{"subnet/*", "vpc/" + aws.ToString(in.VpcId)} }), s.createSubnet,
			api.Takes("VpcId", "CidrBlock", "AvailabilityZone", "AvailabilityZoneId", "TagSpecifications"),
			api.Beside("a new subnet is under its VPC's default network ACL", "network-acl")),
		api.Op("DescribeSubnets", api.Everything, s.describeSubnets, pages, api.Takes("SubnetIds")),
		api.Op("DeleteSubnet", one("subnet", func(in *sdk.DeleteSubnetInput) *string { return in.SubnetId }), s.deleteSubnet, api.Takes("SubnetId"),
			api.Beside("associations go with the subnet", "network-acl", "route-table")),
		api.Op("ModifySubnetAttribute", one("subnet", func(in *sdk.ModifySubnetAttributeInput) *string { return in.SubnetId }), s.modifySubnetAttribute,
			api.Takes("SubnetId", "MapPublicIpOnLaunch", "AssignIpv6AddressOnCreation", "EnableDns64", "PrivateDnsHostnameTypeOnLaunch",
				"EnableResourceNameDnsARecordOnLaunch", "EnableResourceNameDnsAAAARecordOnLaunch")),
	}
}

// entryMembers are what the calls that set an entry of a network ACL take.
var entryMembers = api.Takes("NetworkAclId", "RuleNumber", "Egress", "Protocol", "RuleAction", "CidrBlock", "Ipv6CidrBlock", "PortRange", "IcmpTypeCode")

func (s *service) aclOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateNetworkAcl", on(func(in *sdk.CreateNetworkAclInput) []string {
			return []string{"network-acl/*", "vpc/" + aws.ToString(in.VpcId)}
		}), s.createNetworkAcl, api.Takes("VpcId", "ClientToken", "TagSpecifications")),
		api.Op("DescribeNetworkAcls", api.Everything, s.describeNetworkAcls, pages, api.Takes("NetworkAclIds")),
		api.Op("DeleteNetworkAcl", one("network-acl", func(in *sdk.DeleteNetworkAclInput) *string { return in.NetworkAclId }), s.deleteNetworkAcl,
			api.Takes("NetworkAclId")),
		api.Op("CreateNetworkAclEntry", one("network-acl", func(in *sdk.CreateNetworkAclEntryInput) *string { return in.NetworkAclId }),
			s.createNetworkAclEntry, entryMembers),
		api.Op("ReplaceNetworkAclEntry", one("network-acl", func(in *sdk.ReplaceNetworkAclEntryInput) *string { return in.NetworkAclId }),
			s.replaceNetworkAclEntry, entryMembers),
		api.Op("DeleteNetworkAclEntry", one("network-acl", func(in *sdk.DeleteNetworkAclEntryInput) *string { return in.NetworkAclId }),
			s.deleteNetworkAclEntry, api.Takes("NetworkAclId", "RuleNumber", "Egress")),
		api.Op("ReplaceNetworkAclAssociation", found(s, aboutACLReplacement),
			s.replaceNetworkAclAssociation, api.Takes("AssociationId", "NetworkAclId")),
	}
}

func (s *service) routeOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateRouteTable", on(func(in *sdk.CreateRouteTableInput) []string {
			return []string{"route-table/*", "vpc/" + aws.ToString(in.VpcId)}
		}), s.createRouteTable, api.Takes("VpcId", "ClientToken", "TagSpecifications")),
		api.Op("DescribeRouteTables", api.Everything, s.describeRouteTables, pages, api.Takes("RouteTableIds")),
		api.Op("DeleteRouteTable", one("route-table", func(in *sdk.DeleteRouteTableInput) *string { return in.RouteTableId }), s.deleteRouteTable,
			api.Takes("RouteTableId")),
		api.Op("AssociateRouteTable", on(func(in *sdk.AssociateRouteTableInput) []string {
			return []string{"route-table/" + aws.ToString(in.RouteTableId), "subnet/" + aws.ToString(in.SubnetId)}
		}), s.associateRouteTable, api.Takes("RouteTableId", "SubnetId")),
		api.Op("DisassociateRouteTable", found(s, aboutTableAssociation), s.disassociateRouteTable,
			api.Takes("AssociationId")),
		api.Op("ReplaceRouteTableAssociation", found(s, aboutTableReplacement),
			s.replaceRouteTableAssociation, api.Takes("AssociationId", "RouteTableId")),
		api.Op("CreateRoute", one("route-table", func(in *sdk.CreateRouteInput) *string { return in.RouteTableId }), s.createRoute,
			api.Takes("RouteTableId", "DestinationCidrBlock", "DestinationPrefixListId", "GatewayId", "NatGatewayId", "InstanceId", "NetworkInterfaceId", "VpcPeeringConnectionId")),
		api.Op("ReplaceRoute", one("route-table", func(in *sdk.ReplaceRouteInput) *string { return in.RouteTableId }), s.replaceRoute,
			api.Takes("RouteTableId", "DestinationCidrBlock", "DestinationPrefixListId", "GatewayId", "NatGatewayId", "InstanceId", "NetworkInterfaceId", "VpcPeeringConnectionId")),
		api.Op("DeleteRoute", one("route-table", func(in *sdk.DeleteRouteInput) *string { return in.RouteTableId }), s.deleteRoute,
			api.Takes("RouteTableId", "DestinationCidrBlock", "DestinationPrefixListId")),

		api.Op("CreateInternetGateway", on(func(*sdk.CreateInternetGatewayInput) []string { return []string{"internet-gateway/*"} }), s.createInternetGateway,
			api.Takes("TagSpecifications")),
		api.Op("DescribeInternetGateways", api.Everything, s.describeInternetGateways, pages, api.Takes("InternetGatewayIds")),
		api.Op("AttachInternetGateway", on(func(in *sdk.AttachInternetGatewayInput) []string {
			return []string{"internet-gateway/" + aws.ToString(in.InternetGatewayId), "vpc/" + aws.ToString(in.VpcId)}
		}), s.attachInternetGateway, api.Takes("InternetGatewayId", "VpcId")),
		api.Op("DetachInternetGateway", on(func(in *sdk.DetachInternetGatewayInput) []string {
			return []string{"internet-gateway/" + aws.ToString(in.InternetGatewayId), "vpc/" + aws.ToString(in.VpcId)}
		}), s.detachInternetGateway, api.Takes("InternetGatewayId", "VpcId")),
		api.Op("DeleteInternetGateway", one("internet-gateway", func(in *sdk.DeleteInternetGatewayInput) *string { return in.InternetGatewayId }),
			s.deleteInternetGateway, api.Takes("InternetGatewayId")),
	}
}

func (s *service) peeringOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateVpcPeeringConnection", found(s, aboutPeeringRequest), s.createVpcPeeringConnection, api.Takes("VpcId", "PeerVpcId", "PeerOwnerId", "PeerRegion", "TagSpecifications")),
		api.Op("DescribeVpcPeeringConnections", api.Everything, s.describeVpcPeeringConnections, pages, api.Takes("VpcPeeringConnectionIds")),
		api.Op("AcceptVpcPeeringConnection", found(s, aboutPeeringAnswer),
			s.acceptVpcPeeringConnection, api.Takes("VpcPeeringConnectionId")),
		api.Op("RejectVpcPeeringConnection", one("vpc-peering-connection", func(in *sdk.RejectVpcPeeringConnectionInput) *string { return in.VpcPeeringConnectionId }),
			s.rejectVpcPeeringConnection, api.Takes("VpcPeeringConnectionId")),
		api.Op("DeleteVpcPeeringConnection", one("vpc-peering-connection", func(in *sdk.DeleteVpcPeeringConnectionInput) *string { return in.VpcPeeringConnectionId }),
			s.deleteVpcPeeringConnection, api.Takes("VpcPeeringConnectionId")),
		api.Op("ModifyVpcPeeringConnectionOptions",
			one("vpc-peering-connection", func(in *sdk.ModifyVpcPeeringConnectionOptionsInput) *string { return in.VpcPeeringConnectionId }),
			s.modifyVpcPeeringConnectionOptions, api.Takes("VpcPeeringConnectionId", "RequesterPeeringConnectionOptions", "AccepterPeeringConnectionOptions")),
	}
}

// ruleMembers are what the calls on rules of a group take: permissions, and the older way to give one.
var ruleMembers = api.Takes("GroupId", "IpPermissions", "CidrIp", "IpProtocol", "FromPort", "ToPort", "SourceSecurityGroupName")

func (s *service) groupOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateSecurityGroup", found(s, aboutNewGroup), s.createSecurityGroup, api.Takes("VpcId", "GroupName", "Description", "TagSpecifications")),
		api.Op("DescribeSecurityGroups", api.Everything, s.describeSecurityGroups, pages, api.Takes("GroupIds", "GroupNames")),
		api.Op("DeleteSecurityGroup", oneGroup(s, func(in *sdk.DeleteSecurityGroupInput) (id, name *string) { return in.GroupId, in.GroupName }), s.deleteSecurityGroup,
			api.Takes("GroupId", "GroupName")),
		api.Op("AuthorizeSecurityGroupIngress", oneGroup(s, func(in *sdk.AuthorizeSecurityGroupIngressInput) (id, name *string) { return in.GroupId, in.GroupName }),
			s.authorizeIngress, ruleMembers, api.Takes("GroupName", "TagSpecifications")),
		api.Op("AuthorizeSecurityGroupEgress", one("security-group", func(in *sdk.AuthorizeSecurityGroupEgressInput) *string { return in.GroupId }),
			s.authorizeEgress, ruleMembers, api.Takes("TagSpecifications")),
		api.Op("RevokeSecurityGroupIngress", oneGroup(s, func(in *sdk.RevokeSecurityGroupIngressInput) (id, name *string) { return in.GroupId, in.GroupName }),
			s.revokeIngress, ruleMembers, api.Takes("GroupName", "SecurityGroupRuleIds")),
		api.Op("RevokeSecurityGroupEgress", one("security-group", func(in *sdk.RevokeSecurityGroupEgressInput) *string { return in.GroupId }),
			s.revokeEgress, ruleMembers, api.Takes("SecurityGroupRuleIds")),
		api.Op("DescribeSecurityGroupRules", api.Everything, s.describeSecurityGroupRules, pages, api.Takes("SecurityGroupRuleIds")),
		api.Op("DescribeStaleSecurityGroups", api.Everything, s.describeStaleSecurityGroups, api.Takes("VpcId", "MaxResults", "NextToken")),
		api.Op("DescribeSecurityGroupReferences", api.Everything, s.describeSecurityGroupReferences, api.Takes("GroupId")),
		api.Op("ModifySecurityGroupRules", found(s, aboutRuleChanges),
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
		api.Op("CreateNetworkInterface", found(s, aboutNewInterface), s.createNetworkInterface, api.Takes("SubnetId", "Groups", "PrivateIpAddress", "PrivateIpAddresses", "SecondaryPrivateIpAddressCount",
			"Description", "InterfaceType", "ClientToken", "TagSpecifications")),
		api.Op("DescribeNetworkInterfaces", api.Everything, s.describeNetworkInterfaces, pages, api.Takes("NetworkInterfaceIds", "IncludeManagedResources")),
		api.Op("DeleteNetworkInterface", one("network-interface", func(in *sdk.DeleteNetworkInterfaceInput) *string { return in.NetworkInterfaceId }),
			s.deleteNetworkInterface, api.Takes("NetworkInterfaceId"),
			api.Beside("an association goes with the interface", "elastic-ip")),
		api.Op("ModifyNetworkInterfaceAttribute", found(s, aboutInterfaceChange),
			s.modifyNetworkInterface, api.Takes("NetworkInterfaceId", "Groups", "Description", "SourceDestCheck", "Attachment"),
			api.Beside("nothing of the groups that the interface leaves is changed", "security-group")),
		api.Op("DescribeNetworkInterfaceAttribute", one("network-interface", func(in *sdk.DescribeNetworkInterfaceAttributeInput) *string { return in.NetworkInterfaceId }),
			s.describeNetworkInterfaceAttribute, api.Takes("NetworkInterfaceId", "Attribute")),
	}
}

func (s *service) endpointOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateVpcEndpoint", found(s, aboutNewEndpoint), s.createVpcEndpoint, api.Takes("VpcId", "ServiceName", "VpcEndpointType", "SubnetIds", "SubnetConfigurations", "SecurityGroupIds",
			"RouteTableIds", "PolicyDocument", "PrivateDnsEnabled", "DnsOptions", "IpAddressType", "ServiceRegion", "ClientToken", "TagSpecifications"),
			api.Beside("the endpoint's interfaces are the service's own", "network-interface")),
		api.Op("DescribeVpcEndpoints", api.Everything, s.describeVpcEndpoints, pages, api.Takes("VpcEndpointIds")),
		api.Op("ModifyVpcEndpoint", found(s, aboutEndpointChange), s.modifyVpcEndpoint, api.Takes("AddRouteTableIds", "RemoveRouteTableIds", "VpcEndpointId", "AddSubnetIds", "RemoveSubnetIds", "SubnetConfigurations", "AddSecurityGroupIds",
			"RemoveSecurityGroupIds", "PolicyDocument", "ResetPolicy", "PrivateDnsEnabled", "DnsOptions", "IpAddressType"),
			api.Beside("the endpoint's interfaces are the service's own; a further one has the endpoint's groups", "network-interface", "security-group")),
		api.Op("DeleteVpcEndpoints", each("vpc-endpoint", func(in *sdk.DeleteVpcEndpointsInput) []string { return in.VpcEndpointIds }), s.deleteVpcEndpoints,
			api.Takes("VpcEndpointIds"),
			api.Beside("the endpoint's interfaces are the service's own", "network-interface")),
		api.Op("DescribeVpcEndpointServices", api.Everything, s.describeVpcEndpointServices, pages, api.Takes("ServiceNames", "ServiceRegions")),
		api.Op("DescribePrefixLists", api.Everything, s.describePrefixLists, pages, api.Takes("PrefixListIds")),
		api.Op("DescribeManagedPrefixLists", api.Everything, s.describeManagedPrefixLists, pages, api.Takes("PrefixListIds")),
		api.Op("CreateManagedPrefixList", on(func(*sdk.CreateManagedPrefixListInput) []string { return []string{"prefix-list/*"} }), s.createManagedPrefixList,
			api.Takes("PrefixListName", "AddressFamily", "MaxEntries", "Entries", "ClientToken", "TagSpecifications")),
		api.Op("ModifyManagedPrefixList", one("prefix-list", func(in *sdk.ModifyManagedPrefixListInput) *string { return in.PrefixListId }),
			s.modifyManagedPrefixList, api.Takes("PrefixListId", "CurrentVersion", "PrefixListName", "AddEntries", "RemoveEntries", "MaxEntries")),
		api.Op("DeleteManagedPrefixList", one("prefix-list", func(in *sdk.DeleteManagedPrefixListInput) *string { return in.PrefixListId }),
			s.deleteManagedPrefixList, api.Takes("PrefixListId")),
		api.Op("GetManagedPrefixListEntries", one("prefix-list", func(in *sdk.GetManagedPrefixListEntriesInput) *string { return in.PrefixListId }),
			s.getManagedPrefixListEntries, api.Takes("PrefixListId", "TargetVersion", "MaxResults", "NextToken")),
	}
}

func (s *service) instanceOperations() []api.Operation {
	return []api.Operation{
		api.Op("RunInstances", api.Lookup(s.runResources), s.runInstances, api.Takes("MinCount", "MaxCount", "ImageId", "InstanceType", "SubnetId", "SecurityGroupIds",
			"SecurityGroups", "PrivateIpAddress", "NetworkInterfaces", "IamInstanceProfile", "UserData", "MetadataOptions", "KeyName", "EbsOptimized",
			"Monitoring", "Placement", "CreditSpecification", "HibernationOptions", "BlockDeviceMappings",
			"EnclaveOptions", "MaintenanceOptions", "DisableApiTermination", "DisableApiStop", "InstanceInitiatedShutdownBehavior", "ClientToken", "TagSpecifications")),
		api.Op("DescribeInstances", api.Everything, s.describeInstances, pages, api.Takes("InstanceIds", "IncludeManagedResources")),
		api.Op("StartInstances", each("instance", func(in *sdk.StartInstancesInput) []string { return in.InstanceIds }), s.startInstances, api.Takes("InstanceIds")),
		api.Op("StopInstances", each("instance", func(in *sdk.StopInstancesInput) []string { return in.InstanceIds }), s.stopInstances,
			api.Takes("InstanceIds", "Force", "SkipOsShutdown", "Hibernate")),
		api.Op("RebootInstances", each("instance", func(in *sdk.RebootInstancesInput) []string { return in.InstanceIds }), s.rebootInstances, api.Takes("InstanceIds")),
		api.Op("TerminateInstances", each("instance", func(in *sdk.TerminateInstancesInput) []string { return in.InstanceIds }), s.terminateInstances,
			api.Takes("InstanceIds")),
		api.Op("GetConsoleOutput", one("instance", func(in *sdk.GetConsoleOutputInput) *string { return in.InstanceId }), s.getConsoleOutput,
			api.Takes("InstanceId", "Latest")),
		api.Op("DescribeInstanceStatus", api.Everything, s.describeInstanceStatus, pages, api.Takes("InstanceIds", "IncludeAllInstances", "IncludeManagedResources")),
		api.Op("DescribeInstanceTypes", api.Everything, s.describeInstanceTypes, pages, api.Takes("InstanceTypes", "IncludeUnsupportedInRegion")),
		api.Op("DescribeInstanceTypeOfferings", api.Everything, s.describeInstanceTypeOfferings, pages, api.Takes("LocationType")),
		api.Op("DescribeInstanceCreditSpecifications", api.Everything, s.describeInstanceCredits, pages, api.Takes("InstanceIds")),
		api.Op("DescribeInstanceAttribute", one("instance", func(in *sdk.DescribeInstanceAttributeInput) *string { return in.InstanceId }), s.describeInstanceAttribute,
			api.Takes("InstanceId", "Attribute")),
		api.Op("ModifyInstanceAttribute", found(s, aboutInstanceChange), s.modifyInstanceAttribute,
			api.Takes("InstanceId", "Attribute", "Value", "InstanceType", "UserData", "Groups", "SourceDestCheck", "DisableApiTermination", "DisableApiStop",
				"InstanceInitiatedShutdownBehavior"),
			api.Beside("the groups are the instance's, for AWS; nothing of those that it leaves is changed", "network-interface", "security-group")),
		api.Op("ModifyInstanceMetadataOptions", one("instance", func(in *sdk.ModifyInstanceMetadataOptionsInput) *string { return in.InstanceId }),
			s.modifyInstanceMetadataOptions, api.Takes("InstanceId", "HttpEndpoint", "HttpTokens", "HttpPutResponseHopLimit", "HttpProtocolIpv6", "InstanceMetadataTags")),

		api.Op("DescribeIamInstanceProfileAssociations", api.Everything, s.describeProfileAssociations, pages, api.Takes("AssociationIds")),
		api.Op("AssociateIamInstanceProfile", one("instance", func(in *sdk.AssociateIamInstanceProfileInput) *string { return in.InstanceId }), s.associateProfile,
			api.Takes("InstanceId", "IamInstanceProfile")),
		api.Op("ReplaceIamInstanceProfileAssociation", on(func(in *sdk.ReplaceIamInstanceProfileAssociationInput) []string {
			return []string{instanceOfAssociation(in.AssociationId)}
		}), s.replaceProfile, api.Takes("AssociationId", "IamInstanceProfile")),
		api.Op("DisassociateIamInstanceProfile", on(func(in *sdk.DisassociateIamInstanceProfileInput) []string {
			return []string{instanceOfAssociation(in.AssociationId)}
		}), s.disassociateProfile, api.Takes("AssociationId")),
	}
}

func (s *service) otherOperations() []api.Operation {
	return []api.Operation{
		api.Op("DescribeImages", api.Everything, s.describeImages, pages,
			api.Takes("ImageIds", "Owners", "ExecutableUsers", "IncludeDeprecated", "IncludeDisabled")),
		api.Op("RegisterImage", api.About("image/*"), s.registerImage,
			api.Takes("Name", "Description", "ImageLocation", "Architecture", "RootDeviceName", "VirtualizationType", "TagSpecifications")),
		api.Op("DeregisterImage", api.About("image/{ImageId}"), s.deregisterImage, api.Takes("ImageId")),
		api.Op("DescribeVolumes", api.Everything, s.describeVolumes, pages, api.Takes("VolumeIds", "IncludeManagedResources")),

		api.Op("CreateTags", tagged(s, func(in *sdk.CreateTagsInput) []string { return in.Resources }), s.createTags, api.Takes("Resources", "Tags"),
			api.Beside("a rule is kept with its group", "security-group")),
		api.Op("DeleteTags", tagged(s, func(in *sdk.DeleteTagsInput) []string { return in.Resources }), s.deleteTags, api.Takes("Resources", "Tags"),
			api.Beside("a rule is kept with its group", "security-group")),
		api.Op("DescribeTags", api.Everything, s.describeTags, pages),

		api.Op("DescribeRegions", api.Everything, s.describeRegions, api.Takes("RegionNames", "AllRegions", "Filters")),
		api.Op("DescribeAvailabilityZones", api.Everything, s.describeAvailabilityZones, api.Takes("ZoneNames", "ZoneIds", "AllAvailabilityZones", "Filters")),
		api.Op("DescribeAccountAttributes", api.Everything, s.describeAccountAttributes, api.Takes("AttributeNames")),
	}
}
