package fabric_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"postern/network/fabric"
	"postern/network/fabric/fabrictest"
	"postern/network/fabric/internal/packet"
	"postern/network/link"
	"postern/network/vpc"
	"postern/network/vpc/vpctest"
)

var (
	publicSSM   = netip.AddrPortFrom(vpctest.PublicSSM, 443)
	natPublic   = netip.MustParseAddr("198.19.0.1")
	farPublic   = netip.MustParseAddr("198.19.0.2")
	toEverybody = netip.MustParsePrefix("0.0.0.0/0")
)

// outside is the sample network with both paths out: the node's by a NAT gateway in subnet-b, the attached machine's,
// which is in subnet-b, by an Internet gateway. Behind them echo servers answer for the public services.
func outside(t *testing.T, o fabric.Options) *harness {
	l := newHarness(t, o)
	l.apply(func(n *vpc.Network) {
		addGateways(n)
		l.setPublic(farPublic)
	})
	go func() {
		for {
			c, err := l.Public().Accept()
			if err != nil {
				return
			}
			l.reached <- c.(*fabric.PublicConn)
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	return l
}

// addGateways gives the sample network both paths out.
func addGateways(n *vpc.Network) {
	n.Internet = vpctest.Internet()
	way := func(kind vpc.TargetKind, id string) []vpc.Route {
		return []vpc.Route{{Destination: toEverybody, Target: vpc.Target{Kind: kind, ID: id}}}
	}
	n.RouteTables = []vpc.RouteTable{
		{ID: "rtb-private", VPC: vpctest.VPC, Main: true, Routes: way(vpc.ViaNATGateway, "nat-1")},
		{
			ID: "rtb-public", VPC: vpctest.VPC, Subnets: []string{vpctest.SubnetB}, Routes: way(vpc.ViaInternetGateway, "igw-1"),
		},
	}
	n.NATGateways = []vpc.NATGateway{{
		ID: "nat-1", VPC: vpctest.VPC, Subnet: vpctest.SubnetB, Interface: "eni-nat", Available: true, Public: natPublic,
	}}
	n.Interfaces = append(n.Interfaces, vpc.Interface{
		ID: "eni-nat", VPC: vpctest.VPC, Subnet: vpctest.SubnetB, Kind: vpc.GatewayInterface, Owner: "nat-1",
		Addresses: []netip.Addr{netip.MustParseAddr("10.0.2.250")}, Public: natPublic,
	})
}

// setPublic gives the attached machine's interface another public address.
func (l *harness) setPublic(a netip.Addr) {
	for i := range l.network.Interfaces {
		if l.network.Interfaces[i].ID == vpctest.Attached {
			l.network.Interfaces[i].Public = a
		}
	}
}

func (l *harness) far() *fabrictest.Node {
	return fabrictest.NewNode(l.t, l.Fabric, vpctest.Attached, farAddress, 1500)
}

func TestAlternativePath(t *testing.T) {
	l := outside(t, fabric.Options{})
	for _, row := range []struct {
		name string
		node *fabrictest.Node
		from netip.Addr
	}{{"NAT gateway", l.node(), natPublic}, {"Internet gateway", l.far(), farPublic}} {
		c := dial(t, row.node, publicSSM)
		echoes(t, c)
		got := <-l.reached
		if o := got.Origin(); o.Source.Addr() != row.from || o != (vpc.Origin{Source: o.Source}) {
			t.Errorf("%s: it comes from %+v, want %s and nothing else", row.name, o, row.from)
		}
		if got.RemoteAddr().(*net.TCPAddr).AddrPort().Addr() != row.from {
			t.Errorf("%s: the remote address is %s", row.name, got.RemoteAddr())
		}
		c.Close()
	}
}

// TestMuchGoesOut sends more than fits into one packet, both ways, through links that carry super-segments.
func TestMuchGoesOut(t *testing.T) {
	l := outside(t, fabric.Options{})
	c := dial(t, l.node(), publicSSM)
	<-l.reached
	const size = 4 << 20
	go func() {
		block := make([]byte, 64<<10)
		for i := range block {
			block[i] = byte(i >> 8)
		}
		for range size / len(block) {
			if _, err := c.Write(block); err != nil {
				return
			}
		}
	}()
	c.SetReadDeadline(time.Now().Add(20 * time.Second))
	got := make([]byte, size)
	if n, err := io.ReadFull(c, got); err != nil {
		t.Fatalf("%d bytes came back: %v", n, err)
	}
	for i := range got {
		if got[i] != byte(i%(64<<10)>>8) {
			t.Fatalf("byte %d is damaged", i)
		}
	}
}

// TestNodesShareAPublicAddress: two nodes behind one NAT gateway use the same port of their own.
func TestNodesShareAPublicAddress(t *testing.T) {
	l := outside(t, fabric.Options{})
	l.apply(func(n *vpc.Network) {
		n.Interfaces = append(n.Interfaces, vpc.Interface{
			ID: "eni-second", VPC: vpctest.VPC, Subnet: vpctest.SubnetA, Owner: "i-2", Groups: []string{vpctest.NodeGroup},
			Addresses: []netip.Addr{netip.MustParseAddr("10.0.1.21")},
		})
	})
	second := fabrictest.NewNode(t, l.Fabric, "eni-second", netip.MustParseAddr("10.0.1.21"), 1500)
	ports := map[uint16]bool{}
	for _, n := range []*fabrictest.Node{l.node(), second} {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		c, err := n.DialTCP(ctx, netip.AddrPortFrom(n.Address, 40000), publicSSM)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		echoes(t, c)
		o := (<-l.reached).Origin()
		if o.Source.Addr() != natPublic || ports[o.Source.Port()] {
			t.Errorf("it comes from %s", o.Source)
		}
		ports[o.Source.Port()] = true
	}
	if !ports[40000] {
		t.Error("the first did not keep its port")
	}
}

func TestPathsThatAreNot(t *testing.T) {
	l := outside(t, fabric.Options{})
	node, far := l.node(), l.far()
	for _, to := range []string{"203.0.113.9:443", "198.18.0.1:80", "198.19.0.2:443", "10.0.2.250:443"} {
		timesOut(t, node, netip.MustParseAddrPort(to))
	}
	wants := func(name string, n *fabrictest.Node, reason vpc.Reason) {
		t.Helper()
		before := l.Stats().Dropped[reason.String()]
		timesOut(t, n, publicSSM)
		if l.Stats().Dropped[reason.String()] == before {
			t.Errorf("%s: not dropped for %s: %v", name, reason, l.Stats().Dropped)
		}
	}
	l.apply(func(*vpc.Network) { l.setPublic(netip.Addr{}) })
	wants("no public address", far, vpc.ReasonNoPublicAddress)
	l.apply(func(n *vpc.Network) { n.RouteTables[1].Routes = nil })
	wants("no Internet gateway", far, vpc.ReasonNoRoute)
	wants("a NAT gateway without Internet gateway", node, vpc.ReasonNATRoute)
	l.apply(func(n *vpc.Network) { n.NATGateways[0].Available = false })
	wants("a NAT gateway that is gone", node, vpc.ReasonNATUnavailable)
}

// TestConversationsEndWithTheirPath: a NAT gateway that is deleted, a public address that is taken away.
func TestConversationsEndWithTheirPath(t *testing.T) {
	l := outside(t, fabric.Options{})
	byNAT, byIGW := dial(t, l.node(), publicSSM), dial(t, l.far(), publicSSM)
	echoes(t, byNAT)
	echoes(t, byIGW)
	first, second := <-l.reached, <-l.reached
	l.apply(func(*vpc.Network) { l.setPublic(netip.MustParseAddr("198.19.0.7")) })
	_, _ = byIGW.Write([]byte("more"))
	l.apply(func(n *vpc.Network) {
		n.NATGateways = nil
		n.RouteTables[0].Routes[0].Target.Kind = vpc.Blackhole
	})
	for _, c := range []*fabric.PublicConn{first, second} {
		c.SetReadDeadline(time.Now().Add(5 * time.Second))
		_, err := io.Copy(io.Discard, c)
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			t.Errorf("the connection from %s goes on", c.Remote())
		}
	}
	ends(t, byNAT)
}

func TestRewriteKeepsChecksums(t *testing.T) {
	for _, protocol := range []uint8{packet.TCP, packet.UDP} {
		for _, state := range []link.Checksum{link.ChecksumUnknown, link.ChecksumVerified} {
			p := tcp(40000, publicSSM, synFlag, 7, 0, "odd")
			if protocol == packet.UDP {
				p = udp(netip.AddrPortFrom(nodeAddress, 40000), publicSSM, "odd")
			}
			p.Checksum = state
			h := read(t, p)
			packet.Rewrite(&p, &h, packet.Source, natPublic.As4(), 1024)
			packet.Rewrite(&p, &h, packet.Destination, farPublic.As4(), 65535)
			p.Checksum = link.ChecksumUnknown
			got := read(t, p)
			if got.Source != natPublic.As4() || got.Destination != farPublic.As4() || got.SourcePort != 1024 ||
				got.DestinationPort != 65535 {
				t.Errorf("protocol %d became %+v", protocol, got)
			}
			if !link.Intact(&p) {
				t.Errorf("protocol %d: the checksum is wrong", protocol)
			}
		}
	}
}
