package vpc

import "net/netip"

// Internet describes what lies behind the Internet gateways of a network that this program carries: the public
// addresses of services, and ranges of the real Internet where they are opened. It must not be changed once it is in a
// Network.
type Internet struct {
	// Services take TCP 443 at their addresses, one name and one address each.
	Services []PublicService
	// Open are the ranges that TCP and UDP flows are carried to besides; Closed are those of them that they are not. The
	// longest prefix decides, and between equals Open.
	Open, Closed []netip.Prefix
}

// PublicService is a service at its public address.
type PublicService struct {
	// Name is its host name, such as "ssm.us-east-1.amazonaws.com", Service its name as VPC endpoints have it.
	Name, Service string
	Address       netip.Addr
}

// NATGateway is a NAT gateway. It stands in a subnet, whose network ACL filters what passes and whose routes lead
// onward. A route may lead to one that no NATGateway describes; it is then taken to work.
type NATGateway struct {
	ID, VPC, Subnet string
	// Interface is the id of its network interface.
	Interface string
	// Private is its connectivity type; a private one has no path to the Internet.
	Private bool
	// Available is false while the gateway is pending, failed or deleted: it then carries nothing.
	Available bool
	// Public is the public address of what it carries to the Internet; the zero Addr where it has none.
	Public netip.Addr
}

// nat is a NAT gateway with where it stands.
type nat struct {
	NATGateway
	vpc    *Compiled
	subnet *subnet
}

// internet is an Internet made searchable.
type internet struct {
	*Internet
	names     map[string]*PublicService
	addresses map[netip.Addr]*PublicService
}

func newInternet(i *Internet) *internet {
	made := &internet{i, map[string]*PublicService{}, map[netip.Addr]*PublicService{}}
	for j := range i.Services {
		s := &i.Services[j]
		made.names[canonical(s.Name)] = s
		made.addresses[s.Address] = s
	}
	return made
}

// check finds two services of one name.
func (i *Internet) check(unique func(string) error) error {
	if i == nil {
		return nil
	}
	for _, s := range i.Services {
		if err := unique(canonical(s.Name)); err != nil {
			return err
		}
	}
	return nil
}

// PublicServiceAt returns the service that has the public address.
func (s *Snapshot) PublicServiceAt(a netip.Addr) (PublicService, bool) {
	if s.internet == nil || s.internet.addresses[a] == nil {
		return PublicService{}, false
	}
	return *s.internet.addresses[a], true
}

// HasGateway reports whether an Internet or NAT gateway is there, or a route leads to it.
func (s *Snapshot) HasGateway(id string) bool { return s.GatewayVPC(id) != "" }

// GatewayVPC returns the id of the VPC that the gateway, or gateway endpoint, is of; empty where HasGateway is false.
func (s *Snapshot) GatewayVPC(id string) string {
	if n := s.nat(id); n != nil {
		return n.VPC
	}
	if c := s.gatewayOf(id); c != nil {
		return c.VPC.ID
	}
	return ""
}

// NATGateway returns the NAT gateway with the id.
func (s *Snapshot) NATGateway(id string) (NATGateway, bool) {
	if n := s.nat(id); n != nil {
		return n.NATGateway, true
	}
	return NATGateway{}, false
}

// reaches reports whether something on the Internet takes the flow.
func (i *internet) reaches(f *Flow) bool {
	if i == nil {
		return true
	}
	to := f.Destination.Addr()
	if i.addresses[to] != nil {
		return f.Protocol == TCP && f.Destination.Port() == endpointPort
	}
	open := longest(i.Open, to)
	return (f.Protocol == TCP || f.Protocol == UDP) && open >= 0 && open >= longest(i.Closed, to)
}

// longest is the length of the longest of the prefixes that the address is in, or -1.
func longest(ranges []netip.Prefix, a netip.Addr) int {
	bits := -1
	for _, p := range ranges {
		if p.Contains(a) {
			bits = max(bits, p.Bits())
		}
	}
	return bits
}

// translate asks the NAT gateway on the way: whether it works, its subnet's ACL on both sides of it, and that subnet's
// route onward. Its ports are judged as the sender's. A NAT gateway has no security groups.
func (s *Snapshot) translate(t *trace) bool {
	n, f := t.nat, &t.flow
	if n == nil {
		return true
	}
	if !n.Available {
		return t.refuse(StepNAT, ReasonNATUnavailable, n.ID)
	}
	if a := n.subnet.acl; a != nil {
		t.natIn = aclRef{a, decide(a.in, f, f.Source.Addr())}
		if t.natIn.entry == nil || !t.natIn.entry.Allow {
			return t.refuse(StepNAT, ReasonACLDenied, a.ID)
		}
	}
	if !t.from.none() && !s.findOnward(t) {
		return false
	}
	if a := n.subnet.acl; a != nil {
		t.natOut = aclRef{a, decide(a.out, f, f.Destination.Addr())}
		if t.natOut.entry == nil || !t.natOut.entry.Allow {
			return t.refuse(StepNAT, ReasonACLDenied, a.ID)
		}
	}
	return true
}

// findOnward looks for the NAT gateway's own route to an Internet gateway.
func (s *Snapshot) findOnward(t *trace) bool {
	n := t.nat
	t.onward = s.route(n.subnet.table, t.flow.Destination.Addr())
	switch {
	case n.Private:
		return t.refuse(StepNAT, ReasonNATPrivate, n.ID)
	case t.onward.hop == nil || t.onward.Target.Kind != ViaInternetGateway:
		return t.refuse(StepNAT, ReasonNATRoute, n.subnet.tableID())
	}
	return true
}

func (s *Snapshot) targetInternet(t *trace) bool {
	gateway, f := t.hop.Target.ID, &t.flow
	destination := f.Destination.Addr()
	owner, public, needed := "", netip.Addr{}, destination.Is4()
	switch {
	case t.nat != nil:
		owner, public = t.nat.ID, t.nat.Public
	case t.hop.Target.Kind == ViaNATGateway: // of which nothing is known
		needed = false
	default:
		owner = t.from.ID
		if f.Source.Addr() == t.from.Addresses[0] {
			public = t.from.Public
		}
	}
	switch {
	case destination.IsPrivate():
		return t.refuse(StepTarget, ReasonNotPublic, gateway)
	case needed && !public.IsValid():
		return t.refuse(StepTarget, ReasonNoPublicAddress, owner)
	case !s.internet.reaches(f):
		return t.refuse(StepTarget, ReasonNothingThere, gateway)
	}
	t.allow(StepTarget, gateway, ToInternet, gateway)
	t.verdict.Public = public
	return false
}
