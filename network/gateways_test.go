package network_test

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"postern/aws/fault"
	"postern/network"
	"postern/network/vpc"
	"postern/record"
)

// gatewayNetwork is a network whose public addresses and NAT gateways come and go.
type gatewayNetwork struct {
	t       *rapid.T
	store   *record.Memory
	clock   time.Time
	s       *network.Service
	vpc     string
	subnets []string
	gateway string
}

func (r *gatewayNetwork) open() *network.Service {
	s, err := network.New(r.t.Context(), network.Config{Store: r.store, Now: func() time.Time { return r.clock }})
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

func newGateways(t *rapid.T) *gatewayNetwork {
	r := &gatewayNetwork{t: t, store: new(record.Memory), clock: time.Unix(1_800_000_000, 0)}
	r.s = r.open()
	v, err := r.s.CreateVpc(t.Context(), here, network.CreateVpcInput{CIDR: netip.MustParsePrefix("10.0.0.0/16")})
	if err != nil {
		t.Fatal(err)
	}
	r.vpc = v.ID
	for i := range 2 {
		n, err := r.s.CreateSubnet(t.Context(), here, network.CreateSubnetInput{
			VPC: v.ID, CIDR: netip.MustParsePrefix(fmt.Sprintf("10.0.%d.0/24", i)),
		})
		if err != nil {
			t.Fatal(err)
		}
		r.subnets = append(r.subnets, n.ID)
	}
	g, err := r.s.CreateInternetGateway(t.Context(), here, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.gateway = g.ID
	return r
}

func draw[T any](r *gatewayNetwork, all func(func(T) bool), id func(T) string) string {
	ids := []string{"none"}
	for x := range all {
		ids = append(ids, id(x))
	}
	return rapid.SampledFrom(ids).Draw(r.t, "id")
}

func (r *gatewayNetwork) eip() string {
	return draw(r, r.s.State().ElasticIPs(here), func(e *network.ElasticIP) string { return e.ID })
}

func (r *gatewayNetwork) eni() string {
	return draw(r, r.s.State().Interfaces(here), func(n *network.Interface) string { return n.ID })
}

func (r *gatewayNetwork) nat() string {
	return draw(r, r.s.State().NATGateways(here), func(g *network.NATGateway) string { return g.ID })
}

// step does one thing.
func (r *gatewayNetwork) step() error {
	ctx := r.t.Context()
	yes := rapid.Bool().Draw(r.t, "yes")
	subnet := rapid.SampledFrom(r.subnets).Draw(r.t, "subnet")
	switch rapid.IntRange(0, 11).Draw(r.t, "step") {
	case 0:
		return second(r.s.AllocateAddress(ctx, here, nil))
	case 1, 2:
		return second(r.s.AssociateAddress(ctx, here, network.AssociateAddressInput{
			Allocation: r.eip(), Interface: r.eni(), Stay: yes,
		}))
	case 3:
		id := draw(r, r.s.State().ElasticIPs(here), func(e *network.ElasticIP) string { return e.Association })
		return r.s.DisassociateAddress(ctx, here, id)
	case 4:
		return r.s.ReleaseAddress(ctx, here, r.eip())
	case 5, 6:
		in := network.CreateNATGatewayInput{Subnet: subnet, Private: yes}
		if !yes {
			in.Allocation = r.eip()
		}
		return second(r.s.CreateNATGateway(ctx, here, in))
	case 7:
		return r.s.DeleteNATGateway(ctx, here, r.nat())
	case 8:
		return second(r.s.CreateInterface(ctx, here, network.CreateInterfaceInput{Subnet: subnet, Public: &yes}))
	case 9:
		return r.s.DeleteInterface(ctx, here, r.eni())
	case 10:
		if yes {
			return r.s.AttachInternetGateway(ctx, here, r.gateway, r.vpc)
		}
		return r.s.DetachInternetGateway(ctx, here, r.gateway, r.vpc)
	}
	r.clock = r.clock.Add(20 * time.Minute)
	return r.s.Reconcile(ctx)
}

// whole holds what must be: an address belongs to one interface, and both know it; a working NAT gateway has its
// interface and address, and one that has ended has neither.
func (r *gatewayNetwork) whole() error {
	s := r.s.State()
	holders := map[netip.Addr]string{}
	for n := range s.Interfaces(here) {
		if n.Public == nil {
			continue
		}
		if other := holders[n.Public.Address]; other != "" {
			return fmt.Errorf("%s and %s both have %s", n.ID, other, n.Public.Address)
		}
		holders[n.Public.Address] = n.ID
		if n.Public.Allocation == "" {
			continue
		}
		e, err := s.ElasticIP(here, n.Public.Allocation)
		if err != nil || e.Interface != n.ID || e.Association != n.Public.ID || e.Address != n.Public.Address {
			return fmt.Errorf("%s has %+v, which is %+v", n.ID, n.Public, e)
		}
	}
	for e := range s.ElasticIPs(here) {
		if holders[e.Address] != e.Interface || (e.Interface == "") != (e.Association == "") {
			return fmt.Errorf("%+v belongs to %q", e, holders[e.Address])
		}
	}
	for g := range s.NATGateways(here) {
		_, err := s.Interface(here, g.Interface)
		if works := g.State == network.Available; works != (err == nil) || works && !g.Private &&
			holders[g.Public] != g.Interface || works != g.Ended.IsZero() {
			return fmt.Errorf("%+v, its interface: %w", g, err)
		}
		if !g.Ended.IsZero() && r.clock.Sub(g.Ended) > 80*time.Minute {
			return fmt.Errorf("%s ended at %s and is still there at %s", g.ID, g.Ended, r.clock)
		}
	}
	return nil
}

// TestPublicAddressesInAnyOrder: whatever comes in whatever order, everything is whole, and what is stored is what is
// shown.
func TestPublicAddressesInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := newGateways(t)
		for range rapid.IntRange(1, 50).Draw(t, "steps") {
			err := r.step()
			if f := fault.Of(err); f != nil && (f.Code == "" && f.Kind != fault.NotImplemented || f.Kind == fault.Internal) {
				t.Fatalf("%v has no code", err)
			}
			if err := r.whole(); err != nil {
				t.Fatal(err)
			}
		}
		if shown, read := r.s.Snapshot().Network(), r.open().Snapshot().Network(); !cmp.Equal(shown, read, comparable...) {
			t.Fatalf("stored (-shown +read):\n%s", cmp.Diff(shown, read, comparable...))
		}
	})
}

// TestOneAddressForMany: of many that want one Elastic IP address at once, the last has it, and it alone.
func TestOneAddressForMany(t *testing.T) {
	l := newHarness(t, network.Limits{})
	g := must(l.CreateInternetGateway(l.ctx, here, nil))(t)
	if err := l.AttachInternetGateway(l.ctx, here, g.ID, l.vpc); err != nil {
		t.Fatal(err)
	}
	e := must(l.AllocateAddress(l.ctx, here, nil))(t)
	var wanting sync.WaitGroup
	failures := make(chan error, 20)
	for i := range 20 {
		n := l.node(fmt.Sprintf("i-%d", i))
		wanting.Go(func() {
			_, err := l.AssociateAddress(l.ctx, here, network.AssociateAddressInput{Allocation: e.ID, Interface: n.ID})
			failures <- err
		})
	}
	wanting.Wait()
	close(failures)
	var all error
	for err := range failures {
		all = errors.Join(all, err)
	}
	if all != nil {
		t.Error(all)
	}
	have := 0
	for n := range l.Snapshot().Interfaces() {
		if n.Public == e.Address && n.Kind == vpc.InstanceInterface {
			have++
		}
	}
	if have != 1 {
		t.Errorf("%d interfaces have %s", have, e.Address)
	}
}
