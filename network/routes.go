package network

import (
	"context"
	"net/netip"
	"slices"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/network/vpc"
	"postern/record"
)

// CreateRouteTableInput is a route table to be made.
type CreateRouteTableInput struct {
	VPC  string
	Tags []Tag
	// Token makes the request idempotent.
	Token string `json:"-"`
}

// CreateRouteTable makes a route table with the VPC's local routes only.
func (s *Service) CreateRouteTable(ctx context.Context, c scope.Scope, in CreateRouteTableInput) (*RouteTable, error) {
	var made *RouteTable
	err := s.do(ctx, c, func(p *plan) error {
		var err error
		made, err = once(p, asked{
			"CreateRouteTable", in.Token, in,
		}, routeTableKind, func() (*RouteTable, error) { return p.createRouteTable(in) })
		return err
	})
	return made, err
}

func (p *plan) createRouteTable(in CreateRouteTableInput) (*RouteTable, error) {
	tags, err := p.limits.cleanTags(in.Tags)
	if err != nil {
		return nil, err
	}
	v, err := p.VPC(p.scope, in.VPC)
	if err != nil {
		return nil, err
	}
	if err := routeTableKind.room(p, v.ID, 1); err != nil {
		return nil, err
	}
	t := &RouteTable{Meta: p.meta("rtb", tags), VPC: v.ID}
	p.put(t)
	return t, nil
}

// DeleteRouteTable deletes a route table that no subnet uses and that is not the main one.
func (s *Service) DeleteRouteTable(ctx context.Context, c scope.Scope, id string) error {
	return s.do(ctx, c, func(p *plan) error {
		t, err := p.RouteTable(c, id)
		if err != nil {
			return err
		}
		if len(t.Associations) > 0 {
			return inUse("The routeTable '%s' has dependencies and cannot be deleted.", id)
		}
		for e := range p.EndpointsOf(t) {
			return inUse("The routeTable '%s' has dependencies and cannot be deleted. %s depends on it.", id, e.ID)
		}
		p.remove(t)
		return nil
	})
}

// AssociateRouteTable ties a subnet to a route table of its VPC. A subnet has one at the most.
func (s *Service) AssociateRouteTable(ctx context.Context, c scope.Scope, tableID, subnetID string) (string, error) {
	var id string
	err := s.do(ctx, c, func(p *plan) error {
		t, err := p.RouteTable(c, tableID)
		if err != nil {
			return err
		}
		n, err := p.Subnet(c, subnetID)
		if err != nil {
			return err
		}
		if t.VPC != n.VPC {
			return invalidValue("route table %s and subnet %s belong to different networks", tableID, subnetID)
		}
		if other, a, ok := p.tableOf(n); ok {
			if other.ID == tableID {
				id = a.ID
				return nil
			}
			return refuse(fault.Exists, "Resource.AlreadyAssociated",
				"the specified association for route table %s conflicts with an existing association", tableID)
		}
		id = newID("rtbassoc")
		p.put(t.with(Association{ID: id, Subnet: subnetID}))
		return nil
	})
	return id, err
}

func (t *RouteTable) with(a Association) *RouteTable {
	changed := *t
	changed.Associations = append(slices.Clone(t.Associations), a)
	return &changed
}

func (t *RouteTable) without(association string) *RouteTable {
	changed := *t
	changed.Associations = slices.DeleteFunc(slices.Clone(t.Associations), func(a Association) bool {
		return a.ID == association
	})
	return &changed
}

// tableOf finds the route table that a subnet is explicitly tied to.
func (s *State) tableOf(n *Subnet) (*RouteTable, Association, bool) {
	if t, ok := tablesBySubnet.At(s.Tables, record.Term{Value: n.VPC, Sort: n.ID}); ok {
		for _, a := range t.Associations {
			if a.Subnet == n.ID {
				return t, a, true
			}
		}
	}
	return nil, Association{}, false
}

func (p *plan) association(id string) (*RouteTable, Association, error) {
	for t := range tablesByAssociation.Find(p.Tables, id) {
		for _, a := range t.Associations {
			if a.ID == id && t.scope() == p.scope {
				return t, a, nil
			}
		}
	}
	return nil, Association{}, associationType.unknown(id)
}

// DisassociateRouteTable ends an association; the subnet is then on the main table. The main association stays.
func (s *Service) DisassociateRouteTable(ctx context.Context, c scope.Scope, id string) error {
	return s.do(ctx, c, func(p *plan) error {
		t, a, err := p.association(id)
		if err != nil {
			return err
		}
		if a.Main {
			return invalidValue("cannot disassociate the main route table association %s", id)
		}
		p.put(t.without(id))
		return nil
	})
}

// ReplaceAssociation moves an association, the main one too, to another route table of the same VPC. The association
// gets a new id.
func (s *Service) ReplaceAssociation(ctx context.Context, c scope.Scope, id, tableID string) (Association, error) {
	var made Association
	err := s.do(ctx, c, func(p *plan) error {
		from, a, err := p.association(id)
		if err != nil {
			return err
		}
		to, err := p.RouteTable(c, tableID)
		if err != nil {
			return err
		}
		if from.VPC != to.VPC {
			return invalidValue("route table %s and route table %s belong to different networks", from.ID, to.ID)
		}
		made = Association{ID: newID("rtbassoc"), Subnet: a.Subnet, Main: a.Main}
		p.put(from.without(id))
		to, err = p.RouteTable(c, tableID) // again: it may be the same table
		if err != nil {
			return err
		}
		p.put(to.with(made))
		return nil
	})
	return made, err
}

// CreateRoute adds a route to a route table.
func (s *Service) CreateRoute(ctx context.Context, c scope.Scope, tableID string, r Route) error {
	return s.do(ctx, c, func(p *plan) error {
		t, r, err := p.checkedRoute(tableID, r)
		if err != nil {
			return err
		}
		v, _ := vpcKind.Get(p.Tables, t.VPC)
		if t.route(r) >= 0 || p.endpointRoute(t, r) != "" ||
			slices.ContainsFunc(v.Blocks, func(b Block) bool { return b.CIDR == r.Destination }) {
			return refuse(fault.Exists, "RouteAlreadyExists", "The route identified by %s already exists", r.name())
		}
		if len(t.Routes) >= p.limits.RoutesPerTable {
			return overLimit("RouteLimitExceeded", "The maximum number of routes in %s has been reached: %d", tableID,
				p.limits.RoutesPerTable)
		}
		changed := *t
		changed.Routes = append(slices.Clone(t.Routes), r)
		p.put(&changed)
		return nil
	})
}

// ReplaceRoute gives a route of a route table another target.
func (s *Service) ReplaceRoute(ctx context.Context, c scope.Scope, tableID string, r Route) error {
	return s.do(ctx, c, func(p *plan) error {
		t, r, err := p.checkedRoute(tableID, r)
		if err != nil {
			return err
		}
		i := t.route(r)
		if i < 0 {
			return invalidValue("There is no route defined for '%s' in the route table. Use CreateRoute instead.", r.name())
		}
		changed := *t
		changed.Routes = slices.Clone(t.Routes)
		changed.Routes[i] = r
		p.put(&changed)
		return nil
	})
}

// DeleteRoute takes a route, given by its destination, from a route table. Local routes stay.
func (s *Service) DeleteRoute(ctx context.Context, c scope.Scope, tableID string, r Route) error {
	return s.do(ctx, c, func(p *plan) error {
		t, err := p.RouteTable(c, tableID)
		if err != nil {
			return err
		}
		v, _ := vpcKind.Get(p.Tables, t.VPC)
		if slices.ContainsFunc(v.Blocks, func(b Block) bool { return b.CIDR == r.Destination }) {
			return invalidValue("cannot remove local route %s in route table %s", r.Destination, tableID)
		}
		if e := p.endpointRoute(t, r); e != "" {
			return invalidValue("cannot remove VPC endpoint route %s in route table %s: modify %s", r.PrefixList, tableID, e)
		}
		i := t.route(r)
		if i < 0 {
			return noRoute(tableID, r)
		}
		changed := *t
		changed.Routes = slices.Delete(slices.Clone(t.Routes), i, i+1)
		p.put(&changed)
		return nil
	})
}

func noRoute(tableID string, r Route) error {
	return refuse(fault.NotFound, "InvalidRoute.NotFound", "no route with destination-%s %s in route table %s",
		r.destinationKind(), r.name(), tableID)
}

func (t *RouteTable) route(r Route) int {
	return slices.IndexFunc(t.Routes, func(o Route) bool {
		return o.Destination == r.Destination && o.PrefixList == r.PrefixList
	})
}

// destinationKind is how Amazon's errors call the destination.
func (r Route) destinationKind() string {
	if r.PrefixList != "" {
		return "prefix-list-id"
	}
	return "cidr-block"
}

func (r Route) name() string {
	if r.PrefixList != "" {
		return r.PrefixList
	}
	return r.Destination.String()
}

// checkedRoute finds the table and checks that the route may stand in it.
func (p *plan) checkedRoute(tableID string, r Route) (*RouteTable, Route, error) {
	t, err := p.RouteTable(p.scope, tableID)
	if err != nil {
		return nil, r, err
	}
	if r.PrefixList != "" {
		if _, err := p.PrefixList(p.scope, r.PrefixList); err != nil {
			return nil, r, err
		}
	} else {
		r.Destination = r.Destination.Masked()
		if err := p.checkDestination(t, r); err != nil {
			return nil, r, err
		}
	}
	return t, r, p.checkTarget(t, r.Target)
}

// checkDestination refuses what a VPC never routes, and routes more specific than the local one except to interfaces.
func (p *plan) checkDestination(t *RouteTable, r Route) error {
	if linkLocal.Overlaps(r.Destination) && r.Destination.Bits() >= linkLocal.Bits() {
		return invalidValue("Value (%s) for parameter destinationCidrBlock is invalid. It is link-local.", r.Destination)
	}
	v, _ := vpcKind.Get(p.Tables, t.VPC)
	for _, b := range v.Blocks {
		if b.CIDR.Bits() < r.Destination.Bits() && b.CIDR.Contains(r.Destination.Addr()) &&
			r.Target.Kind != vpc.ViaInterface {
			return invalidValue("Route destination %s is more specific than the local route %s and its target is no network "+
				"interface", r.Destination, b.CIDR)
		}
	}
	return nil
}

var linkLocal = netip.MustParsePrefix("169.254.0.0/16")

func (p *plan) checkTarget(t *RouteTable, target vpc.Target) error {
	switch target.Kind {
	case vpc.ViaInternetGateway:
		g, err := p.InternetGateway(p.scope, target.ID)
		if err != nil {
			return err
		}
		if g.VPC != t.VPC {
			return invalidValue("route table %s and network gateway %s belong to different networks", t.ID, g.ID)
		}
	case vpc.ViaNATGateway:
		g, err := p.NATGateway(p.scope, target.ID)
		if err != nil {
			return natTargetType.unknown(target.ID)
		}
		if g.VPC != t.VPC {
			return invalidValue("route table %s and NAT gateway %s belong to different networks", t.ID, g.ID)
		}
	case vpc.ViaInterface:
		n, err := p.Interface(p.scope, target.ID)
		if err != nil {
			return err
		}
		if n.VPC != t.VPC {
			return invalidValue("route table %s and interface %s belong to different networks", t.ID, n.ID)
		}
		if managed(n) {
			return invalidValue("interface %s belongs to a VPC endpoint or endpoint service and cannot be a route's target",
				n.ID)
		}
	case vpc.ViaPeering:
		pcx, ok := peeringKind.Get(p.Tables, target.ID)
		if !ok || pcx.Requester != t.VPC && pcx.Accepter != t.VPC {
			return peeringKind.unknown(target.ID)
		}
	default:
		return fault.New(fault.NotImplemented, "network.CreateRoute", "routes to this kind of target are not implemented")
	}
	return nil
}

// RouteActive reports whether a route's target is there and attached; otherwise the route is a black hole.
func (s *State) RouteActive(t *RouteTable, r Route) bool {
	switch r.Target.Kind {
	case vpc.Local:
		return true
	case vpc.ViaInternetGateway:
		g, ok := gatewayKind.Get(s.Tables, r.Target.ID)
		return ok && g.VPC == t.VPC
	case vpc.ViaNATGateway:
		g, ok := natGatewayKind.Get(s.Tables, r.Target.ID)
		return ok && g.VPC == t.VPC && g.State == Available
	case vpc.ViaInterface:
		n, ok := interfaceKind.Get(s.Tables, r.Target.ID)
		return ok && n.VPC == t.VPC && n.Attachment != nil
	case vpc.ViaPeering:
		pcx, ok := peeringKind.Get(s.Tables, r.Target.ID)
		return ok && pcx.Active
	case vpc.ViaGatewayEndpoint:
		e, ok := endpointKind.Get(s.Tables, r.Target.ID)
		return ok && e.State == Available
	}
	return false
}
