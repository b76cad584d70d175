package route53resolver

import (
	"context"
	"net/netip"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/page"
	"postern/api/tags"
	"postern/aws/arn"
	sdk "postern/aws/service/route53resolver"
	"postern/aws/service/route53resolver/types"
	"postern/network"
)

// internetRule is the rule that every VPC has from the beginning: names that no other rule covers are the resolver's
// own matter.
const internetRule = "rslvr-autodefined-rr-internet-resolver"

var ruleFields = fields[types.ResolverRule]{
	"CreatorRequestId": value(func(r types.ResolverRule) *string { return r.CreatorRequestId }),
	"DomainName": func(r types.ResolverRule) []string {
		return []string{*r.DomainName, strings.TrimSuffix(*r.DomainName, ".")}
	},
	"Name":               value(func(r types.ResolverRule) *string { return r.Name }),
	"ResolverEndpointId": value(func(r types.ResolverRule) *string { return r.ResolverEndpointId }),
	"Status":             func(r types.ResolverRule) []string { return []string{string(r.Status)} },
	"Type":               func(r types.ResolverRule) []string { return []string{string(r.RuleType)} },
}

// rule is a rule as the API shows it.
func rule(r *network.ResolverRule, status types.ResolverRuleStatus) *types.ResolverRule {
	out := &types.ResolverRule{
		Id: aws.String(r.ID), Arn: aws.String(name(r.Region, r.Account, ruleType, r.ID)), Name: text(r.Name),
		CreatorRequestId: aws.String(r.CreatorRequest),
		DomainName:       aws.String(r.Domain + "."), RuleType: types.RuleTypeOptionSystem, Status: status,
		StatusMessage: aws.String("Successfully created Resolver Rule."),
		OwnerId:       aws.String(r.Account), ShareStatus: types.ShareStatusNotShared, ResolverEndpointId: text(r.Endpoint),
		CreationTime: moment(r.Created), ModificationTime: moment(r.Modified),
	}
	if r.Forward {
		out.RuleType = types.RuleTypeOptionForward
	}
	for _, t := range r.Targets {
		out.TargetIps = append(out.TargetIps, types.TargetAddress{
			Ip: aws.String(t.Addr().String()), Port: aws.Int32(int32(t.Port())), Protocol: types.ProtocolDo53,
		})
	}
	return out
}

func autodefined(c *api.Call) *types.ResolverRule {
	return &types.ResolverRule{
		Id:   aws.String(internetRule),
		Arn:  aws.String(arn.New("route53resolver", c.Region, "", "autodefined-rule/"+internetRule).String()),
		Name: aws.String("Internet Resolver"), CreatorRequestId: aws.String(""), DomainName: aws.String("."),
		RuleType: types.RuleTypeOptionRecursive,
		Status:   types.ResolverRuleStatusComplete, OwnerId: aws.String("Route 53 Resolver"),
		ShareStatus: types.ShareStatusNotShared,
	}
}

// targets reads the DNS servers of a rule. The port is 53 where none is said.
func targets(c *api.Call, in []types.TargetAddress) ([]netip.AddrPort, error) {
	var out []netip.AddrPort
	for _, t := range in {
		switch {
		case aws.ToString(t.Ipv6) != "":
			return nil, unbuilt(c, "Ipv6")
		case t.Protocol != "" && t.Protocol != types.ProtocolDo53:
			return nil, unbuilt(c, "protocol "+string(t.Protocol))
		case aws.ToString(t.ServerNameIndication) != "":
			return nil, unbuilt(c, "ServerNameIndication")
		}
		a, err := netip.ParseAddr(aws.ToString(t.Ip))
		if err != nil || !a.Is4() {
			return nil, invalid("'%s' is not an IPv4 address", aws.ToString(t.Ip))
		}
		port := int32(53)
		if t.Port != nil {
			port = *t.Port
		}
		if port < 1 || port > 65535 {
			return nil, invalid("Port is %d; it is a number from 1 to 65535", port)
		}
		out = append(out, netip.AddrPortFrom(a, uint16(port)))
	}
	return out, nil
}

func (s *service) createResolverRule(
	ctx context.Context, c *api.Call, in *sdk.CreateResolverRuleInput,
) (*sdk.CreateResolverRuleOutput, error) {
	made := network.CreateResolverRuleInput{
		Name: aws.ToString(in.Name), Domain: aws.ToString(in.DomainName), Endpoint: aws.ToString(in.ResolverEndpointId),
		CreatorRequest: aws.ToString(in.CreatorRequestId), Tags: tags.From[network.Tag](in.Tags),
	}
	switch in.RuleType {
	case types.RuleTypeOptionForward:
		made.Forward = true
	case types.RuleTypeOptionSystem:
	case types.RuleTypeOptionDelegate:
		return nil, unbuilt(c, "rule type DELEGATE")
	default:
		return nil, invalid("RuleType '%s' is not one of FORWARD, SYSTEM, DELEGATE", in.RuleType)
	}
	var err error
	if made.Targets, err = targets(c, in.TargetIps); err != nil {
		return nil, err
	}
	r, err := s.network.CreateResolverRule(ctx, scopeOf(c), made)
	if err != nil {
		return nil, err
	}
	return &sdk.CreateResolverRuleOutput{ResolverRule: rule(r, types.ResolverRuleStatusComplete)}, nil
}

func (s *service) getResolverRule(
	_ context.Context, c *api.Call, in *sdk.GetResolverRuleInput,
) (*sdk.GetResolverRuleOutput, error) {
	if aws.ToString(in.ResolverRuleId) == internetRule {
		return &sdk.GetResolverRuleOutput{ResolverRule: autodefined(c)}, nil
	}
	r, err := s.network.State().ResolverRule(scopeOf(c), aws.ToString(in.ResolverRuleId))
	if err != nil {
		return nil, err
	}
	return &sdk.GetResolverRuleOutput{ResolverRule: rule(r, types.ResolverRuleStatusComplete)}, nil
}

func (s *service) listResolverRules(
	_ context.Context, c *api.Call, in *sdk.ListResolverRulesInput,
) (*sdk.ListResolverRulesOutput, error) {
	all := []types.ResolverRule{*autodefined(c)}
	for r := range s.network.State().ResolverRules(scopeOf(c)) {
		all = append(all, *rule(r, types.ResolverRuleStatusComplete))
	}
	all, err := filter(all, ruleFields, in.Filters)
	if err != nil {
		return nil, err
	}
	p, err := page.Read(c, in, maxResults)
	if err != nil {
		return nil, err
	}
	rows, next := page.Cut(p, all, func(r types.ResolverRule) string { return *r.Id })
	return &sdk.ListResolverRulesOutput{ResolverRules: rows, MaxResults: sizeOf(p), NextToken: next}, nil
}

// ours refuses to change the rule that Resolver has made by itself.
func ours(id string) error {
	if id == internetRule {
		return refused("The rule '%s' is autodefined and cannot be changed", id)
	}
	return nil
}

func (s *service) updateResolverRule(
	ctx context.Context, c *api.Call, in *sdk.UpdateResolverRuleInput,
) (*sdk.UpdateResolverRuleOutput, error) {
	id := aws.ToString(in.ResolverRuleId)
	if err := ours(id); err != nil {
		return nil, err
	}
	to, err := targets(c, in.Config.TargetIps)
	if err != nil {
		return nil, err
	}
	r, err := s.network.ModifyResolverRule(ctx, scopeOf(c), id, network.ResolverRuleChange{
		Name: in.Config.Name, Endpoint: aws.ToString(in.Config.ResolverEndpointId), Targets: to,
	})
	if err != nil {
		return nil, err
	}
	return &sdk.UpdateResolverRuleOutput{ResolverRule: rule(r, types.ResolverRuleStatusComplete)}, nil
}

func (s *service) deleteResolverRule(
	ctx context.Context, c *api.Call, in *sdk.DeleteResolverRuleInput,
) (*sdk.DeleteResolverRuleOutput, error) {
	id := aws.ToString(in.ResolverRuleId)
	if err := ours(id); err != nil {
		return nil, err
	}
	r, err := s.network.DeleteResolverRule(ctx, scopeOf(c), id)
	if err != nil {
		return nil, err
	}
	return &sdk.DeleteResolverRuleOutput{ResolverRule: rule(r, types.ResolverRuleStatusDeleting)}, nil
}
