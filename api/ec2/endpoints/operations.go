package endpoints

import (
	"slices"

	"postern/api"
)

// Operations returns the rows of the table. Takes names the members of a request that are made use of; the pipeline
// refuses others by name.
func Operations(c Config) []api.Operation {
	s := newService(c)
	return slices.Concat(
		s.endpointOperations(),
		s.configurationOperations(),
		s.connectionOperations(),
		s.notificationOperations(),
	)
}

func (s *service) endpointOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateVpcEndpoint",
			api.About(
				"vpc-endpoint/*",
				"vpc/{VpcId}",
				"subnet/{SubnetIds?}",
				"subnet/{SubnetConfigurations.SubnetId?}",
				"route-table/{RouteTableIds?}",
				"security-group/{SecurityGroupIds?}",
			).And(api.Lookup(s.groupOfNewEndpoint, "security-group?")),
			s.createVpcEndpoint,
			api.Keys(s.newEndpointKeys, serviceNameKey, serviceOwnerKey, serviceRegionKey, multiRegionKey),
			api.Takes(
				"VpcId", "ServiceName", "VpcEndpointType", "SubnetIds", "SubnetConfigurations", "SecurityGroupIds",
				"RouteTableIds", "PolicyDocument", "PrivateDnsEnabled", "DnsOptions", "IpAddressType", "ServiceRegion",
				"ClientToken", "TagSpecifications",
			),
			api.Beside("the endpoint's interfaces are the service's own", "network-interface")),
		api.Op("DescribeVpcEndpoints",
			api.Everything,
			s.describeVpcEndpoints,
			api.Takes("VpcEndpointIds", "Filters", "MaxResults", "NextToken")),
		api.Op("ModifyVpcEndpoint",
			api.About(
				"vpc-endpoint/{VpcEndpointId}",
				"subnet/{AddSubnetIds?}",
				"subnet/{RemoveSubnetIds?}",
				"subnet/{SubnetConfigurations.SubnetId?}",
				"security-group/{AddSecurityGroupIds?}",
				"security-group/{RemoveSecurityGroupIds?}",
				"route-table/{AddRouteTableIds?}",
				"route-table/{RemoveRouteTableIds?}",
			),
			s.modifyVpcEndpoint,
			api.Takes(
				"AddRouteTableIds", "RemoveRouteTableIds", "VpcEndpointId", "AddSubnetIds", "RemoveSubnetIds",
				"SubnetConfigurations", "AddSecurityGroupIds", "RemoveSecurityGroupIds", "PolicyDocument", "ResetPolicy",
				"PrivateDnsEnabled", "DnsOptions", "IpAddressType",
			),
			api.Beside(
				"the endpoint's interfaces are the service's own; a further one has the endpoint's groups",
				"network-interface", "security-group",
			)),
		api.Op("DeleteVpcEndpoints",
			api.About("vpc-endpoint/{VpcEndpointIds}"),
			s.deleteVpcEndpoints,
			api.Takes("VpcEndpointIds"),
			api.Beside("the endpoint's interfaces are the service's own", "network-interface")),
		api.Op("DescribeVpcEndpointServices",
			api.Everything,
			s.describeVpcEndpointServices,
			api.Takes("ServiceNames", "ServiceRegions", "Filters", "MaxResults", "NextToken")),
	}
}

func (s *service) configurationOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateVpcEndpointServiceConfiguration",
			api.About("vpc-endpoint-service/*"),
			s.createServiceConfiguration,
			api.Keys(newServiceKeys, privateDNSNameKey, serviceRegionKey, multiRegionKey),
			api.Takes(
				"AcceptanceRequired", "PrivateDnsName", "NetworkLoadBalancerArns", "SupportedIpAddressTypes",
				"SupportedRegions", "ClientToken", "TagSpecifications",
			),
			api.Beside(
				"a target in a subnet is reached from an interface of the service's own",
				"network-interface", "subnet",
			)),
		api.Op("DescribeVpcEndpointServiceConfigurations",
			api.Everything,
			s.describeServiceConfigurations,
			api.Takes("ServiceIds", "Filters", "MaxResults", "NextToken")),
		api.Op("ModifyVpcEndpointServiceConfiguration",
			api.About("vpc-endpoint-service/{ServiceId}"),
			s.modifyServiceConfiguration,
			api.Keys(changedServiceKeys, privateDNSNameKey),
			api.Takes(
				"ServiceId", "AcceptanceRequired", "PrivateDnsName", "RemovePrivateDnsName", "AddNetworkLoadBalancerArns",
				"RemoveNetworkLoadBalancerArns", "AddSupportedIpAddressTypes", "AddSupportedRegions",
			),
			api.Beside(
				"a target in a subnet is reached from an interface of the service's own",
				"network-interface", "subnet",
			)),
		api.Op("DeleteVpcEndpointServiceConfigurations",
			api.About("vpc-endpoint-service/{ServiceIds}"),
			s.deleteServiceConfigurations,
			api.Takes("ServiceIds"),
			api.Beside("targets are reached from interfaces of the service's own", "network-interface")),
		api.Op("ModifyVpcEndpointServicePermissions",
			api.About("vpc-endpoint-service/{ServiceId}"),
			s.modifyServicePermissions,
			api.Takes("ServiceId", "AddAllowedPrincipals", "RemoveAllowedPrincipals")),
		api.Op("DescribeVpcEndpointServicePermissions",
			api.About("vpc-endpoint-service/{ServiceId}"),
			s.describeServicePermissions,
			api.Takes("ServiceId", "Filters", "MaxResults", "NextToken")),
		api.Op("StartVpcEndpointServicePrivateDnsVerification",
			api.About("vpc-endpoint-service/{ServiceId}"),
			s.startServiceVerification,
			api.Takes("ServiceId")),
	}
}

func (s *service) connectionOperations() []api.Operation {
	return []api.Operation{
		api.Op("DescribeVpcEndpointConnections",
			api.Everything,
			s.describeConnections,
			api.Takes("Filters", "MaxResults", "NextToken")),
		api.Op("AcceptVpcEndpointConnections",
			api.About("vpc-endpoint-service/{ServiceId}"),
			s.acceptConnections,
			api.Takes("ServiceId", "VpcEndpointIds"),
			api.Beside("a connection is its service's to accept", "vpc-endpoint", "network-interface")),
		api.Op("RejectVpcEndpointConnections",
			api.About("vpc-endpoint-service/{ServiceId}"),
			s.rejectConnections,
			api.Takes("ServiceId", "VpcEndpointIds"),
			api.Beside("a connection is its service's to refuse", "vpc-endpoint", "network-interface")),
	}
}

func (s *service) notificationOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateVpcEndpointConnectionNotification",
			api.Lookup(subjectOfNewNotification, "vpc-endpoint-service?", "vpc-endpoint?"),
			s.createConnectionNotification,
			api.Takes(
				"ServiceId", "VpcEndpointId", "ConnectionNotificationArn", "ConnectionEvents", "ClientToken",
			)),
		api.Op("DescribeVpcEndpointConnectionNotifications",
			api.Everything,
			s.describeConnectionNotifications,
			api.Takes("ConnectionNotificationId", "Filters", "MaxResults", "NextToken")),
		api.Op("ModifyVpcEndpointConnectionNotification",
			api.Lookup(s.subjectOfNotification, "vpc-endpoint-service?", "vpc-endpoint?"),
			s.modifyConnectionNotification,
			api.Takes("ConnectionNotificationId", "ConnectionNotificationArn", "ConnectionEvents")),
		api.Op("DeleteVpcEndpointConnectionNotifications",
			api.Lookup(s.subjectsOfNotifications, "vpc-endpoint-service?", "vpc-endpoint?"),
			s.deleteConnectionNotifications,
			api.Takes("ConnectionNotificationIds")),
	}
}
