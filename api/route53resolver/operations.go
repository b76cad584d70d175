package route53resolver

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/aws/arn"
	sdk "postern/aws/service/route53resolver"
	"postern/aws/wire"
	"postern/network"
)

// Config is what the Route 53 Resolver API speaks for.
type Config struct {
	Network *network.Service
}

type service struct {
	network *network.Service
}

// New makes the Route 53 Resolver API's service with its table of operations.
func New(c Config) api.Service {
	s := &service{c.Network}
	return api.Service{
		Name: "route53resolver", Protocol: wire.JSON, TargetPrefix: "Route53Resolver",
		Operations: slices.Concat(s.endpointOperations(), s.ruleOperations(), s.tagOperations()),
	}
}

// pages are what every List operation takes.
var pages = api.Takes("Filters", "MaxResults", "NextToken")

func (s *service) endpointOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateResolverEndpoint", anyOf[sdk.CreateResolverEndpointInput](endpointType), s.createResolverEndpoint, api.Takes(
			"CreatorRequestId", "Name", "Direction", "IpAddresses", "SecurityGroupIds", "Protocols", "ResolverEndpointType", "Tags",
			"RniEnhancedMetricsEnabled", "TargetNameServerMetricsEnabled", "Dns64Enabled", "Ipv6InternetAccessEnabled")),
		api.Op("GetResolverEndpoint", one(endpointType, func(in *sdk.GetResolverEndpointInput) *string { return in.ResolverEndpointId }), s.getResolverEndpoint),
		api.Op("ListResolverEndpoints", anyOf[sdk.ListResolverEndpointsInput](endpointType), s.listResolverEndpoints, pages),
		api.Op("UpdateResolverEndpoint", one(endpointType, func(in *sdk.UpdateResolverEndpointInput) *string { return in.ResolverEndpointId }), s.updateResolverEndpoint, api.Takes(
			"ResolverEndpointId", "Name", "Protocols", "ResolverEndpointType",
			"RniEnhancedMetricsEnabled", "TargetNameServerMetricsEnabled", "Dns64Enabled", "Ipv6InternetAccessEnabled")),
		api.Op("DeleteResolverEndpoint", one(endpointType, func(in *sdk.DeleteResolverEndpointInput) *string { return in.ResolverEndpointId }), s.deleteResolverEndpoint,
			api.Beside("the endpoint's interfaces are the service's own", "network-interface")),
		api.Op("AssociateResolverEndpointIpAddress",
			one(endpointType, func(in *sdk.AssociateResolverEndpointIpAddressInput) *string { return in.ResolverEndpointId }), s.associateIPAddress),
		api.Op("DisassociateResolverEndpointIpAddress",
			one(endpointType, func(in *sdk.DisassociateResolverEndpointIpAddressInput) *string { return in.ResolverEndpointId }), s.disassociateIPAddress,
			api.Beside("the endpoint's interfaces are the service's own", "network-interface", "subnet")),
		api.Op("ListResolverEndpointIpAddresses",
			one(endpointType, func(in *sdk.ListResolverEndpointIpAddressesInput) *string { return in.ResolverEndpointId }), s.listIPAddresses),
	}
}

func (s *service) ruleOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateResolverRule", anyOf[sdk.CreateResolverRuleInput](ruleType), s.createResolverRule, api.Takes(
			"CreatorRequestId", "Name", "RuleType", "DomainName", "TargetIps", "ResolverEndpointId", "Tags"),
			api.Beside("AWS asks about the rule only", "resolver-endpoint")),
		api.Op("GetResolverRule", one(ruleType, func(in *sdk.GetResolverRuleInput) *string { return in.ResolverRuleId }), s.getResolverRule),
		api.Op("ListResolverRules", anyOf[sdk.ListResolverRulesInput](ruleType), s.listResolverRules, pages),
		api.Op("UpdateResolverRule", one(ruleType, func(in *sdk.UpdateResolverRuleInput) *string { return in.ResolverRuleId }), s.updateResolverRule,
			api.Beside("AWS asks about the rule only", "resolver-endpoint")),
		api.Op("DeleteResolverRule", one(ruleType, func(in *sdk.DeleteResolverRuleInput) *string { return in.ResolverRuleId }), s.deleteResolverRule),
		api.Op("AssociateResolverRule", one(ruleType, func(in *sdk.AssociateResolverRuleInput) *string { return in.ResolverRuleId }), s.associateResolverRule,
			api.Beside("AWS asks about the rule only", "vpc")),
		api.Op("DisassociateResolverRule", one(ruleType, func(in *sdk.DisassociateResolverRuleInput) *string { return in.ResolverRuleId }), s.disassociateResolverRule,
			api.Beside("AWS asks about the rule only", "vpc")),
		api.Op("GetResolverRuleAssociation", anyOf[sdk.GetResolverRuleAssociationInput](ruleType), s.getResolverRuleAssociation),
		api.Op("ListResolverRuleAssociations", anyOf[sdk.ListResolverRuleAssociationsInput](ruleType), s.listResolverRuleAssociations, pages),
	}
}

func (s *service) tagOperations() []api.Operation {
	return []api.Operation{
		api.Op("TagResource", api.About("{ResourceArn}"), s.tagResource),
		api.Op("UntagResource", api.About("{ResourceArn}"), s.untagResource),
		api.Op("ListTagsForResource", api.About("{ResourceArn}"), s.listTagsForResource),
	}
}

// The types of resource, as they stand in ARNs.
const (
	endpointType = "resolver-endpoint"
	ruleType     = "resolver-rule"
)

func name(c *api.Call, kind, id string) string {
	return arn.New("route53resolver", c.Region, c.Account, kind+"/"+id).String()
}

// one declares an operation that is about one resource.
func one[In any](kind string, id func(*In) *string) api.Resources {
	return api.Lookup(func(c *api.Call, in *In) []string { return []string{name(c, kind, aws.ToString(id(in)))} })
}

// anyOf declares an operation that is about no resource in particular.
func anyOf[In any](kind string) api.Resources {
	return api.Lookup(func(c *api.Call, _ *In) []string { return []string{name(c, kind, "*")} })
}
