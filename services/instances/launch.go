package instances

import (
	"context"
	"errors"
	"net/netip"

	"postern/aws/arn"
	"postern/aws/consent"
	"postern/aws/fault"
	"postern/aws/scope"
	"postern/network"
	"postern/services/compute"
)

// Launch asks for new instances.
type Launch struct {
	// Instance says what each of them is. Its IDs and Placements are left to the Service; with its Token the same Launch
	// is made once.
	Instance compute.Launch
	// Count is how many they are.
	Count int
	// Interfaces are the network interfaces of each; the first is the primary one.
	Interfaces []network.PlacedInterface
	// Zone is the zone that a new primary interface must be in, empty for any.
	Zone string
}

// Launch makes instances with their network interfaces, and boots them in the background. It changes the network first
// and the instances then. Where the second fails, the first is undone; where that fails too, or the server ends between
// them, a Launch with the same token goes on with the interfaces that are there, and without one ReleaseOrphans takes
// them away.
func (s *Service) Launch(ctx context.Context, in Launch) ([]compute.Instance, error) {
	c, token := in.Instance.Scope, in.Instance.Token
	if token != "" { // two with one token must not both find that nothing was made
		defer s.locks.lock("launch/" + c.Account + "/" + c.Region + "/" + token)()
	}
	s.launching.RLock()
	defer s.launching.RUnlock()
	place := network.PlaceInput{Interfaces: in.Interfaces, Zone: in.Zone, Token: token, Request: in}
	before, err := s.network.PlacedBefore(ctx, c, place)
	if err != nil {
		return nil, err
	}
	if made := s.launched(c, before); len(made) > 0 {
		return made, nil
	}
	if image := in.Instance.Image; image != "" {
		if _, err := s.compute.Image(c, image); err != nil {
			return nil, err
		}
	}
	for range in.Count {
		place.Instances = append(place.Instances, compute.NewInstanceID())
	}
	making(ctx, c, place.Instances)
	placed, err := s.network.Place(ctx, c, place)
	if err != nil {
		return nil, err
	}
	made, err := s.boot(ctx, in.Instance, placed)
	if err != nil {
		return nil, errors.Join(err, s.withdraw(ctx, c, placed, token))
	}
	return made, nil
}

// launched returns those of the instances that there are.
func (s *Service) launched(c scope.Scope, ids []string) (out []compute.Instance) {
	for _, id := range ids {
		if i, err := s.compute.Instance(c, id); err == nil {
			out = append(out, i)
		}
	}
	return out
}

// making says that the request makes instances, before they are there: their interfaces name them.
func making(ctx context.Context, c scope.Scope, ids []string) {
	for _, id := range ids {
		consent.Making(ctx, arn.New("ec2", c.Region, c.Account, "instance/"+id).String())
	}
}

func (s *Service) boot(ctx context.Context, l compute.Launch, placed []network.Placed) ([]compute.Instance, error) {
	for _, x := range placed {
		at, err := s.placement(l.Scope, x.Interface)
		if err != nil {
			return nil, err
		}
		l.IDs, l.Placements = append(l.IDs, x.Instance), append(l.Placements, at)
	}
	return s.compute.Launch(ctx, l)
}

// placement says what an instance has to know of its primary interface.
func (s *Service) placement(c scope.Scope, n *network.Interface) (compute.Placement, error) {
	subnet, err := s.network.State().Subnet(c, n.Subnet)
	if err != nil {
		return compute.Placement{}, err
	}
	return compute.Placement{
		Interface: n.ID,
		VPC:       n.VPC,
		Subnet:    n.Subnet,
		Zone:      n.Zone,
		Address:   netip.PrefixFrom(n.Addresses[0], subnet.CIDR.Bits()),
		Gateway:   subnet.CIDR.Addr().Next(),
		Resolver:  s.network.Snapshot().ResolverAddress(n.VPC),
		Hostname:  network.HostName(n.Addresses[0]),
		Domain:    network.HostDomain(n.Region),
	}, nil
}

func (s *Service) withdraw(ctx context.Context, c scope.Scope, placed []network.Placed, token string) error {
	var ids []string
	for _, x := range placed {
		ids = append(ids, x.Instance)
	}
	return s.network.Withdraw(context.WithoutCancel(ctx), c, ids, token)
}

// CheckCount refuses more instances than can be asked for at once.
func CheckCount(least, most int) error {
	if least < 1 || most < least {
		return fault.New(fault.Invalid, "instances.Launch",
			"Value (%d) for parameter minCount is invalid. Expected an integer from 1 to maxCount (%d).", least, most).
			WithCode("InvalidParameterValue")
	}
	return nil
}
