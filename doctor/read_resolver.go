package doctor

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/aws/service/route53resolver"
	"postern/aws/service/route53resolver/types"
	"postern/network/vpc"
)

// Resolver lists the operations of the Route 53 Resolver API that Read calls.
type Resolver interface {
	route53resolver.ListResolverEndpointsAPIClient
	route53resolver.ListResolverEndpointIpAddressesAPIClient
	route53resolver.ListResolverRulesAPIClient
	route53resolver.ListResolverRuleAssociationsAPIClient
}

// resolverAddress is an address of a Resolver endpoint.
type resolverAddress struct {
	endpoint, subnet string
	address          netip.Addr
}

// resolver reads the rules that the nodes' VPCs follow and the Resolver endpoints of the VPCs that are read, and adds
// the VPCs that those rules go out by. What cannot be read is not judged.
func (r *reader) resolver() error {
	if r.Resolver == nil {
		return nil
	}
	if err := r.resolverRules(); err != nil {
		r.Network.ResolverRules = nil
		r.skip("the Resolver rules of "+strings.Join(r.homes, ", "), err)
	}
	if err := r.resolverEndpoints(); err != nil {
		r.Network.ResolverEndpoints, r.Network.ResolverRules, r.asked = nil, nil, nil
		r.skip("the Resolver endpoints", err)
	}
	return nil
}

func (r *reader) resolverRules() error {
	held := map[string][]string{} // the VPCs that follow a rule
	err := each(r, route53resolver.NewListResolverRuleAssociationsPaginator(r.Resolver,
		&route53resolver.ListResolverRuleAssociationsInput{
			Filters: []types.Filter{{Name: aws.String("VPCId"), Values: r.homes}},
		}), func(o *route53resolver.ListResolverRuleAssociationsOutput) []types.ResolverRuleAssociation {
		return o.ResolverRuleAssociations
	},
		func(a *types.ResolverRuleAssociation) {
			if a.Status == types.ResolverRuleAssociationStatusComplete {
				id := aws.ToString(a.ResolverRuleId)
				held[id] = append(held[id], aws.ToString(a.VPCId))
			}
		})
	if err != nil || len(held) == 0 {
		return err
	}
	return each(r, route53resolver.NewListResolverRulesPaginator(r.Resolver, &route53resolver.ListResolverRulesInput{}),
		func(o *route53resolver.ListResolverRulesOutput) []types.ResolverRule { return o.ResolverRules },
		func(in *types.ResolverRule) {
			if held[aws.ToString(in.Id)] != nil && (in.RuleType == types.RuleTypeOptionForward ||
				in.RuleType == types.RuleTypeOptionSystem) {
				r.Network.ResolverRules = append(r.Network.ResolverRules, rule(in, held[aws.ToString(in.Id)]))
			}
		})
}

func rule(in *types.ResolverRule, vpcs []string) vpc.ResolverRule {
	out := vpc.ResolverRule{
		ID:      aws.ToString(in.Id),
		Domain:  strings.ToLower(strings.TrimSuffix(aws.ToString(in.DomainName), ".")),
		VPCs:    vpcs,
		Forward: in.RuleType == types.RuleTypeOptionForward, Endpoint: aws.ToString(in.ResolverEndpointId),
	}
	for _, t := range in.TargetIps {
		a, err := netip.ParseAddr(aws.ToString(t.Ip))
		if port := aws.ToInt32(t.Port); err == nil {
			if port == 0 {
				port = dnsPort
			}
			out.Targets = append(out.Targets, netip.AddrPortFrom(a, uint16(port)))
		}
	}
	return out
}

func (r *reader) resolverEndpoints() error {
	var ways []types.ResolverEndpoint
	err := each(r,
		route53resolver.NewListResolverEndpointsPaginator(r.Resolver, &route53resolver.ListResolverEndpointsInput{}),
		func(o *route53resolver.ListResolverEndpointsOutput) []types.ResolverEndpoint {
			return o.ResolverEndpoints
		},
		func(e *types.ResolverEndpoint) { ways = append(ways, *e) })
	if err != nil {
		return err
	}
	for _, e := range ways {
		id, home := aws.ToString(e.Id), aws.ToString(e.HostVPCId)
		used := slices.ContainsFunc(r.Network.ResolverRules, func(rule vpc.ResolverRule) bool { return rule.Endpoint == id })
		if !used && !slices.Contains(r.vpcs, home) {
			continue
		}
		if !slices.Contains(r.vpcs, home) {
			r.vpcs = append(r.vpcs, home)
		}
		out := vpc.ResolverEndpoint{ID: id, VPC: home, Available: e.Status == types.ResolverEndpointStatusOperational}
		if e.Direction == types.ResolverEndpointDirectionOutbound {
			out.Direction = vpc.Outbound
		}
		r.Network.ResolverEndpoints = append(r.Network.ResolverEndpoints, out)
		err := each(r, route53resolver.NewListResolverEndpointIpAddressesPaginator(r.Resolver,
			&route53resolver.ListResolverEndpointIpAddressesInput{ResolverEndpointId: e.Id}),
			func(o *route53resolver.ListResolverEndpointIpAddressesOutput) []types.IpAddressResponse {
				return o.IpAddresses
			},
			func(a *types.IpAddressResponse) {
				if address, err := netip.ParseAddr(aws.ToString(a.Ip)); err == nil {
					r.asked = append(r.asked, resolverAddress{id, aws.ToString(a.SubnetId), address})
				}
			})
		if err != nil {
			return err
		}
	}
	return nil
}

// resolverOwner returns the Resolver endpoint whose address an interface has; the EC2 API does not name it.
func (r *reader) resolverOwner(subnet string, address netip.Addr) string {
	for _, a := range r.asked {
		if a.subnet == subnet && a.address == address {
			return a.endpoint
		}
	}
	return ""
}

// takeResolver gives the Resolver endpoints the interfaces that were seen, and forgets those whose VPC was not.
func (r *reader) takeResolver() {
	for i := range r.Network.ResolverEndpoints {
		e := &r.Network.ResolverEndpoints[i]
		for _, c := range r.Network.Interfaces {
			if c.Kind == vpc.ResolverInterface && c.Owner == e.ID {
				e.Interfaces = append(e.Interfaces, c.ID)
			}
		}
	}
	r.Network.ResolverEndpoints = slices.DeleteFunc(r.Network.ResolverEndpoints, func(e vpc.ResolverEndpoint) bool {
		return !slices.ContainsFunc(r.Network.VPCs, func(v vpc.VPC) bool { return v.ID == e.VPC })
	})
}
