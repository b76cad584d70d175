package vpc

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
)

func (b *builder) vpcEndpoints() error {
	endpoints := make([]endpoint, len(b.network.Endpoints))
	for i, e := range b.network.Endpoints {
		r, err := get(b.vpcs, e.ID, e.VPC)
		if err != nil {
			return err
		}
		if e.Kind == GatewayEndpoint && len(e.Interfaces) > 0 || e.Kind == InterfaceEndpoint && len(e.RouteTables) > 0 {
			return fmt.Errorf("%s: an interface endpoint has interfaces, a gateway endpoint has route tables", e.ID)
		}
		endpoints[i] = endpoint{Endpoint: e, realm: r}
		if err := put(b.endpoints, e.ID, &endpoints[i]); err != nil {
			return err
		}
		if e.Kind == GatewayEndpoint {
			b.gateways[e.ID] = r
			r.gateways = append(r.gateways, &endpoints[i])
			for j := range b.network.PrefixLists {
				if l := &b.network.PrefixLists[j]; l.Name == e.Service {
					endpoints[i].lists = append(endpoints[i].lists, b.lists[l.ID])
				}
			}
		}
	}
	return nil
}

func (b *builder) networkInterfaces() error {
	cards := make([]card, len(b.network.Interfaces))
	members := 0
	for i := range b.network.Interfaces {
		members += len(b.network.Interfaces[i].Groups)
	}
	groups := make([]*group, 0, members)
	for i := range b.network.Interfaces {
		c := &cards[i]
		c.Interface = b.network.Interfaces[i]
		n, err := get(b.subnets, c.ID, c.Interface.Subnet)
		switch {
		case err != nil:
			return err
		case n.VPC != c.VPC:
			return fmt.Errorf("%s: %s is not in %q", c.ID, n.ID, c.VPC)
		}
		c.subnet, c.realm = n, n.realm
		if err := put(b.interfaces, c.ID, c); err != nil {
			return err
		}
		start := len(groups)
		for _, id := range c.Groups {
			g, err := get(b.groups, c.ID, id)
			switch {
			case err != nil:
				return err
			case g.VPC != c.VPC:
				return fmt.Errorf("%s: group %s is not in %s", c.ID, id, c.VPC)
			}
			groups = append(groups, g)
		}
		c.groups = groups[start:len(groups):len(groups)]
		if err := c.register(); err != nil {
			return err
		}
		if c.Public.IsValid() {
			b.publics[c.Public] = c
		}
	}
	return nil
}

// register enters the interface's addresses into its VPC.
func (c *card) register() error {
	if len(c.Addresses) == 0 {
		return fmt.Errorf("%s: has no address", c.ID)
	}
	if c.Public.IsValid() && !c.Public.Is4() {
		return fmt.Errorf("%s: public address %s is not IPv4", c.ID, c.Public)
	}
	for _, a := range c.Addresses {
		switch other := c.realm.cards[a]; {
		case other != nil:
			return fmt.Errorf("%s: %s has the address %s already", c.ID, other.ID, a)
		case !c.subnet.contains(a):
			return fmt.Errorf("%s: %s is not inside %s of %s", c.ID, a, c.subnet.CIDR, c.subnet.ID)
		case a == c.realm.resolver:
			return fmt.Errorf("%s: %s is the resolver of %s", c.ID, a, c.VPC)
		}
		c.realm.cards[a] = c
	}
	return nil
}

func (b *builder) endpointInterfaces() error {
	for i := range b.network.Endpoints {
		e := b.endpoints[b.network.Endpoints[i].ID]
		for _, id := range e.Interfaces {
			c, err := get(b.interfaces, e.ID, id)
			switch {
			case err != nil:
				return err
			case c.Kind != EndpointInterface || c.Owner != e.ID || c.realm != e.realm:
				return fmt.Errorf("%s: %s is not an interface of this endpoint in %s", e.ID, id, e.VPC)
			}
			c.endpoint = e
			e.cards = append(e.cards, c)
		}
	}
	for i := range b.network.Interfaces {
		c := b.interfaces[b.network.Interfaces[i].ID]
		if c.Kind == EndpointInterface && c.Owner != "" && c.endpoint == nil {
			return fmt.Errorf("%s: endpoint %q does not list this interface", c.ID, c.Owner)
		}
	}
	return nil
}

// routeTable is a route table with its routes searchable.
type routeTable struct {
	RouteTable
	realm  *realm
	routes prefixes[hop]
}

// hop is a route with what it leads to.
type hop struct {
	Route
	// prefix is the range that matched, for a prefix list one of its ranges.
	prefix  netip.Prefix
	peering *peering
	card    *card
	gateway *endpoint
	nat     *nat
}

func (b *builder) routeTables() error {
	implied := b.impliedRoutes()
	for _, t := range b.network.RouteTables {
		r, err := get(b.vpcs, t.ID, t.VPC)
		if err != nil {
			return err
		}
		compiled := &routeTable{RouteTable: t, realm: r}
		if err := put(b.tables, t.ID, compiled); err != nil {
			return err
		}
		if t.Main {
			if r.main != nil {
				return fmt.Errorf("%s: %s has the main route table %s already", t.ID, r.ID, r.main.ID)
			}
			r.main = compiled
		}
		if err := b.associate(compiled); err != nil {
			return err
		}
		if err := b.compileRoutes(compiled, implied[t.ID]); err != nil {
			return err
		}
		r.tables = append(r.tables, compiled)
	}
	for _, id := range slices.Sorted(maps.Keys(implied)) {
		if _, err := get(b.tables, implied[id][0].Target.ID, id); err != nil {
			return err
		}
	}
	return b.defaultTables()
}

// impliedRoutes are the routes of gateway endpoints to their services' prefix lists, by route table.
func (b *builder) impliedRoutes() map[string][]Route {
	routes := map[string][]Route{}
	for i := range b.network.Endpoints {
		e := b.endpoints[b.network.Endpoints[i].ID]
		for _, l := range e.lists {
			for _, t := range e.RouteTables {
				routes[t] = append(routes[t], Route{PrefixList: l.ID, Target: Target{ViaGatewayEndpoint, e.ID}})
			}
		}
	}
	return routes
}

func (b *builder) associate(t *routeTable) error {
	for _, id := range t.Subnets {
		n, err := get(b.subnets, t.ID, id)
		switch {
		case err != nil:
			return err
		case n.realm != t.realm:
			return fmt.Errorf("%s: %s is not in %s", t.ID, id, t.VPC)
		case n.table != nil:
			return fmt.Errorf("%s: %s has the route table %s already", t.ID, id, n.table.ID)
		}
		n.table = t
	}
	return nil
}

// defaultTables gives every subnet without a table of its own the VPC's main one, and a VPC without one the local
// routes.
func (b *builder) defaultTables() error {
	for i := range b.network.Subnets {
		n := b.subnets[b.network.Subnets[i].ID]
		if n.table != nil {
			continue
		}
		if n.realm.main == nil {
			n.realm.main = &routeTable{RouteTable: RouteTable{VPC: n.VPC, Main: true}, realm: n.realm}
			if err := b.compileRoutes(n.realm.main, nil); err != nil {
				return err
			}
		}
		n.table = n.realm.main
	}
	return nil
}

// compileRoutes enters local routes first, then those to ranges, then those to prefix lists: of equal prefixes the
// first is kept.
func (b *builder) compileRoutes(t *routeTable, implied []Route) error {
	var entries []entry[hop]
	for _, c := range t.realm.CIDRs {
		entries = append(entries, entry[hop]{c, hop{Route: Route{Destination: c}, prefix: c}})
	}
	var lists []entry[hop]
	for _, route := range append(t.Routes[:len(t.Routes):len(t.Routes)], implied...) {
		h, err := b.hop(t, route)
		if err != nil {
			return err
		}
		if route.PrefixList == "" {
			h.prefix = route.Destination
			entries = append(entries, entry[hop]{h.prefix, h})
			continue
		}
		for _, c := range b.lists[route.PrefixList].CIDRs {
			h.prefix = c
			lists = append(lists, entry[hop]{c, h})
		}
	}
	t.routes = newPrefixes(append(entries, lists...))
	return nil
}

func (b *builder) hop(t *routeTable, route Route) (h hop, err error) {
	h.Route = route
	switch {
	case route.Destination.IsValid() == (route.PrefixList != ""):
		return h, fmt.Errorf("%s: a route has exactly one of range and prefix list", t.ID)
	case route.PrefixList != "":
		if _, err := get(b.lists, t.ID, route.PrefixList); err != nil {
			return h, err
		}
	default:
		if err := checkRange(t.ID, route.Destination); err != nil {
			return h, err
		}
	}
	id := route.Target.ID
	switch route.Target.Kind {
	case Local, Blackhole, ViaOther:
	case ViaPeering:
		if h.peering, err = get(b.peerings, t.ID, id); err == nil &&
			h.peering.requester != t.realm && h.peering.accepter != t.realm {
			err = fmt.Errorf("%s: %s does not join %s", t.ID, id, t.VPC)
		}
	case ViaGatewayEndpoint:
		if h.gateway, err = get(b.endpoints, t.ID, id); err == nil &&
			(h.gateway.Kind != GatewayEndpoint || h.gateway.realm != t.realm) {
			err = fmt.Errorf("%s: %s is not a gateway endpoint of %s", t.ID, id, t.VPC)
		}
	case ViaInterface:
		if h.card, err = get(b.interfaces, t.ID, id); err == nil && h.card.realm != t.realm {
			err = fmt.Errorf("%s: %s is not in %s", t.ID, id, t.VPC)
		}
	case ViaInternetGateway, ViaNATGateway:
		if b.gateways[id] != nil && b.gateways[id] != t.realm {
			err = fmt.Errorf("%s: gateway %s is not of %s", t.ID, id, t.VPC)
		}
		b.gateways[id] = t.realm
		if h.nat = b.nats[id]; h.nat != nil && h.nat.realm != t.realm {
			err = notIn(t.ID, id, t.VPC)
		}
	default:
		err = fmt.Errorf("%s: route target kind %d does not exist", t.ID, route.Target.Kind)
	}
	return h, err
}
