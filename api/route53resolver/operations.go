package route53resolver

import (
	"slices"

	"postern/api"
)

// operations is the table of what the service does.
func (s *service) operations() []api.Operation {
	return slices.Concat(s.endpointOperations(), s.ruleOperations(), s.tagOperations())
}

func (s *service) endpointOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateResolverEndpoint",
			api.About("resolver-endpoint/*"),
			s.createResolverEndpoint,
			api.Takes(
				"CreatorRequestId", "Direction", "IpAddresses", "SecurityGroupIds", "Dns64Enabled", "Ipv6InternetAccessEnabled",
				"Name", "Protocols", "ResolverEndpointType", "RniEnhancedMetricsEnabled", "Tags",
				"TargetNameServerMetricsEnabled",
			)),
		api.Op("GetResolverEndpoint",
			api.About("resolver-endpoint/{ResolverEndpointId}"),
			s.getResolverEndpoint,
			api.Takes("ResolverEndpointId")),
		api.Op("ListResolverEndpoints",
			api.About("resolver-endpoint/*"),
			s.listResolverEndpoints,
			api.Takes("Filters", "MaxResults", "NextToken")),
		api.Op("UpdateResolverEndpoint",
			api.About("resolver-endpoint/{ResolverEndpointId}"),
			s.updateResolverEndpoint,
			api.Takes(
				"ResolverEndpointId", "Dns64Enabled", "Ipv6InternetAccessEnabled", "Name", "Protocols", "ResolverEndpointType",
				"RniEnhancedMetricsEnabled", "TargetNameServerMetricsEnabled",
			)),
		api.Op("DeleteResolverEndpoint",
			api.About("resolver-endpoint/{ResolverEndpointId}"),
			s.deleteResolverEndpoint,
			api.Beside("the endpoint's interfaces are the service's own", "network-interface"),
			api.Takes("ResolverEndpointId")),
		api.Op("AssociateResolverEndpointIpAddress",
			api.About("resolver-endpoint/{ResolverEndpointId}"),
			s.associateIPAddress,
			api.Takes("IpAddress", "ResolverEndpointId")),
		api.Op("DisassociateResolverEndpointIpAddress",
			api.About("resolver-endpoint/{ResolverEndpointId}"),
			s.disassociateIPAddress,
			api.Beside("the endpoint's interfaces are the service's own", "network-interface", "subnet"),
			api.Takes("IpAddress", "ResolverEndpointId")),
		api.Op("ListResolverEndpointIpAddresses",
			api.About("resolver-endpoint/{ResolverEndpointId}"),
			s.listIPAddresses,
			api.Takes("ResolverEndpointId", "MaxResults", "NextToken")),
	}
}

func (s *service) ruleOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateResolverRule",
			api.About("resolver-rule/*"),
			s.createResolverRule,
			api.Beside("AWS asks about the rule only", "resolver-endpoint"),
			api.Takes("CreatorRequestId", "RuleType", "DomainName", "Name", "ResolverEndpointId", "Tags", "TargetIps")),
		api.Op("GetResolverRule",
			api.About("resolver-rule/{ResolverRuleId}"),
			s.getResolverRule,
			api.Takes("ResolverRuleId")),
		api.Op("ListResolverRules",
			api.About("resolver-rule/*"),
			s.listResolverRules,
			api.Takes("Filters", "MaxResults", "NextToken")),
		api.Op("UpdateResolverRule",
			api.About("resolver-rule/{ResolverRuleId}"),
			s.updateResolverRule,
			api.Beside("AWS asks about the rule only", "resolver-endpoint"),
			api.Takes("Config", "ResolverRuleId")),
		api.Op("DeleteResolverRule",
			api.About("resolver-rule/{ResolverRuleId}"),
			s.deleteResolverRule,
			api.Takes("ResolverRuleId")),
		api.Op("AssociateResolverRule",
			api.About("resolver-rule/{ResolverRuleId}"),
			s.associateResolverRule,
			api.Beside("AWS asks about the rule only", "vpc"),
			api.Takes("ResolverRuleId", "VPCId", "Name")),
		api.Op("DisassociateResolverRule",
			api.About("resolver-rule/{ResolverRuleId}"),
			s.disassociateResolverRule,
			api.Beside("AWS asks about the rule only", "vpc"),
			api.Takes("ResolverRuleId", "VPCId")),
		api.Op("GetResolverRuleAssociation",
			api.About("resolver-rule/*"),
			s.getResolverRuleAssociation,
			api.Takes("ResolverRuleAssociationId")),
		api.Op("ListResolverRuleAssociations",
			api.About("resolver-rule/*"),
			s.listResolverRuleAssociations,
			api.Takes("Filters", "MaxResults", "NextToken")),
	}
}

func (s *service) tagOperations() []api.Operation {
	return []api.Operation{
		api.Op("TagResource",
			api.About("{ResourceArn}"),
			s.tagResource,
			api.Takes("ResourceArn", "Tags")),
		api.Op("UntagResource",
			api.About("{ResourceArn}"),
			s.untagResource,
			api.Takes("ResourceArn", "TagKeys")),
		api.Op("ListTagsForResource",
			api.About("{ResourceArn}"),
			s.listTagsForResource,
			api.Takes("ResourceArn", "MaxResults", "NextToken")),
	}
}
