package vpc

import (
	"net/netip"
	"slices"
)

// The link-local services of every VPC.
var (
	// LinkLocalResolver is the second address of every VPC's resolver; the first is the VPC's base plus two.
	LinkLocalResolver = netip.AddrFrom4([4]byte{169, 254, 169, 253})
	// MetadataAddress is the instance metadata service's.
	MetadataAddress = netip.AddrFrom4([4]byte{169, 254, 169, 254})
)

const (
	resolverPort = 53
	metadataPort = 80
	endpointPort = 443
)

// Decide judges a new flow: every step, until the first that refuses. It does not allocate.
func (s *Snapshot) Decide(f Flow) Verdict {
	t := trace{flow: f}
	s.judge(&t)
	return t.verdict
}

// DecideTracked judges one packet, in either direction, of a conversation that was allowed when it began: source,
// route, ACLs and target, which hold for every packet, but not the security groups, which are stateful.
func (s *Snapshot) DecideTracked(f Flow) Verdict {
	t := trace{flow: f, tracked: true}
	s.judge(&t)
	return t.verdict
}

// trace records what a flow met on its way. Explain reads it, so that it cannot disagree with Decide.
type trace struct {
	flow    Flow
	tracked bool
	verdict Verdict
	// from is the sender; it is none for what comes back through a gateway, and then entry is that gateway's VPC.
	from  nic
	entry *Compiled
	// nat is the NAT gateway on the way, there or back, and onward the route of its subnet.
	nat    *nat
	onward match
	// hop is the route; destination is the VPC that it leads into, nil where it leads out of every VPC, and by the peering
	// that it leads there by.
	match
	by          *Peering
	destination *Compiled
	// to is the interface that receives, where there is one.
	to      nic
	crosses bool
	// What allowed at each step.
	egress, ingress ruleRef
	aclOut, aclIn   aclRef
	natIn, natOut   aclRef
	// stale is the rule that would allow if its group, or the peering to it, were there still.
	stale staleRef
}

// ruleRef is the rule of a group that allowed.
type ruleRef struct {
	group *group
	rule  *Rule
}

// aclRef is the ACL that was asked and the entry that decided; none decided where entry is nil.
type aclRef struct {
	acl   *acl
	entry *ACLEntry
}

// judge runs the steps. Each returns false when it has written a verdict.
func (s *Snapshot) judge(t *trace) {
	t.flow.Source = unmap(t.flow.Source)
	t.flow.Destination = unmap(t.flow.Destination)
	if !s.source(t) || !s.service(t) {
		return
	}
	s.look(t)
	_ = s.outbound(t) && t.route() && t.peering() && s.translate(t) && s.target(t) && s.inbound(t)
}

func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

func (t *trace) refuse(step Step, reason Reason, resource string) bool {
	t.verdict = Verdict{Step: step, Reason: reason, Resource: resource}
	return false
}

func (t *trace) allow(step Step, resource string, kind DestinationKind, to string) bool {
	t.verdict = Verdict{Allow: true, Step: step, Resource: resource, Kind: kind, To: to}
	return false
}

// source asks whether the sender may send from that address at all.
func (s *Snapshot) source(t *trace) bool {
	f := &t.flow
	t.from = s.nic(f.From)
	if t.from.none() && t.tracked {
		if t.entry, t.nat = s.gatewayOf(f.From), s.nat(f.From); t.nat != nil {
			t.entry = t.nat.vpc
		}
	}
	if t.from.none() && t.entry == nil {
		return t.refuse(StepSource, ReasonUnknownSender, f.From)
	}
	source, destination := f.Source.Addr(), f.Destination.Addr()
	if source.Is4() != destination.Is4() || !unicast(source) || !destination.IsValid() {
		return t.refuse(StepSource, ReasonMalformed, f.From)
	}
	if t.from.none() {
		return true
	}
	if !t.from.AnySource && !slices.Contains(t.from.Addresses, source) {
		return t.refuse(StepSource, ReasonSpoofed, f.From)
	}
	switch t.from.Kind {
	case GatewayInterface:
		return t.refuse(StepSource, ReasonGatewayInterface, t.from.Owner)
	case EndpointInterface:
		switch {
		case !t.tracked:
			return t.refuse(StepSource, ReasonEndpointStarts, f.From)
		case t.from.endpoint() == nil || !t.from.endpoint().Available:
			return t.refuse(StepSource, ReasonEndpointUnavailable, t.from.Owner)
		}
	}
	if t.from.Kind == ResolverInterface {
		return t.sourceResolver()
	}
	return true
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// unicast reports whether a host that is not on this link can have the address.
func unicast(a netip.Addr) bool {
	return a.IsValid() && !a.IsUnspecified() && !a.IsLoopback() && !a.IsMulticast() && !a.IsLinkLocalUnicast() &&
		a != broadcast
}

// service delivers what is meant for the link-local services of the sender's own VPC.
func (s *Snapshot) service(t *trace) bool {
	if t.from.none() {
		return true
	}
	f, home := &t.flow, t.from.vpc
	switch destination := f.Destination.Addr(); destination {
	case MetadataAddress:
		switch {
		case f.Protocol != TCP || f.Destination.Port() != metadataPort:
			return t.refuse(StepService, ReasonServicePort, t.from.ID)
		case t.from.Kind != InstanceInterface:
			return t.refuse(StepService, ReasonNotInstance, t.from.ID)
		}
		return t.allow(StepService, t.from.ID, ToMetadata, "")
	case LinkLocalResolver, home.resolver:
		switch {
		case !home.DNSSupport:
			return t.refuse(StepService, ReasonDNSOff, home.VPC.ID)
		case f.Protocol != UDP && f.Protocol != TCP || f.Destination.Port() != resolverPort:
			return t.refuse(StepService, ReasonServicePort, home.VPC.ID)
		}
		return t.allow(StepService, home.VPC.ID, ToResolver, home.VPC.ID)
	}
	return true
}

// look finds, without judging, where the route leads and who has the destination there: group references and subnet
// borders depend on it.
func (s *Snapshot) look(t *trace) {
	destination := t.flow.Destination.Addr()
	if t.from.none() {
		t.destination, t.to, t.crosses = t.entry, t.entry.nicAt(destination), true
		return
	}
	home := t.from.subnet()
	t.crosses = true
	if !unicast(destination) {
		return
	}
	t.match = s.route(home.table, destination)
	if t.hop == nil {
		return
	}
	switch t.hop.Target.Kind {
	case Local:
		t.destination, t.to = home.vpc, home.vpc.nicAt(destination)
		t.crosses = !home.contains(destination)
	case ViaPeering:
		if s.cross(t); t.by != nil {
			t.to = t.destination.nicAt(destination)
		}
	case ViaInterface:
		t.destination, t.to = home.vpc, t.hop.nic
		t.crosses = t.to.subnet() != home
	case ViaNATGateway:
		t.nat = t.hop.nat
	}
}

// cross finds the peering that the route leads by, and the VPC at its far side. It finds neither where one of them is
// gone.
func (s *Snapshot) cross(t *trace) {
	home := t.from.vpc.VPC.ID
	p, ok := s.peerings.get(t.hop.Target.ID)
	if !ok || p.Requester != home && p.Accepter != home {
		return
	}
	if t.destination = s.Compiled(p.other(home)); t.destination != nil {
		t.by = p
	}
}

// outbound asks the sender's groups and its subnet's ACL.
func (s *Snapshot) outbound(t *trace) bool {
	if t.from.none() {
		return true
	}
	f := &t.flow
	if !t.tracked && t.from.Kind != ServiceInterface {
		p := peer{address: f.Destination.Addr()}
		if !t.to.none() && t.referable() {
			p.groups = t.to.Groups
		}
		t.egress = s.ask(t.from, f, &p, true)
		if t.egress.rule == nil {
			return s.noRule(t, StepEgress, t.from, p.address)
		}
	}
	if a := t.from.subnet().acl; a != nil && t.crosses {
		t.aclOut = aclRef{a, decide(a.out, f, f.Destination.Addr())}
		if t.aclOut.entry == nil || !t.aclOut.entry.Allow {
			return t.refuse(StepACLOut, ReasonACLDenied, a.ID)
		}
	}
	return true
}

// referable reports whether a reference to a group holds between the two ends: within a VPC, or over an active peering
// within a region. A route through an interface in the middle breaks it, as AWS documents for middleboxes.
func (t *trace) referable() bool {
	switch t.hop.Target.Kind {
	case Local:
		return true
	case ViaPeering:
		return t.by != nil && t.by.Active && t.from.vpc.Region == t.destination.Region
	}
	return false
}

// ask looks for a rule of the interface's groups that allows the flow.
func (s *Snapshot) ask(c nic, f *Flow, p *peer, egress bool) ruleRef {
	for _, id := range c.Groups {
		g := c.group(id)
		set := g.in
		if egress {
			set = g.out
		}
		if i := s.match(set, f, p); i >= 0 {
			return ruleRef{g, &g.Rules[i]}
		}
	}
	return ruleRef{}
}

// blamed returns the id of what has no rule that would allow: the interface's first group, or itself if it has none.
func (c nic) blamed() string {
	if len(c.Groups) > 0 {
		return c.Groups[0]
	}
	return c.ID
}

func (r ruleRef) id() string {
	if r.rule.ID != "" {
		return r.rule.ID
	}
	return r.group.ID
}

// route asks the sender's subnet's route table.
func (t *trace) route() bool {
	switch {
	case t.from.none():
		return true
	case t.hop == nil:
		return t.refuse(StepRoute, ReasonNoRoute, t.tableID())
	case t.hop.Target.Kind == Blackhole, t.hop.Target.Kind == ViaPeering && t.by == nil:
		return t.refuse(StepRoute, ReasonBlackhole, t.tableID())
	case t.hop.Target.Kind == ViaOther:
		return t.refuse(StepRoute, ReasonNotJudged, t.hop.Target.ID)
	}
	return true
}

// tableID returns the id of the sender's route table; the implied table of a VPC without any has the VPC's.
func (t *trace) tableID() string { return t.from.subnet().tableID() }

func (n *subnet) tableID() string {
	if n.table.ID != "" {
		return n.table.ID
	}
	return n.VPC
}

// peering asks whether the peering is active and both ends are in its two VPCs: it carries nothing onward.
func (t *trace) peering() bool {
	if t.hop == nil || t.hop.Target.Kind != ViaPeering {
		return true
	}
	p := t.by
	switch {
	case !p.Active:
		return t.refuse(StepPeering, ReasonPeeringInactive, p.ID)
	case !t.from.vpc.contains(t.flow.Source.Addr()), !t.destination.contains(t.flow.Destination.Addr()):
		return t.refuse(StepPeering, ReasonNotTransitive, p.ID)
	}
	return true
}

// target asks whether what the route leads to takes the flow. It ends the judgement where the flow leaves the VPCs.
func (s *Snapshot) target(t *trace) bool {
	if t.hop != nil {
		switch t.hop.Target.Kind {
		case ViaGatewayEndpoint:
			return t.targetGateway()
		case ViaInternetGateway, ViaNATGateway:
			return s.targetInternet(t)
		}
	}
	f := &t.flow
	switch {
	case t.to.none() && t.destination.resolver == f.Destination.Addr():
		return t.refuse(StepTarget, ReasonResolverOutside, t.destination.VPC.ID)
	case t.to.none():
		return t.refuse(StepTarget, ReasonNoInterface, t.destination.VPC.ID)
	case t.to.Owner == "":
		return t.refuse(StepTarget, ReasonDetached, t.to.ID)
	case t.hop != nil && t.hop.Target.Kind == ViaInterface && t.to == t.from:
		return t.refuse(StepTarget, ReasonLoop, t.to.ID)
	case !t.to.AnySource && !slices.Contains(t.to.Addresses, f.Destination.Addr()):
		return t.refuse(StepTarget, ReasonNotForwarding, t.to.ID)
	case t.to.Kind == GatewayInterface:
		return t.refuse(StepTarget, ReasonGatewayInterface, t.to.Owner)
	case t.to.Kind == EndpointInterface && !t.to.endpoint().Available:
		return t.refuse(StepTarget, ReasonEndpointUnavailable, t.to.Owner)
	case t.to.Kind == EndpointInterface && (f.Protocol != TCP || !s.takes(t.to.endpoint(), f.Destination.Port())):
		return t.refuse(StepTarget, ReasonEndpointPort, t.to.Owner)
	case t.to.Kind == ResolverInterface:
		return t.targetResolver()
	case t.to.Kind == ServiceInterface && !t.tracked:
		return t.refuse(StepTarget, ReasonServiceSide, t.to.Owner)
	}
	return true
}

func (t *trace) targetGateway() bool {
	e := t.hop.gateway
	if !e.Available {
		return t.refuse(StepTarget, ReasonEndpointUnavailable, e.ID)
	}
	return t.allow(StepTarget, e.ID, ToGateway, e.ID)
}

// inbound asks the receiver's subnet's ACL and its groups.
func (s *Snapshot) inbound(t *trace) bool {
	f, step, resource := &t.flow, StepTarget, t.to.ID
	if a := t.to.subnet().acl; a != nil && t.crosses {
		t.aclIn = aclRef{a, decide(a.in, f, f.Source.Addr())}
		if t.aclIn.entry == nil || !t.aclIn.entry.Allow {
			return t.refuse(StepACLIn, ReasonACLDenied, a.ID)
		}
		step, resource = StepACLIn, a.ID
	}
	if !t.tracked {
		p := peer{address: f.Source.Addr()}
		if (t.hop.Target.Kind == ViaInterface || t.referable()) && slices.Contains(t.from.Addresses, p.address) {
			p.groups = t.from.Groups
		}
		t.ingress = s.ask(t.to, f, &p, false)
		if t.ingress.rule == nil {
			return s.noRule(t, StepIngress, t.to, p.address)
		}
		step, resource = StepIngress, t.ingress.id()
	}
	return t.allow(step, resource, ToInterface, t.to.ID)
}
