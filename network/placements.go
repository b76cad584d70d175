package network

import (
	"context"
	"slices"
	"strings"

	"postern/aws/consent"
	"postern/aws/fault"
	"postern/aws/scope"
	"postern/network/vpc"
)

// PlaceInput asks for the network interfaces of instances that are to be launched.
type PlaceInput struct {
	// Instances are the ids of the instances, which nobody has yet.
	Instances []string
	// Interfaces lists the interfaces of each instance; the first is the primary one.
	Interfaces []PlacedInterface
	// Zone is the zone that a new primary interface must be in, empty for any.
	Zone string
	// Token makes the request idempotent: Place answers with the instances of an earlier one as long as these have their
	// interfaces. Request tells requests with one token apart.
	Token   string
	Request any
}

// PlacedInterface is one network interface of each instance.
type PlacedInterface struct {
	// Create says how a new one is made. Its Index is the device index; owner and kind are set by Place.
	Create CreateInterfaceInput
	// Existing is the id of an interface that is there already; there is one instance then.
	Existing string
}

// Placed is an instance and its primary interface.
type Placed struct {
	Instance  string
	Interface *Interface
}

// verbPlace is the name under which Place remembers client tokens.
const verbPlace = "RunInstances"

// Place makes and attaches the interfaces of instances, all of them in one change, and remembers the client token with
// them: whatever happens afterwards, the same request finds either all that it made, or nothing.
func (s *Service) Place(ctx context.Context, c scope.Scope, in PlaceInput) ([]Placed, error) {
	var placed []Placed
	err := s.do(ctx, c, func(p *plan) error {
		known, err := p.recallPlaces(in)
		if err != nil {
			return err
		}
		if placed = p.standing(known); placed != nil {
			return nil
		}
		if err := interfaceKind.room(p, c.String(), in.made()); err != nil {
			return err
		}
		for _, id := range in.Instances {
			n, err := p.place(id, &in, s)
			if err != nil {
				return err
			}
			placed = append(placed, Placed{id, n})
		}
		p.remember(verbPlace, in.Token, in.Request, strings.Join(in.Instances, ","))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return placed, nil
}

// PlacedBefore returns the instances for which an earlier request with the client token made interfaces, none where
// there was none. It refuses another request with the same token.
func (s *Service) PlacedBefore(ctx context.Context, c scope.Scope, in PlaceInput) ([]string, error) {
	var known []string
	err := s.do(consent.With(ctx, nil), c, func(p *plan) (err error) {
		known, err = p.recallPlaces(in)
		return err
	})
	return known, err
}

// Withdraw undoes a Place whose instances will not be: their interfaces are released and the client token is forgotten.
func (s *Service) Withdraw(ctx context.Context, c scope.Scope, instances []string, token string) error {
	return s.do(consent.With(ctx, nil), c, func(p *plan) error {
		for _, id := range instances {
			p.release(id)
		}
		if t, ok := tokenKind.Get(p.Tables, p.tokenID(verbPlace, token)); ok {
			p.forget(t)
		}
		return nil
	})
}

// made is how many interfaces are new.
func (in *PlaceInput) made() int {
	each := 0
	for _, x := range in.Interfaces {
		if x.Existing == "" {
			each++
		}
	}
	return each * len(in.Instances)
}

func (p *plan) recallPlaces(in PlaceInput) ([]string, error) {
	known, err := p.recall(verbPlace, in.Token, in.Request)
	if err != nil || known == "" {
		return nil, err
	}
	return strings.Split(known, ","), nil
}

// standing returns instances with their primary interfaces, nil where one of them has none.
func (p *plan) standing(instances []string) []Placed {
	var out []Placed
	for _, id := range instances {
		all := p.Attached(id)
		if len(all) == 0 || all[0].Attachment.Index != 0 {
			return nil
		}
		out = append(out, Placed{id, all[0]})
	}
	return out
}

// place gives an instance its interfaces and returns the primary one. All of them are in one zone.
func (p *plan) place(instance string, in *PlaceInput, s *Service) (primary *Interface, err error) {
	for i, want := range in.Interfaces {
		zone := ""
		if i > 0 {
			zone = primary.Zone
		}
		var n *Interface
		switch {
		case want.Existing != "":
			n, err = p.attach(AttachInput{Interface: want.Existing, Owner: instance, Zone: zone, Index: want.Create.Index})
		default:
			if err = p.checkZone(want.Create.Subnet, in.Zone, zone); err != nil {
				return nil, err
			}
			create := want.Create
			create.Owner, create.Kind = instance, vpc.InstanceInterface
			n, err = p.createInterface(create, s.public.addresses)
		}
		if err != nil {
			return nil, err
		}
		if i == 0 {
			primary = n
		}
	}
	return primary, nil
}

// checkZone refuses a subnet in another zone than the request names, or than the primary interface is in.
func (p *plan) checkZone(id, asked, primary string) error {
	subnet, err := p.Subnet(p.scope, id)
	switch {
	case err != nil:
		return err
	case primary != "" && subnet.Zone != primary:
		return refuse(fault.Invalid, "InvalidParameterCombination",
			"You may not attach a network interface to an instance if they are not in the same availability zone")
	case primary == "" && asked != "" && subnet.Zone != asked:
		return invalidValue("Value (%s) for parameter availabilityZone is invalid. The subnet '%s' is in %s.",
			asked, subnet.ID, subnet.Zone)
	}
	return nil
}

// release lets go of the interfaces of an instance or node that is no more.
func (p *plan) release(owner string) {
	for _, n := range slices.Clone(p.InterfacesOf(owner)) {
		switch {
		case managed(n): // its endpoint or gateway lets go of it
		case n.Attachment.DeleteOnTermination:
			p.dropInterface(n)
		default:
			free := *n
			free.Attachment, free.Detached = nil, n.Attachment
			p.put(&free)
		}
	}
}
