package vpc

import (
	"fmt"
	"iter"
	"net/netip"
	"strings"
)

// ResolverDirection says which way a Resolver endpoint carries questions.
type ResolverDirection uint8

// The directions.
const (
	// Inbound endpoints take questions from other networks to the resolver of their VPC.
	Inbound ResolverDirection = iota
	// Outbound endpoints take questions from the resolvers of VPCs to DNS servers elsewhere.
	Outbound
)

func (d ResolverDirection) String() string {
	if d == Outbound {
		return "outbound"
	}
	return "inbound"
}

// ResolverEndpoint is a Route 53 Resolver endpoint.
type ResolverEndpoint struct {
	ID, VPC   string
	Direction ResolverDirection
	// Available is false while the endpoint is being made or deleted: it then takes and sends nothing.
	Available bool
	// Interfaces are the endpoint's network interfaces.
	Interfaces []string
}

// ResolverRule says what the resolvers of its VPCs do with the names of a domain.
type ResolverRule struct {
	ID string
	// Domain is in lower case and without the last dot; empty is every name.
	Domain string
	// Forward sends questions on, from the outbound Endpoint to one of the Targets. Otherwise the resolver answers by
	// itself, whatever rules for shorter domains say.
	Forward  bool
	Endpoint string
	Targets  []netip.AddrPort
	// VPCs lists the VPCs whose resolvers follow the rule. One VPC has one rule for a domain.
	VPCs []string
}

// resolverEndpoint is a Resolver endpoint with its interfaces.
type resolverEndpoint struct {
	ResolverEndpoint
	vpc  *Compiled
	nics []nic
}

func (e *resolverEndpoint) title() string {
	return fmt.Sprintf("Resolver %s endpoint %s", e.Direction, e.ID)
}

// ResolverEndpoint returns the Resolver endpoint with the id.
func (s *Snapshot) ResolverEndpoint(id string) (ResolverEndpoint, bool) {
	if e := s.resolverEndpoint(id); e != nil {
		return e.ResolverEndpoint, true
	}
	return ResolverEndpoint{}, false
}

func (s *Snapshot) resolverEndpoint(id string) *resolverEndpoint {
	if c := s.at(id); c != nil {
		return c.resolvers[id]
	}
	return nil
}

// ResolverEndpoints yields every Resolver endpoint.
func (s *Snapshot) ResolverEndpoints() iter.Seq[ResolverEndpoint] {
	return each(s, func(c *Content) []ResolverEndpoint { return c.ResolverEndpoints })
}

// rule is the one that has the name sent elsewhere, or nil where the VPC's resolver answers by itself: the longest
// domain decides. Where a rule and one of the network's own zones are equally long the rule does, so that AWS's order
// holds: rules, then private hosted zones, then the rules that Resolver defines by itself (AWS Knowledge Center, "How
// do I use and override reverse DNS rules with Route 53 Resolver?").
func (s *Snapshot) rule(r *Compiled, name string, inbound bool) *ResolverRule {
	rules := s.bound(r.VPC.ID).rules
	if len(rules) == 0 {
		return nil
	}
	for domain := name; ; domain = parent(domain) {
		if rule := rules[domain]; rule != nil {
			if rule.Forward {
				return rule
			}
			return nil
		}
		if domain == "" || s.own(r, domain) || inbound && r.names.inbound[domain] != nil {
			return nil
		}
	}
}

// reservedZones holds the zones that every resolver answers by itself unless a rule names them (Route 53 Developer
// Guide, "Domain names that Resolver creates autodefined system rules for"), beside those that own finds by what the
// VPC is.
var reservedZones = map[string]bool{
	"localhost": true, "localdomain": true, "127.in-addr.arpa": true,
	strings.Repeat("0.", 32) + "ip6.arpa": true, "1." + strings.Repeat("0.", 31) + "ip6.arpa": true,
}

// own reports whether the domain is a zone that the VPC's resolver answers by itself: an endpoint's private name, host
// names, reverse names of private addresses and of the VPC's own.
func (s *Snapshot) own(r *Compiled, domain string) bool {
	if r.names.private[domain] != nil || reservedZones[domain] {
		return true
	}
	for v := range s.visible(r) {
		if domain == v.names.domain || domain == v.names.public {
			return true
		}
	}
	if !strings.HasSuffix(domain, ".arpa") {
		return false
	}
	p, ok := parseReverse(domain)
	if !ok {
		return false
	}
	zone, ours := r.reverseZone(domain, p)
	return ours && zone == domain
}

// publicDomain is the domain of public host names in a region, as AWS names it.
func publicDomain(region string) string {
	if region == "" || region == "us-east-1" {
		return "compute-1.amazonaws.com"
	}
	return strings.ToLower(region) + ".compute.amazonaws.com"
}

// sourceResolver asks whether a Resolver endpoint's interface may send.
func (t *trace) sourceResolver() bool {
	switch e := t.from.resolver(); {
	case e != nil && e.Direction == Inbound && !t.tracked:
		return t.refuse(StepSource, ReasonEndpointStarts, t.from.ID)
	case e == nil || !e.Available:
		return t.refuse(StepSource, ReasonResolverUnavailable, t.from.Owner)
	}
	return true
}

// targetResolver asks whether a Resolver endpoint's interface takes the flow: an inbound one questions, an outbound one
// answers only.
func (t *trace) targetResolver() bool {
	f, e := &t.flow, t.to.resolver()
	switch {
	case !e.Available:
		return t.refuse(StepTarget, ReasonResolverUnavailable, t.to.Owner)
	case e.Direction == Outbound && !t.tracked,
		e.Direction == Inbound && (f.Protocol != UDP && f.Protocol != TCP || f.Destination.Port() != resolverPort):
		return t.refuse(StepTarget, ReasonResolverPort, t.to.Owner)
	}
	return true
}

// resolverUnavailable explains a flow from or to a Resolver endpoint that is not there yet.
func (t *trace) resolverUnavailable() (why, remedy string) {
	return fmt.Sprintf("Resolver endpoint %s is not available", t.verdict.Resource),
		fmt.Sprintf("wait until %s is operational, or create the endpoint again", t.verdict.Resource)
}

// refusedResolverPort explains a flow that a Resolver endpoint does not take.
func (t *trace) refusedResolverPort() (why, remedy string) {
	e := t.to.resolver()
	if e.Direction == Outbound {
		return fmt.Sprintf("%s sends questions on and takes none", e.title()),
			"ask an inbound endpoint, or the sender's own resolver"
	}
	return fmt.Sprintf("%s takes udp 53 and tcp 53 only, not %s", e.title(), t.flow.describe()), "use udp 53 or tcp 53"
}

// askInstead says whom to ask from outside the VPC in place of its resolver.
func (r *Compiled) askInstead() string {
	for _, e := range r.inbound {
		if !e.Available || len(e.nics) == 0 {
			continue
		}
		var addresses []netip.Addr
		for _, c := range e.nics {
			addresses = append(addresses, c.Addresses[0])
		}
		return fmt.Sprintf("ask %s at %s, or the sender's own resolver", e.title(), joinAddresses(addresses))
	}
	return "ask the sender's own resolver, or a Resolver inbound endpoint"
}
