package vpctest

import (
	"fmt"
	"net/netip"

	"postern/network/vpc"
)

// ResolverDomains are the domains that drawn Resolver rules are about, beside those of the network's own names.
var ResolverDomains = []string{
	"", "com", "amazonaws.com", "us-east-1.amazonaws.com", "ssm.us-east-1.amazonaws.com", "corp.example",
	"eu.corp.example",
	"internal", "ec2.internal", "10.in-addr.arpa", "in-addr.arpa",
}

// resolvers draws Resolver endpoints of both directions, and rules for names.
func (d *drawer) resolvers() {
	var out []string
	for _, v := range d.n.VPCs {
		if d.chance(40, "inbound") {
			d.resolverEndpoint(v, vpc.Inbound)
		}
		if d.chance(40, "outbound") {
			out = append(out, d.resolverEndpoint(v, vpc.Outbound))
		}
	}
	for i, domain := range ResolverDomains {
		if len(out) == 0 || !d.chance(25, "rule") {
			continue
		}
		r := vpc.ResolverRule{ID: fmt.Sprintf("rslvr-rr-%d", i), Domain: domain}
		if d.chance(70, "forward") {
			r.Forward, r.Endpoint = true, pick(d.T, "by", out)
			r.Targets = []netip.AddrPort{netip.AddrPortFrom(d.destination(), 53)}
		}
		for _, v := range d.n.VPCs {
			if d.chance(60, "holds") {
				r.VPCs = append(r.VPCs, v.ID)
			}
		}
		d.n.ResolverRules = append(d.n.ResolverRules, r)
	}
}

func (d *drawer) resolverEndpoint(v vpc.VPC, way vpc.ResolverDirection) string {
	e := vpc.ResolverEndpoint{
		ID: fmt.Sprintf("rslvr-%s-%s", way, v.ID), VPC: v.ID, Direction: way, Available: d.chance(90, "available"),
	}
	groups := d.groupsOf(v.ID)
	for _, n := range d.n.Subnets {
		if n.VPC != v.ID {
			continue
		}
		c := vpc.Interface{
			ID: "eni-" + e.ID + "-" + n.ID, VPC: v.ID, Subnet: n.ID, Kind: vpc.ResolverInterface, Owner: e.ID, Groups: groups,
			Addresses: []netip.Addr{hostOf(n, byte(240+way))},
		}
		d.n.Interfaces = append(d.n.Interfaces, c)
		e.Interfaces = append(e.Interfaces, c.ID)
	}
	d.n.ResolverEndpoints = append(d.n.ResolverEndpoints, e)
	return e.ID
}

// asked reports whether an address is a Resolver endpoint's.
func (d *drawer) asked(a netip.Addr) bool {
	for _, c := range d.n.Interfaces {
		if c.Kind == vpc.ResolverInterface && c.Addresses[0] == a {
			return true
		}
	}
	return false
}
