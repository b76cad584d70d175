package network

import (
	"context"
	"slices"

	"iter"
	"postern/aws/fault"
	"postern/aws/scope"
	"postern/network/vpc"
	"postern/record"
)

// NetworkACL is a stateless network ACL; the default one serves each subnet of the VPC that no other one lists.
type NetworkACL struct {
	Meta
	VPC          string
	Default      bool
	Entries      []ACLEntry
	Associations []Association
}

// ACLEntry is one numbered entry of a network ACL.
type ACLEntry vpc.ACLEntry

var (
	// aclsByAssociation has network ACLs by the ids of their associations.
	aclsByAssociation = &record.Index[NetworkACL]{Terms: func(a *NetworkACL) []record.Term {
		terms := make([]record.Term, len(a.Associations))
		for i, x := range a.Associations {
			terms[i].Value = x.ID
		}
		return terms
	}}
	// aclsBySubnet has network ACLs by their VPC and subnets.
	aclsBySubnet = &record.Index[NetworkACL]{Grouped: true, Terms: func(a *NetworkACL) []record.Term {
		return subnetTerms(a.VPC, a.Associations)
	}}
)

var aclKind = declare(&kind[NetworkACL]{
	Kind: record.Kind[NetworkACL]{
		Name:    "network-acl",
		Indexes: []*record.Index[NetworkACL]{aclsByAssociation, aclsBySubnet},
		Views:   inVPC(func(a *NetworkACL) string { return a.VPC }),
	},
	resourceType: resourceType{
		prefix: "acl", name: "network-acl",
		notFound: "InvalidNetworkAclID.NotFound", malformed: "InvalidNetworkAclId.Malformed",
		missing: "The networkAcl ID '%s' does not exist",
	},
	inside: func(a *NetworkACL) []string { return []string{a.VPC} },
	refs:   func(a *NetworkACL) []string { return associated(a.VPC, a.Associations) },
	limit: &limit{
		of: func(l *Limits) int { return l.ACLsPerVPC }, code: "NetworkAclLimitExceeded",
		message: "The maximum number of network ACLs has been reached: LIMIT",
	},
	holds:   func(a *NetworkACL) bool { return !a.Default },
	goes:    true,
	content: func(_ *State, a *NetworkACL, c *vpc.Content) { c.ACLs = append(c.ACLs, a.value()) },
})

func (*NetworkACL) kind() declared { return aclKind }

func (a *NetworkACL) value() vpc.ACL {
	out := vpc.ACL{ID: a.ID, VPC: a.VPC, Default: a.Default}
	for _, e := range a.Entries {
		out.Entries = append(out.Entries, vpc.ACLEntry(e))
	}
	for _, s := range a.Associations {
		out.Subnets = append(out.Subnets, s.Subnet)
	}
	return out
}

// NetworkACL finds a network ACL.
func (s *State) NetworkACL(c scope.Scope, id string) (*NetworkACL, error) {
	return aclKind.lookup(s, c, id)
}

// NetworkACLs are the scope's network ACLs.
func (s *State) NetworkACLs(c scope.Scope) iter.Seq[*NetworkACL] { return aclKind.scoped(s, c) }

// LastACLEntry is the number of the entry that denies what no other entry allows; entries are numbered below it.
const LastACLEntry = 32767

// CreateNetworkACLInput is a network ACL to be made.
type CreateNetworkACLInput struct {
	VPC  string
	Tags []Tag
	// Token makes the request idempotent.
	Token string `json:"-"`
}

// CreateNetworkACL makes a network ACL without entries: it denies everything.
func (s *Service) CreateNetworkACL(ctx context.Context, c scope.Scope, in CreateNetworkACLInput) (*NetworkACL, error) {
	var made *NetworkACL
	err := s.do(ctx, c, func(p *plan) error {
		var err error
		made, err = once(p, asked{
			"CreateNetworkAcl", in.Token, in,
		}, aclKind, func() (*NetworkACL, error) { return p.createACL(in) })
		return err
	})
	return made, err
}

func (p *plan) createACL(in CreateNetworkACLInput) (*NetworkACL, error) {
	tags, err := p.limits.cleanTags(in.Tags)
	if err != nil {
		return nil, err
	}
	v, err := p.VPC(p.scope, in.VPC)
	if err != nil {
		return nil, err
	}
	if err := aclKind.room(p, v.ID, 1); err != nil {
		return nil, err
	}
	a := &NetworkACL{Meta: p.meta("acl", tags), VPC: v.ID}
	p.put(a)
	return a, nil
}

// DeleteNetworkACL deletes a network ACL that serves no subnet and is not the default one.
func (s *Service) DeleteNetworkACL(ctx context.Context, c scope.Scope, id string) error {
	return s.do(ctx, c, func(p *plan) error {
		a, err := p.NetworkACL(c, id)
		switch {
		case err != nil:
			return err
		case a.Default:
			return invalidValue("cannot delete default network ACL %s", id)
		case len(a.Associations) > 0:
			return inUse("The networkAcl '%s' has dependencies and cannot be deleted. %s depends on it.", id,
				a.Associations[0].Subnet)
		}
		p.remove(a)
		return nil
	})
}

// CreateACLEntry adds an entry. Within one direction its number is new.
func (s *Service) CreateACLEntry(ctx context.Context, c scope.Scope, id string, e ACLEntry) error {
	return s.changeEntries(ctx, c, id, func(p *plan, a *NetworkACL) error {
		if err := e.check(); err != nil {
			return err
		}
		if a.entry(e) >= 0 {
			return refuse(fault.Exists, "NetworkAclEntryAlreadyExists", "The network acl entry identified by %d already exists.",
				e.Number)
		}
		siblings := 0
		for _, other := range a.Entries {
			if other.Egress == e.Egress {
				siblings++
			}
		}
		if siblings >= p.limits.EntriesPerACL {
			return overLimit("NetworkAclEntryLimitExceeded", "The maximum number of network acl entries has been reached: %d",
				p.limits.EntriesPerACL)
		}
		a.Entries = append(a.Entries, e)
		slices.SortStableFunc(a.Entries, func(x, y ACLEntry) int { return x.Number - y.Number })
		return nil
	})
}

// ReplaceACLEntry puts an entry in the place of the one with its direction and number.
func (s *Service) ReplaceACLEntry(ctx context.Context, c scope.Scope, id string, e ACLEntry) error {
	return s.changeEntries(ctx, c, id, func(_ *plan, a *NetworkACL) error {
		if err := e.check(); err != nil {
			return err
		}
		i := a.entry(e)
		if i < 0 {
			return noEntry(e.Number)
		}
		a.Entries[i] = e
		return nil
	})
}

// DeleteACLEntry takes away the entry of a direction with a number.
func (s *Service) DeleteACLEntry(ctx context.Context, c scope.Scope, id string, egress bool, number int) error {
	return s.changeEntries(ctx, c, id, func(_ *plan, a *NetworkACL) error {
		i := a.entry(ACLEntry{Egress: egress, Number: number})
		if i < 0 {
			return noEntry(number)
		}
		a.Entries = slices.Delete(a.Entries, i, i+1)
		return nil
	})
}

// changeEntries lets a verb change the entries of a copy.
func (s *Service) changeEntries(
	ctx context.Context, c scope.Scope, id string, change func(*plan, *NetworkACL) error,
) error {
	return s.do(ctx, c, func(p *plan) error {
		old, err := p.NetworkACL(c, id)
		if err != nil {
			return err
		}
		a := *old
		a.Entries = slices.Clone(old.Entries)
		if err := change(p, &a); err != nil {
			return err
		}
		p.put(&a)
		return nil
	})
}

func noEntry(number int) error {
	return refuse(fault.NotFound, "InvalidNetworkAclEntry.NotFound",
		"The network acl entry identified by %d does not exist", number)
}

// entry is the place of the entry with the same direction and number, or -1.
func (a *NetworkACL) entry(e ACLEntry) int {
	return slices.IndexFunc(a.Entries, func(o ACLEntry) bool { return o.Egress == e.Egress && o.Number == e.Number })
}

// check refuses what the judge cannot take, and clears host bits and ports that mean nothing.
func (e *ACLEntry) check() error {
	if e.Number < 1 || e.Number >= LastACLEntry {
		return invalidValue("Value (%d) for parameter ruleNumber is invalid. It must be between 1 and %d", e.Number,
			LastACLEntry-1)
	}
	if !e.CIDR.IsValid() {
		return missing("cidrBlock")
	}
	e.CIDR = e.CIDR.Masked()
	if err := checkPorts(e.Protocol, &e.Ports); err != nil {
		return err
	}
	if e.Protocol == vpc.AllProtocols {
		e.Ports = vpc.PortRange{} // as in the entries that VPCs are made with
	}
	return nil
}

// ReplaceACLAssociation moves a subnet, named by the association with its present network ACL, to another one. The
// association gets a new id.
func (s *Service) ReplaceACLAssociation(
	ctx context.Context, c scope.Scope, association, id string,
) (Association, error) {
	var made Association
	err := s.do(ctx, c, func(p *plan) error {
		to, err := p.NetworkACL(c, id)
		if err != nil {
			return err
		}
		from, old, err := p.aclAssociation(association)
		if err != nil {
			return err
		}
		if from.VPC != to.VPC {
			return invalidParameter("network ACL %s and subnet %s belong to different networks", to.ID, old.Subnet)
		}
		made = Association{ID: newID("aclassoc"), Subnet: old.Subnet}
		without := *from
		without.Associations = slices.DeleteFunc(slices.Clone(from.Associations), func(a Association) bool {
			return a.ID == association
		})
		p.put(&without)
		if to, err = p.NetworkACL(c, id); err != nil { // again: it may be the same one
			return err
		}
		with := *to
		with.Associations = append(slices.Clone(to.Associations), made)
		p.put(&with)
		return nil
	})
	return made, err
}

func (p *plan) aclAssociation(id string) (*NetworkACL, Association, error) {
	for a := range aclsByAssociation.Find(p.Tables, id) {
		for _, x := range a.Associations {
			if x.ID == id && a.scope() == p.scope {
				return a, x, nil
			}
		}
	}
	return nil, Association{}, aclAssociationType.unknown(id)
}
