package vpc

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
)

// routeTable is a route table with its routes searchable.
type routeTable struct {
	RouteTable
	routes prefixes[*hop]
	// listed are the routes to prefix lists, whose ranges a snapshot knows.
	listed []*hop
}

// hop is a route with what it leads to, where that stands in the VPC.
type hop struct {
	Route
	// service is the name of the prefix lists that the route of a gateway endpoint leads to.
	service string
	nic     nic
	gateway *endpoint
	nat     *nat
}

// match is a route that leads to an address, with the range that did, for a prefix list one of its ranges.
type match struct {
	*hop
	prefix netip.Prefix
	list   *prefixList
}

func (b *compiler) compileTables() error {
	b.tables = make(map[string]*routeTable, len(b.content.RouteTables))
	implied := b.impliedRoutes()
	for _, t := range b.content.RouteTables {
		made := &routeTable{RouteTable: t}
		b.tables[t.ID] = made
		if t.Main {
			if b.main != nil {
				return fmt.Errorf("%s: %s has the main route table %s already", t.ID, b.VPC.ID, b.main.ID)
			}
			b.main = made
		}
		if err := b.associate(made); err != nil {
			return err
		}
		if err := b.compileRoutes(made); err != nil {
			return err
		}
		made.listed = append(made.listed, implied[t.ID]...)
	}
	for _, id := range slices.Sorted(maps.Keys(implied)) {
		if _, err := get(b, b.tables, implied[id][0].Target.ID, id); err != nil {
			return err
		}
	}
	return b.defaultTables()
}

// impliedRoutes returns the routes of gateway endpoints to their services' prefix lists, by route table.
func (b *compiler) impliedRoutes() map[string][]*hop {
	routes := map[string][]*hop{}
	for _, e := range b.gatewayEndpoints {
		h := &hop{Route: Route{Target: Target{ViaGatewayEndpoint, e.ID}}, service: e.Service, gateway: e}
		for _, t := range e.RouteTables {
			routes[t] = append(routes[t], h)
		}
	}
	return routes
}

func (b *compiler) associate(t *routeTable) error {
	for _, id := range t.Subnets {
		n, err := get(b, b.subnets, t.ID, id)
		switch {
		case err != nil:
			return err
		case n.table != nil:
			return fmt.Errorf("%s: %s has the route table %s already", t.ID, id, n.table.ID)
		}
		n.table = t
	}
	return nil
}

// defaultTables gives every subnet without a table of its own the VPC's main one, and a VPC without one the local
// routes.
func (b *compiler) defaultTables() error {
	if b.main == nil {
		b.main = &routeTable{RouteTable: RouteTable{VPC: b.VPC.ID, Main: true}}
		if err := b.compileRoutes(b.main); err != nil {
			return err
		}
	}
	for _, n := range b.subnets {
		if n.table == nil {
			n.table = b.main
		}
	}
	return nil
}

// compileRoutes enters local routes first and then those to ranges: of equal prefixes the first is kept.
func (b *compiler) compileRoutes(t *routeTable) error {
	entries := make([]entry[*hop], 0, len(b.CIDRs)+len(t.Routes))
	for _, c := range b.CIDRs {
		entries = append(entries, entry[*hop]{c, &hop{Route: Route{Destination: c}}})
	}
	for _, route := range t.Routes {
		h, err := b.hop(t, route)
		if err != nil {
			return err
		}
		if route.PrefixList != "" {
			b.refer(route.PrefixList)
			t.listed = append(t.listed, h)
			continue
		}
		entries = append(entries, entry[*hop]{route.Destination, h})
	}
	t.routes = newPrefixes(entries)
	return nil
}

func (b *compiler) hop(t *routeTable, route Route) (h *hop, err error) {
	h = &hop{Route: route}
	switch {
	case route.Destination.IsValid() == (route.PrefixList != ""):
		return nil, fmt.Errorf("%s: a route has exactly one of range and prefix list", t.ID)
	case route.PrefixList == "":
		if err := checkRange(t.ID, route.Destination); err != nil {
			return nil, err
		}
	}
	id := route.Target.ID
	switch route.Target.Kind {
	case Local, Blackhole, ViaOther:
	case ViaPeering:
		b.refer(id)
	case ViaGatewayEndpoint:
		if h.gateway, err = get(b, b.endpoints, t.ID, id); err == nil && h.gateway.Kind != GatewayEndpoint {
			err = fmt.Errorf("%s: %s is not a gateway endpoint of %s", t.ID, id, t.VPC)
		}
	case ViaInterface:
		if h.nic = b.nic(id); h.nic.none() {
			err = b.missing(t.ID, id)
		}
	case ViaInternetGateway, ViaNATGateway:
		b.exports.gateways = append(b.exports.gateways, id)
		h.nat = b.nats[id]
	default:
		err = fmt.Errorf("%s: route target kind %d does not exist", t.ID, route.Target.Kind)
	}
	return h, err
}

// route returns the route of the table to the address; its hop is nil where none leads there.
func (s *Snapshot) route(t *routeTable, a netip.Addr) (best match) {
	n := t.routes.family(a)
	if i := n.narrowest(keyOf(a)); i >= 0 {
		h := n.nodes[i].value
		best = match{hop: h, prefix: h.Destination}
	}
	for _, h := range t.listed {
		if h.service == "" {
			if l, ok := s.lists.get(h.PrefixList); ok {
				best.consider(h, l, a)
			}
			continue
		}
		lists, _ := s.named.get(h.service)
		for _, l := range lists {
			best.consider(h, l, a)
		}
	}
	return best
}

// consider takes the route to a prefix list in place of the best one so far where its range is narrower.
func (m *match) consider(h *hop, l *prefixList, a netip.Addr) {
	if p := l.ranges.find(a); p != nil && (m.hop == nil || p.Bits() > m.prefix.Bits()) {
		*m = match{h, *p, l}
	}
}
