package network

import (
	"postern/network/vpc"
)

// checkPrivateDNS allows private names where the VPC resolves them and no other endpoint of the VPC has them.
func (p *plan) checkPrivateDNS(v *VPC, e *VpcEndpoint, service EndpointService) error {
	if !e.PrivateDNS {
		return nil
	}
	if service.Own != nil && e.State != Available && e.State != Pending {
		return invalidParameter("Private DNS can only be enabled after the endpoint connection is accepted by the owner "+
			"of %s.", e.Service)
	}
	if service.Own != nil && service.Own.PrivateDNS != nil && len(service.PrivateNames) == 0 {
		return invalidParameter("Private DNS can't be enabled because the service %s has not verified the private DNS name.",
			e.Service)
	}
	if len(service.PrivateNames) == 0 {
		return invalidParameter("Private DNS can't be enabled because the service %s does not provide a private DNS name.",
			e.Service)
	}
	if !v.DNSSupport || !v.DNSHostnames {
		return invalidParameter("Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC "+
			"attributes set to true for %s", v.ID)
	}
	for other := range endpointKind.In(p.Tables, v.ID) {
		if other.ID != e.ID && other.PrivateDNS && other.Service == e.Service {
			return invalidParameter("private-dns-enabled cannot be set because there is already a conflicting DNS domain for "+
				"%s in the VPC %s",
				service.PrivateNames[0], v.ID)
		}
	}
	return nil
}

// inboundOnly settles for whom the endpoint's private names are. Those of a service that a gateway endpoint leads to as
// well are for inbound Resolver endpoints only, unless it is said otherwise; the VPC then needs that gateway endpoint
// (S3 user guide, "AWS PrivateLink for Amazon S3").
func (p *plan) inboundOnly(e *VpcEndpoint, service EndpointService, asked *bool) error {
	switch {
	case asked != nil && e.Kind != vpc.InterfaceEndpoint:
		return invalidParameter("DnsOptions PrivateDnsOnlyForInboundResolverEndpoint is applicable only to Interface VPC " +
			"Endpoints.")
	case asked != nil && !service.Gateway:
		return invalidParameter("PrivateDnsOnlyForInboundResolverEndpoint not supported for this service.")
	case asked != nil && *asked && !e.PrivateDNS:
		return invalidParameter("To set PrivateDnsOnlyForInboundResolverEndpoint to true, private DNS must be enabled.")
	}
	e.InboundOnly = e.PrivateDNS && service.Gateway && (asked == nil || *asked)
	if e.InboundOnly && p.gatewayBeside(e) == nil {
		return invalidParameter("To set PrivateDnsOnlyForInboundResolverEndpoint to true, the VPC %s must have a Gateway "+
			"endpoint for the service.", e.VPC)
	}
	return nil
}

// gatewayBeside finds the gateway endpoint to the service of an interface endpoint in its VPC, or nil.
func (p *plan) gatewayBeside(e *VpcEndpoint) *VpcEndpoint {
	for other := range endpointKind.In(p.Tables, e.VPC) {
		if other.Kind == vpc.GatewayEndpoint && other.Service == e.Service {
			return other
		}
	}
	return nil
}

// gatewayNeeded keeps the last gateway endpoint by which a VPC's own interfaces reach a service whose private names are
// for inbound Resolver endpoints only.
func (p *plan) gatewayNeeded(e *VpcEndpoint) error {
	if e.Kind != vpc.GatewayEndpoint {
		return nil
	}
	var user *VpcEndpoint
	for other := range endpointKind.In(p.Tables, e.VPC) {
		switch {
		case other.Service != e.Service || other.ID == e.ID:
		case other.Kind == vpc.GatewayEndpoint:
			return nil
		case other.InboundOnly:
			user = other
		}
	}
	if user == nil {
		return nil
	}
	return invalidParameter("Gateway endpoint cannot be deleted while Interface endpoint %s for the service has "+
		"PrivateDnsOnlyForInboundResolverEndpoint set to true.", user.ID)
}

// changeNames turns an endpoint's private names on or off, and says for whom they are.
func (p *plan) changeNames(v *VPC, old, e *VpcEndpoint, change EndpointChange) error {
	if change.PrivateDNS == nil && change.InboundOnly == nil {
		return nil
	}
	service, _ := p.serviceOf(e)
	if change.PrivateDNS != nil {
		e.PrivateDNS = *change.PrivateDNS
		if err := p.checkPrivateDNS(v, e, service); err != nil {
			return err
		}
	}
	asked := change.InboundOnly
	if asked == nil && old.PrivateDNS && e.PrivateDNS {
		return nil
	}
	return p.inboundOnly(e, service, asked)
}
