package vpctest

import (
	"fmt"
	"net/netip"
	"slices"

	"pgregory.net/rapid"

	"postern/network/vpc"
)

// Changes draws networks that differ from n in little: a rule, an interface, an endpoint's state, a peering, routes,
// ACL entries, a prefix list, an endpoint service's targets, a Resolver rule, an attribute of a VPC, or a whole VPC
// that is gone. Now and then it draws another network altogether. The Internet of n stays where it is known.
func Changes(n vpc.Network) *rapid.Generator[vpc.Network] {
	return rapid.Custom(func(t *rapid.T) vpc.Network {
		d := &drawer{T: t, n: Copy(n)}
		if d.chance(6, "another") {
			d.another()
			return d.n
		}
		return Edits(n).Draw(t, "edits")
	})
}

// Edits draws the networks that Changes does, without those that are others altogether: what has the same id in n has
// the same kind and the same addresses.
func Edits(n vpc.Network) *rapid.Generator[vpc.Network] {
	return rapid.Custom(func(t *rapid.T) vpc.Network {
		d := &drawer{T: t, n: Copy(n)}
		changes := []func(){
			d.changeRules, d.changeInterface, d.changeInterface, d.changeEndpoint, d.changePeering, d.changeRoutes,
			d.changeEntries, d.changeList, d.changeService, d.changeResolverRule, d.changeVPC, d.changeResolverEndpoint,
			d.removePeering, d.removeInterface, d.removeVPC,
		}
		for range d.between(1, 2, "changes") {
			pick(t, "change", changes)()
		}
		return d.n
	})
}

// Copy copies the lists of n, so that the elements of the copy can be replaced.
func Copy(n vpc.Network) vpc.Network {
	n.VPCs, n.Subnets, n.RouteTables = slices.Clone(n.VPCs), slices.Clone(n.Subnets), slices.Clone(n.RouteTables)
	n.ACLs, n.SecurityGroups, n.PrefixLists = slices.Clone(n.ACLs), slices.Clone(
		n.SecurityGroups,
	), slices.Clone(n.PrefixLists)
	n.Interfaces, n.Endpoints, n.Peerings = slices.Clone(n.Interfaces), slices.Clone(n.Endpoints), slices.Clone(n.Peerings)
	n.EndpointServices, n.ResolverRules = slices.Clone(n.EndpointServices), slices.Clone(n.ResolverRules)
	n.ResolverEndpoints, n.NATGateways = slices.Clone(n.ResolverEndpoints), slices.Clone(n.NATGateways)
	return n
}

// one picks an element of the list to change, or returns nil where there is none.
func one[T any](d *drawer, label string, list []T) *T {
	if len(list) == 0 {
		return nil
	}
	return &list[byteValue.Draw(d.T, label)%len(list)]
}

func (d *drawer) changeRules() {
	g := one(d, "group", d.n.SecurityGroups)
	if g == nil {
		return
	}
	g.Rules = slices.Clone(g.Rules)
	if len(g.Rules) > 0 && d.chance(50, "revoke") {
		i := d.between(0, len(g.Rules)-1, "rule")
		g.Rules = slices.Delete(g.Rules, i, i+1)
		return
	}
	r := d.Rule(fmt.Sprintf("sgr-new-%d", d.between(0, 255, "rule id")))
	if r.PeerVPC == g.VPC {
		r.PeerVPC = ""
	}
	g.Rules = append(g.Rules, r)
}

func (d *drawer) changeInterface() {
	c := one(d, "interface", d.n.Interfaces)
	if c == nil || c.Kind != vpc.InstanceInterface && c.Kind != vpc.AttachedInterface {
		return
	}
	switch d.between(0, 3, "what") {
	case 0:
		c.Groups = d.groupsOf(c.VPC)
	case 1:
		c.AnySource = !c.AnySource
	case 2:
		c.Owner = ""
	default:
		c.Public = d.freePublic()
	}
}

// freePublic is a public address that nobody has, or none.
func (d *drawer) freePublic() netip.Addr {
	a := netip.AddrFrom4([4]byte{198, 51, 100, byte(byteValue.Draw(d.T, "public"))})
	if slices.ContainsFunc(d.n.Interfaces, func(c vpc.Interface) bool { return c.Public == a }) {
		return netip.Addr{}
	}
	return a
}

func (d *drawer) changeEndpoint() {
	e := one(d, "endpoint", d.n.Endpoints)
	if e == nil {
		return
	}
	if d.chance(50, "available") {
		e.Available = !e.Available
		return
	}
	e.PrivateDNS = !e.PrivateDNS
}

func (d *drawer) changePeering() {
	if p := one(d, "peering", d.n.Peerings); p != nil {
		p.Active, p.RequesterDNS = d.chance(80, "active"), d.chance(50, "dns")
	}
}

func (d *drawer) changeRoutes() {
	if t := one(d, "table", d.n.RouteTables); t != nil {
		t.Routes = d.routes(t.VPC)
	}
}

func (d *drawer) changeEntries() {
	if a := one(d, "acl", d.n.ACLs); a != nil {
		a.Entries = d.entries()
	}
}

func (d *drawer) changeList() {
	if l := one(d, "list", d.n.PrefixLists); l != nil {
		l.CIDRs = append(slices.Clone(l.CIDRs), d.prefix())
		l.Name = pick(d.T, "list name", []string{"com.amazonaws.us-east-1.s3", "custom"})
	}
}

func (d *drawer) changeService() {
	v := one(d, "service", d.n.EndpointServices)
	if v == nil {
		return
	}
	v.Opaque = !v.Opaque
	if t := one(d, "target", v.Targets); t != nil {
		v.Targets = slices.Clone(v.Targets)
		v.Targets[0].Port = pick(d.T, "port", []uint16{443, 8080, 22})
	}
}

func (d *drawer) changeResolverRule() {
	r := one(d, "rule", d.n.ResolverRules)
	if r == nil {
		return
	}
	if d.chance(30, "gone") {
		d.n.ResolverRules = slices.DeleteFunc(d.n.ResolverRules, func(x vpc.ResolverRule) bool { return x.ID == r.ID })
		return
	}
	r.VPCs = nil
	for _, v := range d.n.VPCs {
		if d.chance(50, "holds") {
			r.VPCs = append(r.VPCs, v.ID)
		}
	}
}

func (d *drawer) changeResolverEndpoint() {
	if e := one(d, "resolver endpoint", d.n.ResolverEndpoints); e != nil {
		e.Available = !e.Available
	}
}

func (d *drawer) changeVPC() {
	v := one(d, "vpc", d.n.VPCs)
	v.DNSSupport, v.DNSHostnames = d.chance(85, "dns"), d.chance(85, "hostnames")
}

// removePeering takes a peering away; what led to it is a black hole then.
func (d *drawer) removePeering() {
	if p := one(d, "peering", d.n.Peerings); p != nil {
		d.withoutPeerings(func(x vpc.Peering) bool { return x.ID == p.ID })
	}
}

func (d *drawer) withoutPeerings(gone func(vpc.Peering) bool) {
	for _, p := range d.n.Peerings {
		if gone(p) {
			d.blackhole(p.ID)
		}
	}
	d.n.Peerings = slices.DeleteFunc(slices.Clone(d.n.Peerings), gone)
}

// blackhole makes black holes of the routes that lead to the target.
func (d *drawer) blackhole(id string) {
	for i := range d.n.RouteTables {
		t := &d.n.RouteTables[i]
		t.Routes = slices.Clone(t.Routes)
		for j := range t.Routes {
			if t.Routes[j].Target.ID == id {
				t.Routes[j].Target.Kind = vpc.Blackhole
			}
		}
	}
}

func (d *drawer) removeInterface() {
	c := one(d, "interface", d.n.Interfaces)
	if c.Kind != vpc.InstanceInterface && c.Kind != vpc.AttachedInterface || len(d.n.Interfaces) < 3 {
		return
	}
	id := c.ID
	d.blackhole(id)
	d.n.Interfaces = slices.DeleteFunc(d.n.Interfaces, func(x vpc.Interface) bool { return x.ID == id })
}

// removeVPC takes a VPC away with everything in it, unless it is the last one or an endpoint service stands in it.
func (d *drawer) removeVPC() {
	v := one(d, "vpc", d.n.VPCs).ID
	serves := func(c vpc.Interface) bool { return c.VPC == v && c.Kind == vpc.ServiceInterface }
	if len(d.n.VPCs) == 1 || slices.ContainsFunc(d.n.Interfaces, serves) {
		return
	}
	d.withoutPeerings(func(p vpc.Peering) bool { return p.Requester == v || p.Accepter == v })
	for i := range d.n.ResolverRules {
		r := &d.n.ResolverRules[i]
		r.VPCs = slices.DeleteFunc(slices.Clone(r.VPCs), func(id string) bool { return id == v })
	}
	d.n.VPCs = slices.DeleteFunc(d.n.VPCs, func(x vpc.VPC) bool { return x.ID == v })
	d.n.Subnets = slices.DeleteFunc(d.n.Subnets, func(x vpc.Subnet) bool { return x.VPC == v })
	d.n.RouteTables = slices.DeleteFunc(d.n.RouteTables, func(x vpc.RouteTable) bool { return x.VPC == v })
	d.n.ACLs = slices.DeleteFunc(d.n.ACLs, func(x vpc.ACL) bool { return x.VPC == v })
	d.n.SecurityGroups = slices.DeleteFunc(d.n.SecurityGroups, func(x vpc.SecurityGroup) bool { return x.VPC == v })
	d.n.Interfaces = slices.DeleteFunc(d.n.Interfaces, func(x vpc.Interface) bool { return x.VPC == v })
	d.n.Endpoints = slices.DeleteFunc(d.n.Endpoints, func(x vpc.Endpoint) bool { return x.VPC == v })
	d.n.ResolverEndpoints = slices.DeleteFunc(d.n.ResolverEndpoints, func(x vpc.ResolverEndpoint) bool {
		return x.VPC == v
	})
	d.n.NATGateways = slices.DeleteFunc(d.n.NATGateways, func(x vpc.NATGateway) bool { return x.VPC == v })
}

// another draws a whole network, in which much has the ids of the one before.
func (d *drawer) another() {
	known := d.n.Internet
	if d.n = Networks().Draw(d.T, "another"); known != nil {
		d.n.Internet = known
	}
}
