package ec2

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	sdk "postern/aws/service/ec2"
)

const endpointServiceType = "vpc-endpoint-service"

// serviceOperations are those on endpoint services of one's own.
func (s *service) serviceOperations() []api.Operation {
	return slices.Concat(s.serviceConfigurationOperations(), s.connectionOperations())
}

func (s *service) serviceConfigurationOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateVpcEndpointServiceConfiguration", on(func(*sdk.CreateVpcEndpointServiceConfigurationInput) []string {
			return []string{endpointServiceType + "/*"}
		}), s.createServiceConfiguration, api.Takes("AcceptanceRequired", "PrivateDnsName", "NetworkLoadBalancerArns", "SupportedIpAddressTypes",
			"SupportedRegions", "ClientToken", "TagSpecifications"),
			api.Beside("a target in a subnet is reached from an interface of the service's own", "network-interface", "subnet")),
		api.Op("DescribeVpcEndpointServiceConfigurations", api.Everything, s.describeServiceConfigurations, pages, api.Takes("ServiceIds")),
		api.Op("ModifyVpcEndpointServiceConfiguration",
			one(endpointServiceType, func(in *sdk.ModifyVpcEndpointServiceConfigurationInput) *string { return in.ServiceId }),
			s.modifyServiceConfiguration, api.Takes("ServiceId", "AcceptanceRequired", "PrivateDnsName", "RemovePrivateDnsName",
				"AddNetworkLoadBalancerArns", "RemoveNetworkLoadBalancerArns", "AddSupportedIpAddressTypes", "AddSupportedRegions"),
			api.Beside("a target in a subnet is reached from an interface of the service's own", "network-interface", "subnet")),
		api.Op("DeleteVpcEndpointServiceConfigurations",
			each(endpointServiceType, func(in *sdk.DeleteVpcEndpointServiceConfigurationsInput) []string { return in.ServiceIds }),
			s.deleteServiceConfigurations, api.Takes("ServiceIds"),
			api.Beside("targets are reached from interfaces of the service's own", "network-interface")),
		api.Op("ModifyVpcEndpointServicePermissions",
			one(endpointServiceType, func(in *sdk.ModifyVpcEndpointServicePermissionsInput) *string { return in.ServiceId }),
			s.modifyServicePermissions, api.Takes("ServiceId", "AddAllowedPrincipals", "RemoveAllowedPrincipals")),
		api.Op("DescribeVpcEndpointServicePermissions",
			one(endpointServiceType, func(in *sdk.DescribeVpcEndpointServicePermissionsInput) *string { return in.ServiceId }),
			s.describeServicePermissions, pages, api.Takes("ServiceId")),
		api.Op("StartVpcEndpointServicePrivateDnsVerification",
			one(endpointServiceType, func(in *sdk.StartVpcEndpointServicePrivateDnsVerificationInput) *string { return in.ServiceId }),
			s.startServiceVerification, api.Takes("ServiceId")),
	}
}

func (s *service) connectionOperations() []api.Operation {
	return []api.Operation{
		api.Op("DescribeVpcEndpointConnections", api.Everything, s.describeConnections, pages),
		api.Op("AcceptVpcEndpointConnections", one(endpointServiceType, func(in *sdk.AcceptVpcEndpointConnectionsInput) *string { return in.ServiceId }),
			s.acceptConnections, api.Takes("ServiceId", "VpcEndpointIds"),
			api.Beside("a connection is its service's to accept", "vpc-endpoint", "network-interface")),
		api.Op("RejectVpcEndpointConnections", one(endpointServiceType, func(in *sdk.RejectVpcEndpointConnectionsInput) *string { return in.ServiceId }),
			s.rejectConnections, api.Takes("ServiceId", "VpcEndpointIds"),
			api.Beside("a connection is its service's to refuse", "vpc-endpoint", "network-interface")),
		api.Op("CreateVpcEndpointConnectionNotification", on(func(in *sdk.CreateVpcEndpointConnectionNotificationInput) []string {
			if in.VpcEndpointId != nil {
				return []string{"vpc-endpoint/" + *in.VpcEndpointId}
			}
			return []string{endpointServiceType + "/" + aws.ToString(in.ServiceId)}
		}), s.createConnectionNotification, api.Takes("ServiceId", "VpcEndpointId", "ConnectionNotificationArn", "ConnectionEvents", "ClientToken")),
		api.Op("DescribeVpcEndpointConnectionNotifications", api.Everything, s.describeConnectionNotifications, pages, api.Takes("ConnectionNotificationId")),
		api.Op("ModifyVpcEndpointConnectionNotification", found(s, aboutNotificationChange), s.modifyConnectionNotification,
			api.Takes("ConnectionNotificationId", "ConnectionNotificationArn", "ConnectionEvents")),
		api.Op("DeleteVpcEndpointConnectionNotifications", found(s, aboutNotifications), s.deleteConnectionNotifications, api.Takes("ConnectionNotificationIds")),
	}
}
