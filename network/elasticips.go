package network

import (
	"context"
	"iter"
	"net/netip"
	"slices"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/network/vpc"
)

// ElasticIP is an Elastic IP address: a public address that an account keeps until it releases it.
type ElasticIP struct {
	Meta
	Address netip.Addr
	// Interface is the network interface that it is associated with and Association the id of that; empty while it is free.
	Interface   string `json:",omitempty"`
	Association string `json:",omitempty"`
}

func (*ElasticIP) kind() Kind { return KindElasticIP }

// PublicAssociation is the public address of a network interface's primary private address.
type PublicAssociation struct {
	Address netip.Addr
	// ID and Allocation are an Elastic IP address's; empty for one that was assigned with the interface and goes with it.
	ID         string `json:",omitempty"`
	Allocation string `json:",omitempty"`
}

var (
	nounElasticIP   = noun{"eipalloc", "InvalidAllocationID.NotFound", "InvalidAllocationID.Malformed", "The allocation ID '%s' does not exist"}
	nounAssociation = noun{"eipassoc", "InvalidAssociationID.NotFound", "InvalidAssociationID.Malformed", "The association ID '%s' does not exist"}
)

// ElasticIP finds an Elastic IP address.
func (s *State) ElasticIP(c scope.Scope, id string) (*ElasticIP, error) {
	return lookup(&s.elasticIPs, nounElasticIP, c, id)
}

// ElasticIPs are the scope's Elastic IP addresses.
func (s *State) ElasticIPs(c scope.Scope) iter.Seq[*ElasticIP] { return within(&s.elasticIPs, c) }

// ElasticIPAt finds an Elastic IP address by the address itself.
func (s *State) ElasticIPAt(c scope.Scope, a netip.Addr) (*ElasticIP, error) {
	for e := range s.ElasticIPs(c) {
		if e.Address == a {
			return e, nil
		}
	}
	return nil, refuse(fault.NotFound, "InvalidAddress.NotFound", "Address '%s' not found.", a)
}

// AllocateAddress gives the scope an Elastic IP address.
func (s *Service) AllocateAddress(ctx context.Context, c scope.Scope, tags []Tag) (*ElasticIP, error) {
	var made *ElasticIP
	err := s.do(ctx, c, func(p *plan) error {
		clean, err := p.limits.cleanTags(tags)
		if err != nil {
			return err
		}
		if count(p.ElasticIPs(c)) >= p.limits.ElasticIPs {
			return overLimit("AddressLimitExceeded", "The maximum number of addresses has been reached.")
		}
		a, err := p.choosePublic(s.public.addresses)
		if err != nil {
			return err
		}
		made = &ElasticIP{Meta: p.meta("eipalloc", clean), Address: a}
		p.note(made)
		return nil
	})
	return made, err
}

// choosePublic gives a public address that nothing has: the next free one from a random place on.
func (s *State) choosePublic(from netip.Prefix) (netip.Addr, error) {
	used := map[netip.Addr]bool{}
	for _, e := range s.elasticIPs.rows {
		used[e.Address] = true
	}
	for _, n := range s.interfaces.rows {
		if n.Public != nil {
			used[n.Public.Address] = true
		}
	}
	size := 1 << (32 - from.Bits())
	start := randomNumber(size)
	for i := range size {
		if a := at(from, (start+i)%size); !used[a] && a.As4()[3] != 0 && a.As4()[3] != 255 {
			return a, nil
		}
	}
	return netip.Addr{}, refuse(fault.Limit, "InsufficientAddressCapacity", "There is no free public address in %s", from)
}

// AssociateAddressInput says which Elastic IP address goes to which network interface.
type AssociateAddressInput struct {
	Allocation, Interface string
	// Private is the private address that it stands for, the interface's primary one; the zero Addr means that one.
	Private netip.Addr
	// Stay refuses to take the Elastic IP address away from where it is.
	Stay bool
}

// AssociateAddress associates an Elastic IP address with a network interface of a VPC that has an Internet gateway. It
// takes the place of the interface's public address and returns the association's id.
func (s *Service) AssociateAddress(ctx context.Context, c scope.Scope, in AssociateAddressInput) (string, error) {
	var id string
	err := s.do(ctx, c, func(p *plan) error {
		e, err := p.ElasticIP(c, in.Allocation)
		if err != nil {
			return err
		}
		n, err := p.Interface(c, in.Interface)
		if err != nil {
			return err
		}
		if n.Kind != vpc.InstanceInterface && n.Kind != vpc.AttachedInterface {
			return notYours(n)
		}
		if err := p.mayAssociate(e, n, in); err != nil {
			return err
		}
		if e.Interface == n.ID {
			id = e.Association
			return nil
		}
		p.dissociateAddress(e)
		id = p.associateAddress(e.ID, n.ID)
		return nil
	})
	return id, err
}

func (p *plan) mayAssociate(e *ElasticIP, n *Interface, in AssociateAddressInput) error {
	switch {
	case in.Private.IsValid() && !slices.Contains(n.Addresses, in.Private):
		return invalidValue("Value (%s) for parameter privateIpAddress is invalid. It is not an address of %s", in.Private, n.ID)
	case in.Private.IsValid() && in.Private != n.Addresses[0]:
		return fault.New(fault.NotImplemented, "network.AssociateAddress", "AssociateAddress with a secondary private address is not implemented")
	case p.gatewayOf(n.VPC) == nil:
		return refuse(fault.Conflict, "Gateway.NotAttached", "Network %s is not attached to any internet gateway", n.VPC)
	case e.Interface != "" && e.Interface != n.ID && in.Stay:
		return refuse(fault.Conflict, "Resource.AlreadyAssociated", "resource %s is already associated with associate-id %s", e.ID, e.Association)
	}
	if other, ok := p.interfaces.get(e.Interface); ok && other.Kind == vpc.GatewayInterface {
		return notYours(other)
	}
	return nil
}

// gatewayOf is the VPC's Internet gateway, nil if none is attached.
func (s *State) gatewayOf(vpcID string) *InternetGateway {
	i := slices.IndexFunc(s.gateways.rows, func(g *InternetGateway) bool { return g.VPC == vpcID })
	if i < 0 {
		return nil
	}
	return s.gateways.rows[i]
}

// associateAddress ties a free Elastic IP address to an interface, in place of the public address that it has.
func (p *plan) associateAddress(allocation, eni string) string {
	if n, ok := p.interfaces.get(eni); ok && n.Public != nil && n.Public.Allocation != "" {
		if other, ok := p.elasticIPs.get(n.Public.Allocation); ok {
			p.dissociateAddress(other)
		}
	}
	e, _ := p.elasticIPs.get(allocation)
	n, _ := p.interfaces.get(eni)
	tied, shown := *e, *n
	tied.Interface, tied.Association = eni, newID("eipassoc")
	shown.Public = &PublicAssociation{Address: e.Address, ID: tied.Association, Allocation: e.ID}
	p.note(&tied)
	p.put(&shown)
	return tied.Association
}

// dissociateAddress frees an Elastic IP address.
func (p *plan) dissociateAddress(e *ElasticIP) {
	if e.Interface == "" {
		return
	}
	if n, ok := p.interfaces.get(e.Interface); ok {
		bare := *n
		bare.Public = nil
		p.put(&bare)
	}
	free := *e
	free.Interface, free.Association = "", ""
	p.note(&free)
}

// dropInterface removes an interface; its Elastic IP address becomes free.
func (p *plan) dropInterface(n *Interface) {
	if n.Public != nil {
		if e, ok := p.elasticIPs.get(n.Public.Allocation); ok {
			p.dissociateAddress(e)
		}
	}
	p.remove(n)
}

// DisassociateAddress frees an Elastic IP address, by the id of its association.
func (s *Service) DisassociateAddress(ctx context.Context, c scope.Scope, association string) error {
	return s.do(ctx, c, func(p *plan) error {
		for e := range p.ElasticIPs(c) {
			if association == "" || e.Association != association {
				continue
			}
			if n, ok := p.interfaces.get(e.Interface); ok && n.Kind == vpc.GatewayInterface {
				return notYours(n)
			}
			p.dissociateAddress(e)
			return nil
		}
		return nounAssociation.unknown(association)
	})
}

// ReleaseAddress gives an Elastic IP address back that is associated with nothing.
func (s *Service) ReleaseAddress(ctx context.Context, c scope.Scope, id string) error {
	return s.do(ctx, c, func(p *plan) error {
		e, err := p.ElasticIP(c, id)
		if err != nil {
			return err
		}
		if e.Interface != "" {
			return refuse(fault.InUse, "InvalidIPAddress.InUse", "The address %s is in use.", e.Address)
		}
		p.forget(e)
		return nil
	})
}

// mapped names an interface of the VPC with a public address, which keeps the VPC's Internet gateway.
func (s *State) mapped(vpcID string) string {
	for _, n := range s.interfaces.rows {
		if n.VPC == vpcID && n.Public != nil {
			return n.ID
		}
	}
	return ""
}
