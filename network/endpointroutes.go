package network

import (
	"iter"
	"slices"

	"postern/aws/fault"
	"postern/network/vpc"
	"postern/record"
)

// A gateway endpoint's route, from the service's prefix list to the endpoint, is not among a table's Routes: it follows
// from the endpoint, which alone can take it away.

// placeRoutes gives a new gateway endpoint its route tables.
func (p *plan) placeRoutes(e *VpcEndpoint, in CreateVpcEndpointInput) error {
	switch {
	case len(in.Subnets) > 0:
		return noSubnets(in.Service)
	case len(in.Groups) > 0:
		return noGroups(in.Service)
	}
	for _, id := range in.RouteTables {
		if err := p.addTable(e, id); err != nil {
			return err
		}
	}
	return nil
}

func noTables(service string) error {
	return invalidParameter("Route table IDs are only supported for Gateway type VPC endpoints, not for one of %s",
		service)
}

func noSubnets(service string) error {
	return invalidParameter("Subnet IDs are only supported for Interface type VPC endpoints, not for the Gateway "+
		"endpoint of %s", service)
}

func noGroups(service string) error {
	return invalidParameter("Security group IDs are only supported for Interface type VPC endpoints, not for the "+
		"Gateway endpoint of %s", service)
}

// addTable gives the endpoint, not yet put, its route in one more route table. A table has one route to a prefix list.
func (p *plan) addTable(e *VpcEndpoint, id string) error {
	t, err := p.RouteTable(p.scope, id)
	if err != nil {
		return err
	}
	if t.VPC != e.VPC {
		return invalidParameter("Route table %s does not belong to VPC %s.", id, e.VPC)
	}
	list, err := p.serviceList(e)
	if err != nil {
		return err
	}
	r := Route{PrefixList: list.ID}
	if slices.Contains(e.RouteTables, id) || t.route(r) >= 0 || p.endpointRoute(t, r) != "" {
		return refuse(fault.Exists, "RouteAlreadyExists",
			"route table %s already has a route with destination-prefix-list-id %s", id, list.ID)
	}
	e.RouteTables = append(e.RouteTables, id)
	return nil
}

// serviceList is the prefix list of the endpoint's service.
func (s *State) serviceList(e *VpcEndpoint) (*PrefixList, error) {
	for _, l := range amazonLists(e.Region) {
		if l.Name == e.Service {
			return l, nil
		}
	}
	return nil, fault.New(fault.Internal, "network.serviceList", "%s has no prefix list", e.Service)
}

// fits refuses changes that an endpoint of its kind cannot take.
func (c *EndpointChange) fits(e *VpcEndpoint) error {
	switch {
	case e.Kind == vpc.InterfaceEndpoint && len(c.AddTables)+len(c.RemoveTables) > 0:
		return noTables(e.Service)
	case e.Kind == vpc.GatewayEndpoint && len(c.AddSubnets)+len(c.RemoveSubnets) > 0:
		return noSubnets(e.Service)
	case e.Kind == vpc.GatewayEndpoint && len(c.AddGroups)+len(c.RemoveGroups) > 0:
		return noGroups(e.Service)
	}
	return nil
}

func (p *plan) changeTables(e *VpcEndpoint, change EndpointChange) error {
	for _, id := range change.RemoveTables {
		if _, err := p.RouteTable(p.scope, id); err != nil {
			return err
		}
		i := slices.Index(e.RouteTables, id)
		if i < 0 {
			return invalidParameter("Route table %s is not associated with the VPC endpoint %s.", id, e.ID)
		}
		e.RouteTables = slices.Delete(e.RouteTables, i, i+1)
	}
	// What this endpoint has of the table in the state is what it had before: only the copy counts.
	so := *e
	p.put(&so)
	for _, id := range change.AddTables {
		if err := p.addTable(e, id); err != nil {
			return err
		}
	}
	return nil
}

// EndpointsOf are the gateway endpoints that have a route in a table, in the order of their ids.
func (s *State) EndpointsOf(t *RouteTable) iter.Seq[*VpcEndpoint] {
	return endpointsUsing.FindTerm(s.Tables, record.Term{Value: t.VPC, Sort: t.ID})
}

// EndpointRoute is the route that a gateway endpoint has in each of its tables.
func (s *State) EndpointRoute(e *VpcEndpoint) (Route, error) {
	list, err := s.serviceList(e)
	if err != nil {
		return Route{}, err
	}
	return Route{PrefixList: list.ID, Target: vpc.Target{Kind: vpc.ViaGatewayEndpoint, ID: e.ID}}, nil
}

// endpointRoute names the gateway endpoint whose route in the table has the destination of r, if there is one.
func (s *State) endpointRoute(t *RouteTable, r Route) string {
	for e := range s.EndpointsOf(t) {
		if own, err := s.EndpointRoute(e); err == nil && r.PrefixList == own.PrefixList {
			return e.ID
		}
	}
	return ""
}
