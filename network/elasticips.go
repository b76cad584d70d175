package network

import (
	"context"
	"iter"
	"net/netip"
	"slices"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/network/vpc"
	"postern/record"
)

// ElasticIP is an Elastic IP address: a public address that an account keeps until it releases it.
type ElasticIP struct {
	Meta
	Address netip.Addr
	// Interface is the network interface that it is associated with and Association the id of that; empty while it is
	// free.
	Interface   string `json:",omitempty"`
	Association string `json:",omitempty"`
}

var (
	// elasticIPsByAddress has Elastic IP addresses by the addresses themselves.
	elasticIPsByAddress = &record.Index[ElasticIP]{Terms: func(e *ElasticIP) []record.Term {
		return []record.Term{{Value: e.Address.String()}}
	}}
	// elasticIPsByAssociation has Elastic IP addresses by the ids of their associations.
	elasticIPsByAssociation = &record.Index[ElasticIP]{Terms: func(e *ElasticIP) []record.Term {
		if e.Association == "" {
			return nil
		}
		return []record.Term{{Value: e.Association}}
	}}
)

var elasticIPKind = declare(&kind[ElasticIP]{
	Kind: record.Kind[ElasticIP]{
		Name:    "elastic-ip",
		Indexes: []*record.Index[ElasticIP]{elasticIPsByAddress, elasticIPsByAssociation},
	},
	resourceType: resourceType{
		prefix: "eipalloc", name: "elastic-ip",
		notFound: "InvalidAllocationID.NotFound", malformed: "InvalidAllocationID.Malformed",
		missing: "The allocation ID '%s' does not exist",
	},
	refs: func(e *ElasticIP) []string { return []string{e.Interface} },
	limit: &limit{
		of: func(l *Limits) int { return l.ElasticIPs }, code: "AddressLimitExceeded",
		message: "The maximum number of addresses has been reached.",
	},
})

func (*ElasticIP) kind() declared { return elasticIPKind }

// PublicAssociation is the public address of a network interface's primary private address.
type PublicAssociation struct {
	Address netip.Addr
	// ID and Allocation are an Elastic IP address's; empty for one that was assigned with the interface and goes with it.
	ID         string `json:",omitempty"`
	Allocation string `json:",omitempty"`
}

var addressAssociationType = resourceType{
	prefix: "eipassoc", notFound: "InvalidAssociationID.NotFound", malformed: "InvalidAssociationID.Malformed",
	missing: "The association ID '%s' does not exist",
}

// ElasticIP finds an Elastic IP address.
func (s *State) ElasticIP(c scope.Scope, id string) (*ElasticIP, error) {
	return elasticIPKind.lookup(s, c, id)
}

// ElasticIPs are the scope's Elastic IP addresses.
func (s *State) ElasticIPs(c scope.Scope) iter.Seq[*ElasticIP] { return elasticIPKind.scoped(s, c) }

// ElasticIPAt finds an Elastic IP address by the address itself.
func (s *State) ElasticIPAt(c scope.Scope, a netip.Addr) (*ElasticIP, error) {
	for e := range elasticIPsByAddress.Find(s.Tables, a.String()) {
		if e.scope() == c {
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
		if err := elasticIPKind.room(p, c.String(), 1); err != nil {
			return err
		}
		made = &ElasticIP{Meta: p.meta("eipalloc", clean)}
		if made.Address, err = p.takePublic(s.public.addresses, made.ID); err != nil {
			return err
		}
		p.note(made)
		return nil
	})
	return made, err
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
		return invalidValue("Value (%s) for parameter privateIpAddress is invalid. It is not an address of %s", in.Private,
			n.ID)
	case in.Private.IsValid() && in.Private != n.Addresses[0]:
		return fault.New(fault.NotImplemented, "network.AssociateAddress",
			"AssociateAddress with a secondary private address is not implemented")
	case p.gatewayIn(n.scope(), n.VPC) == nil:
		return refuse(fault.Conflict, "Gateway.NotAttached", "Network %s is not attached to any internet gateway", n.VPC)
	case e.Interface != "" && e.Interface != n.ID && in.Stay:
		return refuse(fault.Conflict, "Resource.AlreadyAssociated", "resource %s is already associated with associate-id %s",
			e.ID, e.Association)
	}
	if other, ok := interfaceKind.Get(p.Tables, e.Interface); ok && other.Kind == vpc.GatewayInterface {
		return notYours(other)
	}
	return nil
}

// associateAddress ties a free Elastic IP address to an interface, in place of the public address that it has.
func (p *plan) associateAddress(allocation, eni string) string {
	if n, ok := interfaceKind.Get(p.Tables, eni); ok && n.Public != nil {
		p.dropPublic(n)
	}
	e, _ := elasticIPKind.Get(p.Tables, allocation)
	n, _ := interfaceKind.Get(p.Tables, eni)
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
	if n, ok := interfaceKind.Get(p.Tables, e.Interface); ok {
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
		p.dropPublic(n)
	}
	p.remove(n)
}

// dropPublic frees the public address of an interface, which is about to have another or none.
func (p *plan) dropPublic(n *Interface) {
	if n.Public.Allocation == "" {
		p.freePublic(n.Public.Address)
		return
	}
	if e, ok := elasticIPKind.Get(p.Tables, n.Public.Allocation); ok {
		p.dissociateAddress(e)
	}
}

// DisassociateAddress frees an Elastic IP address, by the id of its association.
func (s *Service) DisassociateAddress(ctx context.Context, c scope.Scope, association string) error {
	return s.do(ctx, c, func(p *plan) error {
		for e := range elasticIPsByAssociation.Find(p.Tables, association) {
			if e.scope() != c {
				continue
			}
			if n, ok := interfaceKind.Get(p.Tables, e.Interface); ok && n.Kind == vpc.GatewayInterface {
				return notYours(n)
			}
			p.dissociateAddress(e)
			return nil
		}
		return addressAssociationType.unknown(association)
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
		p.freePublic(e.Address)
		p.forget(e)
		return nil
	})
}

// mapped names an interface of the VPC with a public address, which keeps the VPC's Internet gateway.
func (s *State) mapped(vpcID string) string {
	if n, ok := interfacesUsing.At(s.Tables, record.Term{Value: vpcID, Sort: "public"}); ok {
		return n.ID
	}
	return ""
}
