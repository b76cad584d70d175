package vpc

import (
	"iter"
	"net/netip"
	"slices"
)

// The query types that names here answer to (RFC 1035, RFC 3596).
const (
	TypeA    uint16 = 1
	TypeNS   uint16 = 2
	TypeSOA  uint16 = 6
	TypePTR  uint16 = 12
	TypeAAAA uint16 = 28
	TypeANY  uint16 = 255
)

// NameStatus says what a VPC's resolver can say about a name.
type NameStatus uint8

// The statuses.
const (
	// NameNotOurs is a name that the network knows nothing about; it may be looked for elsewhere.
	NameNotOurs NameStatus = iota
	// NameFound comes with addresses or names.
	NameFound
	// NameNoData is a name that exists without data of the asked type.
	NameNoData
	// NameAbsent (NXDOMAIN) is a name in one of the network's own zones that does not exist. It is never looked for
	// elsewhere.
	NameAbsent
	// NameForwarded is a name that a Resolver rule has asked for elsewhere; Answer.Rule says where.
	NameForwarded
	// NameSilent means that the VPC has no DNS support, or does not exist: the resolver does not answer at all.
	NameSilent
)

// Answer holds what a VPC's resolver says to a question.
type Answer struct {
	Status NameStatus
	// Zone is the private zone the name is in, in lower case and without the last dot; its SOA goes with a negative
	// answer. It is empty when the name is not ours.
	Zone string
	// Apex is true where the name is the zone's own.
	Apex bool
	// Addresses answer A and AAAA, Names answers PTR. They must not be changed.
	Addresses []netip.Addr
	Names     []string
	// Endpoint is the VPC endpoint that the name belongs to, if it is one's.
	Endpoint string
	// Public says that the name means a public address, which only a gateway leads to.
	Public bool
	// Rule is the Resolver rule that a forwarded name is asked for by. It must not be changed.
	Rule *ResolverRule
}

// Resolve answers a question about a name as the VPC's resolver does, from the network alone: the private DNS names of
// the VPC's endpoints, the own names of every endpoint, private host names, and the reverse names of private addresses;
// and says which names Resolver rules have asked for elsewhere.
// The name's case and last dot do not matter; qtype is a DNS query type.
func (s *Snapshot) Resolve(vpcID, name string, qtype uint16) Answer {
	return s.resolve(vpcID, canonical(name), qtype, false)
}

// ResolveInbound is Resolve for who asks through an inbound Resolver endpoint of the VPC: the private names of
// endpoints that are InboundOnly are known too.
func (s *Snapshot) ResolveInbound(vpcID, name string, qtype uint16) Answer {
	return s.resolve(vpcID, canonical(name), qtype, true)
}

func (s *Snapshot) resolve(vpcID, name string, qtype uint16, inbound bool) Answer {
	r := s.Compiled(vpcID)
	if r == nil || !r.DNSSupport {
		return Answer{Status: NameSilent}
	}
	if rule := s.rule(r, name, inbound); rule != nil {
		return Answer{Status: NameForwarded, Rule: rule}
	}
	if a := resolvePrivate(r.names.private, name, qtype); a.Status != NameNotOurs {
		return a
	}
	if inbound {
		if a := resolvePrivate(r.names.inbound, name, qtype); a.Status != NameNotOurs {
			return a
		}
	}
	if under(name, vpceZone) {
		return s.resolveOwned(name, vpceZone, qtype)
	}
	for _, zone := range s.zones {
		if under(name, zone.name) {
			return s.resolveOwned(name, zone.name, qtype)
		}
	}
	if under(name, "internal") {
		return s.resolveHost(r, name, qtype)
	}
	if under(name, "in-addr.arpa") || under(name, "ip6.arpa") {
		return s.resolveReverse(r, name, qtype)
	}
	return s.resolvePublic(r, name, qtype)
}

// answer gives the record's data of the asked type.
func (r *record) answer(qtype uint16, zone string, apex bool) Answer {
	a := Answer{Status: NameNoData, Zone: zone, Apex: apex}
	if r == nil {
		return a
	}
	a.Endpoint = r.endpoint.ID
	a.setAddresses(qtype, r.v4, r.v6)
	return a
}

func (a *Answer) setAddresses(qtype uint16, v4, v6 []netip.Addr) {
	switch qtype {
	case TypeA:
		a.Addresses = v4
	case TypeAAAA:
		a.Addresses = v6
	case TypeANY:
		a.Addresses = slices.Concat(v4, v6)
	}
	if len(a.Addresses) > 0 {
		a.Status = NameFound
	}
}

func resolvePrivate(names map[string]*privateName, name string, qtype uint16) Answer {
	if len(names) == 0 {
		return Answer{}
	}
	if p := names[name]; p != nil {
		return p.exact.answer(qtype, name, true)
	}
	for zone := parent(name); zone != ""; zone = parent(zone) {
		p := names[zone]
		switch {
		case p == nil:
			continue
		case p.wild == nil:
			return Answer{Status: NameAbsent, Zone: zone}
		}
		return p.wild.answer(qtype, zone, false)
	}
	return Answer{}
}

// resolveOwned answers for the endpoints' own names, of which every VPC's resolver knows all.
func (s *Snapshot) resolveOwned(name, zone string, qtype uint16) Answer {
	if n := s.ownName(name); n != nil {
		return n.answer(qtype, zone, false)
	}
	if _, inner := s.inner.get(name); inner || name == zone {
		return Answer{Status: NameNoData, Zone: zone, Apex: name == zone}
	}
	for up := parent(name); up != zone && up != ""; up = parent(up) {
		if n := s.ownName(up); n != nil && n.wild {
			return n.answer(qtype, zone, false)
		}
	}
	return Answer{Status: NameAbsent, Zone: zone}
}

// ownName finds an endpoint's own name, or returns nil.
func (s *Snapshot) ownName(name string) *ownName {
	if slot, ok := s.owned.get(name); ok {
		return s.slots.at(slot).names.owned[name]
	}
	return nil
}

// visible yields the VPC itself and those across a peering whose host names it may resolve.
func (s *Snapshot) visible(r *Compiled) iter.Seq[*Compiled] {
	return func(yield func(*Compiled) bool) {
		if !yield(r) {
			return
		}
		for _, p := range s.bound(r.VPC.ID).peerings {
			allowed := p.RequesterDNS
			if p.Requester == r.VPC.ID {
				allowed = p.AccepterDNS
			}
			if !p.Active || !allowed {
				continue
			}
			if far := s.Compiled(p.other(r.VPC.ID)); far != nil && !yield(far) {
				return
			}
		}
	}
}

func (s *Snapshot) resolveHost(r *Compiled, name string, qtype uint16) Answer {
	a := Answer{Status: NameAbsent, Zone: "internal", Apex: name == "internal"}
	if a.Apex {
		a.Status = NameNoData
	}
	for v := range s.visible(r) {
		domain := v.names.domain
		switch {
		case name == domain:
			return Answer{Status: NameNoData, Zone: domain, Apex: true}
		case under(domain, name) && a.Status == NameAbsent:
			a.Status = NameNoData
		case under(name, domain):
			a.Zone = domain
			label := name[:len(name)-len(domain)-1]
			if c := v.host(label); !c.none() {
				found := Answer{Status: NameNoData, Zone: domain}
				v4, v6 := c.named(label)
				found.setAddresses(qtype, v4, v6)
				return found
			}
		}
	}
	return a
}

// host finds the interface that a host name's first label names.
func (r *Compiled) host(label string) nic {
	if c := r.names.hosts[label]; c != nil {
		return nic{c, r}
	}
	if a, ok := parseHost(label); ok {
		return r.nicAt(a)
	}
	return nic{}
}

// named are the addresses that the label names: the address it is made of, or the first of each family.
func (c nic) named(label string) (v4, v6 []netip.Addr) {
	if a, ok := parseHost(label); ok && c.vpc.nicAt(a) == c {
		return []netip.Addr{a}, nil
	}
	for i, a := range c.Addresses {
		switch {
		case a.Is4() && v4 == nil:
			v4 = c.Addresses[i : i+1 : i+1]
		case a.Is6() && v6 == nil:
			v6 = c.Addresses[i : i+1 : i+1]
		}
	}
	return v4, v6
}

// label is the host name of one of the interface's addresses.
func (c nic) label(a netip.Addr) string {
	if c.Name != "" && (a == c.Addresses[0] || a.Is6()) {
		return c.Name
	}
	if a.Is6() {
		return ""
	}
	return hostLabel(a)
}
