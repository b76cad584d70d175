package fabric_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"postern/aws/fault"
	"postern/network/fabric"
	"postern/network/fabric/fabrictest"
	"postern/network/vpc"
	"postern/network/vpc/vpctest"
)

var (
	inbound = netip.MustParseAddrPort("10.0.2.53:53")
	dnsAt   = netip.AddrPortFrom(farAddress, 53)
)

// withResolver gives the sample an inbound and an outbound Resolver endpoint in subnet-b, whose group allows DNS.
func withResolver(n *vpc.Network) {
	everyone := netip.MustParsePrefix("10.0.0.0/8")
	dns := func(id string, p vpc.Protocol, egress bool) vpc.Rule {
		return vpc.Rule{ID: id, Egress: egress, Protocol: p, Ports: vpc.PortRange{From: 53, To: 53}, CIDR: everyone}
	}
	n.SecurityGroups = append(n.SecurityGroups, vpc.SecurityGroup{ID: "sg-dns", VPC: vpctest.VPC, Rules: []vpc.Rule{
		dns("sgr-1", vpc.UDP, false), dns("sgr-2", vpc.TCP, false), dns("sgr-3", vpc.UDP, true), dns("sgr-4", vpc.TCP, true),
	}})
	n.SecurityGroups[0].Rules = append(
		slices.Clone(n.SecurityGroups[0].Rules), dns("sgr-5", vpc.UDP, false), dns("sgr-6", vpc.TCP, false),
	)
	for _, e := range []struct {
		id, eni, address string
		way              vpc.ResolverDirection
	}{{"rslvr-in-1", "eni-in", "10.0.2.53", vpc.Inbound}, {"rslvr-out-1", "eni-out", "10.0.2.54", vpc.Outbound}} {
		n.Interfaces = append(n.Interfaces, vpc.Interface{
			ID: e.eni, VPC: vpctest.VPC, Subnet: vpctest.SubnetB, Kind: vpc.ResolverInterface, Owner: e.id,
			Groups:    []string{"sg-dns"},
			Addresses: []netip.Addr{netip.MustParseAddr(e.address)},
		})
		n.ResolverEndpoints = append(n.ResolverEndpoints, vpc.ResolverEndpoint{
			ID: e.id, VPC: vpctest.VPC, Direction: e.way, Available: true, Interfaces: []string{e.eni},
		})
	}
}

// withoutResolver takes the sample's Resolver endpoints away.
func withoutResolver(n *vpc.Network) {
	n.ResolverEndpoints, n.SecurityGroups = nil, n.SecurityGroups[:2]
	n.Interfaces = slices.DeleteFunc(slices.Clone(n.Interfaces), func(i vpc.Interface) bool {
		return i.Kind == vpc.ResolverInterface
	})
}

// question asks over UDP and returns what came back.
func question(t *testing.T, n *fabrictest.Node, to netip.AddrPort, patience time.Duration) (string, error) {
	t.Helper()
	u, err := n.DialUDP(netip.AddrPort{}, to)
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	if _, err := u.Write([]byte("query")); err != nil {
		t.Fatal(err)
	}
	u.SetReadDeadline(time.Now().Add(patience))
	b := make([]byte, 100)
	k, err := u.Read(b)
	return string(b[:k]), err
}

func TestInboundEndpointTakesQuestions(t *testing.T) {
	l := newHarness(t, fabric.Options{})
	answer(t, l.Fabric)
	l.apply(withResolver)
	n := l.node()
	for range 3 {
		if got, err := question(t, n, inbound, 5*time.Second); err != nil || got != vpctest.Node+" query" {
			t.Errorf("over UDP: %q, %v", got, err)
		}
	}
	if got := l.Stats().Flows; got != 0 {
		t.Errorf("%d flows are kept of questions that were answered", got)
	}
	c := dial(t, n, inbound)
	c.SetReadDeadline(time.Now().Add(5 * time.Second))
	if b, err := io.ReadAll(c); err != nil || string(b) != vpctest.Node {
		t.Errorf("over TCP: %q, %v", b, err)
	}
	timesOut(t, n, netip.AddrPortFrom(inbound.Addr(), 443))

	l.apply(func(n *vpc.Network) { // an ACL that lets questions in and no answer out
		n.ACLs = append(n.ACLs, vpc.ACL{ID: "acl-b", VPC: vpctest.VPC, Subnets: []string{vpctest.SubnetB},
			Entries: []vpc.ACLEntry{
				{Number: 1, Allow: true, Protocol: vpc.AllProtocols, CIDR: netip.MustParsePrefix("0.0.0.0/0")},
			}})
	})
	if got, err := question(t, n, inbound, 100*time.Millisecond); err == nil {
		t.Errorf("the answer %q passes an ACL that denies it", got)
	}
	l.apply(func(n *vpc.Network) { n.ACLs = n.ACLs[:1] })
	if got, err := question(t, n, inbound, 5*time.Second); err != nil {
		t.Errorf("after the ACL: %q, %v", got, err)
	}
	l.apply(func(n *vpc.Network) { n.SecurityGroups[2].Rules = nil })
	if got, err := question(t, n, inbound, 100*time.Millisecond); err == nil {
		t.Errorf("the answer %q without a rule of the group", got)
	}
	l.apply(withoutResolver)
	if got, err := question(t, n, inbound, 100*time.Millisecond); err == nil {
		t.Errorf("the answer %q of an endpoint that is gone", got)
	}
	l.apply(withResolver) // the address is another interface's now
	l.apply(func(n *vpc.Network) {
		for i := range n.Interfaces {
			if n.Interfaces[i].ID == "eni-in" {
				n.Interfaces[i].ID, n.ResolverEndpoints[0].Interfaces = "eni-in-again", []string{"eni-in-again"}
			}
		}
	})
	if got, err := question(t, n, inbound, 5*time.Second); err != nil {
		t.Errorf("made again: %q, %v", got, err)
	}
	c = dial(t, n, inbound)
	c.SetReadDeadline(time.Now().Add(5 * time.Second))
	if b, err := io.ReadAll(c); err != nil || string(b) != vpctest.Node {
		t.Errorf("made again, over TCP: %q, %v", b, err)
	}
}

// TestInboundEndpointKnowsWhoAsksAndForWhom: questions over a peering are answered for the endpoint's VPC.
func TestInboundEndpointKnowsWhoAsksAndForWhom(t *testing.T) {
	l := newHarness(t, fabric.Options{})
	l.apply(withResolver)
	l.apply(func(n *vpc.Network) {
		n.VPCs = append(n.VPCs, vpc.VPC{
			ID: "vpc-2", CIDRs: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}, DNSSupport: true,
		})
		n.Subnets = append(n.Subnets, vpc.Subnet{ID: "subnet-far", VPC: "vpc-2", CIDR: netip.MustParsePrefix("10.1.1.0/24")})
		n.Peerings = []vpc.Peering{{ID: "pcx-1", Requester: vpctest.VPC, Accepter: "vpc-2", Active: true}}
		route := func(id, v, to string) vpc.RouteTable {
			return vpc.RouteTable{ID: id, VPC: v, Main: true, Routes: []vpc.Route{
				{Destination: netip.MustParsePrefix(to), Target: vpc.Target{Kind: vpc.ViaPeering, ID: "pcx-1"}},
			}}
		}
		n.RouteTables = []vpc.RouteTable{
			route(vpctest.RouteTable, vpctest.VPC, "10.1.0.0/16"), route("rtb-2", "vpc-2", "10.0.0.0/16"),
		}
		n.SecurityGroups = append(n.SecurityGroups, vpc.SecurityGroup{ID: "sg-far", VPC: "vpc-2", Rules: []vpc.Rule{
			{ID: "sgr-far", Egress: true, Protocol: vpc.AllProtocols, CIDR: netip.MustParsePrefix("0.0.0.0/0")},
		}})
		n.Interfaces = append(n.Interfaces, vpc.Interface{
			ID: "eni-far", VPC: "vpc-2", Subnet: "subnet-far", Owner: "i-far", Groups: []string{"sg-far"},
			Addresses: []netip.Addr{netip.MustParseAddr("10.1.1.20")},
		})
	})
	packets, _ := l.Resolver()
	origins := make(chan vpc.Origin, 4)
	go func() {
		b := make([]byte, 100)
		for {
			n, from, err := packets.ReadFrom(b)
			if err != nil {
				return
			}
			origins <- from.(*fabric.Peer).Origin()
			_, _ = packets.WriteTo(b[:n], from)
		}
	}()
	far := fabrictest.NewNode(t, l.Fabric, "eni-far", netip.MustParseAddr("10.1.1.20"), 9001)
	if got, err := question(t, far, inbound, 5*time.Second); err != nil || got != "query" {
		t.Fatalf("over the peering: %q, %v", got, err)
	}
	o := <-origins
	if o.Interface != "eni-far" || o.VPC != "vpc-2" || o.EndpointVPC != vpctest.VPC || o.Endpoint != "rslvr-in-1" {
		t.Errorf("%+v", o)
	}
	if got, err := question(t, far, resolvers[0], 100*time.Millisecond); err == nil {
		t.Errorf("the resolver of another VPC answers %q", got)
	}
}

func TestOutboundEndpointAsks(t *testing.T) {
	l := newHarness(t, fabric.Options{})
	l.apply(withResolver)
	far := fabrictest.NewNode(t, l.Fabric, vpctest.Attached, farAddress, 9001)
	u, err := far.DialUDP(dnsAt, netip.AddrPort{})
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	listener, err := far.ListenTCP(dnsAt)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		b := make([]byte, 100)
		for {
			n, from, err := u.ReadFrom(b)
			if err != nil {
				return
			}
			_, _ = u.WriteTo([]byte(string(b[:n])+" from "+from.(*net.UDPAddr).IP.String()), from)
		}
	}()
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = io.Copy(c, c)
			c.Close()
		}
	}()
	ask := func(network string, patience time.Duration) (string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		c, err := l.DialResolver(ctx, "eni-out", network, dnsAt)
		if err != nil {
			return "", err
		}
		defer c.Close()
		if _, err := c.Write([]byte("query")); err != nil {
			return "", err
		}
		c.SetReadDeadline(time.Now().Add(patience))
		b := make([]byte, 100)
		n, err := c.Read(b)
		return string(b[:n]), err
	}
	for range 3 {
		if got, err := ask("udp", 5*time.Second); err != nil || got != "query from 10.0.2.54" {
			t.Errorf("over UDP: %q, %v", got, err)
		}
	}
	if got, err := ask("tcp", 5*time.Second); err != nil || got != "query" {
		t.Errorf("over TCP: %q, %v", got, err)
	}
	l.apply(func(n *vpc.Network) { n.SecurityGroups[2].Rules = n.SecurityGroups[2].Rules[:2] })
	for _, network := range []string{"udp", "tcp"} {
		if got, err := ask(network, 100*time.Millisecond); err == nil {
			t.Errorf("over %s without an outbound rule: %q", network, got)
		}
	}
	l.apply(withoutResolver)
	if _, err := ask("udp", time.Second); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("from an endpoint that is gone: %v", err)
	}
}

// TestInboundEndpointIsAskedSoOften: a flood of questions to one address is cut, and the resolver of base plus two goes
// on.
func TestInboundEndpointIsAskedSoOften(t *testing.T) {
	clock := time.Unix(1_800_000_000, 0)
	l := newHarness(t, fabric.Options{Now: func() time.Time { return clock }})
	l.apply(withResolver)
	wire := fabrictest.NewWire(9001)
	l.Attach(vpctest.Node, wire)
	for i := range 12_000 {
		wire.Put(udp(netip.AddrPortFrom(nodeAddress, uint16(1024+i)), inbound, "query"))
	}
	if got := l.Stats().Dropped[fabric.ServiceAllowance.String()]; got != 2000 {
		t.Errorf("%d questions of 12,000 in one moment were too many", got)
	}
}

// TestDialResolverRefuses: only an interface of a Resolver endpoint asks, and only at IPv4 addresses.
func TestDialResolverRefuses(t *testing.T) {
	l := newHarness(t, fabric.Options{})
	l.apply(withResolver)
	empty := fabric.New(fabric.Options{})
	defer empty.Close()
	for _, tt := range []struct {
		name string
		on   *fabric.Fabric
		eni  string
		to   string
		kind fault.Kind
	}{
		{"no network", empty, "eni-out", "10.0.2.30:53", fault.Unavailable},
		{"no interface", l.Fabric, "eni-9", "10.0.2.30:53", fault.NotFound},
		{"a machine's interface", l.Fabric, vpctest.Node, "10.0.2.30:53", fault.NotFound},
		{"an IPv6 address", l.Fabric, "eni-out", "[2001:db8::1]:53", fault.Unavailable},
	} {
		for _, network := range []string{"udp", "tcp"} {
			c, err := tt.on.DialResolver(t.Context(), tt.eni, network, netip.MustParseAddrPort(tt.to))
			if err == nil {
				c.Close()
			}
			if !fault.Is(err, tt.kind) {
				t.Errorf("%s over %s: %v", tt.name, network, err)
			}
		}
	}
}
