package vpc

import (
	"fmt"
	"slices"
)

func (b *compiler) compileGroups() error {
	b.groups = make(map[string]*group, len(b.content.SecurityGroups))
	for _, g := range b.content.SecurityGroups {
		made := b.previous.groups[g.ID]
		if made == nil || made.Name != g.Name || !sameRules(made.Rules, g.Rules) {
			for i := range g.Rules {
				if err := checkRule(&g, &g.Rules[i]); err != nil {
					return err
				}
			}
			made = newGroup(g)
		}
		b.groups[g.ID] = made
		for i := range g.Rules {
			if list := g.Rules[i].PrefixList; list != "" {
				b.refer(list)
			}
		}
	}
	return nil
}

// sameRules reports whether the rules are equal; those of one slice need not be read.
func sameRules(a, b []Rule) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0] || slices.Equal(a, b))
}

// checkRule does not ask that a referenced group exists: AWS keeps stale references when a peer's group is deleted.
func checkRule(g *SecurityGroup, r *Rule) error {
	peers := 0
	if r.CIDR.IsValid() {
		peers++
		if err := checkRange(g.ID+" "+r.ID, r.CIDR); err != nil {
			return err
		}
	}
	if r.Group != "" {
		peers++
	}
	if r.PrefixList != "" {
		peers++
	}
	switch {
	case peers != 1:
		return fmt.Errorf("%s %s: a rule has exactly one of range, group and prefix list, not %d", g.ID, r.ID, peers)
	case !r.Ports.valid(r.Protocol):
		return fmt.Errorf("%s %s: %d to %d is no port range of %s", g.ID, r.ID, r.Ports.From, r.Ports.To, r.Protocol)
	}
	return nil
}

func (b *compiler) compileACLs() error {
	b.acls = make(map[string]*acl, len(b.content.ACLs))
	for _, a := range b.content.ACLs {
		if err := checkEntries(&a); err != nil {
			return err
		}
		c := newACL(a)
		b.acls[a.ID] = c
		if a.Default {
			if b.defaultACL != nil {
				return fmt.Errorf("%s: %s has the default ACL %s already", a.ID, b.VPC.ID, b.defaultACL.ID)
			}
			b.defaultACL = c
		}
		for _, id := range a.Subnets {
			n, err := get(b, b.subnets, a.ID, id)
			switch {
			case err != nil:
				return err
			case n.acl != nil:
				return fmt.Errorf("%s: %s has the ACL %s already", a.ID, id, n.acl.ID)
			}
			n.acl = c
		}
	}
	for _, n := range b.subnets {
		if n.acl == nil {
			n.acl = b.defaultACL
		}
	}
	return nil
}

func checkEntries(a *ACL) error {
	type slot struct {
		egress bool
		number int
	}
	seen := make(map[slot]bool, len(a.Entries))
	for _, e := range a.Entries {
		if err := checkRange(a.ID, e.CIDR); err != nil {
			return err
		}
		s := slot{e.Egress, e.Number}
		switch {
		case seen[s]:
			return fmt.Errorf("%s: two entries of one direction have number %d", a.ID, e.Number)
		case !e.Ports.valid(e.Protocol):
			return fmt.Errorf("%s entry %d: %d to %d is no port range of %s",
				a.ID, e.Number, e.Ports.From, e.Ports.To, e.Protocol)
		}
		seen[s] = true
	}
	return nil
}
