package network

import (
	"context"

	"postern/aws/fault"
	"postern/aws/scope"
)

// CreateInternetGateway makes an Internet gateway that is attached to no VPC.
func (s *Service) CreateInternetGateway(ctx context.Context, c scope.Scope, tags []Tag) (*InternetGateway, error) {
	var made *InternetGateway
	err := s.do(ctx, c, func(p *plan) error {
		clean, err := p.limits.cleanTags(tags)
		if err != nil {
			return err
		}
		if count(p.InternetGateways(c)) >= p.limits.Gateways {
			return overLimit("InternetGatewayLimitExceeded", "The maximum number of internet gateways has been reached: %d", p.limits.Gateways)
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
			return refuse(fault.Conflict, "Resource.AlreadyAssociated", "resource %s is already attached to network %s", id, g.VPC)
		}
		for other := range p.InternetGateways(c) {
			if other.VPC == v.ID {
				return invalidValue("Network %s already has an internet gateway attached", vpcID)
			}
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
			return inUse("Network %s has some mapped public address(es). Please unmap those public address(es) before detaching the gateway: %s", vpcID, eni)
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
