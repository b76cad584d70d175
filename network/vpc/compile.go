package vpc

import (
	"fmt"
	"net/netip"
	"slices"
)

// Compiled is a VPC checked and indexed. It is immutable, depends on nothing outside the VPC, and may be part of many
// snapshots: what it refers to elsewhere it names by id, and a snapshot looks that up.
type Compiled struct {
	VPC
	content  Content // without interfaces
	resolver netip.Addr

	subnets map[string]*subnet
	groups  map[string]*group
	acls    map[string]*acl
	// interfaces and addresses share with the VPC as it was before what has not changed.
	interfaces index[string, *Interface]
	addresses  index[netip.Addr, *Interface]
	tables     map[string]*routeTable
	endpoints  map[string]*endpoint
	resolvers  map[string]*resolverEndpoint
	nats       map[string]*nat

	// main serves the subnets without a table of their own, defaultACL those without an ACL; it may be nil.
	main       *routeTable
	defaultACL *acl
	// gatewayEndpoints and inbound, the Resolver endpoints that take questions, are in the order of the content.
	gatewayEndpoints []*endpoint
	inbound          []*resolverEndpoint
	names            vpcNames
	exports          exports
}

// exports lists, in order and each once, what a snapshot indexes of a VPC beside its interfaces.
type exports struct {
	// ids lists the ids of everything that stands in the VPC but interfaces.
	ids []string
	// gateways are the Internet and NAT gateways that routes lead to, and the gateway endpoints.
	gateways []string
	// references are the ids of prefix lists and peerings and the names of services that the VPC refers to.
	references []string
	// owned are the endpoints' own names, inner the names between those and their zones.
	owned, inner, zones []string
}

type subnet struct {
	Subnet
	vpc   *Compiled
	table *routeTable
	acl   *acl
}

type endpoint struct {
	Endpoint
	vpc  *Compiled
	nics []nic
}

// Compile checks the content of a VPC and indexes it. It asks no snapshot and takes no lock, so many VPCs can be
// compiled at a time; Snapshot.With brings them into force. previous, which may be nil, is the VPC as it was before:
// what has not changed in it is not compiled again. The error names the resource that is wrong: an id that nothing has,
// an id or address that two have, a range with host bits set or outside the VPC.
func Compile(content Content, previous *Compiled) (*Compiled, error) {
	if previous == nil {
		previous = new(Compiled)
	}
	b := &compiler{previous: previous, put: content.Interfaces}
	return b.compile(content)
}

// InterfaceChanges says which network interfaces of a VPC are others than before.
type InterfaceChanges struct {
	// Put holds new interfaces and those in the place of the ones with their ids.
	Put []Interface
	// Gone lists the ids of those that are there no more. An id that none had is passed over.
	Gone []string
}

// With returns the VPC as Compile does, with the content in place of the VPC's own, but for the interfaces: those that
// changes does not mention stay, and content has none. It takes time by what is changed, and by what the VPC has beside
// interfaces, unless a range, a subnet or a group is gone that interfaces may be of.
func (c *Compiled) With(content Content, changes InterfaceChanges) (*Compiled, error) {
	if !c.bears(&content) {
		content.Interfaces = c.changed(changes)
		return Compile(content, c)
	}
	b := &compiler{previous: c, by: new(edit), put: changes.Put, gone: changes.Gone}
	return b.compile(content)
}

// bears reports whether an interface that is right in c is right with the content too.
func (c *Compiled) bears(content *Content) bool {
	if !slices.Equal(c.CIDRs, content.VPC.CIDRs) || !slices.Equal(c.content.Subnets, content.Subnets) {
		return false
	}
	there := make(map[string]bool, len(content.SecurityGroups))
	for i := range content.SecurityGroups {
		there[content.SecurityGroups[i].ID] = true
	}
	for id := range c.groups {
		if !there[id] {
			return false
		}
	}
	return true
}

// compiler compiles one VPC.
type compiler struct {
	*Compiled
	previous *Compiled
	// by is the change of the previous interfaces; nil where all are made anew. put and gone are as in InterfaceChanges.
	by   *edit
	put  []Interface
	gone []string
}

func (b *compiler) compile(content Content) (*Compiled, error) {
	content.Interfaces = nil
	b.Compiled = &Compiled{VPC: content.VPC, content: content}
	for _, step := range []func() error{
		b.listIDs, b.ranges, b.compileSubnets, b.compileNATs, b.compileGroups, b.compileACLs, b.compileEndpoints,
		b.compileInterfaces, b.joinEndpoints, b.compileResolvers, b.compileTables, b.compileNames,
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	b.finish()
	return b.Compiled, nil
}

// ID returns the VPC's id.
func (c *Compiled) ID() string { return c.VPC.ID }

// Content returns the values that the VPC was compiled from, interfaces in the order of their ids. They must not be
// changed.
func (c *Compiled) Content() Content {
	content := c.content
	content.Interfaces = c.changed(InterfaceChanges{})
	return content
}

// listIDs checks that every resource has an id of its own and is of this VPC.
func (b *compiler) listIDs() error {
	if b.VPC.ID == "" {
		return errNoID
	}
	ids := append(make([]string, 0, len(b.previous.exports.ids)+1), b.VPC.ID)
	for _, k := range kinds {
		err := k.ids(&b.content, func(id, of string) error {
			switch {
			case id == "":
				return errNoID
			case of != b.VPC.ID:
				return fmt.Errorf("%s: is in %q, not in %s", id, of, b.VPC.ID)
			}
			ids = append(ids, id)
			return nil
		})
		if err != nil {
			return err
		}
	}
	slices.Sort(ids)
	for i := 1; i < len(ids); i++ {
		if ids[i] == ids[i-1] {
			return fmt.Errorf("%s: two resources have this id", ids[i])
		}
	}
	b.exports.ids = ids
	return nil
}

// get finds what owner refers to within the VPC.
func get[T any](b *compiler, m map[string]*T, owner, id string) (*T, error) {
	if v := m[id]; v != nil {
		return v, nil
	}
	return nil, b.missing(owner, id)
}

func (b *compiler) missing(owner, id string) error {
	return fmt.Errorf("%s: refers to %q, which does not exist in %s", owner, id, b.VPC.ID)
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

// checkApart reports the first two ranges that overlap; owners has the owner of each.
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

func (b *compiler) ranges() error {
	owners := make([]string, len(b.CIDRs))
	for i, c := range b.CIDRs {
		owners[i] = b.VPC.ID
		if err := checkRange(b.VPC.ID, c); err != nil {
			return err
		}
	}
	b.resolver = resolverOf(b.CIDRs)
	return checkApart(owners, b.CIDRs)
}

// resolverOf returns the base of the first IPv4 range plus two.
func resolverOf(ranges []netip.Prefix) netip.Addr {
	for _, c := range ranges {
		if c.Addr().Is4() {
			return c.Addr().Next().Next()
		}
	}
	return netip.Addr{}
}

func (b *compiler) compileSubnets() error {
	b.subnets = make(map[string]*subnet, len(b.content.Subnets))
	made := make([]subnet, len(b.content.Subnets))
	var owners []string
	var ranges []netip.Prefix
	for i, n := range b.content.Subnets {
		made[i] = subnet{Subnet: n, vpc: b.Compiled}
		b.subnets[n.ID] = &made[i]
		for _, c := range n.ranges() {
			if err := checkRange(n.ID, c); err != nil {
				return err
			}
			if !b.covers(c) {
				return fmt.Errorf("%s: %s is not inside a range of %s", n.ID, c, b.VPC.ID)
			}
			owners, ranges = append(owners, n.ID), append(ranges, c)
		}
	}
	return checkApart(owners, ranges)
}

// ranges returns the subnet's CIDR, and its IPv6 range where it has one.
func (n *Subnet) ranges() []netip.Prefix {
	if n.IPv6.IsValid() {
		return []netip.Prefix{n.CIDR, n.IPv6}
	}
	return []netip.Prefix{n.CIDR}
}

// contains reports whether the address is one of the subnet's.
func (n *Subnet) contains(a netip.Addr) bool { return n.CIDR.Contains(a) || n.IPv6.Contains(a) }

// contains reports whether the address is one of the VPC's.
func (c *Compiled) contains(a netip.Addr) bool {
	for _, r := range c.CIDRs {
		if r.Contains(a) {
			return true
		}
	}
	return false
}

// covers reports whether the range lies inside one of the VPC's.
func (c *Compiled) covers(p netip.Prefix) bool {
	for _, r := range c.CIDRs {
		if r.Contains(p.Addr()) && r.Bits() <= p.Bits() {
			return true
		}
	}
	return false
}

func (b *compiler) compileNATs() error {
	b.nats = make(map[string]*nat, len(b.content.NATGateways))
	for _, g := range b.content.NATGateways {
		n, err := get(b, b.subnets, g.ID, g.Subnet)
		if err != nil {
			return err
		}
		b.nats[g.ID] = &nat{g, b.Compiled, n}
	}
	return nil
}

// refer notes that the VPC refers to something outside it.
func (b *compiler) refer(to string) { b.exports.references = append(b.exports.references, to) }

// finish orders what the VPC exports. What it exports as the VPC before did, it takes over, so that With sees at once
// that it is the same.
func (b *compiler) finish() {
	e, old := &b.exports, &b.previous.exports
	for _, list := range [][2]*[]string{
		{&e.ids, &old.ids}, {&e.gateways, &old.gateways}, {&e.references, &old.references}, {&e.owned, &old.owned},
		{&e.inner, &old.inner}, {&e.zones, &old.zones},
	} {
		slices.Sort(*list[0])
		if *list[0] = slices.Compact(*list[0]); slices.Equal(*list[0], *list[1]) {
			*list[0] = *list[1]
		}
	}
}
