package endpoints

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/ec2/internal/query"
	sdk "postern/aws/service/ec2"
)

// Operations are the rows of the table. Takes names the members of a request that are made use of; the pipeline refuses
// others by name.
func Operations(c Config) []api.Operation {
	s := &service{network: c.Network}
	return slices.Concat(s.endpointOperations(), s.serviceOperations())
}

func (s *service) endpointOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateVpcEndpoint", query.Found(s.view, aboutNewEndpoint), s.createVpcEndpoint, api.Takes("VpcId", "ServiceName", "VpcEndpointType", "SubnetIds", "SubnetConfigurations", "SecurityGroupIds",
			"RouteTableIds", "PolicyDocument", "PrivateDnsEnabled", "DnsOptions", "IpAddressType", "ServiceRegion", "ClientToken", "TagSpecifications"),
			api.Beside("the endpoint's interfaces are the service's own", "network-interface")),
		api.Op("DescribeVpcEndpoints", api.Everything, s.describeVpcEndpoints, query.Pages, api.Takes("VpcEndpointIds")),
		api.Op("ModifyVpcEndpoint", query.Found(s.view, aboutEndpointChange), s.modifyVpcEndpoint, api.Takes("AddRouteTableIds", "RemoveRouteTableIds", "VpcEndpointId", "AddSubnetIds", "RemoveSubnetIds", "SubnetConfigurations", "AddSecurityGroupIds",
			"RemoveSecurityGroupIds", "PolicyDocument", "ResetPolicy", "PrivateDnsEnabled", "DnsOptions", "IpAddressType"),
			api.Beside("the endpoint's interfaces are the service's own; a further one has the endpoint's groups", "network-interface", "security-group")),
		api.Op("DeleteVpcEndpoints", query.Each("vpc-endpoint", func(in *sdk.DeleteVpcEndpointsInput) []string { return in.VpcEndpointIds }), s.deleteVpcEndpoints,
			api.Takes("VpcEndpointIds"),
			api.Beside("the endpoint's interfaces are the service's own", "network-interface")),
		api.Op("DescribeVpcEndpointServices", api.Everything, s.describeVpcEndpointServices, query.Pages, api.Takes("ServiceNames", "ServiceRegions")),
	}
}

// serviceOperations are those on endpoint services of one's own.
func (s *service) serviceOperations() []api.Operation {
	return slices.Concat(s.serviceConfigurationOperations(), s.connectionOperations())
}

func (s *service) serviceConfigurationOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateVpcEndpointServiceConfiguration", query.On(func(*sdk.CreateVpcEndpointServiceConfigurationInput) []string {
			return []string{query.EndpointServiceType + "/*"}
		}), s.createServiceConfiguration, api.Takes("AcceptanceRequired", "PrivateDnsName", "NetworkLoadBalancerArns", "SupportedIpAddressTypes",
			"SupportedRegions", "ClientToken", "TagSpecifications"),
			api.Beside("a target in a subnet is reached from an interface of the service's own", "network-interface", "subnet")),
		api.Op("DescribeVpcEndpointServiceConfigurations", api.Everything, s.describeServiceConfigurations, query.Pages, api.Takes("ServiceIds")),
		api.Op("ModifyVpcEndpointServiceConfiguration",
			query.One(query.EndpointServiceType, func(in *sdk.ModifyVpcEndpointServiceConfigurationInput) *string { return in.ServiceId }),
			s.modifyServiceConfiguration, api.Takes("ServiceId", "AcceptanceRequired", "PrivateDnsName", "RemovePrivateDnsName",
				"AddNetworkLoadBalancerArns", "RemoveNetworkLoadBalancerArns", "AddSupportedIpAddressTypes", "AddSupportedRegions"),
			api.Beside("a target in a subnet is reached from an interface of the service's own", "network-interface", "subnet")),
		api.Op("DeleteVpcEndpointServiceConfigurations",
			query.Each(query.EndpointServiceType, func(in *sdk.DeleteVpcEndpointServiceConfigurationsInput) []string { return in.ServiceIds }),
			s.deleteServiceConfigurations, api.Takes("ServiceIds"),
			api.Beside("targets are reached from interfaces of the service's own", "network-interface")),
		api.Op("ModifyVpcEndpointServicePermissions",
			query.One(query.EndpointServiceType, func(in *sdk.ModifyVpcEndpointServicePermissionsInput) *string { return in.ServiceId }),
			s.modifyServicePermissions, api.Takes("ServiceId", "AddAllowedPrincipals", "RemoveAllowedPrincipals")),
		api.Op("DescribeVpcEndpointServicePermissions",
			query.One(query.EndpointServiceType, func(in *sdk.DescribeVpcEndpointServicePermissionsInput) *string { return in.ServiceId }),
			s.describeServicePermissions, query.Pages, api.Takes("ServiceId")),
		api.Op("StartVpcEndpointServicePrivateDnsVerification",
			query.One(query.EndpointServiceType, func(in *sdk.StartVpcEndpointServicePrivateDnsVerificationInput) *string { return in.ServiceId }),
			s.startServiceVerification, api.Takes("ServiceId")),
	}
}

func (s *service) connectionOperations() []api.Operation {
	return []api.Operation{
		api.Op("DescribeVpcEndpointConnections", api.Everything, s.describeConnections, query.Pages),
		api.Op("AcceptVpcEndpointConnections", query.One(query.EndpointServiceType, func(in *sdk.AcceptVpcEndpointConnectionsInput) *string { return in.ServiceId }),
			s.acceptConnections, api.Takes("ServiceId", "VpcEndpointIds"),
			api.Beside("a connection is its service's to accept", "vpc-endpoint", "network-interface")),
		api.Op("RejectVpcEndpointConnections", query.One(query.EndpointServiceType, func(in *sdk.RejectVpcEndpointConnectionsInput) *string { return in.ServiceId }),
			s.rejectConnections, api.Takes("ServiceId", "VpcEndpointIds"),
			api.Beside("a connection is its service's to refuse", "vpc-endpoint", "network-interface")),
		api.Op("CreateVpcEndpointConnectionNotification", query.On(func(in *sdk.CreateVpcEndpointConnectionNotificationInput) []string {
			if in.VpcEndpointId != nil {
				return []string{"vpc-endpoint/" + *in.VpcEndpointId}
			}
			return []string{query.EndpointServiceType + "/" + aws.ToString(in.ServiceId)}
		}), s.createConnectionNotification, api.Takes("ServiceId", "VpcEndpointId", "ConnectionNotificationArn", "ConnectionEvents", "ClientToken")),
		api.Op("DescribeVpcEndpointConnectionNotifications", api.Everything, s.describeConnectionNotifications, query.Pages, api.Takes("ConnectionNotificationId")),
		api.Op("ModifyVpcEndpointConnectionNotification", query.Found(s.view, aboutNotificationChange), s.modifyConnectionNotification,
			api.Takes("ConnectionNotificationId", "ConnectionNotificationArn", "ConnectionEvents")),
		api.Op("DeleteVpcEndpointConnectionNotifications", query.Found(s.view, aboutNotifications), s.deleteConnectionNotifications, api.Takes("ConnectionNotificationIds")),
	}
}
