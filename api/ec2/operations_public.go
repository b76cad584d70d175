package ec2

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	sdk "postern/aws/service/ec2"
)

// publicOperations are those on public addresses, NAT gateways and flow logs.
func (s *service) publicOperations() []api.Operation {
	return []api.Operation{
		api.Op("AllocateAddress", on(func(*sdk.AllocateAddressInput) []string { return []string{"elastic-ip/*"} }), s.allocateAddress,
			api.Takes("Domain", "NetworkBorderGroup", "PublicIpv4Pool", "TagSpecifications")),
		api.Op("AssociateAddress", on(func(in *sdk.AssociateAddressInput) []string {
			out := []string{"elastic-ip/" + orAny(in.AllocationId)}
			if in.NetworkInterfaceId != nil {
				return append(out, "network-interface/"+*in.NetworkInterfaceId)
			}
			return append(out, "instance/"+orAny(in.InstanceId))
		}), s.associateAddress, api.Takes("AllocationId", "PublicIp", "InstanceId", "NetworkInterfaceId", "PrivateIpAddress", "AllowReassociation")),
		api.Op("DescribeAddresses", api.Everything, s.describeAddresses, api.Takes("AllocationIds", "PublicIps", "Filters")),
		api.Op("DescribeAddressesAttribute", api.Everything, s.describeAddressesAttribute, api.Takes("AllocationIds", "Attribute", "MaxResults", "NextToken")),
		api.Op("DisassociateAddress", on(func(*sdk.DisassociateAddressInput) []string { return []string{"elastic-ip/*", "network-interface/*"} }),
			s.disassociateAddress, api.Takes("AssociationId", "PublicIp")),
		api.Op("ReleaseAddress", on(func(in *sdk.ReleaseAddressInput) []string { return []string{"elastic-ip/" + orAny(in.AllocationId)} }), s.releaseAddress,
			api.Takes("AllocationId", "PublicIp", "NetworkBorderGroup")),

		api.Op("CreateNatGateway", on(func(in *sdk.CreateNatGatewayInput) []string {
			out := []string{"natgateway/*", "subnet/" + aws.ToString(in.SubnetId)}
			if in.AllocationId != nil {
				out = append(out, "elastic-ip/"+*in.AllocationId)
			}
			return out
		}), s.createNatGateway, api.Takes("SubnetId", "AllocationId", "ConnectivityType", "PrivateIpAddress", "AvailabilityMode", "ClientToken", "TagSpecifications")),
		api.Op("DescribeNatGateways", api.Everything, s.describeNatGateways, api.Takes("NatGatewayIds", "Filter", "MaxResults", "NextToken")),
		api.Op("DeleteNatGateway", one("natgateway", func(in *sdk.DeleteNatGatewayInput) *string { return in.NatGatewayId }), s.deleteNatGateway,
			api.Takes("NatGatewayId")),

		api.Op("CreateFlowLogs", on(func(in *sdk.CreateFlowLogsInput) []string {
			out := []string{"vpc-flow-log/*"}
			for _, id := range in.ResourceIds {
				prefix, _, _ := strings.Cut(id, "-")
				if kind := arnTypes[prefix]; kind != "" {
					out = append(out, kind+"/"+id)
				}
			}
			return out
		}), s.createFlowLogs, api.Takes("ResourceIds", "ResourceType", "TrafficType", "LogDestinationType", "LogDestination", "LogFormat",
			"MaxAggregationInterval", "DestinationOptions", "LogGroupName", "DeliverLogsPermissionArn", "ClientToken", "TagSpecifications")),
		api.Op("DescribeFlowLogs", api.Everything, s.describeFlowLogs, api.Takes("FlowLogIds", "Filter", "MaxResults", "NextToken")),
		api.Op("DeleteFlowLogs", each("vpc-flow-log", func(in *sdk.DeleteFlowLogsInput) []string { return in.FlowLogIds }), s.deleteFlowLogs,
			api.Takes("FlowLogIds")),
	}
}

// orAny is an id, or the wildcard for a resource that a request names in another way.
func orAny(id *string) string {
	if aws.ToString(id) == "" {
		return "*"
	}
	return *id
}
