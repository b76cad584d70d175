package network

import (
	"context"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strings"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/network/vpc"
)

// ruleType is the type of security group rules, which are parts of their groups.
var ruleType = &ruleTags{resourceType{
	prefix: "sgr", name: "security-group-rule",
	notFound: "InvalidSecurityGroupRuleId.NotFound", malformed: "InvalidSecurityGroupRuleId.Malformed",
	missing: "The security group rule ID '%s' does not exist",
}}

// parts are the parts of records that have tags of their own.
var parts = []tagHolder{ruleType}

// ruleTags finds the tags of rules.
type ruleTags struct{ resourceType }

func (*ruleTags) taggable(s *State, c scope.Scope, id string) (taggable, error) {
	g, rule, err := s.Rule(c, id)
	if err != nil {
		return taggable{}, err
	}
	return taggable{rule.Tags, func(tags []Tag) keyed {
		changed := *g
		changed.Rules = slices.Clone(g.Rules)
		for i := range changed.Rules {
			if changed.Rules[i].ID == id {
				changed.Rules[i].Tags = tags
			}
		}
		return &changed
	}}, nil
}

func (t *ruleTags) tagged(s *State, c scope.Scope) iter.Seq[Tagged] {
	return func(yield func(Tagged) bool) {
		for g := range s.SecurityGroups(c) {
			for i := range g.Rules {
				if r := &g.Rules[i]; len(r.Tags) > 0 && !yield(Tagged{r.ID, t.name, r.Tags}) {
					return
				}
			}
		}
	}
}

// Rule finds a security group rule and its group.
func (s *State) Rule(c scope.Scope, id string) (*SecurityGroup, *SecurityGroupRule, error) {
	for g := range groupsByRule.Find(s.Tables, id) {
		for i := range g.Rules {
			if g.Rules[i].ID == id && g.scope() == c {
				return g, &g.Rules[i], nil
			}
		}
	}
	return nil, nil, ruleType.unknown(id)
}

// Authorize adds rules to a group: all of them or, where one is there already or is malformed, none. Rules come without
// ids and all go in one direction; the made ones are returned.
func (s *Service) Authorize(
	ctx context.Context, c scope.Scope, group string, egress bool, rules []SecurityGroupRule, tags []Tag,
) ([]SecurityGroupRule, error) {
	var made []SecurityGroupRule
	err := s.do(ctx, c, func(p *plan) (err error) {
		made, err = p.authorize(group, egress, rules, tags)
		return err
	})
	return made, err
}

func (p *plan) authorize(
	group string, egress bool, rules []SecurityGroupRule, tags []Tag,
) ([]SecurityGroupRule, error) {
	g, err := p.SecurityGroup(p.scope, group)
	if err != nil {
		return nil, err
	}
	clean, err := p.limits.cleanTags(tags)
	if err != nil {
		return nil, err
	}
	if len(rules) == 0 {
		return nil, missing("ipPermissions")
	}
	have := ruleIndex(g.Rules)
	made := make([]SecurityGroupRule, 0, len(rules))
	for _, r := range rules {
		r.ID, r.Egress, r.Tags = newID("sgr"), egress, clean
		if r, err = p.checkedRule(g, r); err != nil {
			return nil, err
		}
		if have[r.identity()] == seenNow {
			return nil, invalidValue("The same permission must not appear multiple times")
		}
		if have[r.identity()] != 0 {
			return nil, refuse(fault.Exists, "InvalidPermission.Duplicate", "the specified rule \"%s\" already exists",
				r.describe())
		}
		have[r.identity()] = seenNow
		made = append(made, r)
	}
	changed := *g
	changed.Rules = append(slices.Clip(slices.Clone(g.Rules)), made...)
	if n := changed.rulesIn(egress); n > p.limits.RulesPerGroup {
		return nil, overLimit("RulesPerSecurityGroupLimitExceeded",
			"The maximum number of rules per security group has been reached: %d", p.limits.RulesPerGroup)
	}
	p.put(&changed)
	return made, nil
}

func (g *SecurityGroup) rulesIn(egress bool) int {
	n := 0
	for i := range g.Rules {
		if g.Rules[i].Egress == egress {
			n++
		}
	}
	return n
}

const (
	seenBefore = 1
	seenNow    = 2
)

// identity is a rule without what does not matter for whether it is the same rule.
func (r SecurityGroupRule) identity() ruleIdentity {
	return ruleIdentity{r.Egress, r.Protocol, r.Ports, r.CIDR, r.Group, r.PrefixList}
}

type ruleIdentity struct {
	egress     bool
	protocol   vpc.Protocol
	ports      vpc.PortRange
	cidr       netip.Prefix
	group      string
	prefixList string
}

func ruleIndex(rules []SecurityGroupRule) map[ruleIdentity]int {
	have := make(map[ruleIdentity]int, len(rules))
	for _, r := range rules {
		have[r.identity()] = seenBefore
	}
	return have
}

// checkedRule brings a rule into its one form and checks it.
func (p *plan) checkedRule(g *SecurityGroup, r SecurityGroupRule) (SecurityGroupRule, error) {
	if !ruleDescription(r.Description) {
		return r, invalidValue("Value (%s) for parameter description is invalid. %s", r.Description, groupTextRule)
	}
	if err := r.checkPorts(); err != nil {
		return r, err
	}
	peers := 0
	for _, set := range []bool{r.CIDR.IsValid(), r.Group != "", r.PrefixList != ""} {
		if set {
			peers++
		}
	}
	if peers != 1 {
		return r, invalidValue("A security group rule has exactly one of a CIDR block, a security group and a prefix list")
	}
	r.CIDR = maskedOrZero(r.CIDR)
	switch {
	case r.Group != "":
		err := p.refer(g, &r)
		return r, err
	case r.PrefixList != "":
		_, err := p.PrefixList(p.scope, r.PrefixList)
		return r, err
	}
	return r, nil
}

func maskedOrZero(p netip.Prefix) netip.Prefix {
	if !p.IsValid() {
		return netip.Prefix{}
	}
	return p.Masked()
}

// checkPorts checks the port range, or brings it to "any" where the protocol has no ports.
func (r *SecurityGroupRule) checkPorts() error { return checkPorts(r.Protocol, &r.Ports) }

// checkPorts refuses a port range that is none of the protocol's, and clears one of a protocol that has no ports.
func checkPorts(p vpc.Protocol, r *vpc.PortRange) error {
	switch p {
	case vpc.TCP, vpc.UDP:
		if r.From < 0 || r.To > 65535 || r.From > r.To {
			return invalidValue("Invalid TCP/UDP port range (%d:%d)", r.From, r.To)
		}
	case vpc.ICMP, vpc.ICMPv6:
		if r.From < -1 || r.From > 255 || r.To < -1 || r.To > 255 || r.From == -1 && r.To != -1 {
			return invalidValue("ICMP code (%d) and type (%d) must be between -1 and 255, and any type means any code", r.To,
				r.From)
		}
	default:
		if p < vpc.AllProtocols || p > 255 {
			return invalidValue("Invalid value '%d' for IP protocol. Unknown protocol.", p)
		}
		*r = anyPort
	}
	return nil
}

func ruleDescription(s string) bool { return groupText(s) }

// describe is the rule as Amazon's errors write it.
func (r SecurityGroupRule) describe() string {
	peer := r.Group
	switch {
	case r.CIDR.IsValid():
		peer = r.CIDR.String()
	case r.PrefixList != "":
		peer = r.PrefixList
	}
	if r.Protocol == vpc.AllProtocols {
		return fmt.Sprintf("peer: %s, ALL, ALLOW", peer)
	}
	protocol := strings.ToUpper(r.Protocol.String())
	if r.Ports == anyPort {
		return fmt.Sprintf("peer: %s, %s, ALLOW", peer, protocol)
	}
	if r.Protocol == vpc.ICMP || r.Protocol == vpc.ICMPv6 {
		return fmt.Sprintf("peer: %s, %s, type: %d, code: %d, ALLOW", peer, protocol, r.Ports.From, r.Ports.To)
	}
	return fmt.Sprintf("peer: %s, %s, from port: %d, to port: %d, ALLOW", peer, protocol, r.Ports.From, r.Ports.To)
}

// Revocation says which rules go: those with the ids, and those that allow the same as one of Rules.
type Revocation struct {
	IDs   []string
	Rules []SecurityGroupRule
}

// Revoke takes rules of one direction from a group: all of them or, where one is not there, none. It returns them.
func (s *Service) Revoke(
	ctx context.Context, c scope.Scope, group string, egress bool, r Revocation,
) ([]SecurityGroupRule, error) {
	var gone []SecurityGroupRule
	err := s.do(ctx, c, func(p *plan) error {
		gone = nil
		g, err := p.SecurityGroup(c, group)
		if err != nil {
			return err
		}
		if len(r.IDs) == 0 && len(r.Rules) == 0 {
			return missing("ipPermissions")
		}
		drop, err := g.matching(egress, r)
		if err != nil {
			return err
		}
		changed := *g
		changed.Rules = make([]SecurityGroupRule, 0, len(g.Rules))
		for i, rule := range g.Rules {
			if drop[i] {
				gone = append(gone, rule)
				continue
			}
			changed.Rules = append(changed.Rules, rule)
		}
		p.put(&changed)
		return nil
	})
	return gone, err
}

// matching gives the indices of the rules that a revocation names.
func (g *SecurityGroup) matching(egress bool, r Revocation) (map[int]bool, error) {
	drop := map[int]bool{}
	for _, id := range r.IDs {
		i := slices.IndexFunc(g.Rules, func(o SecurityGroupRule) bool { return o.ID == id && o.Egress == egress })
		if i < 0 {
			return nil, ruleType.unknown(id)
		}
		drop[i] = true
	}
	for _, rule := range r.Rules {
		i, err := g.index(egress, rule)
		if err != nil {
			return nil, err
		}
		drop[i] = true
	}
	return drop, nil
}

// index finds the rule of the group that allows the same.
func (g *SecurityGroup) index(egress bool, r SecurityGroupRule) (int, error) {
	r.Egress, r.CIDR = egress, maskedOrZero(r.CIDR)
	if err := r.checkPorts(); err != nil {
		return 0, err
	}
	i := slices.IndexFunc(g.Rules, func(o SecurityGroupRule) bool { return o.identity() == r.identity() })
	if i < 0 {
		return 0, refuse(fault.NotFound, "InvalidPermission.NotFound",
			"The specified rule does not exist in this security group.")
	}
	return i, nil
}

// DescribeRules sets the descriptions of rules, each given by its id or by what it allows.
func (s *Service) DescribeRules(
	ctx context.Context, c scope.Scope, group string, egress bool, rules []SecurityGroupRule,
) error {
	return s.do(ctx, c, func(p *plan) error {
		g, err := p.SecurityGroup(c, group)
		if err != nil {
			return err
		}
		changed := *g
		changed.Rules = slices.Clone(g.Rules)
		for _, r := range rules {
			if !ruleDescription(r.Description) {
				return invalidValue("Value (%s) for parameter description is invalid. %s", r.Description, groupTextRule)
			}
			i := slices.IndexFunc(g.Rules, func(o SecurityGroupRule) bool {
				return r.ID != "" && o.ID == r.ID && o.Egress == egress
			})
			if i < 0 && r.ID != "" {
				return ruleType.unknown(r.ID)
			}
			if i < 0 {
				if i, err = g.index(egress, r); err != nil {
					return err
				}
			}
			changed.Rules[i].Description = r.Description
		}
		p.note(&changed)
		return nil
	})
}

// ModifyRules replaces rules of a group; each keeps its id, direction and tags. All are changed or none.
func (s *Service) ModifyRules(ctx context.Context, c scope.Scope, group string, rules []SecurityGroupRule) error {
	return s.do(ctx, c, func(p *plan) error {
		g, err := p.SecurityGroup(c, group)
		if err != nil {
			return err
		}
		changed := *g
		changed.Rules = slices.Clone(g.Rules)
		for _, r := range rules {
			i := slices.IndexFunc(changed.Rules, func(o SecurityGroupRule) bool { return o.ID == r.ID })
			if i < 0 {
				return ruleType.unknown(r.ID)
			}
			r.Egress, r.Tags = changed.Rules[i].Egress, changed.Rules[i].Tags
			if r, err = p.checkedRule(g, r); err != nil {
				return err
			}
			changed.Rules[i] = r
		}
		have := map[ruleIdentity]bool{}
		for _, r := range changed.Rules {
			if have[r.identity()] {
				return refuse(fault.Exists, "InvalidPermission.Duplicate", "the specified rule \"%s\" already exists", r.describe())
			}
			have[r.identity()] = true
		}
		p.put(&changed)
		return nil
	})
}
