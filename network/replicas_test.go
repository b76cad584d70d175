package network_test

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"postern/network"
	"postern/network/vpc"
	"postern/record"
)

// TestSequence draws verbs on two servers with one store. After each of them the snapshots of both, made of the ones
// before, hold and decide what one does that is made from nothing.
func TestSequence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		one := &machine{t: t, store: new(record.Memory)}
		one.s = one.open()
		two := &machine{t: t, store: one.store}
		two.s = two.open()
		both := []*machine{one, two}
		for range rapid.IntRange(1, 25).Draw(t, "verbs") {
			m := rapid.SampledFrom(both).Draw(t, "server")
			name := rapid.SampledFrom(verbNames).Draw(t, "verb")
			_ = m.verbs()[name]() // refused or not
			made := one.open().Snapshot()
			for i, m := range both {
				if err := m.s.Refresh(t.Context()); err != nil {
					t.Fatal(err)
				}
				if diff := differs(m.s.Snapshot(), made); diff != "" {
					t.Fatalf("server %d after %s (-its snapshot +one from nothing):\n%s", i+1, name, diff)
				}
			}
		}
	})
}

// differs compares what two snapshots hold and what they decide.
func differs(a, b *vpc.Snapshot) string {
	n := b.Network()
	if diff := cmp.Diff(a.Network(), n, comparable...); diff != "" {
		return diff
	}
	for _, from := range n.Interfaces {
		for _, flow := range flowsOf(from, &n) {
			if x, y := verdict(a, flow), verdict(b, flow); x != y {
				return fmt.Sprintf("%v\n- %s\n+ %s", flow, x, y)
			}
		}
		for _, name := range namesOf(&n) {
			x, y := a.Resolve(from.VPC, name, vpc.TypeA), b.Resolve(from.VPC, name, vpc.TypeA)
			if fmt.Sprintf("%+v", x) != fmt.Sprintf("%+v", y) {
				return fmt.Sprintf("%s in %s\n- %+v\n+ %+v", name, from.VPC, x, y)
			}
		}
	}
	return ""
}

// flowsOf are flows from an interface to every other, to the Internet and to S3.
func flowsOf(from vpc.Interface, n *vpc.Network) []vpc.Flow {
	to := []netip.Addr{netip.MustParseAddr("198.18.0.2"), netip.MustParseAddr("52.216.0.1")}
	for _, other := range n.Interfaces {
		to = append(to, other.Addresses[0])
	}
	flows := make([]vpc.Flow, len(to))
	for i, a := range to {
		flows[i] = vpc.Flow{
			From: from.ID, Protocol: vpc.TCP,
			Source: netip.AddrPortFrom(from.Addresses[0], 40000), Destination: netip.AddrPortFrom(a, 443),
		}
	}
	return flows
}

func namesOf(n *vpc.Network) []string {
	names := []string{"ssm.us-east-1.amazonaws.com.", "kms.us-east-1.amazonaws.com."}
	for _, e := range n.Endpoints {
		if e.Name != "" {
			names = append(names, e.Name+".")
		}
	}
	return names
}

func verdict(s *vpc.Snapshot, f vpc.Flow) string { return fmt.Sprintf("%+v", s.Decide(f)) }

// TestTwoServers has two servers change some networks at once. When both have heard of everything, their snapshots hold
// what one does that is made from nothing.
func TestTwoServers(t *testing.T) {
	l := newHarness(t, network.Limits{})
	servers := []*network.Service{l.Service, l.open(network.Limits{})}
	const writers, each = 8, 6
	var all sync.WaitGroup
	for w := range writers {
		s := servers[w%2]
		all.Go(func() {
			if err := changeOne(l, s, w, each); err != nil {
				t.Errorf("writer %d: %v", w, err)
			}
		})
	}
	all.Wait()
	made := l.open(network.Limits{})
	for i, s := range servers {
		if err := s.Refresh(l.ctx); err != nil {
			t.Fatal(err)
		}
		if diff := differs(s.Snapshot(), made.Snapshot()); diff != "" {
			t.Errorf("server %d (-its snapshot +one from nothing):\n%s", i+1, diff)
		}
	}
	if n := len(made.Snapshot().Network().Interfaces); n != writers*each {
		t.Errorf("%d interfaces, want %d", n, writers*each)
	}
}

// changeOne makes a VPC, peers it with the common one and fills it.
func changeOne(l *harness, s *network.Service, w, interfaces int) error {
	block := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(100 + w), 0, 0}), 16)
	v, err := s.CreateVpc(l.ctx, here, network.CreateVpcInput{CIDR: block})
	if err != nil {
		return err
	}
	n, err := s.CreateSubnet(l.ctx, here, network.CreateSubnetInput{VPC: v.ID, CIDR: netip.PrefixFrom(block.Addr(), 24)})
	if err != nil {
		return err
	}
	pcx, err := s.CreatePeering(l.ctx, here, network.CreatePeeringInput{Requester: v.ID, Accepter: l.vpc})
	if err != nil {
		return err
	}
	if _, err := s.AcceptPeering(l.ctx, here, pcx.ID); err != nil {
		return err
	}
	group, err := s.State().GroupNamed(here, v.ID, "default")
	if err != nil {
		return err
	}
	for i := range interfaces {
		port := vpc.PortRange{From: int32(i + 1), To: 443}
		rule := network.SecurityGroupRule{Protocol: vpc.TCP, Ports: port, CIDR: cidr("10.0.0.0/8")}
		if _, err := s.CreateInterface(l.ctx, here, network.CreateInterfaceInput{Subnet: n.ID}); err != nil {
			return err
		}
		if _, err := s.Authorize(l.ctx, here, group.ID, false, []network.SecurityGroupRule{rule}, nil); err != nil {
			return err
		}
	}
	return nil
}

// TestRefreshSeesDeletions: what another server deletes is gone from this one's state and snapshot, and what it tags is
// tagged, though tags make no snapshot.
func TestRefreshSeesDeletions(t *testing.T) {
	l := newHarness(t, network.Limits{})
	nic := l.node("i-1")
	other := l.open(network.Limits{})
	if err := other.ReleaseOwner(l.ctx, "i-1"); err != nil {
		t.Fatal(err)
	}
	if err := other.CreateTags(l.ctx, here, []string{l.vpc}, []network.Tag{{Key: "Name", Value: "x"}}); err != nil {
		t.Fatal(err)
	}
	if _, ok := l.Snapshot().Interface(nic.ID); !ok {
		t.Error("the interface went before anybody looked")
	}
	var changed []vpc.Changed
	l.Subscribe(func(s *vpc.Snapshot) { changed = append(changed, s.Changed()) })
	if err := l.Refresh(l.ctx); err != nil {
		t.Fatal(err)
	}
	if _, ok := l.Snapshot().Interface(nic.ID); ok {
		t.Error("the interface is still before the judge")
	}
	if name, _ := must(l.State().VPC(here, l.vpc))(t).Tag("Name"); name != "x" {
		t.Errorf("the VPC's name is %q", name)
	}
	if len(changed) != 2 || changed[1].All || len(changed[1].VPCs) != 1 || changed[1].VPCs[0] != l.vpc {
		t.Errorf("the snapshots say that they changed %+v", changed)
	}
}
