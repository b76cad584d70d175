package network

import (
	"context"
	"iter"
	"slices"
	"strings"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/network/vpc"
	"postern/record"
)

// VpcEndpointService is an endpoint service of one's own, "vpce-svc-…" (AWS PrivateLink).
type VpcEndpointService struct {
	Meta
	// AcceptanceRequired says that its owner lets each endpoint in.
	AcceptanceRequired bool `json:",omitempty"`
	Targets            []ServiceTarget
	// Principals may make endpoints to it; its owner always may.
	Principals []AllowedPrincipal `json:",omitempty"`
	// PrivateDNS is its private name, nil where it has none.
	PrivateDNS *ServiceName `json:",omitempty"`
}

var endpointServiceKind = declare(&kind[VpcEndpointService]{
	Kind: record.Kind[VpcEndpointService]{
		Name: "vpc-endpoint-service",
		// The names of its endpoints are its own.
		Views: func(t *record.Tables, v *VpcEndpointService) []string {
			views := []string{v.ID}
			for e := range endpointsByService.Find(t, v.Name()) {
				views = append(views, e.VPC)
			}
			return views
		},
	},
	resourceType: resourceType{
		prefix: "vpce-svc", name: "vpc-endpoint-service",
		notFound: "InvalidVpcEndpointServiceId.NotFound", malformed: "InvalidVpcEndpointServiceId.Malformed",
		missing: "The VpcEndpointService Id '%s' does not exist",
	},
	limit: &limit{
		of: func(l *Limits) int { return l.EndpointServices }, code: "VpcEndpointServiceLimitExceeded",
		message: "The maximum number of VPC endpoint services has been reached: LIMIT",
	},
	shared: func(_ *State, v *VpcEndpointService, out *vpc.Shared) {
		out.EndpointServices = append(out.EndpointServices, v.value())
	},
})

func (*VpcEndpointService) kind() declared { return endpointServiceKind }

func (v *VpcEndpointService) value() vpc.EndpointService {
	out := vpc.EndpointService{ID: v.ID, Name: v.Name(), Account: v.Account}
	for _, t := range v.Targets {
		out.Targets = append(out.Targets, vpc.ServiceTarget(t))
	}
	return out
}

// Name is "com.amazonaws.vpce.REGION.vpce-svc-…".
func (v *VpcEndpointService) Name() string { return "com.amazonaws.vpce." + v.Region + "." + v.ID }

// TargetARNs are the names of its targets, in the order in which they were given.
func (v *VpcEndpointService) TargetARNs() []string {
	out := make([]string, len(v.Targets))
	for i := range v.Targets {
		out[i] = v.Targets[i].ARN(v.scope())
	}
	return out
}

// service is how endpoints see it.
func (v *VpcEndpointService) service() EndpointService {
	out := EndpointService{
		ID: v.ID, Name: v.Name(), Kind: vpc.InterfaceEndpoint, Region: v.Region, Short: v.ID,
		BaseNames: []string{v.ID + "." + v.Region + ".vpce.amazonaws.com"}, Own: v,
	}
	if v.PrivateDNS != nil && v.PrivateDNS.State == NameVerified {
		out.PrivateNames = []string{v.PrivateDNS.Name}
	}
	return out
}

// VpcEndpointService finds an endpoint service of the scope's own.
func (s *State) VpcEndpointService(c scope.Scope, id string) (*VpcEndpointService, error) {
	return endpointServiceKind.lookup(s, c, id)
}

// AnyVpcEndpointService finds an endpoint service by its id, whoever's it is.
func (s *State) AnyVpcEndpointService(id string) (*VpcEndpointService, bool) {
	return endpointServiceKind.Get(s.Tables, id)
}

// VpcEndpointServices are the scope's own endpoint services.
func (s *State) VpcEndpointServices(c scope.Scope) iter.Seq[*VpcEndpointService] {
	return endpointServiceKind.scoped(s, c)
}

// ServiceZones are the names of the zones that a service of one's own can be reached in: those of its targets. A target
// on the host stands in all of them.
func (s *State) ServiceZones(v *VpcEndpointService) []string {
	var zones []string
	for _, t := range v.Targets {
		if n, ok := interfaceKind.Get(s.Tables, t.From); ok {
			zones = append(zones, n.Zone)
		} else if r, ok := RegionByName(v.Region); ok {
			for _, z := range r.Zones() {
				zones = append(zones, z.Name)
			}
		}
	}
	slices.Sort(zones)
	return slices.Compact(zones)
}

// ownService finds the endpoint service of somebody's own that has the name, whoever owns it.
func (s *State) ownService(region, name string) (*VpcEndpointService, bool) {
	id, ok := strings.CutPrefix(name, "com.amazonaws.vpce."+region+".")
	if !ok {
		return nil, false
	}
	v, ok := endpointServiceKind.Get(s.Tables, id)
	return v, ok && v.Region == region
}

// serviceOf is the service that an endpoint leads to, if it is there.
func (s *State) serviceOf(e *VpcEndpoint) (EndpointService, bool) {
	if v, ok := s.ownService(e.Region, e.Service); ok {
		return v.service(), true
	}
	return endpointService(e.Region, e.Service, e.Kind)
}

// ServicesFor are the services that a caller can see in a region: Amazon's own, then the caller's own and those that
// the caller may make endpoints to.
func (s *State) ServicesFor(c scope.Scope, principals []string) []EndpointService {
	out := EndpointServices(c.Region)
	for v := range endpointServiceKind.All(s.Tables) {
		if v.Region == c.Region && v.allows(c.Account, principals) {
			out = append(out, v.service())
		}
	}
	slices.SortStableFunc(out, func(a, b EndpointService) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// CreateEndpointServiceInput is an endpoint service to be made.
type CreateEndpointServiceInput struct {
	AcceptanceRequired bool
	// Targets are their ARNs; at least one.
	Targets []string
	// PrivateName is the name that its endpoints answer to once it is verified; empty for none.
	PrivateName string
	Tags        []Tag
	// Token makes the request idempotent.
	Token string `json:"-"`
}

// CreateEndpointService makes an endpoint service of one's own.
func (s *Service) CreateEndpointService(
	ctx context.Context, c scope.Scope, in CreateEndpointServiceInput,
) (*VpcEndpointService, error) {
	var made *VpcEndpointService
	err := s.do(ctx, c, func(p *plan) error {
		var err error
		made, err = once(p, asked{"CreateVpcEndpointServiceConfiguration", in.Token, in}, endpointServiceKind,
			func() (*VpcEndpointService, error) { return p.createEndpointService(in) })
		return err
	})
	return made, err
}

func (p *plan) createEndpointService(in CreateEndpointServiceInput) (*VpcEndpointService, error) {
	tags, err := p.limits.cleanTags(in.Tags)
	if err != nil {
		return nil, err
	}
	if len(in.Targets) == 0 {
		return nil, missing("networkLoadBalancerArns")
	}
	if err := endpointServiceKind.room(p, p.scope.String(), 1); err != nil {
		return nil, err
	}
	v := &VpcEndpointService{Meta: p.meta("vpce-svc", tags), AcceptanceRequired: in.AcceptanceRequired}
	if in.PrivateName != "" {
		if v.PrivateDNS, err = newServiceName(in.PrivateName); err != nil {
			return nil, err
		}
	}
	for _, text := range in.Targets {
		if err := p.addTarget(v, text); err != nil {
			return nil, err
		}
	}
	p.put(v)
	return v, nil
}

// EndpointServiceChange says what ModifyEndpointService changes; what is nil or empty stays.
type EndpointServiceChange struct {
	AcceptanceRequired        *bool
	AddTargets, RemoveTargets []string
	PrivateName               *string
	RemovePrivateName         bool
}

// ModifyEndpointService changes an endpoint service of one's own: all that is asked for or nothing. A name that changes
// has to be verified again.
func (s *Service) ModifyEndpointService(
	ctx context.Context, c scope.Scope, id string, change EndpointServiceChange,
) error {
	return s.do(ctx, c, func(p *plan) error {
		old, err := p.VpcEndpointService(c, id)
		if err != nil {
			return err
		}
		v := *old
		v.Targets = slices.Clone(old.Targets)
		if change.AcceptanceRequired != nil {
			v.AcceptanceRequired = *change.AcceptanceRequired
		}
		if err := p.changeTargets(&v, change); err != nil {
			return err
		}
		if err := v.rename(change); err != nil {
			return err
		}
		p.put(&v)
		return nil
	})
}

// changeTargets adds before it removes, so that an interface of the service's own that stays in use stays. What
// endpoints are connected to is not taken away (AWS PrivateLink guide, "Manage load balancers").
func (p *plan) changeTargets(v *VpcEndpointService, change EndpointServiceChange) error {
	for _, text := range change.AddTargets {
		if err := p.addTarget(v, text); err != nil {
			return err
		}
	}
	if len(change.RemoveTargets) > 0 && p.connected(v) {
		return existingConnections()
	}
	for _, text := range change.RemoveTargets {
		if err := p.removeTarget(v, text); err != nil {
			return err
		}
	}
	if len(v.Targets) == 0 {
		return invalidParameter("The service %s must have at least one target.", v.ID)
	}
	return nil
}

func (v *VpcEndpointService) rename(change EndpointServiceChange) (err error) {
	switch {
	case change.RemovePrivateName && change.PrivateName != nil && *change.PrivateName != "":
		return refuse(fault.Invalid, "InvalidParameterCombination",
			"privateDnsName and removePrivateDnsName may not be specified together")
	case change.RemovePrivateName || change.PrivateName != nil && *change.PrivateName == "":
		v.PrivateDNS = nil
	case change.PrivateName != nil && (v.PrivateDNS == nil || v.PrivateDNS.Name != *change.PrivateName):
		v.PrivateDNS, err = newServiceName(*change.PrivateName)
	}
	return err
}

// connected reports whether an endpoint has a connection to the service, or waits for one.
func (s *State) connected(v *VpcEndpointService) bool {
	for e := range s.Connections(v) {
		if e.State != Rejected {
			return true
		}
	}
	return false
}

func existingConnections() error {
	return refuse(fault.InUse, "ExistingVpcEndpointConnections", "Service has existing active VPC Endpoint connections!")
}

// DeleteEndpointServices deletes endpoint services that no endpoint is connected to. Each is deleted or not by itself:
// the map holds the error of each id that was not.
func (s *Service) DeleteEndpointServices(ctx context.Context, c scope.Scope, ids []string) (map[string]error, error) {
	failed := map[string]error{}
	err := s.do(ctx, c, func(p *plan) error {
		clear(failed)
		for _, id := range ids {
			if err := p.deleteEndpointService(id); err != nil {
				failed[id] = err
			}
		}
		return nil
	})
	return failed, err
}

func (p *plan) deleteEndpointService(id string) error {
	v, err := p.VpcEndpointService(p.scope, id)
	if err != nil {
		return err
	}
	if p.connected(v) {
		return existingConnections()
	}
	for _, t := range v.Targets {
		if n, ok := interfaceKind.Get(p.Tables, t.From); ok {
			p.remove(n)
		}
	}
	p.forgetNotifications(v.ID)
	p.remove(v)
	return nil
}

// EndpointZones are the names of the zones of an interface endpoint's interfaces.
func (s *State) EndpointZones(e *VpcEndpoint) []string {
	var zones []string
	for _, id := range e.Interfaces {
		if n, ok := interfaceKind.Get(s.Tables, id); ok {
			zones = append(zones, n.Zone)
		}
	}
	return zones
}
