package ec2

import (
	"slices"

	"postern/api"
	sdk "postern/aws/service/ec2"
)

// The errors that several rows share.
const (
	noTransitAttachment      = "InvalidTransitGatewayAttachmentID.NotFound"
	noTransitAttachmentText  = "Transit Gateway Attachment %s was deleted or does not exist."
	noLaunchTemplate         = "InvalidLaunchTemplateId.NotFound"
	noLaunchTemplateText     = "The specified launch template, with template ID %s, does not exist."
	noLaunchTemplateName     = "InvalidLaunchTemplateName.NotFoundException"
	noLaunchTemplateNameText = "The specified launch template, with template name %s, does not exist."
)

// absentOperations are the Describe calls on what Postern has none of.
func (s *service) absentOperations() []api.Operation {
	return slices.Concat(
		s.absentVPNs(),
		s.absentGateways(),
		s.absentTransitGateways(),
		s.absentTransitRouting(),
		s.absentLaunches(),
		s.absentCapacity(),
		s.absentPools(),
		s.absentAnalyses(),
	)
}

// absentVPNs: virtual private networks.
func (s *service) absentVPNs() []api.Operation {
	return []api.Operation{
		absent[sdk.DescribeVpnGatewaysInput, sdk.DescribeVpnGatewaysOutput](s, absence{
			ids: []absentID{{
				"VpnGatewayIds",
				"InvalidVpnGatewayID.NotFound",
				"The vpnGateway ID '%s' does not exist",
			}},
			filters: "amazon-side-asn attachment.state attachment.vpc-id availability-zone state type" +
				" vpn-gateway-id",
		}),
		absent[sdk.DescribeCustomerGatewaysInput, sdk.DescribeCustomerGatewaysOutput](s, absence{
			ids: []absentID{{
				"CustomerGatewayIds",
				"InvalidCustomerGatewayID.NotFound",
				"The customerGateway ID '%s' does not exist",
			}},
			filters: "bgp-asn customer-gateway-id ip-address state type",
		}),
		absent[sdk.DescribeVpnConnectionsInput, sdk.DescribeVpnConnectionsOutput](s, absence{
			ids: []absentID{{
				"VpnConnectionIds",
				"InvalidVpnConnectionID.NotFound",
				"The vpnConnection ID '%s' does not exist",
			}},
			filters: "bgp-asn customer-gateway-configuration customer-gateway-id" +
				" option.static-routes-only route.destination-cidr-block state transit-gateway-id" +
				" type vpn-connection-id vpn-gateway-id",
		}),
		absent[sdk.DescribeClientVpnEndpointsInput, sdk.DescribeClientVpnEndpointsOutput](s, absence{
			ids: []absentID{{
				"ClientVpnEndpointIds",
				"InvalidClientVpnEndpointId.NotFound",
				"Endpoint %s does not exist",
			}},
			filters: "endpoint-id transport-protocol",
		}),
	}
}

// absentGateways: gateways of other kinds.
func (s *service) absentGateways() []api.Operation {
	return []api.Operation{
		absent[sdk.DescribeEgressOnlyInternetGatewaysInput, sdk.DescribeEgressOnlyInternetGatewaysOutput](s, absence{
			ids: []absentID{{
				"EgressOnlyInternetGatewayIds",
				"InvalidEgressOnlyInternetGatewayId.NotFound",
				"The egressOnlyInternetGateway ID '%s' does not exist",
			}},
		}),
		absent[sdk.DescribeCarrierGatewaysInput, sdk.DescribeCarrierGatewaysOutput](s, absence{
			ids: []absentID{{
				"CarrierGatewayIds",
				"InvalidCarrierGatewayID.NotFound",
				"The carrierGateway ID '%s' does not exist",
			}},
			filters: "carrier-gateway-id owner-id state vpc-id",
		}),
		absent[sdk.DescribeLocalGatewaysInput, sdk.DescribeLocalGatewaysOutput](s, absence{
			ids: []absentID{{
				"LocalGatewayIds",
				"InvalidLocalGatewayID.NotFound",
				"The localGateway ID '%s' does not exist",
			}},
			filters: "local-gateway-id outpost-arn owner-id state",
		}),
		absent[sdk.DescribeLocalGatewayRouteTablesInput, sdk.DescribeLocalGatewayRouteTablesOutput](s, absence{
			ids: []absentID{{
				"LocalGatewayRouteTableIds",
				"InvalidLocalGatewayRouteTableID.NotFound",
				"The localGatewayRouteTable ID '%s' does not exist",
			}},
			filters: "local-gateway-id local-gateway-route-table-arn local-gateway-route-table-id" +
				" outpost-arn owner-id state",
		}),
		absent[sdk.DescribeInstanceConnectEndpointsInput, sdk.DescribeInstanceConnectEndpointsOutput](s, absence{
			ids: []absentID{{
				"InstanceConnectEndpointIds",
				"InvalidInstanceConnectEndpointId.NotFound",
				"The instanceConnectEndpoint ID '%s' does not exist",
			}},
			filters: "instance-connect-endpoint-id state subnet-id tag-value vpc-id",
		}),
	}
}

// absentTransitGateways: transit gateways and their attachments.
func (s *service) absentTransitGateways() []api.Operation {
	return []api.Operation{
		absent[sdk.DescribeTransitGatewaysInput, sdk.DescribeTransitGatewaysOutput](s, absence{
			ids: []absentID{{
				"TransitGatewayIds",
				"InvalidTransitGatewayID.NotFound",
				"Transit Gateway %s was deleted or does not exist.",
			}},
			filters: "options.amazon-side-asn options.association-default-route-table-id" +
				" options.auto-accept-shared-attachments options.default-route-table-association" +
				" options.default-route-table-propagation options.dns-support" +
				" options.propagation-default-route-table-id options.vpn-ecmp-support owner-id state" +
				" transit-gateway-id",
		}),
		absent[sdk.DescribeTransitGatewayAttachmentsInput, sdk.DescribeTransitGatewayAttachmentsOutput](s, absence{
			ids: []absentID{{
				"TransitGatewayAttachmentIds",
				noTransitAttachment,
				noTransitAttachmentText,
			}},
			filters: "association.state association.transit-gateway-route-table-id resource-id" +
				" resource-owner-id resource-type state transit-gateway-attachment-id" +
				" transit-gateway-id transit-gateway-owner-id",
		}),
		absent[
			sdk.DescribeTransitGatewayVpcAttachmentsInput,
			sdk.DescribeTransitGatewayVpcAttachmentsOutput,
		](s, absence{
			ids: []absentID{{
				"TransitGatewayAttachmentIds",
				noTransitAttachment,
				noTransitAttachmentText,
			}},
			filters: "state transit-gateway-attachment-id transit-gateway-id vpc-id",
		}),
		absent[
			sdk.DescribeTransitGatewayPeeringAttachmentsInput,
			sdk.DescribeTransitGatewayPeeringAttachmentsOutput,
		](s, absence{
			ids: []absentID{{
				"TransitGatewayAttachmentIds",
				noTransitAttachment,
				noTransitAttachmentText,
			}},
			filters: "local-owner-id remote-owner-id state transit-gateway-attachment-id" +
				" transit-gateway-id",
		}),
	}
}

// absentTransitRouting: what belongs to transit gateways beside their attachments.
func (s *service) absentTransitRouting() []api.Operation {
	return []api.Operation{
		absent[sdk.DescribeTransitGatewayConnectsInput, sdk.DescribeTransitGatewayConnectsOutput](s, absence{
			ids: []absentID{{
				"TransitGatewayAttachmentIds",
				noTransitAttachment,
				noTransitAttachmentText,
			}},
			filters: "options.protocol state transit-gateway-attachment-id transit-gateway-id" +
				" transport-transit-gateway-attachment-id",
		}),
		absent[sdk.DescribeTransitGatewayConnectPeersInput, sdk.DescribeTransitGatewayConnectPeersOutput](s, absence{
			ids: []absentID{{
				"TransitGatewayConnectPeerIds",
				"InvalidTransitGatewayConnectPeerID.NotFound",
				"Transit Gateway Connect Peer %s was deleted or does not exist.",
			}},
			filters: "state transit-gateway-attachment-id transit-gateway-connect-peer-id",
		}),
		absent[
			sdk.DescribeTransitGatewayMulticastDomainsInput,
			sdk.DescribeTransitGatewayMulticastDomainsOutput,
		](s, absence{
			ids: []absentID{{
				"TransitGatewayMulticastDomainIds",
				"InvalidTransitGatewayMulticastDomainId.NotFound",
				"Transit Gateway Multicast Domain %s was deleted or does not exist.",
			}},
			filters: "state transit-gateway-id transit-gateway-multicast-domain-id",
		}),
		absent[sdk.DescribeTransitGatewayRouteTablesInput, sdk.DescribeTransitGatewayRouteTablesOutput](s, absence{
			ids: []absentID{{
				"TransitGatewayRouteTableIds",
				"InvalidRouteTableID.NotFound",
				"Transit Gateway Route Table %s was deleted or does not exist.",
			}},
			filters: "default-association-route-table default-propagation-route-table state" +
				" transit-gateway-id transit-gateway-route-table-id",
		}),
	}
}

// absentLaunches: what tools look up before they launch an instance.
func (s *service) absentLaunches() []api.Operation {
	return []api.Operation{
		absent[sdk.DescribeLaunchTemplatesInput, sdk.DescribeLaunchTemplatesOutput](s, absence{
			ids: []absentID{
				{"LaunchTemplateIds", noLaunchTemplate, noLaunchTemplateText},
				{"LaunchTemplateNames", noLaunchTemplateName, noLaunchTemplateNameText},
			},
			filters: "create-time launch-template-name",
			takes:   []string{"IncludeManagedResources"},
		}),
		absent[sdk.DescribeLaunchTemplateVersionsInput, sdk.DescribeLaunchTemplateVersionsOutput](s, absence{
			ids: []absentID{
				{"LaunchTemplateId", noLaunchTemplate, noLaunchTemplateText},
				{"LaunchTemplateName", noLaunchTemplateName, noLaunchTemplateNameText},
			},
			filters: "create-time ebs-optimized host-resource-group-arn http-endpoint http-protocol-ipv4" +
				" http-tokens iam-instance-profile image-id instance-type is-default-version" +
				" kernel-id license-configuration-arn network-card-index ram-disk-id",
			takes: []string{"IncludeManagedResources", "MaxVersion", "MinVersion", "ResolveAlias", "Versions"},
		}),
		absent[sdk.DescribePlacementGroupsInput, sdk.DescribePlacementGroupsOutput](s, absence{
			ids: []absentID{{
				"GroupNames",
				"InvalidPlacementGroup.Unknown",
				"The Placement Group '%s' is unknown.",
			}, {
				"GroupIds",
				"InvalidPlacementGroupId.NotFound",
				"The placement group ID '%s' does not exist",
			}},
			filters: "group-arn group-name spread-level state strategy",
		}),
		absent[sdk.DescribeSpotInstanceRequestsInput, sdk.DescribeSpotInstanceRequestsOutput](s, absence{
			ids: []absentID{{
				"SpotInstanceRequestIds",
				"InvalidSpotInstanceRequestID.NotFound",
				"The spot instance request ID '%s' does not exist",
			}},
			filters: "availability-zone-group create-time fault-code fault-message instance-id" +
				" launch-group launch.block-device-mapping.delete-on-termination" +
				" launch.block-device-mapping.device-name launch.block-device-mapping.snapshot-id" +
				" launch.block-device-mapping.volume-size launch.block-device-mapping.volume-type" +
				" launch.group-id launch.group-name launch.image-id launch.instance-type" +
				" launch.kernel-id launch.key-name launch.monitoring-enabled" +
				" launch.network-interface.id launch.ramdisk-id launched-availability-zone" +
				" launched-availability-zone-id network-interface.addresses.primary" +
				" network-interface.delete-on-termination network-interface.description" +
				" network-interface.device-index network-interface.group-id" +
				" network-interface.network-interface-id network-interface.private-ip-address" +
				" network-interface.subnet-id product-description spot-instance-request-id" +
				" spot-price state status-code status-message type valid-from valid-until",
		}),
	}
}

// absentCapacity: capacity that is bought or reserved, and snapshots.
func (s *service) absentCapacity() []api.Operation {
	return []api.Operation{
		absent[sdk.DescribeReservedInstancesInput, sdk.DescribeReservedInstancesOutput](s, absence{
			ids: []absentID{{
				"ReservedInstancesIds",
				"InvalidReservedInstancesId",
				"The reserved instances ID '%s' does not exist",
			}},
			filters: "availability-zone availability-zone-id duration end fixed-price instance-type" +
				" product-description reserved-instances-id scope start state usage-price",
			takes: []string{"OfferingClass", "OfferingType"},
		}),
		absent[sdk.DescribeHostsInput, sdk.DescribeHostsOutput](s, absence{
			ids: []absentID{{
				"HostIds",
				"InvalidHostID.NotFound",
				"The host ID '%s' does not exist",
			}},
			filters: "auto-placement availability-zone availability-zone-id client-token" +
				" host-reservation-id instance-type state",
		}),
		absent[sdk.DescribeCapacityReservationsInput, sdk.DescribeCapacityReservationsOutput](s, absence{
			ids: []absentID{{
				"CapacityReservationIds",
				"InvalidCapacityReservationId.NotFound",
				"The capacity reservation ID '%s' does not exist",
			}},
			filters: "availability-zone end-date end-date-type instance-match-criteria instance-platform" +
				" instance-type outpost-arn owner-id placement-group-arn start-date state tenancy",
		}),
		absent[sdk.DescribeSnapshotsInput, sdk.DescribeSnapshotsOutput](s, absence{
			ids: []absentID{{
				"SnapshotIds",
				"InvalidSnapshot.NotFound",
				"The snapshot '%s' does not exist.",
			}},
			filters: "description encrypted owner-alias owner-id progress snapshot-id start-time status" +
				" storage-tier transfer-type volume-id volume-size",
			takes: []string{"OwnerIds", "RestorableByUserIds"},
		}),
	}
}

// absentPools: pools of addresses.
func (s *service) absentPools() []api.Operation {
	return []api.Operation{
		absent[sdk.DescribePublicIpv4PoolsInput, sdk.DescribePublicIpv4PoolsOutput](s, absence{
			ids: []absentID{{
				"PoolIds",
				"InvalidPublicIpv4PoolID.NotFound",
				"The pool ID '%s' does not exist",
			}},
		}),
		absent[sdk.DescribeIpv6PoolsInput, sdk.DescribeIpv6PoolsOutput](s, absence{
			ids: []absentID{{
				"PoolIds",
				"InvalidPoolID.NotFound",
				"The pool ID '%s' does not exist",
			}},
		}),
		absent[sdk.DescribeCoipPoolsInput, sdk.DescribeCoipPoolsOutput](s, absence{
			ids: []absentID{{
				"PoolIds",
				"InvalidCoipPoolId.NotFound",
				"The pool ID '%s' does not exist",
			}},
			filters: "coip-pool.local-gateway-route-table-id coip-pool.pool-id",
		}),
		absent[sdk.DescribeIpamPoolsInput, sdk.DescribeIpamPoolsOutput](s, absence{
			ids: []absentID{{
				"IpamPoolIds",
				"InvalidIpamPoolId.NotFound",
				"The IPAM pool ID '%s' does not exist",
			}},
			filters: "address-family description ipam-arn ipam-pool-arn ipam-pool-id ipam-region" +
				" ipam-scope-arn ipam-scope-type locale owner-id pool-depth source-ipam-pool-id" +
				" state",
		}),
	}
}

// absentAnalyses: analyses of the network and mirrors of traffic.
func (s *service) absentAnalyses() []api.Operation {
	return []api.Operation{
		absent[sdk.DescribeNetworkInsightsPathsInput, sdk.DescribeNetworkInsightsPathsOutput](s, absence{
			ids: []absentID{{
				"NetworkInsightsPathIds",
				"InvalidNetworkInsightsPathId.NotFound",
				"The networkInsightsPath ID '%s' does not exist",
			}},
			filters: "destination filter-at-destination.destination-address" +
				" filter-at-destination.destination-port-range filter-at-destination.source-address" +
				" filter-at-destination.source-port-range filter-at-source.destination-address" +
				" filter-at-source.destination-port-range filter-at-source.source-address" +
				" filter-at-source.source-port-range protocol source",
		}),
		absent[sdk.DescribeNetworkInsightsAnalysesInput, sdk.DescribeNetworkInsightsAnalysesOutput](s, absence{
			ids: []absentID{{
				"NetworkInsightsAnalysisIds",
				"InvalidNetworkInsightsAnalysisId.NotFound",
				"The networkInsightsAnalysis ID '%s' does not exist",
			}, {
				"NetworkInsightsPathId",
				"InvalidNetworkInsightsPathId.NotFound",
				"The networkInsightsPath ID '%s' does not exist",
			}},
			filters: "path-found status",
			takes:   []string{"AnalysisEndTime", "AnalysisStartTime"},
		}),
		absent[sdk.DescribeTrafficMirrorSessionsInput, sdk.DescribeTrafficMirrorSessionsOutput](s, absence{
			ids: []absentID{{
				"TrafficMirrorSessionIds",
				"InvalidTrafficMirrorSessionId.NotFound",
				"The traffic mirror session ID '%s' does not exist",
			}},
			filters: "description network-interface-id owner-id packet-length session-number" +
				" traffic-mirror-filter-id traffic-mirror-session-id traffic-mirror-target-id" +
				" virtual-network-id",
		}),
		absent[
			sdk.DescribeSecurityGroupVpcAssociationsInput,
			sdk.DescribeSecurityGroupVpcAssociationsOutput,
		](s, absence{
			filters: "group-id group-owner-id state vpc-id vpc-owner-id",
		}),
	}
}
