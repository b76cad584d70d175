package vpc

import (
	"fmt"
	"slices"
)

func (b *compiler) compileEndpoints() error {
	b.endpoints = make(map[string]*endpoint, len(b.content.Endpoints))
	made := make([]endpoint, len(b.content.Endpoints))
	for i, e := range b.content.Endpoints {
		if e.Kind == GatewayEndpoint && len(e.Interfaces) > 0 || e.Kind == InterfaceEndpoint && len(e.RouteTables) > 0 {
			return fmt.Errorf("%s: an interface endpoint has interfaces, a gateway endpoint has route tables", e.ID)
		}
		made[i] = endpoint{Endpoint: e, vpc: b.Compiled}
		b.endpoints[e.ID] = &made[i]
		b.refer(e.Service)
		if e.Kind == GatewayEndpoint {
			b.exports.gateways = append(b.exports.gateways, e.ID)
			b.gatewayEndpoints = append(b.gatewayEndpoints, &made[i])
		}
	}
	return nil
}

// ownInterface finds an interface that an endpoint lists, and refuses one that is not its own.
func (b *compiler) ownInterface(endpoint, id string, kind InterfaceKind) (nic, error) {
	c := b.nic(id)
	switch {
	case c.none():
		return c, b.missing(endpoint, id)
	case c.Kind != kind || c.Owner != endpoint:
		return c, fmt.Errorf("%s: %s is not an interface of this endpoint in %s", endpoint, id, b.VPC.ID)
	}
	return c, nil
}

// joinEndpoints ties the interface endpoints to their interfaces.
func (b *compiler) joinEndpoints() error {
	for i := range b.content.Endpoints {
		e := b.endpoints[b.content.Endpoints[i].ID]
		for _, id := range e.Interfaces {
			c, err := b.ownInterface(e.ID, id, EndpointInterface)
			if err != nil {
				return err
			}
			e.nics = append(e.nics, c)
		}
	}
	return b.listed(EndpointInterface, "endpoint")
}

// listed checks that the interfaces of a kind are listed by what they say they belong to: those that are others than
// before, and those of what may list others now.
func (b *compiler) listed(kind InterfaceKind, of string) error {
	lists := func(c *Interface) bool {
		if kind == ResolverInterface {
			e := b.resolvers[c.Owner]
			return e != nil && slices.Contains(e.Interfaces, c.ID)
		}
		e := b.endpoints[c.Owner]
		return e != nil && slices.Contains(e.Interfaces, c.ID)
	}
	check := func(c *Interface) error {
		if c != nil && c.Kind == kind && c.Owner != "" && !lists(c) {
			return fmt.Errorf("%s: %s %q does not list this interface", c.ID, of, c.Owner)
		}
		return nil
	}
	for i := range b.put {
		if err := check(&b.put[i]); err != nil {
			return err
		}
	}
	if b.by == nil {
		return nil
	}
	for i := range b.previous.content.Endpoints {
		for _, id := range b.previous.content.Endpoints[i].Interfaces {
			if err := check(b.nic(id).Interface); err != nil {
				return err
			}
		}
	}
	for i := range b.previous.content.ResolverEndpoints {
		for _, id := range b.previous.content.ResolverEndpoints[i].Interfaces {
			if err := check(b.nic(id).Interface); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *compiler) compileResolvers() error {
	b.resolvers = make(map[string]*resolverEndpoint, len(b.content.ResolverEndpoints))
	for _, e := range b.content.ResolverEndpoints {
		made := &resolverEndpoint{ResolverEndpoint: e, vpc: b.Compiled}
		b.resolvers[e.ID] = made
		if e.Direction == Inbound {
			b.inbound = append(b.inbound, made)
		}
		for _, id := range e.Interfaces {
			c, err := b.ownInterface(e.ID, id, ResolverInterface)
			if err != nil {
				return err
			}
			made.nics = append(made.nics, c)
		}
	}
	return b.listed(ResolverInterface, "Resolver endpoint")
}
