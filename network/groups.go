package network

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/network/vpc"
)

// defaultGroup is the name of the security group that a VPC is made with.
const defaultGroup = "default"

// CreateSecurityGroupInput is a security group to be made.
type CreateSecurityGroupInput struct {
	VPC string
	// Name and Description are 1–255 of the letters, digits, spaces and signs that Amazon allows.
	Name, Description string
	Tags              []Tag
}

// CreateSecurityGroup makes a group that allows everything out and nothing in.
func (s *Service) CreateSecurityGroup(ctx context.Context, c scope.Scope, in CreateSecurityGroupInput) (*SecurityGroup, error) {
	var made *SecurityGroup
	err := s.do(ctx, c, func(p *plan) (err error) {
		made, err = p.createGroup(in)
		return err
	})
	return made, err
}

func (p *plan) createGroup(in CreateSecurityGroupInput) (*SecurityGroup, error) {
	tags, err := p.limits.cleanTags(in.Tags)
	if err != nil {
		return nil, err
	}
	if err := checkGroupTexts(in); err != nil {
		return nil, err
	}
	v, err := p.VPC(p.scope, in.VPC)
	if err != nil {
		return nil, err
	}
	groups := 0
	for g := range p.SecurityGroups(p.scope) {
		if g.VPC == v.ID && g.Name == in.Name {
			return nil, refuse(fault.Exists, "InvalidGroup.Duplicate", "The security group '%s' already exists for VPC '%s'", in.Name, v.ID)
		}
		groups++
	}
	if groups >= p.limits.Groups {
		return nil, overLimit("SecurityGroupLimitExceeded", "The maximum number of security groups has been reached: %d", p.limits.Groups)
	}
	g := &SecurityGroup{Meta: p.meta("sg", tags), VPC: v.ID, Name: in.Name, Description: in.Description}
	g.Rules = []SecurityGroupRule{
		{ID: newID("sgr"), Egress: true, Protocol: vpc.AllProtocols, Ports: anyPort, CIDR: everyIPv4},
	}
	p.put(g)
	return g, nil
}

func checkGroupTexts(in CreateSecurityGroupInput) error {
	switch {
	case in.Name == "":
		return missing("groupName")
	case in.Description == "":
		return missing("groupDescription")
	case strings.EqualFold(in.Name, defaultGroup):
		return invalidValue("Cannot use reserved security group name: %s", in.Name)
	case strings.HasPrefix(in.Name, "sg-"):
		return invalidValue("Value (%s) for parameter GroupName is invalid. Group names may not be in the format sg-*.", in.Name)
	case !groupText(in.Name):
		return invalidValue("Value (%s) for parameter GroupName is invalid. %s", in.Name, groupTextRule)
	case !groupText(in.Description):
		return invalidValue("Value (%s) for parameter GroupDescription is invalid. %s", in.Description, groupTextRule)
	}
	return nil
}

const groupTextRule = "It has at most 255 characters of a-z, A-Z, 0-9, space and ._-:/()#,@[]+=&;{}!$*"

func groupText(s string) bool {
	return utf8.RuneCountInString(s) <= 255 && strings.IndexFunc(s, func(r rune) bool {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		return !letter && !strings.ContainsRune(" ._-:/()#,@[]+=&;{}!$*", r)
	}) < 0
}

// DeleteSecurityGroup deletes a group that no interface has and no other group's rule of the same VPC names. Rules of
// other VPCs that name it become stale.
func (s *Service) DeleteSecurityGroup(ctx context.Context, c scope.Scope, id string) error {
	return s.do(ctx, c, func(p *plan) error {
		g, err := p.SecurityGroup(c, id)
		if err != nil {
			return err
		}
		if g.Name == defaultGroup {
			return refuse(fault.Conflict, "CannotDelete",
				"the specified group: \"%s\" name: \"%s\" cannot be deleted by a user", id, g.Name)
		}
		if what := p.groupUser(g); what != "" {
			return inUse("resource %s has a dependent object: %s", id, what)
		}
		p.remove(g)
		return nil
	})
}

// groupUser names something that a group cannot be deleted under.
func (s *State) groupUser(g *SecurityGroup) string {
	for _, n := range s.interfaces.rows {
		if slices.Contains(n.Groups, g.ID) {
			return n.ID
		}
	}
	for _, e := range s.endpoints.rows {
		if slices.Contains(e.Groups, g.ID) {
			return e.ID
		}
	}
	for _, other := range s.groups.rows {
		if other.ID != g.ID && other.VPC == g.VPC && slices.ContainsFunc(other.Rules, func(r SecurityGroupRule) bool { return r.Group == g.ID }) {
			return other.ID
		}
	}
	return ""
}

// GroupNamed finds the group of a VPC by its name.
func (s *State) GroupNamed(c scope.Scope, vpcID, name string) (*SecurityGroup, error) {
	for g := range s.SecurityGroups(c) {
		if g.VPC == vpcID && g.Name == name {
			return g, nil
		}
	}
	return nil, refuse(fault.NotFound, "InvalidGroup.NotFound", "The security group '%s' does not exist in VPC '%s'", name, vpcID)
}

// groupsFor checks the security groups of an interface in a VPC; none means the default group.
func (p *plan) groupsFor(vpcID string, ids []string) ([]string, error) {
	if len(ids) == 0 {
		g, err := p.GroupNamed(p.scope, vpcID, defaultGroup)
		if err != nil {
			return nil, err
		}
		return []string{g.ID}, nil
	}
	groups, err := fault.All(ids, func(id string) (*SecurityGroup, error) { return p.SecurityGroup(p.scope, id) })
	if err != nil {
		return nil, err
	}
	out := slices.Clone(ids)
	slices.Sort(out)
	out = slices.Compact(out)
	if len(out) > p.limits.GroupsPerNIC {
		return nil, overLimit("SecurityGroupsPerInterfaceLimitExceeded",
			"The maximum number of security groups per interface has been reached: %d", p.limits.GroupsPerNIC)
	}
	for _, g := range groups {
		if g.VPC != vpcID {
			return nil, invalidParameter("Security group %s does not belong to VPC %s.", g.ID, vpcID)
		}
	}
	return out, nil
}
