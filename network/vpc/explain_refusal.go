package vpc

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// refusal explains the step that refused, by its reason.
func (s *Snapshot) refusal(t *trace) StepReport {
	r := StepReport{Outcome: Refused, Resource: t.verdict.Resource, Reason: t.verdict.Reason}
	switch t.verdict.Step {
	case StepSource:
		r.Why, r.Remedy = t.refusedSource()
	case StepService:
		r.Why, r.Remedy = t.refusedService()
	case StepEgress:
		r.Why, r.Remedy = t.refusedEgress()
	case StepACLOut:
		r.Why, r.Remedy = t.refusedACL(t.aclOut, "outbound", "to", t.flow.Destination.Addr(), t.to)
	case StepRoute:
		r.Why, r.Remedy = s.refusedRoute(t)
	case StepPeering:
		r.Why, r.Remedy = s.refusedPeering(t)
	case StepNAT:
		r.Why, r.Remedy = t.refusedNAT()
	case StepTarget:
		r.Why, r.Remedy = s.refusedTarget(t)
	case StepACLIn:
		r.Why, r.Remedy = t.refusedACL(t.aclIn, "inbound", "from", t.flow.Source.Addr(), t.from)
	case StepIngress:
		r.Why, r.Remedy = t.refusedIngress()
	}
	return r
}

func (t *trace) refusedSource() (why, remedy string) {
	f := &t.flow
	switch t.verdict.Reason {
	case ReasonUnknownSender:
		return fmt.Sprintf("no network interface has the id %q", f.From), "attach the node to a network interface"
	case ReasonMalformed:
		return fmt.Sprintf("%s and %s are not two unicast addresses of one family", f.Source.Addr(), f.Destination.Addr()),
			"send from the interface's own address to a unicast address"
	case ReasonGatewayInterface:
		return fmt.Sprintf("%s belongs to NAT gateway %s, which begins nothing of its own", f.From, t.verdict.Resource),
			"start the connection at the node"
	case ReasonEndpointStarts:
		return fmt.Sprintf("%s belongs to an endpoint, which answers and never starts a connection", f.From),
			"start the connection at the node"
	case ReasonResolverUnavailable:
		return t.resolverUnavailable()
	case ReasonEndpointUnavailable:
		return t.from.endpoint().unavailable()
	}
	return fmt.Sprintf(
			"%s is not an address of %s, which has %s", f.Source.Addr(), t.from.title(), joinAddresses(t.from.Addresses),
		),
		fmt.Sprintf("send from %s, or turn %s's source/destination check off", t.from.Addresses[0], f.From)
}

func (t *trace) refusedService() (why, remedy string) {
	f, home := &t.flow, t.from.VPC
	switch t.verdict.Reason {
	case ReasonDNSOff:
		return fmt.Sprintf("DNS support is off in %s, so its resolver does not answer", home),
			fmt.Sprintf("set enableDnsSupport of %s to true", home)
	case ReasonNotInstance:
		return fmt.Sprintf("%s is not an instance's interface and has no instance metadata", t.from.title()),
			"give the node its identity by activation"
	}
	if f.Destination.Addr() == MetadataAddress {
		return fmt.Sprintf("the instance metadata service does not take %s", f.describe()), "use tcp 80"
	}
	return fmt.Sprintf("the resolver does not take %s", f.describe()), "use udp 53 or tcp 53"
}

func (t *trace) refusedEgress() (why, remedy string) {
	f := &t.flow
	peer := host(f.Destination.Addr()).String()
	switch {
	case !t.to.none() && len(t.to.Groups) > 0 && t.referable():
		peer = t.to.Groups[0] + " or " + t.to.subnet().rangeOf(f.Destination.Addr()).String()
	case t.hop != nil && t.hop.Target.Kind == ViaGatewayEndpoint && t.list != nil:
		peer = "prefix list " + t.list.ID
	}
	if len(t.from.Groups) == 0 {
		return fmt.Sprintf("%s has no security group, so nothing is allowed", t.from.title()),
			fmt.Sprintf("give %s a group with outbound %s to %s", t.from.ID, f.describe(), peer)
	}
	why = fmt.Sprintf("no rule of %s allows outbound %s to %s%s",
		t.from.groupTitles(), f.describe(), f.Destination.Addr(), t.to.inBrackets())
	remedy = fmt.Sprintf("authorize outbound %s on %s to %s", f.describe(), t.from.Groups[0], peer)
	if t.verdict.Reason == ReasonStaleRule {
		why, remedy = t.refusedStale(t.from.VPC, why, remedy)
	}
	return why, remedy
}

func (t *trace) refusedIngress() (why, remedy string) {
	f := &t.flow
	peer := t.from.subnet().rangeOf(f.Source.Addr()).String()
	if len(t.from.Groups) > 0 && t.referable() {
		peer = t.from.Groups[0] + " or " + peer
	}
	if len(t.to.Groups) == 0 {
		return fmt.Sprintf("%s has no security group, so nothing is allowed", t.to.title()),
			fmt.Sprintf("give %s a group with inbound %s from %s", t.to.ID, f.describe(), peer)
	}
	why = fmt.Sprintf("no rule of %s allows inbound %s from %s%s",
		t.to.groupTitles(), f.describe(), f.Source.Addr(), t.from.inBrackets())
	remedy = fmt.Sprintf("authorize inbound %s on %s from %s", f.describe(), t.to.Groups[0], peer)
	if t.verdict.Reason == ReasonStaleRule {
		why, remedy = t.refusedStale(t.to.VPC, why, remedy)
	}
	return why, remedy
}

// inBrackets lists the interface's groups for a sentence about its address.
func (c nic) inBrackets() string {
	if c.none() || len(c.Groups) == 0 {
		return ""
	}
	return " (" + c.groupTitles() + ")"
}

// rangeOf is the range of the subnet that holds the address, or the address alone.
func (n *Subnet) rangeOf(a netip.Addr) netip.Prefix {
	for _, r := range n.ranges() {
		if r.Contains(a) {
			return r
		}
	}
	return host(a)
}

func (t *trace) refusedACL(r aclRef, way, preposition string, far netip.Addr, c nic) (why, remedy string) {
	f := &t.flow
	peer, ports := host(far), f.describe()
	if !c.none() {
		peer = c.subnet().rangeOf(far)
	}
	if t.tracked && (f.Protocol == TCP || f.Protocol == UDP) && f.Destination.Port() >= 1024 {
		ports = fmt.Sprintf("%s 1024-65535", f.Protocol) // replies go to ephemeral ports
	}
	if r.entry == nil {
		return fmt.Sprintf(
				"no entry of %s allows %s %s %s %s, so its last one (*) denies it", r.acl.ID, way, f.describe(), preposition, far,
			),
			fmt.Sprintf("add an entry to %s that allows %s %s %s %s", r.acl.ID, way, ports, preposition, peer)
	}
	return fmt.Sprintf("entry %d of %s denies %s %s of %s", r.entry.Number, r.acl.ID, way, r.entry.span(), r.entry.CIDR),
		fmt.Sprintf("delete entry %d of %s, or add one with a lower number that allows %s %s %s %s",
			r.entry.Number, r.acl.ID, way, ports, preposition, peer)
}

func (s *Snapshot) refusedRoute(t *trace) (why, remedy string) {
	destination := t.flow.Destination.Addr()
	switch {
	case t.verdict.Reason == ReasonBlackhole:
		return fmt.Sprintf("%s sends %s to %s, which is gone (blackhole)", t.tableID(), t.prefix, t.hop.Target.ID),
			fmt.Sprintf("replace the route to %s in %s", t.prefix, t.tableID())
	case t.verdict.Reason == ReasonNotJudged:
		return fmt.Sprintf(
				"%s sends %s to %s, and what lies behind it is not judged here", t.tableID(), t.prefix, t.hop.Target.ID,
			),
			"look at the routes and rules behind " + t.hop.Target.ID
	case !unicast(destination):
		return fmt.Sprintf("%s is not carried: it is no unicast address beyond the link", destination),
			"send to a unicast address"
	case destination.IsPrivate():
		return fmt.Sprintf("no route of %s leads to %s", t.tableID(), destination),
			fmt.Sprintf(
				"add a route to %s in %s, through a peering for an address of another VPC", host(destination), t.tableID(),
			)
	}
	if e := s.gatewayTo(t.from.vpc, destination); e != nil {
		return fmt.Sprintf(
				"gateway endpoint %s leads to %s, but %s is not among its route tables", e.ID, destination, t.tableID(),
			),
			fmt.Sprintf("associate %s with %s", e.ID, t.tableID())
	}
	return fmt.Sprintf(
			"no route of %s leads to %s: %s has no path to the Internet", t.tableID(), destination, t.from.subnet().ID,
		),
		fmt.Sprintf("use a VPC endpoint, or add a route to an Internet or NAT gateway in %s", t.tableID())
}

func (s *Snapshot) refusedPeering(t *trace) (why, remedy string) {
	p := t.by
	if t.verdict.Reason == ReasonPeeringInactive {
		return fmt.Sprintf("peering %s is not active", p.ID), fmt.Sprintf("accept %s, or request a new peering", p.ID)
	}
	if e := s.gatewayFor(t.destination, t.flow.Destination.Addr()); e != nil {
		return fmt.Sprintf("gateway endpoint %s serves only %s itself and is never reached over a peering", e.ID, e.VPC),
			fmt.Sprintf("create a gateway endpoint for %s in %s", e.Service, t.from.VPC)
	}
	return fmt.Sprintf("peering %s carries only what goes between %s and %s; %s → %s goes beyond them",
			p.ID, p.Requester, p.Accepter, t.flow.Source.Addr(), t.flow.Destination.Addr()),
		"peer the two VPCs directly: a peering is not transitive"
}

// gatewayFor is a gateway endpoint of the VPC whose routes cover the address, or nil.
func (s *Snapshot) gatewayFor(r *Compiled, a netip.Addr) *endpoint {
	for i := range r.content.RouteTables {
		if m := s.route(r.tables[r.content.RouteTables[i].ID], a); m.hop != nil && m.gateway != nil {
			return m.gateway
		}
	}
	return nil
}

// gatewayTo finds the gateway endpoint whose service has the address, whether a route leads to it or not.
func (s *Snapshot) gatewayTo(r *Compiled, a netip.Addr) *endpoint {
	for _, e := range r.gatewayEndpoints {
		lists, _ := s.named.get(e.Service)
		for _, l := range lists {
			if slices.ContainsFunc(l.CIDRs, func(p netip.Prefix) bool { return p.Contains(a) }) {
				return e
			}
		}
	}
	return nil
}

func (s *Snapshot) refusedTarget(t *trace) (why, remedy string) {
	f := &t.flow
	destination := f.Destination.Addr()
	switch t.verdict.Reason {
	case ReasonResolverOutside:
		return fmt.Sprintf("%s is the resolver of %s and answers only inside that VPC", destination, t.destination.VPC.ID),
			t.destination.askInstead()
	case ReasonDetached:
		return fmt.Sprintf("%s has the address but is attached to nothing", t.to.ID),
			fmt.Sprintf("attach %s to an instance", t.to.ID)
	case ReasonEndpointUnavailable:
		return t.unavailable().unavailable()
	case ReasonEndpointPort:
		ports := s.serviceOf(t.to.endpoint()).ports()
		return fmt.Sprintf("endpoint %s takes %s only, not %s", t.verdict.Resource, ports, f.describe()), "use " + ports
	case ReasonServiceSide:
		return fmt.Sprintf("%s, the service's own side, starts connections and takes none", t.to.title()),
			"connect to an endpoint of the service"
	case ReasonResolverUnavailable:
		return t.resolverUnavailable()
	case ReasonResolverPort:
		return t.refusedResolverPort()
	case ReasonNotForwarding:
		return fmt.Sprintf("the route leads to %s, which checks destinations and forwards nothing", t.to.title()),
			fmt.Sprintf("turn %s's source/destination check off", t.to.ID)
	case ReasonLoop:
		return fmt.Sprintf("the route leads back to %s itself", t.to.ID),
			fmt.Sprintf("give %s a route table without that route", t.from.subnet().ID)
	case ReasonNoPublicAddress:
		return t.refusedPublic()
	case ReasonNothingThere:
		return fmt.Sprintf(
				"%s takes it out, but nothing there has %s: public services of AWS take tcp 443, and the server leads to nothing "+
					"else at that address", t.hop.Target.ID, f.describe()+" at "+destination.String(),
			),
			"use a public name of a service with tcp 443, or let the server lead there"
	case ReasonGatewayInterface:
		return fmt.Sprintf("%s belongs to NAT gateway %s, which takes nothing for itself", t.to.ID, t.verdict.Resource),
			"connect to the address that is wanted: the route leads through the NAT gateway"
	case ReasonNotPublic:
		return fmt.Sprintf("%s is no address of the Internet, and %s leads nowhere else", destination, t.hop.Target.ID),
			"add a route to where the address is"
	}
	return fmt.Sprintf("no network interface of %s has the address %s", t.destination.VPC.ID, destination),
		"use the address of an interface; an endpoint's addresses are what its names resolve to"
}

// unavailable is the endpoint that takes nothing.
func (t *trace) unavailable() *endpoint {
	if t.hop != nil && t.hop.gateway != nil {
		return t.hop.gateway
	}
	return t.to.endpoint()
}

func joinAddresses(addresses []netip.Addr) string {
	words := make([]string, len(addresses))
	for i, a := range addresses {
		words[i] = a.String()
	}
	return strings.Join(words, ", ")
}
