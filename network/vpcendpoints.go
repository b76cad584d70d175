package network

import (
	"iter"
	"postern/aws/iam"
	"postern/aws/scope"
	"postern/network/vpc"
	"postern/record"
)

// Endpoint states, as the EC2 API spells them.
const (
	// PendingAcceptance is an endpoint that the owner of its service has not answered yet, Rejected one that was refused.
	PendingAcceptance = "pendingAcceptance"
	Rejected          = "rejected"
	Pending           = "pending"
	Available         = "available"
	Deleted           = "deleted"
)

// VpcEndpoint is a VPC endpoint.
type VpcEndpoint struct {
	Meta
	VPC  string
	Kind vpc.EndpointKind
	// Service is "com.amazonaws.REGION.SHORT", or "com.amazonaws.vpce.REGION.vpce-svc-…" of somebody's own.
	Service string
	State   string
	// Connection is the id of its connection to a service of somebody's own, "vpce-con-…".
	Connection string `json:",omitempty"`
	// Policy is the endpoint policy's text; empty is full access.
	Policy string `json:",omitempty"`
	// PrivateDNS asks for the service's ordinary names inside the VPC.
	PrivateDNS bool `json:",omitempty"`
	// InboundOnly gives those names to who asks through an inbound Resolver endpoint only; the VPC's own interfaces go
	// by the gateway endpoint to the service.
	InboundOnly bool `json:",omitempty"`
	// Suffix is the second part of its own names, HostedZone the id of its private hosted zone.
	Suffix, HostedZone string
	// Interfaces are its network interfaces, one for each of Subnets.
	Subnets, Interfaces []string
	Groups              []string
	// RouteTables carry a gateway endpoint's route.
	RouteTables []string `json:",omitempty"`

	compiled     *iam.Policy
	compiledFrom string
	policyErr    error
}

var (
	// endpointsByService has VPC endpoints by the name of their service.
	endpointsByService = &record.Index[VpcEndpoint]{Grouped: true, Terms: func(e *VpcEndpoint) []record.Term {
		return []record.Term{{Value: e.Service}}
	}}
	// endpointsUsing has VPC endpoints by their VPC and their groups, subnets and route tables.
	endpointsUsing = &record.Index[VpcEndpoint]{Grouped: true, Terms: func(e *VpcEndpoint) []record.Term {
		var terms []record.Term
		for _, ids := range [][]string{e.Subnets, e.Groups, e.RouteTables} {
			for _, id := range ids {
				terms = append(terms, record.Term{Value: e.VPC, Sort: id})
			}
		}
		return terms
	}}
	// endpointsPending has the VPC endpoints that wait to be available.
	endpointsPending = &record.Index[VpcEndpoint]{Terms: func(e *VpcEndpoint) []record.Term {
		if e.State != Pending {
			return nil
		}
		return []record.Term{{Value: Pending}}
	}}
)

var endpointKind = declare(&kind[VpcEndpoint]{
	Kind: record.Kind[VpcEndpoint]{
		Name:    "vpc-endpoint",
		Indexes: []*record.Index[VpcEndpoint]{endpointsByService, endpointsUsing, endpointsPending},
		Prepare: (*VpcEndpoint).compile,
		Views:   inVPC(func(e *VpcEndpoint) string { return e.VPC }),
	},
	resourceType: resourceType{
		prefix: "vpce", name: "vpc-endpoint",
		notFound: "InvalidVpcEndpointId.NotFound", malformed: "InvalidVpcEndpointId.Malformed",
		missing: "The Vpc Endpoint Id '%s' does not exist",
	},
	inside: func(e *VpcEndpoint) []string { return []string{e.VPC, e.Service} },
	refs: func(e *VpcEndpoint) []string {
		out := append([]string{e.VPC}, e.Subnets...)
		return append(append(out, e.Groups...), e.RouteTables...)
	},
	limit: &limit{
		of: func(l *Limits) int { return l.EndpointsPerVPC }, code: "VpcEndpointLimitExceeded",
		message: "The maximum number of VPC endpoints has been reached: LIMIT",
	},
	holds:   func(*VpcEndpoint) bool { return true },
	content: func(s *State, e *VpcEndpoint, c *vpc.Content) { c.Endpoints = append(c.Endpoints, s.endpointValue(e)) },
})

func (*VpcEndpoint) kind() declared { return endpointKind }

func (s *State) endpointValue(e *VpcEndpoint) vpc.Endpoint {
	out := vpc.Endpoint{
		ID: e.ID, VPC: e.VPC, Kind: e.Kind, Service: e.Service, Available: e.State == Available,
		PrivateDNS: e.PrivateDNS, InboundOnly: e.InboundOnly,
		Name: e.Name(), Interfaces: e.Interfaces, RouteTables: e.RouteTables,
	}
	switch e.State {
	case PendingAcceptance:
		out.Acceptance = vpc.AwaitsAcceptance
	case Rejected:
		out.Acceptance = vpc.AcceptanceRejected
	}
	if service, ok := s.serviceOf(e); ok {
		out.PrivateNames = service.PrivateNames
	}
	return out
}

// VpcEndpoint finds a VPC endpoint.
func (s *State) VpcEndpoint(c scope.Scope, id string) (*VpcEndpoint, error) {
	return endpointKind.lookup(s, c, id)
}

// VpcEndpoints are the scope's VPC endpoints.
func (s *State) VpcEndpoints(c scope.Scope) iter.Seq[*VpcEndpoint] { return endpointKind.scoped(s, c) }

// open makes a pending endpoint available.
func (p *plan) open(e *VpcEndpoint) {
	now := *e
	now.State = Available
	p.put(&now)
}
