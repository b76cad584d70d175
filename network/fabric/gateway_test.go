package fabric_test

import (
	"maps"
	"net/netip"
	"testing"

	"postern/network/fabric"
	"postern/network/fabric/fabrictest"
	"postern/network/fabric/internal/packet"
	"postern/network/link"
	"postern/network/vpc"
	"postern/network/vpc/vpctest"
)

// TestWhatGatewaysDoNotCarry: what the judge lets go to a gateway and nothing there takes is dropped for that reason.
func TestWhatGatewaysDoNotCarry(t *testing.T) {
	at := netip.AddrPortFrom(nodeAddress, 7)
	s3, beside := netip.AddrPortFrom(vpctest.PublicS3, 443), netip.MustParseAddrPort("52.216.1.8:443")
	public := func(t *testing.T) *harness { return outside(t, fabric.Options{}) }
	another := func(t *testing.T) *harness { // another service's address is in S3's prefix list
		l := gatewayed(t)
		l.apply(func(n *vpc.Network) {
			i := *n.Internet
			i.Services = append(i.Services[:len(i.Services):len(i.Services)], vpc.PublicService{
				Name: "kms.us-east-1.amazonaws.com", Service: "com.amazonaws.us-east-1.kms", Address: beside.Addr(),
			})
			n.Internet = &i
		})
		return l
	}
	unknown := func(t *testing.T) *harness { // nothing is known of the NAT gateway, nor of what is beyond it
		l := bareHarness(t, fabric.Options{})
		l.apply(func(n *vpc.Network) {
			addGateways(n)
			n.Internet, n.NATGateways, n.Interfaces = nil, nil, n.Interfaces[:len(n.Interfaces)-1]
		})
		return l
	}
	open := func(t *testing.T) *harness { // the judge knows no bounds, and there is no real Internet
		l := bareHarness(t, fabric.Options{})
		l.apply(func(n *vpc.Network) { addGateways(n); n.Internet = nil })
		return l
	}
	for _, tt := range []struct {
		name string
		make func(t *testing.T) *harness
		p    link.Packet
		drop string
	}{
		{"S3 by UDP", gatewayed, udp(at, s3, "x"), "no-gateway"},
		{"S3's other port", gatewayed, syn(7, netip.AddrPortFrom(s3.Addr(), 80)), "no-gateway"},
		{"an address of S3's that nothing has", gatewayed, syn(7, beside), "no-gateway"},
		{"another service's address", another, syn(7, beside), "no-gateway"},
		{"S3", another, syn(7, s3), ""},
		{"a public service", public, syn(7, publicSSM), ""},
		{"a public service by UDP", public, udp(at, publicSSM, "x"), "nothing-there"},
		{"an unknown NAT gateway", unknown, syn(7, publicSSM), "no-gateway"},
		{"the real Internet", open, syn(7, netip.MustParseAddrPort("192.0.2.1:443")), "no-gateway"},
		{"an echo", open, icmp(nodeAddress, publicSSM.Addr(), packet.Echo, 0, 0, 42, 0, 1), "no-gateway"},
	} {
		l := tt.make(t)
		w := fabrictest.NewWire(1500)
		detach := l.Attach(vpctest.Node, w)
		w.Put(tt.p)
		s := l.Stats()
		want := map[string]uint64{}
		if tt.drop != "" {
			want[tt.drop] = 1
		}
		if !maps.Equal(s.Dropped, want) || (s.Flows == 1) != (tt.drop == "") {
			t.Errorf("%s: %+v, want %q", tt.name, s, tt.drop)
		}
		detach()
	}
}

// TestFlowLogOfANATGateway: the NAT gateway's interface has a conversation twice, with its private side and its public
// one, and what the packets themselves said.
func TestFlowLogOfANATGateway(t *testing.T) {
	got := map[string]fabric.Record{}
	l := outside(t, fabric.Options{FlowLog: func(records []fabric.Record) {
		for _, r := range records {
			if r.Interface == "eni-nat" {
				got[r.Source.String()+" → "+r.Destination.String()] = r
			}
		}
	}})
	c := dial(t, l.node(), publicSSM)
	echoes(t, c)
	remote := (<-l.reached).RemoteAddr().String()
	node, port := c.LocalAddr().String(), netip.MustParseAddrPort(remote).Port()
	l.Close()
	own := netip.AddrPortFrom(netip.MustParseAddr("10.0.2.250"), port).String()
	for _, tt := range []struct{ flow, from, to string }{
		{node + " → 10.0.2.250:443", "10.0.1.20", "198.18.0.1"},
		{"10.0.2.250:443 → " + node, "198.18.0.1", "10.0.1.20"},
		{own + " → 198.18.0.1:443", "invalid IP", "invalid IP"},
		{"198.18.0.1:443 → " + own, "invalid IP", "invalid IP"},
	} {
		r, ok := got[tt.flow]
		if !ok || !r.Accept || r.Packets == 0 || r.PacketSource.String() != tt.from || r.PacketDestination.String() != tt.to {
			t.Errorf("%s: %+v", tt.flow, r)
		}
		delete(got, tt.flow)
	}
	if len(got) > 0 {
		t.Errorf("recorded as well: %+v", got)
	}
}
