package vpc

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
)

// NewSnapshot checks n and indexes it. It keeps n's slices, which must not change any more. The error names the resource
// that is wrong: an id that nothing has, an id or address that two have, a range with host bits set or outside its VPC.
func NewSnapshot(version uint64, n Network) (*Snapshot, error) {
	return (&Snapshot{}).follow(version, n)
}

// follow is NewSnapshot for the state that follows s: what has not changed is not compiled again.
func (s *Snapshot) follow(version uint64, n Network) (*Snapshot, error) {
	b := &builder{previous: s, Snapshot: &Snapshot{
		version:    version,
		network:    n,
		vpcs:       make(map[string]*realm, len(n.VPCs)),
		subnets:    make(map[string]*subnet, len(n.Subnets)),
		tables:     make(map[string]*routeTable, len(n.RouteTables)),
		acls:       make(map[string]*acl, len(n.ACLs)),
		groups:     make(map[string]*group, len(n.SecurityGroups)),
		lists:      make(map[string]*prefixList, len(n.PrefixLists)),
		interfaces: make(map[string]*card, len(n.Interfaces)),
		endpoints:  make(map[string]*endpoint, len(n.Endpoints)),
		peerings:   make(map[string]*peering, len(n.Peerings)),
		resolvers:  make(map[string]*resolverEndpoint, len(n.ResolverEndpoints)),
		gateways:   make(map[string]*realm),
		nats:       make(map[string]*nat, len(n.NATGateways)),
		publics:    make(map[netip.Addr]*card),
	}}
	for _, build := range []func() error{
		b.theInternet, b.vpcsAndSubnets, b.natGateways, b.prefixLists, b.securityGroups, b.networkACLs, b.peeringConnections, b.vpcEndpoints,
		b.networkInterfaces, b.endpointInterfaces, b.endpointServices, b.resolverEndpoints, b.routeTables, b.allNames,
	} {
		if err := build(); err != nil {
			return nil, fmt.Errorf("network version %d: %w", version, err)
		}
	}
	return b.Snapshot, nil
}

type builder struct {
	*Snapshot
	previous *Snapshot
}

// put adds a value under its id, which must be new.
func put[T any](m map[string]*T, id string, value *T) error {
	switch {
	case id == "":
		return errors.New("a resource has no id")
	case m[id] != nil:
		return fmt.Errorf("%s: two resources have this id", id)
	}
	m[id] = value
	return nil
}

// get finds the value that owner refers to.
func get[T any](m map[string]*T, owner, id string) (*T, error) {
	if v := m[id]; v != nil {
		return v, nil
	}
	return nil, fmt.Errorf("%s: refers to %q, which does not exist", owner, id)
}

func checkRange(owner string, p netip.Prefix) error {
	switch {
	case !p.IsValid() || p.Addr().Is4In6() || p.Addr().Zone() != "":
		return fmt.Errorf("%s: %q is not an address range", owner, p)
	case p != p.Masked():
		return fmt.Errorf("%s: %s has host bits set; the range is %s", owner, p, p.Masked())
	}
	return nil
}

// checkApart reports the first two ranges of one owner that overlap.
func checkApart(owners []string, ranges []netip.Prefix) error {
	order := make([]int, len(ranges))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return comparePrefixes(ranges[a], ranges[b]) })
	for i := 1; i < len(order); i++ {
		if a, b := order[i-1], order[i]; ranges[a].Overlaps(ranges[b]) {
			return fmt.Errorf("%s: %s overlaps %s of %s", owners[b], ranges[b], ranges[a], owners[a])
		}
	}
	return nil
}

func (b *builder) vpcsAndSubnets() error {
	realms := make([]realm, len(b.network.VPCs))
	for i, v := range b.network.VPCs {
		r := &realms[i]
		*r = realm{VPC: v, cards: make(map[netip.Addr]*card)}
		if err := put(b.vpcs, v.ID, r); err != nil {
			return err
		}
		owners := make([]string, len(v.CIDRs))
		for i, c := range v.CIDRs {
			owners[i] = v.ID
			if err := checkRange(v.ID, c); err != nil {
				return err
			}
		}
		if err := checkApart(owners, v.CIDRs); err != nil {
			return err
		}
		r.resolver = resolverOf(v.CIDRs)
	}
	return b.allSubnets()
}

// resolverOf is the base of the first IPv4 range plus two.
func resolverOf(ranges []netip.Prefix) netip.Addr {
	for _, c := range ranges {
		if c.Addr().Is4() {
			return c.Addr().Next().Next()
		}
	}
	return netip.Addr{}
}

func (b *builder) allSubnets() error {
	subnets := make([]subnet, len(b.network.Subnets))
	owners, ranges := map[*realm][]string{}, map[*realm][]netip.Prefix{}
	var realms []*realm // in the order of their first subnets
	for i, n := range b.network.Subnets {
		r, err := get(b.vpcs, n.ID, n.VPC)
		if err != nil {
			return err
		}
		subnets[i] = subnet{Subnet: n, realm: r}
		if err := put(b.subnets, n.ID, &subnets[i]); err != nil {
			return err
		}
		for _, c := range n.ranges() {
			if err := checkRange(n.ID, c); err != nil {
				return err
			}
			if !r.covers(c) {
				return fmt.Errorf("%s: %s is not inside a range of %s", n.ID, c, r.ID)
			}
			if owners[r] == nil {
				realms = append(realms, r)
			}
			owners[r], ranges[r] = append(owners[r], n.ID), append(ranges[r], c)
		}
	}
	for _, r := range realms {
		if err := checkApart(owners[r], ranges[r]); err != nil {
			return err
		}
	}
	return nil
}

// ranges are the subnet's ranges: its CIDR, and its IPv6 range where it has one.
func (n *Subnet) ranges() []netip.Prefix {
	if n.IPv6.IsValid() {
		return []netip.Prefix{n.CIDR, n.IPv6}
	}
	return []netip.Prefix{n.CIDR}
}

// contains reports whether the address is one of the subnet's.
func (n *Subnet) contains(a netip.Addr) bool { return n.CIDR.Contains(a) || n.IPv6.Contains(a) }

// contains reports whether the address is one of the VPC's.
func (r *realm) contains(a netip.Addr) bool {
	for _, c := range r.CIDRs {
		if c.Contains(a) {
			return true
		}
	}
	return false
}

// covers reports whether the range lies inside one of the VPC's.
func (r *realm) covers(p netip.Prefix) bool {
	for _, c := range r.CIDRs {
		if c.Contains(p.Addr()) && c.Bits() <= p.Bits() {
			return true
		}
	}
	return false
}

func (b *builder) prefixLists() error {
	for _, l := range b.network.PrefixLists {
		for _, c := range l.CIDRs {
			if err := checkRange(l.ID, c); err != nil {
				return err
			}
		}
		list := b.previous.lists[l.ID]
		if list == nil || list.Name != l.Name || !slices.Equal(list.CIDRs, l.CIDRs) {
			list = newPrefixList(l)
		}
		if err := put(b.lists, l.ID, list); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) securityGroups() error {
	for _, g := range b.network.SecurityGroups {
		old := b.previous.groups[g.ID]
		if _, err := get(b.vpcs, g.ID, g.VPC); err != nil {
			return err
		}
		if old == nil || old.VPC != g.VPC || old.Name != g.Name || !slices.Equal(old.Rules, g.Rules) || !old.uses(b.lists) {
			for i := range g.Rules {
				if err := b.checkRule(&g, &g.Rules[i]); err != nil {
					return err
				}
			}
			old = newGroup(g, b.lists)
		}
		if err := put(b.groups, g.ID, old); err != nil {
			return err
		}
	}
	return nil
}

// checkRule does not ask that a referenced group exists: AWS keeps stale references when a peer's group is deleted.
func (b *builder) checkRule(g *SecurityGroup, r *Rule) error {
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
		if _, err := get(b.lists, g.ID+" "+r.ID, r.PrefixList); err != nil {
			return err
		}
	}
	switch {
	case peers != 1:
		return fmt.Errorf("%s %s: a rule has exactly one of range, group and prefix list, not %d", g.ID, r.ID, peers)
	case !r.Ports.valid(r.Protocol):
		return fmt.Errorf("%s %s: %d to %d is no port range of %s", g.ID, r.ID, r.Ports.From, r.Ports.To, r.Protocol)
	}
	return nil
}

func (b *builder) networkACLs() error {
	for _, a := range b.network.ACLs {
		r, err := get(b.vpcs, a.ID, a.VPC)
		if err != nil {
			return err
		}
		if err := checkEntries(&a); err != nil {
			return err
		}
		c := newACL(a)
		if err := put(b.acls, a.ID, c); err != nil {
			return err
		}
		if a.Default {
			if r.acl != nil {
				return fmt.Errorf("%s: %s has the default ACL %s already", a.ID, r.ID, r.acl.ID)
			}
			r.acl = c
		}
		for _, id := range a.Subnets {
			n, err := get(b.subnets, a.ID, id)
			switch {
			case err != nil:
				return err
			case n.realm != r:
				return fmt.Errorf("%s: %s is not in %s", a.ID, id, r.ID)
			case n.acl != nil:
				return fmt.Errorf("%s: %s has the ACL %s already", a.ID, id, n.acl.ID)
			}
			n.acl = c
		}
	}
	for _, n := range b.subnets {
		if n.acl == nil {
			n.acl = n.realm.acl
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

func (b *builder) peeringConnections() error {
	for _, p := range b.network.Peerings {
		requester, err := get(b.vpcs, p.ID, p.Requester)
		if err != nil {
			return err
		}
		accepter, err := get(b.vpcs, p.ID, p.Accepter)
		if err != nil {
			return err
		}
		if requester == accepter {
			return fmt.Errorf("%s: joins %s to itself", p.ID, p.Requester)
		}
		for _, x := range requester.CIDRs {
			for _, y := range accepter.CIDRs {
				if p.Active && x.Overlaps(y) {
					return fmt.Errorf("%s: %s of %s overlaps %s of %s", p.ID, x, requester.ID, y, accepter.ID)
				}
			}
		}
		c := &peering{p, requester, accepter}
		if err := put(b.peerings, p.ID, c); err != nil {
			return err
		}
		requester.peerings = append(requester.peerings, c)
		accepter.peerings = append(accepter.peerings, c)
	}
	return nil
}
