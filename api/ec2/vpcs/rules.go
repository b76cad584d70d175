package vpcs

import (
	"cmp"
	"context"
	"iter"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/ec2/internal/query"
	"postern/api/tags"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/network"
)

// groupRule is a rule with the group it is of.
type groupRule struct {
	group *network.SecurityGroup
	rule  network.SecurityGroupRule
	// reference is where its reference to a group of another VPC stands; nil where it has none.
	reference *network.Reference
}

func ruleOf(v *query.View, g *network.SecurityGroup, r network.SecurityGroupRule) groupRule {
	out := groupRule{group: g, rule: r}
	if reference, ok := v.Reference(g, &r); ok {
		out.reference = &reference
	}
	return out
}

var ruleListing = query.Listing[groupRule]{
	ID:   func(r groupRule) string { return r.group.ID + "/" + r.rule.ID },
	Tags: func(r groupRule) []network.Tag { return r.rule.Tags },
	All:  allRules,
	Get: func(v *query.View, id string) (groupRule, error) {
		g, r, err := v.Rule(v.Scope, id)
		if err != nil {
			return groupRule{}, err
		}
		return ruleOf(v, g, *r), nil
	},
	Filters: map[string]query.Test[groupRule]{
		"group-id":               query.Text(func(r groupRule) string { return r.group.ID }),
		"security-group-rule-id": query.Text(func(r groupRule) string { return r.rule.ID }),
	},
}

// allRules are all groups' rules, by group and then by rule.
func allRules(v *query.View) iter.Seq[groupRule] {
	return func(yield func(groupRule) bool) {
		for g := range v.SecurityGroups(v.Scope) {
			rules := slices.Clone(g.Rules)
			slices.SortFunc(rules, func(a, b network.SecurityGroupRule) int { return cmp.Compare(a.ID, b.ID) })
			for _, r := range rules {
				if !yield(ruleOf(v, g, r)) {
					return
				}
			}
		}
	}
}

func toRule(r groupRule) types.SecurityGroupRule {
	out := types.SecurityGroupRule{
		SecurityGroupRuleId: aws.String(
			r.rule.ID,
		), GroupId: aws.String(r.group.ID), GroupOwnerId: aws.String(r.group.Account),
		IsEgress: aws.Bool(r.rule.Egress), IpProtocol: aws.String(protocolName(r.rule.Protocol)),
		FromPort: aws.Int32(r.rule.Ports.From), ToPort: aws.Int32(r.rule.Ports.To),
		Description: query.Optional(r.rule.Description), Tags: tags.To[types.Tag](r.rule.Tags),
		SecurityGroupRuleArn: aws.String(query.Resource(
			&api.Call{Account: r.group.Account, Region: r.group.Region}, "security-group-rule/"+r.rule.ID)),
	}
	switch {
	case r.rule.Group != "":
		out.ReferencedGroupInfo = &types.ReferencedSecurityGroup{
			GroupId: aws.String(r.rule.Group), UserId: aws.String(groupOwner(r.group.Account, &r.rule)),
		}
		if x := r.reference; x != nil {
			out.ReferencedGroupInfo.VpcId, out.ReferencedGroupInfo.VpcPeeringConnectionId = &x.VPC, query.Optional(x.Peering)
			out.ReferencedGroupInfo.PeeringStatus = aws.String(string(x.Status))
		}
	case r.rule.PrefixList != "":
		out.PrefixListId = aws.String(r.rule.PrefixList)
	case r.rule.CIDR.Addr().Is6():
		out.CidrIpv6 = query.String(r.rule.CIDR)
	default:
		out.CidrIpv4 = query.String(r.rule.CIDR)
	}
	return out
}

func toRules(v *query.View, g *network.SecurityGroup, rules []network.SecurityGroupRule) []types.SecurityGroupRule {
	return query.Convert(
		rules,
		func(r network.SecurityGroupRule) types.SecurityGroupRule { return toRule(ruleOf(v, g, r)) },
	)
}

func toRevoked(group string, r network.SecurityGroupRule) types.RevokedSecurityGroupRule {
	out := types.RevokedSecurityGroupRule{
		SecurityGroupRuleId: aws.String(r.ID), GroupId: aws.String(group), IsEgress: aws.Bool(r.Egress),
		IpProtocol: aws.String(protocolName(r.Protocol)), FromPort: aws.Int32(r.Ports.From), ToPort: aws.Int32(r.Ports.To),
		Description: query.Optional(
			r.Description,
		), ReferencedGroupId: query.Optional(r.Group), PrefixListId: query.Optional(r.PrefixList),
	}
	if r.CIDR.Addr().Is6() {
		out.CidrIpv6 = query.String(r.CIDR)
	} else if r.CIDR.IsValid() {
		out.CidrIpv4 = query.String(r.CIDR)
	}
	return out
}

// change holds the members that the Authorize and Revoke calls, inbound and outbound, share.
type change struct {
	group, name *string
	egress      bool
	permissions []types.IpPermission
	// cidr, protocol, from and to are the older way to give one permission; source names a group of the default VPC.
	cidr, protocol, source *string
	from, to               *int32
}

// changed are the group and the rules that a change is about.
func (s *service) changed(c *api.Call, x change) (group string, out []network.SecurityGroupRule, err error) {
	if x, err = s.named(c, x); err != nil {
		return "", nil, err
	}
	all := x.permissions
	if x.cidr != nil || x.protocol != nil {
		if len(all) > 0 {
			return "", nil, query.Combination("ipPermissions may not be used together with cidrIp and ipProtocol")
		}
		all = []types.IpPermission{{
			IpProtocol: x.protocol, FromPort: x.from, ToPort: x.to, IpRanges: []types.IpRange{{CidrIp: x.cidr}},
		}}
	}
	out, err = rules(all)
	return *x.group, out, err
}

func (s *service) authorize(
	ctx context.Context,
	c *api.Call,
	x change,
	specs []types.TagSpecification,
) ([]types.SecurityGroupRule, error) {
	group, wanted, err := s.changed(c, x)
	if err != nil {
		return nil, err
	}
	tags, err := query.TagsFor(ctx, c, "security-group-rule", specs)
	if err != nil {
		return nil, err
	}
	made, err := s.network.Authorize(ctx, query.ScopeOf(c), group, x.egress, wanted, tags)
	if err != nil {
		return nil, err
	}
	v := s.view(c)
	g, err := v.SecurityGroup(v.Scope, group)
	if err != nil {
		return nil, err
	}
	return toRules(v, g, made), nil
}

func (s *service) revoke(
	ctx context.Context,
	c *api.Call,
	x change,
	ids []string,
) ([]types.RevokedSecurityGroupRule, error) {
	group, wanted, err := s.changed(c, x)
	if err != nil {
		return nil, err
	}
	gone, err := s.network.Revoke(ctx, query.ScopeOf(c), group, x.egress, network.Revocation{IDs: ids, Rules: wanted})
	if err != nil {
		return nil, err
	}
	return query.Convert(
		gone,
		func(r network.SecurityGroupRule) types.RevokedSecurityGroupRule { return toRevoked(group, r) },
	), nil
}

func (s *service) authorizeIngress(
	ctx context.Context,
	c *api.Call,
	in *sdk.AuthorizeSecurityGroupIngressInput,
) (*sdk.AuthorizeSecurityGroupIngressOutput, error) {
	made, err := s.authorize(ctx, c, change{
		group: in.GroupId, name: in.GroupName, permissions: in.IpPermissions,
		cidr: in.CidrIp, protocol: in.IpProtocol, from: in.FromPort, to: in.ToPort, source: in.SourceSecurityGroupName,
	}, in.TagSpecifications)
	return &sdk.AuthorizeSecurityGroupIngressOutput{Return: aws.Bool(true), SecurityGroupRules: made}, err
}

func (s *service) authorizeEgress(
	ctx context.Context,
	c *api.Call,
	in *sdk.AuthorizeSecurityGroupEgressInput,
) (*sdk.AuthorizeSecurityGroupEgressOutput, error) {
	made, err := s.authorize(ctx, c, change{
		group: in.GroupId, egress: true, permissions: in.IpPermissions,
		cidr: in.CidrIp, protocol: in.IpProtocol, from: in.FromPort, to: in.ToPort, source: in.SourceSecurityGroupName,
	}, in.TagSpecifications)
	return &sdk.AuthorizeSecurityGroupEgressOutput{Return: aws.Bool(true), SecurityGroupRules: made}, err
}

func (s *service) revokeIngress(
	ctx context.Context,
	c *api.Call,
	in *sdk.RevokeSecurityGroupIngressInput,
) (*sdk.RevokeSecurityGroupIngressOutput, error) {
	gone, err := s.revoke(ctx, c, change{
		group: in.GroupId, name: in.GroupName, permissions: in.IpPermissions,
		cidr: in.CidrIp, protocol: in.IpProtocol, from: in.FromPort, to: in.ToPort, source: in.SourceSecurityGroupName,
	}, in.SecurityGroupRuleIds)
	return &sdk.RevokeSecurityGroupIngressOutput{Return: aws.Bool(true), RevokedSecurityGroupRules: gone}, err
}

func (s *service) revokeEgress(
	ctx context.Context,
	c *api.Call,
	in *sdk.RevokeSecurityGroupEgressInput,
) (*sdk.RevokeSecurityGroupEgressOutput, error) {
	gone, err := s.revoke(ctx, c, change{
		group: in.GroupId, egress: true, permissions: in.IpPermissions,
		cidr: in.CidrIp, protocol: in.IpProtocol, from: in.FromPort, to: in.ToPort, source: in.SourceSecurityGroupName,
	}, in.SecurityGroupRuleIds)
	return &sdk.RevokeSecurityGroupEgressOutput{Return: aws.Bool(true), RevokedSecurityGroupRules: gone}, err
}

func (s *service) describeSecurityGroupRules(
	_ context.Context,
	c *api.Call,
	in *sdk.DescribeSecurityGroupRulesInput,
) (*sdk.DescribeSecurityGroupRulesOutput, error) {
	found, next, err := query.Describe(s.view(c), in, ruleListing, in.SecurityGroupRuleIds, in.Filters)
	return &sdk.DescribeSecurityGroupRulesOutput{SecurityGroupRules: query.Convert(found, toRule), NextToken: next}, err
}

func (s *service) modifySecurityGroupRules(
	ctx context.Context,
	c *api.Call,
	in *sdk.ModifySecurityGroupRulesInput,
) (*sdk.ModifySecurityGroupRulesOutput, error) {
	var changed []network.SecurityGroupRule
	for _, u := range in.SecurityGroupRules {
		if u.SecurityGroupRule == nil {
			return nil, query.Required("securityGroupRule")
		}
		r, err := fromRequest(*u.SecurityGroupRule)
		if err != nil {
			return nil, err
		}
		r.ID = aws.ToString(u.SecurityGroupRuleId)
		changed = append(changed, r)
	}
	err := s.network.ModifyRules(ctx, query.ScopeOf(c), aws.ToString(in.GroupId), changed)
	return &sdk.ModifySecurityGroupRulesOutput{Return: aws.Bool(true)}, err
}

func fromRequest(x types.SecurityGroupRuleRequest) (network.SecurityGroupRule, error) {
	p := types.IpPermission{IpProtocol: x.IpProtocol, FromPort: x.FromPort, ToPort: x.ToPort}
	if x.CidrIpv4 != nil {
		p.IpRanges = []types.IpRange{{CidrIp: x.CidrIpv4, Description: x.Description}}
	}
	if x.CidrIpv6 != nil {
		p.Ipv6Ranges = []types.Ipv6Range{{CidrIpv6: x.CidrIpv6, Description: x.Description}}
	}
	if x.PrefixListId != nil {
		p.PrefixListIds = []types.PrefixListId{{PrefixListId: x.PrefixListId, Description: x.Description}}
	}
	if x.ReferencedGroupId != nil {
		p.UserIdGroupPairs = []types.UserIdGroupPair{{GroupId: x.ReferencedGroupId, Description: x.Description}}
	}
	all, err := rulesOf(p)
	if err != nil {
		return network.SecurityGroupRule{}, err
	}
	if len(all) != 1 {
		return network.SecurityGroupRule{}, query.Combination(
			"A security group rule has exactly one of cidrIpv4, cidrIpv6, prefixListId and referencedGroupId",
		)
	}
	return all[0], nil
}

func (s *service) describeRulesIngress(
	ctx context.Context,
	c *api.Call,
	in *sdk.UpdateSecurityGroupRuleDescriptionsIngressInput,
) (*sdk.UpdateSecurityGroupRuleDescriptionsIngressOutput, error) {
	err := s.describeRules(
		ctx,
		c,
		change{group: in.GroupId, name: in.GroupName, permissions: in.IpPermissions},
		in.SecurityGroupRuleDescriptions,
	)
	return &sdk.UpdateSecurityGroupRuleDescriptionsIngressOutput{Return: aws.Bool(true)}, err
}

func (s *service) describeRulesEgress(
	ctx context.Context,
	c *api.Call,
	in *sdk.UpdateSecurityGroupRuleDescriptionsEgressInput,
) (*sdk.UpdateSecurityGroupRuleDescriptionsEgressOutput, error) {
	err := s.describeRules(
		ctx,
		c,
		change{group: in.GroupId, name: in.GroupName, egress: true, permissions: in.IpPermissions},
		in.SecurityGroupRuleDescriptions,
	)
	return &sdk.UpdateSecurityGroupRuleDescriptionsEgressOutput{Return: aws.Bool(true)}, err
}

func (s *service) describeRules(
	ctx context.Context,
	c *api.Call,
	x change,
	byID []types.SecurityGroupRuleDescription,
) error {
	group, wanted, err := s.changed(c, x)
	if err != nil {
		return err
	}
	for _, d := range byID {
		wanted = append(
			wanted,
			network.SecurityGroupRule{ID: aws.ToString(d.SecurityGroupRuleId), Description: aws.ToString(d.Description)},
		)
	}
	if len(wanted) == 0 {
		return query.Required("securityGroupRuleDescriptions")
	}
	return s.network.DescribeRules(ctx, query.ScopeOf(c), group, x.egress, wanted)
}

func (s *service) authorizedGroup(c *api.Call, in *sdk.AuthorizeSecurityGroupIngressInput) []string {
	return s.group(c, in.GroupId, in.GroupName)
}

func (s *service) revokedGroup(c *api.Call, in *sdk.RevokeSecurityGroupIngressInput) []string {
	return s.group(c, in.GroupId, in.GroupName)
}

func (s *service) describedIngress(c *api.Call, in *sdk.UpdateSecurityGroupRuleDescriptionsIngressInput) []string {
	return s.group(c, in.GroupId, in.GroupName)
}

func (s *service) describedEgress(c *api.Call, in *sdk.UpdateSecurityGroupRuleDescriptionsEgressInput) []string {
	return s.group(c, in.GroupId, in.GroupName)
}
