package vpc

import (
	"errors"
	"slices"
	"strings"
)

// kinds lists every kind of resource that stands in a VPC.
var kinds = []kind{
	&kindOf[Subnet]{
		func(n *Network) *[]Subnet { return &n.Subnets }, func(c *Content) *[]Subnet { return &c.Subnets },
		func(v *Subnet) (id, vpc string) { return v.ID, v.VPC },
	},
	&kindOf[RouteTable]{
		func(n *Network) *[]RouteTable { return &n.RouteTables }, func(c *Content) *[]RouteTable { return &c.RouteTables },
		func(v *RouteTable) (id, vpc string) { return v.ID, v.VPC },
	},
	&kindOf[ACL]{
		func(n *Network) *[]ACL { return &n.ACLs }, func(c *Content) *[]ACL { return &c.ACLs },
		func(v *ACL) (id, vpc string) { return v.ID, v.VPC },
	},
	&kindOf[SecurityGroup]{
		func(n *Network) *[]SecurityGroup { return &n.SecurityGroups },
		func(c *Content) *[]SecurityGroup { return &c.SecurityGroups },
		func(v *SecurityGroup) (id, vpc string) { return v.ID, v.VPC },
	},
	&kindOf[Interface]{
		func(n *Network) *[]Interface { return &n.Interfaces }, func(c *Content) *[]Interface { return &c.Interfaces },
		func(v *Interface) (id, vpc string) { return v.ID, v.VPC },
	},
	&kindOf[Endpoint]{
		func(n *Network) *[]Endpoint { return &n.Endpoints }, func(c *Content) *[]Endpoint { return &c.Endpoints },
		func(v *Endpoint) (id, vpc string) { return v.ID, v.VPC },
	},
	&kindOf[ResolverEndpoint]{
		func(n *Network) *[]ResolverEndpoint { return &n.ResolverEndpoints },
		func(c *Content) *[]ResolverEndpoint { return &c.ResolverEndpoints },
		func(v *ResolverEndpoint) (id, vpc string) { return v.ID, v.VPC },
	},
	&kindOf[NATGateway]{
		func(n *Network) *[]NATGateway { return &n.NATGateways }, func(c *Content) *[]NATGateway { return &c.NATGateways },
		func(v *NATGateway) (id, vpc string) { return v.ID, v.VPC },
	},
}

// kind is a kind of resource, with what is done to all kinds alike.
type kind interface {
	// split hands every resource of the network to the content of its VPC.
	split(n *Network, of map[string]*Content) error
	// join appends every resource of the VPC to the network; order puts those in the order of their ids.
	join(c *Content, n *Network)
	order(n *Network)
	// ids yields the id of every resource of the VPC and of the VPC that it says it is in.
	ids(c *Content, yield func(id, vpc string) error) error
}

type kindOf[T any] struct {
	network func(*Network) *[]T
	content func(*Content) *[]T
	name    func(*T) (id, vpc string)
}

func (k *kindOf[T]) split(n *Network, of map[string]*Content) error {
	all := *k.network(n)
	for i := range all {
		id, vpc := k.name(&all[i])
		c := of[vpc]
		if c == nil {
			return missingReference(id, vpc)
		}
		list := k.content(c)
		*list = append(*list, all[i])
	}
	return nil
}

func (k *kindOf[T]) join(c *Content, n *Network) {
	list := k.network(n)
	*list = append(*list, *k.content(c)...)
}

func (k *kindOf[T]) order(n *Network) {
	slices.SortFunc(*k.network(n), func(a, b T) int {
		x, _ := k.name(&a)
		y, _ := k.name(&b)
		return strings.Compare(x, y)
	})
}

func (k *kindOf[T]) ids(c *Content, yield func(id, vpc string) error) error {
	list := *k.content(c)
	for i := range list {
		if err := yield(k.name(&list[i])); err != nil {
			return err
		}
	}
	return nil
}

var errNoID = errors.New("a resource has no id")

// split groups the resources of the network by the VPC that they stand in.
func split(n *Network) ([]Content, error) {
	contents := make([]Content, len(n.VPCs))
	of := make(map[string]*Content, len(n.VPCs))
	for i, v := range n.VPCs {
		if v.ID == "" {
			return nil, errNoID
		}
		contents[i].VPC = v
		of[v.ID] = &contents[i]
	}
	for _, k := range kinds {
		if err := k.split(n, of); err != nil {
			return nil, err
		}
	}
	return contents, nil
}
