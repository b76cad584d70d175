package vpc

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// NameExplanation says what a name means in a VPC, and for a service's name why it does not lead to an endpoint.
type NameExplanation struct {
	VPC  string `json:"vpc"`
	Name string `json:"name"`
	// Service is the service whose name it is, such as "com.amazonaws.us-east-1.ssm"; empty for other names.
	Service string `json:"service,omitempty"`
	// Private is true where the name resolves to private addresses of this network; otherwise Addresses are public ones.
	Private   bool         `json:"private"`
	Addresses []netip.Addr `json:"addresses,omitempty"`
	// Endpoint is the endpoint that has the addresses, or the one that would if nothing stood in the way.
	Endpoint string `json:"endpoint,omitempty"`
	// Findings lists what stands in the way, every one of them; none where Private is true, or where the name is asked for
	// elsewhere and the question arrives.
	Findings []NameFinding `json:"findings,omitempty"`
	// Forward says where a Resolver rule has the name asked for; nil where the VPC's resolver answers by itself.
	Forward *Forwarding `json:"forward,omitempty"`
}

// NameFinding is one cause why a name does not resolve to private addresses.
type NameFinding struct {
	Cause    NameCause `json:"cause"`
	Resource string    `json:"resource"`
	Why      string    `json:"why"`
	Remedy   string    `json:"remedy"`
}

// NameCause says in one word why a name does not resolve privately.
type NameCause string

// The causes.
const (
	CauseNoVPC           NameCause = "no-vpc"
	CauseDNSSupportOff   NameCause = "dns-support-off"
	CauseDNSHostnamesOff NameCause = "dns-hostnames-off"
	CausePrivateDNSOff   NameCause = "private-dns-off"
	CauseNoEndpoint      NameCause = "no-endpoint"
	CauseUnavailable     NameCause = "endpoint-unavailable"
	CauseNoInterface     NameCause = "endpoint-without-interface"
	CauseUnknownName     NameCause = "unknown-name"
	// CauseForwardUnavailable and CauseForwardRefused are about names that a Resolver rule has asked for elsewhere.
	CauseForwardUnavailable NameCause = "forward-endpoint-unavailable"
	CauseForwardRefused     NameCause = "forward-refused"
)

// ExplainName says what Resolve makes of a name and why.
func (s *Snapshot) ExplainName(vpcID, name string) NameExplanation {
	x := NameExplanation{VPC: vpcID, Name: canonical(name)}
	r := s.Compiled(vpcID)
	if r == nil {
		x.find(CauseNoVPC, vpcID, "no VPC has this id", "use the id of an existing VPC")
		return x
	}
	a := s.Resolve(vpcID, name, TypeANY)
	x.Private, x.Addresses, x.Endpoint = a.Status == NameFound && !a.Public, a.Addresses, a.Endpoint
	e := s.endpointNamed(r, x.Name)
	switch {
	case e != nil:
		x.Service = e.Service
	case a.Endpoint != "":
		x.Service = s.endpoint(a.Endpoint).Service
	default:
		x.Service = s.serviceNamed(x.Name)
	}
	if a.Status == NameForwarded {
		s.explainForward(&x, a.Rule)
		return x
	}
	if x.Private {
		return x
	}
	if !r.DNSSupport {
		x.find(CauseDNSSupportOff, r.VPC.ID,
			fmt.Sprintf("DNS support is off in %s, so its resolver does not answer", r.VPC.ID),
			fmt.Sprintf("set enableDnsSupport of %s to true", r.VPC.ID))
	}
	switch {
	case e != nil:
		x.Endpoint = e.ID
		x.findEndpoint(r, e)
	case x.Service != "":
		x.findElsewhere(s, r)
	case r.DNSSupport:
		x.find(CauseUnknownName, r.VPC.ID,
			fmt.Sprintf("no endpoint and no interface that %s can see has this name", r.VPC.ID),
			"use the name of a service with an endpoint, or of an existing interface")
	}
	return x
}

func (x *NameExplanation) find(cause NameCause, resource, why, remedy string) {
	x.Findings = append(x.Findings, NameFinding{cause, resource, why, remedy})
}

// findEndpoint says what keeps an endpoint of the VPC from having its private names.
func (x *NameExplanation) findEndpoint(r *Compiled, e *endpoint) {
	if !e.Available {
		why, remedy := e.unavailable()
		x.find(CauseUnavailable, e.ID, why, remedy)
	}
	if !e.PrivateDNS {
		x.find(CausePrivateDNSOff, e.ID,
			fmt.Sprintf("private DNS is off on endpoint %s, so %s does not lead to it", e.ID, x.Name),
			fmt.Sprintf("modify %s with private DNS enabled, or use its own name %s", e.ID, e.Name))
	}
	if e.PrivateDNS && e.InboundOnly {
		x.find(CausePrivateDNSOff, e.ID,
			fmt.Sprintf("the private names of endpoint %s are for inbound Resolver endpoints only, so %s does not lead to it "+
				"from the VPC itself", e.ID, x.Name),
			fmt.Sprintf("use a gateway endpoint to %s, or modify %s with PrivateDnsOnlyForInboundResolverEndpoint false",
				e.Service, e.ID))
	}
	if e.PrivateDNS && !r.DNSHostnames {
		x.find(CauseDNSHostnamesOff, r.VPC.ID,
			fmt.Sprintf("DNS hostnames are off in %s, and private DNS of %s needs them", r.VPC.ID, e.ID),
			fmt.Sprintf("set enableDnsHostnames of %s to true", r.VPC.ID))
	}
	if len(e.nics) == 0 {
		x.find(CauseNoInterface, e.ID, fmt.Sprintf("endpoint %s has no interface in any subnet", e.ID),
			fmt.Sprintf("add a subnet to %s", e.ID))
	}
}

func (x *NameExplanation) findElsewhere(s *Snapshot, r *Compiled) {
	why := fmt.Sprintf("no interface endpoint to %s stands in %s", x.Service, r.VPC.ID)
	for e := range s.Endpoints() {
		if e.Kind == InterfaceEndpoint && e.Service == x.Service {
			why += fmt.Sprintf("; %s stands in %s, and private names hold in the endpoint's own VPC only", e.ID, e.VPC)
			break
		}
	}
	x.find(CauseNoEndpoint, r.VPC.ID, why,
		fmt.Sprintf("create an interface endpoint to %s in %s with private DNS", x.Service, r.VPC.ID))
}

// endpointNamed is the VPC's interface endpoint that the name is or would be a private name of; one that is available
// comes first.
func (s *Snapshot) endpointNamed(r *Compiled, name string) *endpoint {
	var best *endpoint
	service := serviceOf(name)
	for i := range r.content.Endpoints {
		e := r.endpoints[r.content.Endpoints[i].ID]
		if e.Kind != InterfaceEndpoint || best != nil && (best.Available || !e.Available) {
			continue
		}
		if e.named(name) || len(e.PrivateNames) == 0 && service != "" && e.Service == service {
			best = e
		}
	}
	return best
}

func (e *Endpoint) named(name string) bool {
	return slices.ContainsFunc(e.PrivateNames, func(n string) bool {
		base, wild := strings.CutPrefix(canonical(n), "*.")
		return !wild && name == base || wild && name != base && under(name, base)
	})
}

// serviceNamed is the service that a name belongs to, by the endpoints of any VPC or else by its form.
func (s *Snapshot) serviceNamed(name string) string {
	for e := range s.Endpoints() {
		if e.Kind == InterfaceEndpoint && e.named(name) {
			return e.Service
		}
	}
	return serviceOf(name)
}

// serviceOf is the service name of a name of the form SERVICE.REGION.amazonaws.com.
func serviceOf(name string) string {
	labels := strings.Split(name, ".")
	if len(labels) != 4 || labels[2] != "amazonaws" || labels[3] != "com" || strings.Count(labels[1], "-") < 2 {
		return ""
	}
	return "com.amazonaws." + labels[1] + "." + labels[0]
}
