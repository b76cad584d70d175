package vpc_test

import (
	"net/netip"
	"slices"
	"sort"

	"postern/network/vpc"
)

// naive judges flows from the plain values, by the words of AWS's documentation and with loops only: what Decide has
// to agree with.
type naive struct {
	vpc.Network
	tracked bool
}

func (n *naive) nic(match func(*vpc.Interface) bool) *vpc.Interface {
	for i := range n.Interfaces {
		if match(&n.Interfaces[i]) {
			return &n.Interfaces[i]
		}
	}
	return nil
}

func (n *naive) nicAt(v string, a netip.Addr) *vpc.Interface {
	return n.nic(func(c *vpc.Interface) bool { return c.VPC == v && slices.Contains(c.Addresses, a) })
}

func find[T any](list []T, match func(T) bool) *T {
	if i := slices.IndexFunc(list, match); i >= 0 {
		return &list[i]
	}
	return nil
}

func (n *naive) vpc(id string) *vpc.VPC {
	return find(n.VPCs, func(v vpc.VPC) bool { return v.ID == id })
}

func (n *naive) subnet(id string) *vpc.Subnet {
	return find(n.Subnets, func(s vpc.Subnet) bool { return s.ID == id })
}

func (n *naive) endpoint(id string) *vpc.Endpoint {
	return find(n.Endpoints, func(e vpc.Endpoint) bool { return e.ID == id })
}

func (n *naive) resolverEndpoint(c *vpc.Interface) *vpc.ResolverEndpoint {
	return find(n.ResolverEndpoints, func(e vpc.ResolverEndpoint) bool { return e.ID == c.Owner })
}

// opened: some range of Open has the address, and no narrower one of Closed.
func opened(i *vpc.Internet, a netip.Addr) bool {
	for _, o := range i.Open {
		narrower := func(c netip.Prefix) bool { return c.Contains(a) && c.Bits() > o.Bits() }
		if o.Contains(a) && !slices.ContainsFunc(i.Closed, narrower) {
			return true
		}
	}
	return false
}

func contains(ranges []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(ranges, func(p netip.Prefix) bool { return p.Contains(a) })
}

func (n *naive) listed(id string, a netip.Addr) bool {
	l := find(n.PrefixLists, func(l vpc.PrefixList) bool { return l.ID == id })
	return l != nil && contains(l.CIDRs, a)
}

func ordinary(a netip.Addr) bool {
	return a.IsGlobalUnicast() || a.IsPrivate()
}

// judge returns whether the flow is allowed, the step that refused, and where it goes.
func (n *naive) judge(f vpc.Flow) (allow bool, step vpc.Step, kind vpc.DestinationKind, to string) {
	from := n.nic(func(c *vpc.Interface) bool { return c.ID == f.From })
	deny := func(s vpc.Step) (bool, vpc.Step, vpc.DestinationKind, string) { return false, s, 0, "" }
	if from == nil {
		return n.judgeReturn(f)
	}
	source, destination := f.Source.Addr(), f.Destination.Addr()
	own := slices.Contains(from.Addresses, source)
	if source.Is4() != destination.Is4() || !ordinary(source) || !own && !from.AnySource {
		return deny(vpc.StepSource)
	}
	if from.Kind == vpc.GatewayInterface {
		return deny(vpc.StepSource)
	}
	if from.Kind == vpc.EndpointInterface && (!n.tracked || from.Owner == "" || !n.endpoint(from.Owner).Available) {
		return deny(vpc.StepSource)
	}
	if e := n.resolverEndpoint(from); from.Kind == vpc.ResolverInterface && (!e.Available || e.Direction == vpc.Inbound &&
		!n.tracked) {
		return deny(vpc.StepSource)
	}
	home := n.vpc(from.VPC)
	base2 := home.CIDRs[0].Addr().Next().Next()
	switch destination.String() {
	case "169.254.169.254":
		if from.Kind != vpc.InstanceInterface || f.Protocol != vpc.TCP || f.Destination.Port() != 80 {
			return deny(vpc.StepService)
		}
		return true, 0, vpc.ToMetadata, ""
	case "169.254.169.253", base2.String():
		if !home.DNSSupport || f.Destination.Port() != 53 {
			return deny(vpc.StepService)
		}
		return true, 0, vpc.ToResolver, home.ID
	}
	return n.forward(f, from, own)
}

// judgeReturn is for what comes back through a gateway.
func (n *naive) judgeReturn(f vpc.Flow) (bool, vpc.Step, vpc.DestinationKind, string) {
	home := ""
	for _, t := range n.RouteTables {
		for _, r := range t.Routes {
			if r.Target.ID == f.From {
				home = t.VPC
			}
		}
	}
	if e := n.endpoint(f.From); e != nil {
		home = e.VPC
	}
	gateway := n.nat(f.From)
	if gateway != nil {
		home = gateway.VPC
	}
	if home == "" || !n.tracked {
		return false, vpc.StepSource, 0, ""
	}
	if gateway != nil && !n.passes(gateway, f) {
		return false, vpc.StepNAT, 0, ""
	}
	return n.arrive(f, arrival{to: n.nicAt(home, f.Destination.Addr()), crosses: true})
}

func (n *naive) forward(f vpc.Flow, from *vpc.Interface, own bool) (bool, vpc.Step, vpc.DestinationKind, string) {
	destination := f.Destination.Addr()
	subnet := n.subnet(from.Subnet)
	route, found := n.routeFor(from, destination)
	crosses := !subnet.CIDR.Contains(destination) || !found || route.Target.Kind != vpc.Local
	var to *vpc.Interface
	var pcx *vpc.Peering
	referable := false
	if found {
		switch route.Target.Kind {
		case vpc.Local:
			to, referable = n.nicAt(from.VPC, destination), true
		case vpc.ViaPeering:
			pcx = find(n.Peerings, func(p vpc.Peering) bool { return p.ID == route.Target.ID })
			to = n.nicAt(n.far(pcx, from.VPC), destination)
			referable = pcx.Active && n.vpc(pcx.Requester).Region == n.vpc(pcx.Accepter).Region
		case vpc.ViaInterface:
			to = n.nic(func(c *vpc.Interface) bool { return c.ID == route.Target.ID })
			crosses = to.Subnet != from.Subnet
		}
	}
	deny := func(s vpc.Step) (bool, vpc.Step, vpc.DestinationKind, string) { return false, s, 0, "" }
	var members []string
	if to != nil && referable {
		members = to.Groups
	}
	if !n.tracked && from.Kind != vpc.ServiceInterface && !n.groupsAllow(from.Groups, f, true, members) {
		return deny(vpc.StepEgress)
	}
	if crosses && !n.aclAllows(from.Subnet, f, true) {
		return deny(vpc.StepACLOut)
	}
	if !found || route.Target.Kind == vpc.Blackhole || route.Target.Kind == vpc.ViaOther {
		return deny(vpc.StepRoute)
	}
	switch route.Target.Kind {
	case vpc.ViaPeering:
		if !pcx.Active || !contains(n.vpc(from.VPC).CIDRs, f.Source.Addr()) ||
			!contains(n.vpc(n.far(pcx, from.VPC)).CIDRs, destination) {
			return deny(vpc.StepPeering)
		}
	case vpc.ViaGatewayEndpoint:
		if !n.endpoint(route.Target.ID).Available {
			return deny(vpc.StepTarget)
		}
		return true, 0, vpc.ToGateway, route.Target.ID
	case vpc.ViaInternetGateway, vpc.ViaNATGateway:
		return n.leave(f, from, route)
	case vpc.ViaInterface:
		if to.ID == from.ID {
			return deny(vpc.StepTarget)
		}
	}
	members = nil
	if own && (referable || route.Target.Kind == vpc.ViaInterface) {
		members = from.Groups
	}
	return n.arrive(f, arrival{to, crosses, members})
}

// leave judges what goes out by a gateway.
func (n *naive) leave(f vpc.Flow, from *vpc.Interface, route vpc.Route) (bool, vpc.Step, vpc.DestinationKind, string) {
	deny := func(s vpc.Step) (bool, vpc.Step, vpc.DestinationKind, string) { return false, s, 0, "" }
	destination := f.Destination.Addr()
	public := from.Public
	if f.Source.Addr() != from.Addresses[0] {
		public = netip.Addr{}
	}
	known := true
	if route.Target.Kind == vpc.ViaNATGateway {
		gateway := n.nat(route.Target.ID)
		if known = gateway != nil; known {
			onward, found := n.routeFrom(gateway.VPC, gateway.Subnet, destination)
			if !n.passes(gateway, f) || gateway.Private || !found || onward.Target.Kind != vpc.ViaInternetGateway {
				return deny(vpc.StepNAT)
			}
			public = gateway.Public
		}
	}
	if destination.IsPrivate() || known && destination.Is4() && !public.IsValid() || !n.answers(f) {
		return deny(vpc.StepTarget)
	}
	return true, 0, vpc.ToInternet, route.Target.ID
}

func (n *naive) nat(id string) *vpc.NATGateway {
	return find(n.NATGateways, func(g vpc.NATGateway) bool { return g.ID == id })
}

// passes: the gateway works, and its subnet's ACL lets the packet in and out again.
func (n *naive) passes(g *vpc.NATGateway, f vpc.Flow) bool {
	return g.Available && n.aclAllows(g.Subnet, f, false) && n.aclAllows(g.Subnet, f, true)
}

// answers: something on the Internet takes the flow.
func (n *naive) answers(f vpc.Flow) bool {
	if n.Internet == nil {
		return true
	}
	to := f.Destination.Addr()
	if find(n.Internet.Services, func(s vpc.PublicService) bool { return s.Address == to }) != nil {
		return f.Protocol == vpc.TCP && f.Destination.Port() == 443
	}
	return (f.Protocol == vpc.TCP || f.Protocol == vpc.UDP) && opened(n.Internet, to)
}

type arrival struct {
	to      *vpc.Interface
	crosses bool
	members []string
}

func (n *naive) arrive(f vpc.Flow, a arrival) (bool, vpc.Step, vpc.DestinationKind, string) {
	deny := func(s vpc.Step) (bool, vpc.Step, vpc.DestinationKind, string) { return false, s, 0, "" }
	if a.to == nil || a.to.Owner == "" || a.to.Kind == vpc.GatewayInterface || !a.to.AnySource &&
		!slices.Contains(a.to.Addresses, f.Destination.Addr()) {
		return deny(vpc.StepTarget)
	}
	if a.to.Kind == vpc.EndpointInterface {
		if !n.endpoint(a.to.Owner).Available || f.Protocol != vpc.TCP ||
			!n.serves(n.endpoint(a.to.Owner), f.Destination.Port()) {
			return deny(vpc.StepTarget)
		}
	}
	if a.to.Kind == vpc.ServiceInterface && !n.tracked {
		return deny(vpc.StepTarget)
	}
	if a.to.Kind == vpc.ResolverInterface {
		e := n.resolverEndpoint(a.to)
		question := (f.Protocol == vpc.UDP || f.Protocol == vpc.TCP) && f.Destination.Port() == 53
		if !e.Available || e.Direction == vpc.Inbound && !question || e.Direction == vpc.Outbound && !n.tracked {
			return deny(vpc.StepTarget)
		}
	}
	if a.crosses && !n.aclAllows(a.to.Subnet, f, false) {
		return deny(vpc.StepACLIn)
	}
	if !n.tracked && !n.groupsAllow(a.to.Groups, f, false, a.members) {
		return deny(vpc.StepIngress)
	}
	return true, 0, vpc.ToInterface, a.to.ID
}

// serves: Amazon's services listen on 443, others where their targets say.
func (n *naive) serves(e *vpc.Endpoint, port uint16) bool {
	v := find(n.EndpointServices, func(v vpc.EndpointService) bool { return v.Name == e.Service })
	if v == nil {
		return port == 443
	}
	return v.Opaque || slices.ContainsFunc(v.Targets, func(t vpc.ServiceTarget) bool { return t.Port == port })
}

func (n *naive) far(p *vpc.Peering, v string) string {
	if p.Requester == v {
		return p.Accepter
	}
	return p.Requester
}

// routeFor takes the longest prefix; between equals local first, then ranges, then prefix lists.
func (n *naive) routeFor(from *vpc.Interface, a netip.Addr) (best vpc.Route, found bool) {
	return n.routeFrom(from.VPC, from.Subnet, a)
}

func (n *naive) routeFrom(v, subnet string, a netip.Addr) (best vpc.Route, found bool) {
	if !ordinary(a) {
		return best, false
	}
	bits := -1
	consider := func(r vpc.Route, p netip.Prefix) {
		if p.Contains(a) && p.Bits() > bits {
			best, found, bits = r, true, p.Bits()
		}
	}
	for _, c := range n.vpc(v).CIDRs {
		consider(vpc.Route{Destination: c}, c)
	}
	table := find(n.RouteTables, func(t vpc.RouteTable) bool { return slices.Contains(t.Subnets, subnet) })
	if table == nil {
		table = find(n.RouteTables, func(t vpc.RouteTable) bool { return t.VPC == v && t.Main })
	}
	if table == nil {
		return best, found
	}
	routes := slices.Clone(table.Routes)
	for _, e := range n.Endpoints {
		for _, l := range n.PrefixLists {
			if slices.Contains(e.RouteTables, table.ID) && l.Name == e.Service {
				routes = append(routes, vpc.Route{PrefixList: l.ID, Target: vpc.Target{Kind: vpc.ViaGatewayEndpoint, ID: e.ID}})
			}
		}
	}
	for _, r := range routes {
		if r.PrefixList == "" {
			consider(r, r.Destination)
		}
	}
	for _, r := range routes {
		if l := find(n.PrefixLists, func(l vpc.PrefixList) bool { return l.ID == r.PrefixList }); l != nil {
			for _, c := range l.CIDRs {
				consider(r, c)
			}
		}
	}
	return best, found
}

func portsMatch(p vpc.Protocol, ports vpc.PortRange, f vpc.Flow) bool {
	if p == vpc.AllProtocols {
		return true
	}
	if p != f.Protocol {
		return false
	}
	switch p {
	case vpc.TCP, vpc.UDP:
		port := int32(f.Destination.Port())
		return ports.From <= port && port <= ports.To
	case vpc.ICMP, vpc.ICMPv6:
		return ports.From == -1 || ports.From == int32(f.ICMPType) && (ports.To == -1 || ports.To == int32(f.ICMPCode))
	}
	return true
}

// groupsAllow: some rule of some group of the interface matches; members are the groups of the far end.
func (n *naive) groupsAllow(groups []string, f vpc.Flow, egress bool, members []string) bool {
	far := f.Source.Addr()
	if egress {
		far = f.Destination.Addr()
	}
	for _, g := range n.SecurityGroups {
		for _, r := range g.Rules {
			if !slices.Contains(groups, g.ID) || r.Egress != egress || !portsMatch(r.Protocol, r.Ports, f) {
				continue
			}
			if r.CIDR.IsValid() && r.CIDR.Contains(far) || r.Group != "" && slices.Contains(members, r.Group) ||
				r.PrefixList != "" && n.listed(r.PrefixList, far) {
				return true
			}
		}
	}
	return false
}

func (n *naive) aclAllows(subnet string, f vpc.Flow, egress bool) bool {
	a := find(n.ACLs, func(a vpc.ACL) bool { return slices.Contains(a.Subnets, subnet) })
	if a == nil {
		a = find(n.ACLs, func(a vpc.ACL) bool { return a.Default && a.VPC == n.subnet(subnet).VPC })
	}
	if a == nil {
		return true
	}
	far := f.Source.Addr()
	if egress {
		far = f.Destination.Addr()
	}
	entries := slices.Clone(a.Entries)
	sort.Slice(entries, func(i, j int) bool { return entries[i].Number < entries[j].Number })
	for _, e := range entries {
		if e.Egress == egress && portsMatch(e.Protocol, e.Ports, f) && e.CIDR.Contains(far) {
			return e.Allow
		}
	}
	return false
}
