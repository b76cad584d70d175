package network

import (
	"context"
	"iter"
	"net/netip"
	"time"

	"postern/aws/scope"
	"postern/network/vpc"
	"postern/record"
)

// NATGateway is a NAT gateway. A deleted or failed one stays to be seen for a while.
type NATGateway struct {
	Meta
	VPC, Subnet string
	// Private is its connectivity type; a private one has no Elastic IP address.
	Private bool `json:",omitempty"`
	// State is Pending, Available, Deleted or NATFailed; Code and Message say why it failed.
	State         string
	Code, Message string    `json:",omitempty"`
	Ended         time.Time `json:",omitzero"`
	// Interface is its network interface with Address; both stay to be seen when it is deleted, as do the next three.
	Interface   string
	Address     netip.Addr
	Public      netip.Addr `json:",omitzero"`
	Allocation  string     `json:",omitempty"`
	Association string     `json:",omitempty"`
}

// NATFailed is the state of a NAT gateway that could not be made.
const NATFailed = "failed"

// natSeen is how long a NAT gateway is still shown after its end (VPC user guide, "Delete a NAT gateway": about an
// hour).
const natSeen = time.Hour

var (
	// natGatewaysWorking counts the NAT gateways at work by scope.
	natGatewaysWorking = &record.Index[NATGateway]{
		Grouped: true, Counted: true,
		Terms: func(g *NATGateway) []record.Term {
			if g.State != Available {
				return nil
			}
			return []record.Term{{Value: g.scope().String()}}
		},
	}
	// natGatewaysByEnd has NAT gateways by when they came to their end.
	natGatewaysByEnd = &record.Index[NATGateway]{Terms: func(g *NATGateway) []record.Term {
		if g.Ended.IsZero() {
			return nil
		}
		return []record.Term{{Sort: record.Instant(g.Ended)}}
	}}
)

var natGatewayKind = declare(&kind[NATGateway]{
	Kind: record.Kind[NATGateway]{
		Name:    "nat-gateway",
		Indexes: []*record.Index[NATGateway]{natGatewaysWorking, natGatewaysByEnd},
		Views:   inVPC(func(g *NATGateway) string { return g.VPC }),
	},
	resourceType: resourceType{
		prefix: "nat", name: "natgateway", notFound: "NatGatewayNotFound", malformed: "NatGatewayMalformed",
		missing: "NAT gateway %s was not found",
	},
	inside: func(g *NATGateway) []string { return []string{g.VPC} },
	refs:   func(g *NATGateway) []string { return []string{g.Subnet, g.Allocation} },
	limit: &limit{ // of those at work
		of: func(l *Limits) int { return l.NATGateways }, code: "NatGatewayLimitExceeded",
		message: "The maximum number of NAT gateways has been reached: LIMIT",
	},
	content: func(_ *State, g *NATGateway, c *vpc.Content) {
		if g.State == Available {
			c.NATGateways = append(c.NATGateways, g.value())
		}
	},
})

func (*NATGateway) kind() declared { return natGatewayKind }

func (g *NATGateway) value() vpc.NATGateway {
	return vpc.NATGateway{
		ID: g.ID, VPC: g.VPC, Subnet: g.Subnet, Interface: g.Interface, Private: g.Private, Available: true, Public: g.Public,
	}
}

// natTargetType is how the calls on routes speak of a NAT gateway.
var natTargetType = resourceType{
	prefix: "nat", notFound: "InvalidNatGatewayID.NotFound", malformed: "NatGatewayMalformed",
	missing: "The natGateway ID '%s' does not exist",
}

// NATGateway finds a NAT gateway.
func (s *State) NATGateway(c scope.Scope, id string) (*NATGateway, error) {
	return natGatewayKind.lookup(s, c, id)
}

// NATGateways are the scope's NAT gateways.
func (s *State) NATGateways(c scope.Scope) iter.Seq[*NATGateway] { return natGatewayKind.scoped(s, c) }

// CreateNATGatewayInput is a NAT gateway to be made.
type CreateNATGatewayInput struct {
	Subnet string
	// Private has no Allocation; a public gateway needs the id of an Elastic IP address.
	Private    bool
	Allocation string
	// Address is the private address that it must have; the zero Addr lets one be chosen.
	Address netip.Addr
	Tags    []Tag
	// Token makes the request idempotent.
	Token string `json:"-"`
}

// CreateNATGateway makes a NAT gateway with a network interface in its subnet. It is returned as pending; when
// CreateNATGateway returns, it is available, or failed where the VPC or the Elastic IP address does not allow it.
func (s *Service) CreateNATGateway(ctx context.Context, c scope.Scope, in CreateNATGatewayInput) (*NATGateway, error) {
	var made *NATGateway
	err := s.do(ctx, c, func(p *plan) error {
		id, err := p.recall("CreateNatGateway", in.Token, in)
		if err != nil {
			return err
		}
		if g, ok := natGatewayKind.Get(p.Tables, id); ok {
			made = g
			return nil
		}
		g, err := p.createNATGateway(in)
		if err != nil {
			return err
		}
		p.put(g)
		p.remember("CreateNatGateway", in.Token, in, g.ID)
		shown := *g
		shown.State, shown.Code, shown.Message, shown.Ended = Pending, "", "", time.Time{}
		made = &shown
		return nil
	})
	return made, err
}

func (p *plan) createNATGateway(in CreateNATGatewayInput) (*NATGateway, error) {
	tags, err := p.limits.cleanTags(in.Tags)
	if err != nil {
		return nil, err
	}
	if in.Subnet == "" {
		return nil, missing("subnetId")
	}
	subnet, err := p.Subnet(p.scope, in.Subnet)
	if err != nil {
		return nil, err
	}
	switch {
	case in.Private && in.Allocation != "":
		return nil, invalidParameter("An allocation ID can't be specified for a private NAT gateway")
	case !in.Private && in.Allocation == "":
		return nil, missing("allocationId")
	case natGatewaysWorking.Count(p.Tables, p.scope.String()) >= p.limits.NATGateways:
		return nil, natGatewayKind.limit.exceeded(p.limits.NATGateways, p.scope.String())
	}
	g := &NATGateway{
		Meta: p.meta("nat", tags), VPC: subnet.VPC, Subnet: subnet.ID, Private: in.Private, Allocation: in.Allocation,
		State: Available,
	}
	if in.Allocation != "" {
		e, err := p.ElasticIP(p.scope, in.Allocation)
		if err != nil {
			return nil, err
		}
		if g.Code, g.Message = p.natFailure(g, e); g.Code != "" {
			g.State, g.Ended = NATFailed, p.now
			return g, nil
		}
		g.Public = e.Address
	}
	return g, p.placeNAT(g, subnet, in.Address)
}

// natFailure says why a NAT gateway cannot come into being, in the words of its failure code, or "".
func (p *plan) natFailure(g *NATGateway, e *ElasticIP) (code, message string) {
	switch {
	case p.gatewayIn(g.scope(), g.VPC) == nil:
		return "Gateway.NotAttached", "Network " + g.VPC + " has no Internet gateway attached"
	case e.Interface != "":
		return "Resource.AlreadyAssociated", "Elastic IP address [" + e.ID + "] is already associated"
	}
	return "", ""
}

// placeNAT gives the gateway its network interface.
func (p *plan) placeNAT(g *NATGateway, subnet *Subnet, wanted netip.Addr) (err error) {
	n := p.newInterface(subnet, vpc.GatewayInterface)
	n.Description, n.AnySource = "Interface for NAT Gateway "+g.ID, true
	var addresses []netip.Addr
	if wanted.IsValid() {
		addresses = append(addresses, wanted)
	}
	if n.Addresses, err = p.addressesFor(subnet, addresses, 0); err != nil {
		return err
	}
	n.Attachment = p.attachment(g.ID, false)
	n.Attachment.ID = newID("ela-attach")
	p.put(n)
	g.Interface, g.Address = n.ID, n.Addresses[0]
	if g.Allocation != "" {
		g.Association = p.associateAddress(g.Allocation, n.ID)
	}
	return nil
}

// DeleteNATGateway deletes a NAT gateway with its network interface; its Elastic IP address becomes free, and routes to
// it become black holes. To delete what is deleted already is no error.
func (s *Service) DeleteNATGateway(ctx context.Context, c scope.Scope, id string) error {
	return s.do(ctx, c, func(p *plan) error {
		g, err := p.NATGateway(c, id)
		if err != nil {
			return err
		}
		if g.State != Available {
			return nil
		}
		if n, ok := interfaceKind.Get(p.Tables, g.Interface); ok {
			p.dropInterface(n)
		}
		gone := *g
		gone.State, gone.Ended = Deleted, p.now
		p.put(&gone)
		return nil
	})
}

// forgetNATGateways drops those that ended long enough ago.
func (p *plan) forgetNATGateways() {
	for g := range natGatewaysByEnd.Until(p.Tables, "", record.Instant(p.now.Add(1-natSeen))) {
		p.forget(g)
	}
}
