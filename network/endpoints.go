package network

import (
	"context"
	"net/netip"
	"slices"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/network/vpc"
)

// EndpointSubnet is a subnet that an endpoint gets an interface in, with the address it must have there or none.
type EndpointSubnet struct {
	ID      string
	Address netip.Addr
}

// CreateVpcEndpointInput is a VPC endpoint to be made.
type CreateVpcEndpointInput struct {
	VPC     string
	Service string
	Kind    vpc.EndpointKind
	Subnets []EndpointSubnet
	// Groups are the security groups of its interfaces; none means the VPC's default group.
	Groups []string
	// RouteTables get a gateway endpoint's route; it may have none.
	RouteTables []string `json:",omitempty"`
	// Policy is the endpoint policy; empty is full access.
	Policy string
	// PrivateDNS asks for the service's ordinary names inside the VPC. nil asks for it where the service has them, and
	// no gateway endpoint leads to it too.
	PrivateDNS *bool
	// InboundOnly asks for those names for who asks through an inbound Resolver endpoint only; nil means true where a
	// gateway endpoint leads to the service too.
	InboundOnly *bool `json:",omitempty"`
	Tags        []Tag
	// Principals are the ARNs that the caller goes by, for services that not everybody may use.
	Principals []string `json:"-"`
	// Token makes the request idempotent.
	Token string `json:"-"`
}

// CreateVpcEndpoint makes an interface endpoint with one network interface in each subnet, or a gateway endpoint with
// its route in each route table. The endpoint is returned as pending; when CreateVpcEndpoint returns, it is available,
// unless the owner of its service has to accept it first.
func (s *Service) CreateVpcEndpoint(
	ctx context.Context, c scope.Scope, in CreateVpcEndpointInput,
) (*VpcEndpoint, error) {
	var made *VpcEndpoint
	err := s.do(ctx, c, func(p *plan) error {
		var err error
		made, err = once(p, asked{
			"CreateVpcEndpoint", in.Token, in,
		}, endpointKind, func() (*VpcEndpoint, error) { return p.createEndpoint(in) })
		return err
	})
	if err != nil {
		return nil, err
	}
	return made, s.settle(ctx, made.ID)
}

func (p *plan) createEndpoint(in CreateVpcEndpointInput) (*VpcEndpoint, error) {
	tags, err := p.limits.cleanTags(in.Tags)
	if err != nil {
		return nil, err
	}
	v, err := p.VPC(p.scope, in.VPC)
	if err != nil {
		return nil, err
	}
	service, err := p.serviceFor(in)
	if err != nil {
		return nil, err
	}
	if err := p.checkPolicy(service, in.Kind, in.Policy); err != nil {
		return nil, err
	}
	e := &VpcEndpoint{
		Meta: p.meta("vpce", tags), VPC: v.ID, Kind: in.Kind, Service: in.Service, State: Pending, Policy: in.Policy,
		PrivateDNS: len(service.PrivateNames) > 0 && !service.Gateway,
	}
	if service.Own != nil {
		e.Connection = newID("vpce-con")
		if service.Own.AcceptanceRequired {
			e.State, e.PrivateDNS = PendingAcceptance, false
		}
	}
	if in.PrivateDNS != nil {
		e.PrivateDNS = *in.PrivateDNS
	}
	if err := p.checkPrivateDNS(v, e, service); err != nil {
		return nil, err
	}
	if err := p.inboundOnly(e, service, in.InboundOnly); err != nil {
		return nil, err
	}
	if err := endpointKind.room(p, v.ID, 1); err != nil {
		return nil, err
	}
	place := p.placeInterfaces
	if in.Kind == vpc.GatewayEndpoint {
		place = p.placeRoutes
	}
	if err := place(e, in); err != nil {
		return nil, err
	}
	if e.State == Pending {
		p.note(e) // settle makes it available, and tells the judge
	} else {
		p.put(e)
	}
	return e, nil
}

// placeInterfaces gives a new interface endpoint its names, groups and network interfaces.
func (p *plan) placeInterfaces(e *VpcEndpoint, in CreateVpcEndpointInput) (err error) {
	if len(in.RouteTables) > 0 {
		return noTables(in.Service)
	}
	e.Suffix, e.HostedZone = newSuffix(), newZoneID()
	if e.Groups, err = p.groupsFor(e.VPC, in.Groups); err != nil {
		return err
	}
	ids := make([]string, len(in.Subnets))
	for i, subnet := range in.Subnets {
		ids[i] = subnet.ID
	}
	if _, err := fault.All(ids, func(id string) (*Subnet, error) { return p.Subnet(p.scope, id) }); err != nil {
		return err
	}
	for _, subnet := range in.Subnets {
		if err := p.addSubnet(e, subnet); err != nil {
			return err
		}
	}
	return nil
}

// serviceFor finds the service of the endpoint's own region: no endpoint serves another one (AWS's page of
// limitations: "VPC endpoints don't support cross-Region requests").
func (p *plan) serviceFor(in CreateVpcEndpointInput) (EndpointService, error) {
	if in.Service == "" {
		return EndpointService{}, missing("serviceName")
	}
	if v, ok := p.ownService(p.scope.Region, in.Service); ok && v.allows(p.scope.Account, in.Principals) {
		if in.Kind != vpc.InterfaceEndpoint {
			return EndpointService{}, invalidParameter("The service %s does not support this type of VPC endpoint", in.Service)
		}
		return v.service(), nil
	}
	service, ok := endpointService(p.scope.Region, in.Service, in.Kind)
	if ok {
		return service, nil
	}
	for _, s := range EndpointServices(p.scope.Region) {
		if s.Name == in.Service {
			return s, invalidParameter("The service %s does not support this type of VPC endpoint", in.Service)
		}
	}
	return service, refuse(fault.NotFound, "InvalidServiceName", "The Vpc Endpoint Service '%s' does not exist",
		in.Service)
}

// addSubnet gives the endpoint, not yet put, an interface in one more subnet. A zone has one at the most.
func (p *plan) addSubnet(e *VpcEndpoint, in EndpointSubnet) error {
	subnet, err := p.Subnet(p.scope, in.ID)
	if err != nil {
		return err
	}
	if subnet.VPC != e.VPC {
		return invalidParameter("Subnet %s does not belong to VPC %s.", in.ID, e.VPC)
	}
	if v, ok := p.ownService(e.Region, e.Service); ok && !slices.Contains(p.ServiceZones(v), subnet.Zone) {
		return invalidParameter("The VPC endpoint service %s does not support the availability zone of the subnet: %s.",
			e.Service, in.ID)
	}
	for _, id := range e.Subnets {
		other, err := p.Subnet(p.scope, id)
		if err != nil {
			return err
		}
		if other.Zone == subnet.Zone {
			return refuse(fault.Conflict, "DuplicateSubnetsInSameZone",
				"Found another VPC endpoint subnet in the availability zone of %s", in.ID)
		}
	}
	var wanted []netip.Addr
	if in.Address.IsValid() {
		wanted = append(wanted, in.Address)
	}
	n := p.newInterface(subnet, vpc.EndpointInterface)
	n.Groups, n.Description = e.Groups, "VPC Endpoint Interface "+e.ID
	if n.Addresses, err = p.addressesFor(subnet, wanted, 0); err != nil {
		return err
	}
	n.Attachment = p.attachment(e.ID, false)
	n.Attachment.ID = newID("ela-attach")
	p.note(n)
	e.Subnets = append(e.Subnets, subnet.ID)
	e.Interfaces = append(e.Interfaces, n.ID)
	return nil
}

// removeSubnet takes the endpoint, not yet put, from a subnet.
func (p *plan) removeSubnet(e *VpcEndpoint, id string) error {
	if _, err := p.Subnet(p.scope, id); err != nil {
		return err
	}
	i := slices.Index(e.Subnets, id)
	if i < 0 {
		return invalidParameter("Subnet %s is not a subnet of the VPC endpoint %s.", id, e.ID)
	}
	if n, ok := interfaceKind.Get(p.Tables, e.Interfaces[i]); ok {
		p.remove(n)
	}
	e.Subnets = slices.Delete(e.Subnets, i, i+1)
	e.Interfaces = slices.Delete(e.Interfaces, i, i+1)
	return nil
}

// EndpointChange says what ModifyVpcEndpoint changes; what is nil or empty stays.
type EndpointChange struct {
	AddSubnets    []EndpointSubnet
	RemoveSubnets []string
	AddGroups     []string
	RemoveGroups  []string
	// AddTables and RemoveTables are a gateway endpoint's only, the four before are an interface endpoint's.
	AddTables    []string
	RemoveTables []string
	// Policy replaces the endpoint policy; empty text is full access.
	Policy     *string
	PrivateDNS *bool
	// InboundOnly is for services that gateway endpoints lead to as well; nil means true where PrivateDNS turns the names
	// on.
	InboundOnly *bool
}

// ModifyVpcEndpoint changes an endpoint: all that is asked for or nothing.
func (s *Service) ModifyVpcEndpoint(ctx context.Context, c scope.Scope, id string, change EndpointChange) error {
	return s.do(ctx, c, func(p *plan) error {
		old, err := p.VpcEndpoint(c, id)
		if err != nil {
			return err
		}
		v, err := p.VPC(c, old.VPC)
		if err != nil {
			return err
		}
		e := *old
		e.Subnets, e.Interfaces = slices.Clone(old.Subnets), slices.Clone(old.Interfaces)
		e.RouteTables = slices.Clone(old.RouteTables)
		if err := change.fits(old); err != nil {
			return err
		}
		if change.Policy != nil {
			service, _ := p.serviceOf(old)
			if err := p.checkPolicy(service, e.Kind, *change.Policy); err != nil {
				return err
			}
			e.Policy = *change.Policy
		}
		if err := p.changeNames(v, old, &e, change); err != nil {
			return err
		}
		if err := p.changeGroups(&e, change); err != nil {
			return err
		}
		if err := p.changeSubnets(&e, change); err != nil {
			return err
		}
		if err := p.changeTables(&e, change); err != nil {
			return err
		}
		p.put(&e)
		return nil
	})
}

func (p *plan) changeSubnets(e *VpcEndpoint, change EndpointChange) error {
	for _, id := range change.RemoveSubnets {
		if err := p.removeSubnet(e, id); err != nil {
			return err
		}
	}
	for _, subnet := range change.AddSubnets {
		if err := p.addSubnet(e, subnet); err != nil {
			return err
		}
	}
	return nil
}

func (p *plan) changeGroups(e *VpcEndpoint, change EndpointChange) error {
	if len(change.AddGroups) == 0 && len(change.RemoveGroups) == 0 {
		return nil
	}
	for _, id := range change.RemoveGroups {
		if !slices.Contains(e.Groups, id) {
			return invalidParameter("Security group %s is not associated with the VPC endpoint %s.", id, e.ID)
		}
	}
	groups := slices.DeleteFunc(slices.Concat(e.Groups, change.AddGroups), func(id string) bool {
		return slices.Contains(change.RemoveGroups, id)
	})
	if len(groups) == 0 {
		return invalidParameter("The VPC endpoint %s must have at least one security group.", e.ID)
	}
	groups, err := p.groupsFor(e.VPC, groups)
	if err != nil {
		return err
	}
	e.Groups = groups
	for _, id := range e.Interfaces {
		if old, ok := interfaceKind.Get(p.Tables, id); ok {
			n := *old
			n.Groups = groups
			p.put(&n)
		}
	}
	return nil
}

// DeleteVpcEndpoints deletes endpoints with their interfaces. Each is deleted or not by itself: the map holds the
// error of each id that was not.
func (s *Service) DeleteVpcEndpoints(ctx context.Context, c scope.Scope, ids []string) (map[string]error, error) {
	failed := map[string]error{}
	err := s.do(ctx, c, func(p *plan) error {
		clear(failed)
		for _, id := range ids {
			e, err := p.VpcEndpoint(c, id)
			if err != nil {
				failed[id] = err
				continue
			}
			if err := p.gatewayNeeded(e); err != nil {
				failed[id] = err
				continue
			}
			for _, eni := range e.Interfaces {
				if n, ok := interfaceKind.Get(p.Tables, eni); ok {
					p.remove(n)
				}
			}
			p.forgetNotifications(e.ID)
			p.remove(e)
		}
		return nil
	})
	return failed, err
}
