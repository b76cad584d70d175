package network

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"cmp"
	"iter"
	"net/netip"
	"postern/aws/fault"
	"postern/aws/scope"
	"postern/network/vpc"
	"postern/record"
)

// SecurityGroup is a stateful set of rules that allow.
type SecurityGroup struct {
	Meta
	VPC, Name, Description string
	Rules                  []SecurityGroupRule
}

// SecurityGroupRule allows one protocol and port range with one kind of peer: exactly one of CIDR, Group, PrefixList.
type SecurityGroupRule struct {
	ID       string
	Egress   bool `json:",omitempty"`
	Protocol vpc.Protocol
	Ports    vpc.PortRange
	CIDR     netip.Prefix `json:",omitzero"`
	Group    string       `json:",omitempty"`
	// Peer describes a Group of another VPC; nil for a group of the same one.
	Peer        *PeerGroup `json:",omitempty"`
	PrefixList  string     `json:",omitempty"`
	Description string     `json:",omitempty"`
	Tags        []Tag      `json:",omitempty"`
}

var (
	// groupsByName has security groups by their VPC and name.
	groupsByName = &record.Index[SecurityGroup]{Grouped: true, Terms: func(g *SecurityGroup) []record.Term {
		return []record.Term{{Value: g.VPC, Sort: g.Name}}
	}}
	// groupsByRule has security groups by the ids of their rules.
	groupsByRule = &record.Index[SecurityGroup]{Terms: func(g *SecurityGroup) []record.Term {
		terms := make([]record.Term, len(g.Rules))
		for i := range g.Rules {
			terms[i].Value = g.Rules[i].ID
		}
		return terms
	}}
	// groupsNaming has security groups by what their rules name: by their VPC and another group of it, and by their scope
	// and a prefix list.
	groupsNaming = &record.Index[SecurityGroup]{Grouped: true, Terms: func(g *SecurityGroup) []record.Term {
		return g.named(func(r *SecurityGroupRule) record.Term {
			if r.PrefixList != "" {
				return record.Term{Value: g.scope().String(), Sort: r.PrefixList}
			}
			return record.Term{Value: g.VPC, Sort: r.Group}
		})
	}}
	// groupsReferring has security groups by the groups of other VPCs that their rules name.
	groupsReferring = &record.Index[SecurityGroup]{Terms: func(g *SecurityGroup) []record.Term {
		return g.named(func(r *SecurityGroupRule) record.Term {
			if r.Peer == nil {
				return record.Term{}
			}
			return record.Term{Value: r.Group}
		})
	}}
)

// named returns the terms, each once, of what the rules name.
func (g *SecurityGroup) named(term func(*SecurityGroupRule) record.Term) []record.Term {
	var terms []record.Term
	for i := range g.Rules {
		r := &g.Rules[i]
		if r.Group == "" && r.PrefixList == "" {
			continue
		}
		if t := term(r); t != (record.Term{}) {
			terms = append(terms, t)
		}
	}
	slices.SortFunc(terms, func(a, b record.Term) int {
		return cmp.Or(strings.Compare(a.Value, b.Value), strings.Compare(a.Sort, b.Sort))
	})
	return slices.Compact(terms)
}

var groupKind = declare(&kind[SecurityGroup]{
	Kind: record.Kind[SecurityGroup]{
		Name:    "security-group",
		Indexes: []*record.Index[SecurityGroup]{groupsByName, groupsByRule, groupsNaming, groupsReferring},
		Views:   inVPC(func(g *SecurityGroup) string { return g.VPC }),
	},
	resourceType: resourceType{
		prefix: "sg", name: "security-group", notFound: "InvalidGroup.NotFound", malformed: "InvalidGroupId.Malformed",
		missing: "The security group '%s' does not exist",
	},
	inside: func(g *SecurityGroup) []string { return []string{g.VPC} },
	refs:   func(g *SecurityGroup) []string { return []string{g.VPC} },
	limit: &limit{
		of: func(l *Limits) int { return l.Groups }, code: "SecurityGroupLimitExceeded",
		message: "The maximum number of security groups has been reached: LIMIT",
	},
	holds: func(g *SecurityGroup) bool { return g.Name != defaultGroup },
	goes:  true,
	content: func(_ *State, g *SecurityGroup, c *vpc.Content) {
		c.SecurityGroups = append(c.SecurityGroups, g.value())
	},
})

func (*SecurityGroup) kind() declared { return groupKind }

func (g *SecurityGroup) value() vpc.SecurityGroup {
	out := vpc.SecurityGroup{ID: g.ID, VPC: g.VPC, Name: g.Name, Rules: make([]vpc.Rule, len(g.Rules))}
	for i, r := range g.Rules {
		out.Rules[i] = vpc.Rule{
			ID: r.ID, Egress: r.Egress, Protocol: r.Protocol, Ports: r.Ports,
			CIDR: r.CIDR, Group: r.Group, PrefixList: r.PrefixList,
		}
		if r.Peer != nil {
			out.Rules[i].PeerVPC = r.Peer.VPC
		}
	}
	return out
}

// SecurityGroup finds a security group.
func (s *State) SecurityGroup(c scope.Scope, id string) (*SecurityGroup, error) {
	return groupKind.lookup(s, c, id)
}

// SecurityGroups are the scope's security groups.
func (s *State) SecurityGroups(c scope.Scope) iter.Seq[*SecurityGroup] { return groupKind.scoped(s, c) }

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
func (s *Service) CreateSecurityGroup(
	ctx context.Context, c scope.Scope, in CreateSecurityGroupInput,
) (*SecurityGroup, error) {
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
	if _, ok := groupsByName.At(p.Tables, record.Term{Value: v.ID, Sort: in.Name}); ok {
		return nil, refuse(fault.Exists, "InvalidGroup.Duplicate",
			"The security group '%s' already exists for VPC '%s'", in.Name, v.ID)
	}
	if err := groupKind.room(p, p.scope.String(), 1); err != nil {
		return nil, err
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
		return invalidValue("Value (%s) for parameter GroupName is invalid. Group names may not be in the format sg-*.",
			in.Name)
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
	as := record.Term{Value: g.VPC, Sort: g.ID}
	if n, ok := interfacesUsing.At(s.Tables, as); ok {
		return n.ID
	}
	if e, ok := endpointsUsing.At(s.Tables, as); ok {
		return e.ID
	}
	for other := range groupsNaming.FindTerm(s.Tables, as) {
		if other.ID != g.ID {
			return other.ID
		}
	}
	return ""
}

// GroupNamed finds the group of a VPC by its name.
func (s *State) GroupNamed(c scope.Scope, vpcID, name string) (*SecurityGroup, error) {
	g, ok := groupsByName.At(s.Tables, record.Term{Value: vpcID, Sort: name})
	if ok && g.scope() == c {
		return g, nil
	}
	return nil, refuse(fault.NotFound, "InvalidGroup.NotFound", "The security group '%s' does not exist in VPC '%s'", name,
		vpcID)
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
