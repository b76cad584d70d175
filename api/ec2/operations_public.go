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
		api.Op("AssociateAddress", found(s, aboutAddressAssociation), s.associateAddress, api.Takes("AllocationId", "PublicIp", "InstanceId", "NetworkInterfaceId", "PrivateIpAddress", "AllowReassociation")),
		api.Op("DescribeAddresses", api.Everything, s.describeAddresses, api.Takes("AllocationIds", "PublicIps", "Filters")),
		api.Op("DescribeAddressesAttribute", api.Everything, s.describeAddressesAttribute, api.Takes("AllocationIds", "Attribute", "MaxResults", "NextToken")),
		api.Op("DisassociateAddress", found(s, aboutAddressDissociation),
			s.disassociateAddress, api.Takes("AssociationId", "PublicIp")),
		api.Op("ReleaseAddress", found(s, aboutAddressRelease), s.releaseAddress,
			api.Takes("AllocationId", "PublicIp", "NetworkBorderGroup")),

		api.Op("CreateNatGateway", on(func(in *sdk.CreateNatGatewayInput) []string {
			out := []string{"natgateway/*", "subnet/" + aws.ToString(in.SubnetId)}
			if in.AllocationId != nil {
				out = append(out, "elastic-ip/"+*in.AllocationId)
			}
			return out
		}), s.createNatGateway, api.Takes("SubnetId", "AllocationId", "ConnectivityType", "PrivateIpAddress", "AvailabilityMode", "ClientToken", "TagSpecifications"),
			api.Beside("the gateway's interface is the service's own", "network-interface")),
		api.Op("DescribeNatGateways", api.Everything, s.describeNatGateways, api.Takes("NatGatewayIds", "Filter", "MaxResults", "NextToken")),
		api.Op("DeleteNatGateway", one("natgateway", func(in *sdk.DeleteNatGatewayInput) *string { return in.NatGatewayId }), s.deleteNatGateway,
			api.Takes("NatGatewayId"),
			api.Beside("the gateway's interface and association are the service's own", "network-interface", "elastic-ip")),

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
