package network

import (
	"context"

	"iter"
	"postern/aws/fault"
	"postern/aws/scope"
	"postern/record"
)

// InternetGateway is an Internet gateway, attached to one VPC or to none.
type InternetGateway struct {
	Meta
	VPC string `json:",omitempty"`
}

// gatewaysByVPC has Internet gateways by their scope and VPC.
var gatewaysByVPC = &record.Index[InternetGateway]{Grouped: true, Terms: func(g *InternetGateway) []record.Term {
	if g.VPC == "" {
		return nil
	}
	return []record.Term{{Value: g.scope().String(), Sort: g.VPC}}
}}

var gatewayKind = declare(&kind[InternetGateway]{
	Kind: record.Kind[InternetGateway]{
		Name:    "internet-gateway",
		Indexes: []*record.Index[InternetGateway]{gatewaysByVPC},
		Views:   inVPC(func(g *InternetGateway) string { return g.VPC }), // routes to it are black holes or not
	},
	resourceType: resourceType{
		prefix: "igw", name: "internet-gateway",
		notFound: "InvalidInternetGatewayID.NotFound", malformed: "InvalidInternetGatewayId.Malformed",
		missing: "The internetGateway ID '%s' does not exist",
	},
	refs: func(g *InternetGateway) []string { return []string{g.VPC} },
	limit: &limit{
		of: func(l *Limits) int { return l.Gateways }, code: "InternetGatewayLimitExceeded",
		message: "The maximum number of internet gateways has been reached: LIMIT",
	},
	holds: func(*InternetGateway) bool { return true },
	attached: func(s *State, v *VPC) iter.Seq[*InternetGateway] {
		return func(yield func(*InternetGateway) bool) {
			if g := s.gatewayIn(v.scope(), v.ID); g != nil {
				yield(g)
			}
		}
	},
})

func (*InternetGateway) kind() declared { return gatewayKind }

// gatewayIn returns the Internet gateway of the scope's VPC, nil if none is attached.
func (s *State) gatewayIn(c scope.Scope, vpcID string) *InternetGateway {
	g, _ := gatewaysByVPC.At(s.Tables, record.Term{Value: c.String(), Sort: vpcID})
	return g
}

// InternetGateway finds an Internet gateway.
func (s *State) InternetGateway(c scope.Scope, id string) (*InternetGateway, error) {
	return gatewayKind.lookup(s, c, id)
}

// InternetGateways are the scope's Internet gateways.
func (s *State) InternetGateways(c scope.Scope) iter.Seq[*InternetGateway] {
	return gatewayKind.scoped(s, c)
}

// CreateInternetGateway makes an Internet gateway that is attached to no VPC.
func (s *Service) CreateInternetGateway(ctx context.Context, c scope.Scope, tags []Tag) (*InternetGateway, error) {
	var made *InternetGateway
	err := s.do(ctx, c, func(p *plan) error {
		clean, err := p.limits.cleanTags(tags)
		if err != nil {
			return err
		}
		if err := gatewayKind.room(p, c.String(), 1); err != nil {
			return err
		}
		made = &InternetGateway{Meta: p.meta("igw", clean)}
		p.note(made)
		return nil
	})
	return made, err
}

// AttachInternetGateway attaches a free gateway to a VPC that has none.
func (s *Service) AttachInternetGateway(ctx context.Context, c scope.Scope, id, vpcID string) error {
	return s.do(ctx, c, func(p *plan) error {
		g, err := p.InternetGateway(c, id)
		if err != nil {
			return err
		}
		v, err := p.VPC(c, vpcID)
		if err != nil {
			return err
		}
		if g.VPC != "" {
			return refuse(fault.Conflict, "Resource.AlreadyAssociated", "resource %s is already attached to network %s", id,
				g.VPC)
		}
		if p.gatewayIn(c, v.ID) != nil {
			return invalidValue("Network %s already has an internet gateway attached", vpcID)
		}
		p.put(&InternetGateway{Meta: g.Meta, VPC: v.ID})
		return nil
	})
}

// DetachInternetGateway detaches a gateway; routes to it become black holes.
func (s *Service) DetachInternetGateway(ctx context.Context, c scope.Scope, id, vpcID string) error {
	return s.do(ctx, c, func(p *plan) error {
		g, err := p.InternetGateway(c, id)
		if err != nil {
			return err
		}
		if _, err := p.VPC(c, vpcID); err != nil {
			return err
		}
		if g.VPC != vpcID {
			return refuse(fault.Conflict, "Gateway.NotAttached", "resource %s is not attached to network %s", id, vpcID)
		}
		if eni := p.mapped(vpcID); eni != "" {
			return inUse("Network %s has some mapped public address(es). Please unmap those public address(es) before "+
				"detaching the gateway: %s", vpcID, eni)
		}
		p.put(&InternetGateway{Meta: g.Meta})
		return nil
	})
}

// DeleteInternetGateway deletes a gateway that is attached to no VPC.
func (s *Service) DeleteInternetGateway(ctx context.Context, c scope.Scope, id string) error {
	return s.do(ctx, c, func(p *plan) error {
		g, err := p.InternetGateway(c, id)
		if err != nil {
			return err
		}
		if g.VPC != "" {
			return inUse("The internetGateway '%s' has dependencies and cannot be deleted. It is attached to %s.", id, g.VPC)
		}
		p.forget(g)
		return nil
	})
}
