package fabric_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"postern/network/fabric"
	"postern/network/fabric/fabrictest"
	"postern/network/vpc"
	"postern/network/vpc/vpctest"
)

// many runs four VPCs with three interfaces each on a fabric, the first two of them peered, and the last two.
type many struct {
	*harness
	wires map[string]*fabrictest.Wire
	// rejudged is the fabric's counter when it was last read.
	rejudged uint64
}

func newMany(t *testing.T) *many {
	m := &many{harness: bareHarness(t, fabric.Options{}), wires: map[string]*fabrictest.Wire{}}
	m.apply(func(n *vpc.Network) { *n = vpctest.Many(4, 3) })
	for _, c := range m.network.Interfaces {
		m.wires[c.ID] = fabrictest.NewWire(1500)
		m.Attach(c.ID, m.wires[c.ID])
	}
	return m
}

// pair is a conversation between two interfaces, each named by its VPC and its number.
type pair struct{ v, n, w, k int }

func (p pair) ends() (from, to netip.AddrPort) {
	return netip.AddrPortFrom(vpctest.ManyAddress(p.v, p.n), 1000), netip.AddrPortFrom(vpctest.ManyAddress(p.w, p.k), 2000)
}

// packet sends a datagram from the pair's first interface, and reports whether it arrived at the second.
func (m *many) packet(p pair) bool {
	from, to := p.ends()
	m.wires[fmt.Sprintf("eni-%d-%d", p.v, p.n)].Put(udp(from, to, "x"))
	return len(m.wires[fmt.Sprintf("eni-%d-%d", p.w, p.k)].Take()) == 1
}

// answer sends a datagram back.
func (m *many) answer(p pair) bool {
	from, to := p.ends()
	m.wires[fmt.Sprintf("eni-%d-%d", p.w, p.k)].Put(udp(to, from, "x"))
	return len(m.wires[fmt.Sprintf("eni-%d-%d", p.v, p.n)].Take()) == 1
}

// judgedAgain returns how often flows were judged again since the last time.
func (m *many) judgedAgain() uint64 {
	last := m.rejudged
	m.rejudged = m.Stats().Rejudged
	return m.rejudged - last
}

// TestApplyJudgesAgainWhatChanged: a change of one VPC is in force with the next packet of its flows, those with peered
// VPCs among them, and flows between other VPCs are not judged again.
func TestApplyJudgesAgainWhatChanged(t *testing.T) {
	within, across, elsewhere := pair{0, 0, 0, 1}, pair{0, 0, 1, 0}, pair{2, 0, 3, 0}
	acl := func(v int) func(*vpc.Network) {
		return func(n *vpc.Network) {
			n.ACLs[v].Entries = []vpc.ACLEntry{
				{
					Number: 1, Protocol: vpc.UDP, CIDR: netip.MustParsePrefix("10.0.0.0/8"),
					Ports: vpc.PortRange{From: 2000, To: 2000},
				},
				n.ACLs[v].Entries[0], n.ACLs[v].Entries[1],
			}
		}
	}
	for _, tt := range []struct {
		name    string
		change  func(*vpc.Network)
		refused []pair
		// again counts how often flows were judged again by one packet of each.
		again uint64
	}{
		{"nothing", func(*vpc.Network) {}, nil, 0},
		{"the ACL of the sender's VPC", acl(0), nil, 2},
		{"the ACL of the receiver's VPC", acl(1), []pair{across}, 1},
		{"the ACL of another VPC", acl(3), []pair{elsewhere}, 1},
		{"the peering", func(n *vpc.Network) { n.Peerings[0].Active = false }, []pair{across}, 2},
		{"the Internet", func(n *vpc.Network) { n.Internet = new(vpc.Internet) }, nil, 3},
		{"a group, which established flows do not ask", func(n *vpc.Network) { n.SecurityGroups[0].Rules = nil }, nil, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newMany(t)
			flows := []pair{within, across, elsewhere}
			for _, p := range flows {
				if !m.packet(p) || !m.answer(p) {
					t.Fatalf("%v does not pass", p)
				}
			}
			m.judgedAgain()
			m.apply(tt.change)
			for range 3 { // the second and third packet find what the first did
				for _, p := range flows {
					if passed := m.packet(p); passed == slices.Contains(tt.refused, p) {
						t.Errorf("%v passes: %t", p, passed)
					}
				}
			}
			if got := m.judgedAgain(); got != tt.again {
				t.Errorf("judged again %d times, want %d", got, tt.again)
			}
		})
	}
}

// TestApplySkipsSnapshots: what changed in a snapshot that was never applied is in force with the next that is.
func TestApplySkipsSnapshots(t *testing.T) {
	m := newMany(t)
	across, elsewhere := pair{0, 0, 1, 0}, pair{2, 0, 3, 0}
	for _, p := range []pair{across, elsewhere} {
		if !m.packet(p) {
			t.Fatalf("%v does not pass", p)
		}
	}
	skipped, err := m.snapshot.With(90, nil, vpc.Shared{Gone: []string{"pcx-0"}})
	if err != nil {
		t.Fatal(err)
	}
	next, err := skipped.With(91, nil, vpc.Shared{
		Peerings: []vpc.Peering{{ID: "pcx-9", Requester: "vpc-8", Accepter: "vpc-9"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	m.Apply(next)
	if m.packet(across) || !m.packet(elsewhere) {
		t.Error("the change that was skipped is not in force")
	}
	if got := m.judgedAgain(); got != 1 {
		t.Errorf("judged again %d times, want 1", got)
	}
}

// TestApplyOfAnotherHistory: a snapshot that was not made from the one in force may say anything.
func TestApplyOfAnotherHistory(t *testing.T) {
	m := newMany(t)
	if !m.packet(pair{0, 0, 0, 1}) {
		t.Fatal("does not pass")
	}
	n := vpctest.Many(4, 3)
	n.RouteTables[0].Routes = []vpc.Route{
		{Destination: netip.MustParsePrefix("0.0.0.0/0"), Target: vpc.Target{Kind: vpc.Blackhole}},
	}
	n.Interfaces[1].Addresses[0] = vpctest.ManyAddress(0, 9)
	s, err := vpc.NewSnapshot(1, n)
	if err != nil {
		t.Fatal(err)
	}
	m.Apply(s)
	if m.packet(pair{0, 0, 0, 1}) {
		t.Error("a packet arrives at an address that its interface has no more")
	}
}

// TestInterfaceComesAfterItsLink: a link that is attached before its interface is there works as soon as it is, and
// again when the interface returns in another VPC.
func TestInterfaceComesAfterItsLink(t *testing.T) {
	m := newMany(t)
	late := fabrictest.NewWire(1500)
	m.Attach("eni-0-3", late)
	m.wires["eni-0-3"] = late
	if m.packet(pair{0, 3, 0, 0}) {
		t.Fatal("a packet of an unknown interface passed")
	}
	add := func(v int) func(*vpc.Network) {
		return func(n *vpc.Network) {
			c := n.Interfaces[3*v]
			c.ID, c.Owner, c.Addresses = "eni-0-3", "i-late", []netip.Addr{vpctest.ManyAddress(v, 3)}
			n.Interfaces = append(n.Interfaces, c)
		}
	}
	m.apply(add(0))
	if !m.packet(pair{0, 3, 0, 0}) {
		t.Error("no packet passes once the interface is there")
	}
	m.apply(func(n *vpc.Network) { n.Interfaces = n.Interfaces[:12] })
	if m.packet(pair{0, 3, 0, 0}) || m.Stats().Flows != 0 {
		t.Error("a flow outlives its interface")
	}
	m.apply(add(2))
	from, to := netip.AddrPortFrom(vpctest.ManyAddress(2, 3), 1), netip.AddrPortFrom(vpctest.ManyAddress(2, 0), 2)
	late.Put(udp(from, to, "x"))
	if len(m.wires["eni-2-0"].Take()) != 1 {
		t.Error("no packet passes in the other VPC")
	}
	m.apply(func(n *vpc.Network) { n.SecurityGroups[2].Rules = nil })
	late.Put(udp(netip.AddrPortFrom(from.Addr(), 3), to, "x"))
	if len(m.wires["eni-2-0"].Take()) != 0 {
		t.Error("the rules of the other VPC are not in force")
	}
}

// TestAddressesChangeAndGo: an interface whose addresses change loses its conversations, and those that it begins then
// end with it.
func TestAddressesChangeAndGo(t *testing.T) {
	m := newMany(t)
	if !m.packet(pair{0, 0, 0, 1}) {
		t.Fatal("does not pass")
	}
	m.apply(func(n *vpc.Network) { n.Interfaces[0].Addresses = []netip.Addr{vpctest.ManyAddress(0, 8)} })
	if n := m.Stats().Flows; n != 0 {
		t.Errorf("%d flows of the old address", n)
	}
	from, to := netip.AddrPortFrom(vpctest.ManyAddress(0, 8), 1), netip.AddrPortFrom(vpctest.ManyAddress(0, 1), 2)
	m.wires["eni-0-0"].Put(udp(from, to, "x"))
	if len(m.wires["eni-0-1"].Take()) != 1 {
		t.Error("no packet passes from the new address")
	}
	m.apply(func(n *vpc.Network) { n.Interfaces = n.Interfaces[1:] })
	if n := m.Stats().Flows; n != 0 {
		t.Errorf("%d flows of an interface that is gone", n)
	}
}

// TestEndpointLeavesInSteps: an endpoint that is first unavailable and then gone leaves nothing: its listener is
// closed, and another endpoint can have its address.
func TestEndpointLeavesInSteps(t *testing.T) {
	l := bareHarness(t, fabric.Options{})
	at, err := l.Listen("eni-ssm-a", 443)
	if err != nil {
		t.Fatal(err)
	}
	l.apply(func(n *vpc.Network) { n.Endpoints[0].Available = false })
	l.apply(func(n *vpc.Network) {
		n.Endpoints = n.Endpoints[1:]
		n.Interfaces = slices.DeleteFunc(n.Interfaces, func(c vpc.Interface) bool { return c.Owner == "vpce-ssm" })
	})
	if _, err := at.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept: %v, want %v", err, net.ErrClosed)
	}
	l.apply(func(n *vpc.Network) {
		n.Interfaces = slices.Clone(n.Interfaces)
		for i := range n.Interfaces {
			if n.Interfaces[i].ID == "eni-ssmmessages-a" {
				n.Interfaces[i].Addresses = []netip.Addr{ssmA.Addr()}
			}
		}
	})
	l.listen("eni-ssmmessages-a")
	echoes(t, dial(t, l.node(), ssmA))
}

// TestVPCGoesAndReturns: a VPC that is gone takes its connections along, and one of the same id begins anew.
func TestVPCGoesAndReturns(t *testing.T) {
	l := newHarness(t, fabric.Options{})
	echoes(t, dial(t, l.node(), ssmA))
	taken := <-l.accepted
	l.apply(func(n *vpc.Network) { *n = vpc.Network{} })
	if _, err := taken.Write([]byte("x")); err == nil {
		t.Error("the endpoint's end of the connection goes on")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := l.Connect(ctx, vpctest.Node, ssmA); err == nil {
		t.Error("Connect from an interface that is gone")
	}
	l.apply(func(n *vpc.Network) { *n = vpctest.Sample() })
	l.listen("eni-ssm-a")
	echoes(t, dial(t, l.node(), ssmA))
}
