package vpc

import (
	"fmt"
	"net/netip"
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

func (b *compiler) compileNICs() error {
	b.nics = make(map[string]*nic, len(b.content.Interfaces))
	b.addresses = make(map[netip.Addr]*nic, len(b.content.Interfaces))
	made := make([]nic, len(b.content.Interfaces))
	members := 0
	for i := range b.content.Interfaces {
		members += len(b.content.Interfaces[i].Groups)
	}
	groups := make([]*group, 0, members)
	for i := range b.content.Interfaces {
		c := &made[i]
		c.Interface, c.vpc = b.content.Interfaces[i], b.Compiled
		b.nics[c.ID] = c
		var err error
		if c.subnet, err = get(b, b.subnets, c.ID, c.Subnet); err != nil {
			return err
		}
		start := len(groups)
		for _, id := range c.Groups {
			g, err := get(b, b.groups, c.ID, id)
			if err != nil {
				return err
			}
			groups = append(groups, g)
		}
		c.groups = groups[start:len(groups):len(groups)]
		if err := b.register(c); err != nil {
			return err
		}
	}
	return nil
}

// register enters the interface's addresses.
func (b *compiler) register(c *nic) error {
	switch {
	case len(c.Addresses) == 0:
		return fmt.Errorf("%s: has no address", c.ID)
	case c.Public.IsValid() && !c.Public.Is4():
		return fmt.Errorf("%s: public address %s is not IPv4", c.ID, c.Public)
	case c.Public.IsValid():
		b.exports.publics = append(b.exports.publics, publicAddress{c.Public, c.ID})
	}
	for _, a := range c.Addresses {
		switch other := b.addresses[a]; {
		case other != nil:
			return fmt.Errorf("%s: %s has the address %s already", c.ID, other.ID, a)
		case !c.subnet.contains(a):
			return fmt.Errorf("%s: %s is not inside %s of %s", c.ID, a, c.subnet.CIDR, c.subnet.ID)
		case a == b.resolver:
			return fmt.Errorf("%s: %s is the resolver of %s", c.ID, a, b.VPC.ID)
		}
		b.addresses[a] = c
	}
	return nil
}

// ownInterface finds an interface that an endpoint lists, and refuses one that is not its own.
func (b *compiler) ownInterface(endpoint, id string, kind InterfaceKind) (*nic, error) {
	c, err := get(b, b.nics, endpoint, id)
	if err != nil {
		return nil, err
	}
	if c.Kind != kind || c.Owner != endpoint {
		return nil, fmt.Errorf("%s: %s is not an interface of this endpoint in %s", endpoint, id, b.VPC.ID)
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
			c.endpoint = e
			e.nics = append(e.nics, c)
		}
	}
	for i := range b.content.Interfaces {
		c := b.nics[b.content.Interfaces[i].ID]
		if c.Kind == EndpointInterface && c.Owner != "" && c.endpoint == nil {
			return fmt.Errorf("%s: endpoint %q does not list this interface", c.ID, c.Owner)
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
			c.resolver = made
			made.nics = append(made.nics, c)
		}
	}
	for i := range b.content.Interfaces {
		c := b.nics[b.content.Interfaces[i].ID]
		if c.Kind == ResolverInterface && c.Owner != "" && c.resolver == nil {
			return fmt.Errorf("%s: Resolver endpoint %q does not list this interface", c.ID, c.Owner)
		}
	}
	return nil
}
