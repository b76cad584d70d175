package vpc

import (
	"fmt"
	"net/netip"
)

// Forwarding says where a Resolver rule has a name asked for.
type Forwarding struct {
	Rule string `json:"rule"`
	// Domain is the rule's; empty is every name.
	Domain   string           `json:"domain"`
	Endpoint string           `json:"endpoint"`
	Targets  []netip.AddrPort `json:"targets"`
	// Paths are the journeys of a question over UDP, from each of the endpoint's interfaces to each target.
	Paths []Explanation `json:"paths,omitempty"`
}

// questionPort stands for the ephemeral port that a question would come from.
const questionPort = 49152

// explainForward says whether a name that a rule sends elsewhere can be asked for there. What is answered there nobody
// here knows.
func (s *Snapshot) explainForward(x *NameExplanation, rule *ResolverRule) {
	x.Forward = &Forwarding{Rule: rule.ID, Domain: rule.Domain, Endpoint: rule.Endpoint, Targets: rule.Targets}
	e := s.resolverEndpoint(rule.Endpoint)
	if e == nil || !e.Available || len(e.nics) == 0 {
		x.find(CauseForwardUnavailable, rule.Endpoint,
			fmt.Sprintf("rule %s sends %s on by Resolver endpoint %q, which is not available", rule.ID, x.Name, rule.Endpoint),
			fmt.Sprintf("give %s an outbound endpoint that is operational", rule.ID))
		return
	}
	works := false
	for _, to := range rule.Targets {
		for _, c := range e.nics {
			path := s.Explain(Flow{
				From: c.ID, Protocol: UDP, Source: netip.AddrPortFrom(c.Addresses[0], questionPort), Destination: to,
			})
			x.Forward.Paths = append(x.Forward.Paths, path)
			works = works || path.Works()
		}
	}
	if works {
		return
	}
	said := map[string]bool{}
	for i := range x.Forward.Paths {
		r := x.Forward.Paths[i].Refusal()
		if r == nil || said[r.Why] {
			continue
		}
		said[r.Why] = true
		x.find(CauseForwardRefused, r.Resource, fmt.Sprintf("rule %s sends %s to %s, and the question does not arrive: %s",
			rule.ID, x.Name, x.Forward.Paths[i].Flow.Destination, r.Why), r.Remedy)
	}
}
