package fabric_test

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
	"time"

	"postern/network/fabric"
	"postern/network/fabric/fabrictest"
	"postern/network/fabric/internal/packet"
	"postern/network/link"
	"postern/network/vpc"
	"postern/network/vpc/vpctest"
)

// TestWhoAnswersAnUnknownConnection: a segment of a connection that nobody knows is answered with a reset where what it
// was meant for is the fabric's own and would take a new one from its sender, and with nothing elsewhere.
func TestWhoAnswersAnUnknownConnection(t *testing.T) {
	here := func(t *testing.T) *harness { return newHarness(t, fabric.Options{}) }
	resolving := func(t *testing.T) *harness { l := here(t); l.apply(withResolver); return l }
	public := func(t *testing.T) *harness { return outside(t, fabric.Options{}) }
	machines := func(t *testing.T) *harness { l := here(t); l.apply(open); return l }
	metadata := netip.MustParseAddrPort("169.254.169.254:80")
	for _, tt := range []struct {
		name   string
		make   func(t *testing.T) *harness
		eni    string
		from   netip.Addr
		to     netip.AddrPort
		flags  byte
		resets bool
	}{
		{"an endpoint", here, vpctest.Node, nodeAddress, ssmA, ack, true},
		{"the resolver", here, vpctest.Node, nodeAddress, netip.MustParseAddrPort("10.0.0.2:53"), ack, true},
		{"instance metadata", here, vpctest.Node, nodeAddress, metadata, ack, true},
		{"an inbound endpoint", resolving, vpctest.Node, nodeAddress, inbound, ack, true},
		{"a public service", public, vpctest.Node, nodeAddress, publicSSM, ack, true},
		{"a gateway endpoint", gatewayed, vpctest.Node, nodeAddress, netip.AddrPortFrom(vpctest.PublicS3, 443), ack, true},
		{"with a FIN", here, vpctest.Node, nodeAddress, ssmA, fin | ack, true},
		{"with a reset", here, vpctest.Node, nodeAddress, ssmA, rst | ack, false},
		{"metadata that is not for it", here, vpctest.Attached, farAddress, metadata, ack, false},
		{"an endpoint's other port", here, vpctest.Node, nodeAddress, netip.MustParseAddrPort("10.0.1.10:80"), ack, false},
		{"a machine", machines, vpctest.Node, nodeAddress, netip.AddrPortFrom(farAddress, 22), ack, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := tt.make(t)
			w, far := fabrictest.NewWire(1500), fabrictest.NewWire(1500)
			defer l.Attach(tt.eni, w)()
			if tt.eni == vpctest.Node {
				defer l.Attach(vpctest.Attached, far)()
			}
			from := netip.AddrPortFrom(tt.from, 7)
			w.Put(tcpFrom(from, tt.to, tt.flags, 5, 77, ""), udp(from, netip.MustParseAddrPort("10.0.1.99:9"), "x"))
			answers := w.Take() // one, though another packet followed
			if tt.resets != (len(answers) == 1) || len(far.Take()) > 0 {
				t.Fatalf("%d answers", len(answers))
			}
			if s := l.Stats(); s.Dropped["out-of-state"] != 1 || s.Flows != 0 {
				t.Errorf("%+v", s)
			}
			if !tt.resets {
				return
			}
			h := read(t, answers[0])
			if h.Flags != rst || h.Seq != 77 || h.Source != tt.to.Addr().As4() || h.DestinationPort != 7 {
				t.Errorf("answered %+v", h)
			}
		})
	}
}

// TestBatchGoesToEachReceiver: the packets of one batch reach their receivers in order, and what is dropped between
// them reaches nobody.
func TestBatchGoesToEachReceiver(t *testing.T) {
	l := newHarness(t, fabric.Options{})
	l.apply(open)
	third := netip.MustParseAddr("10.0.1.21")
	l.apply(func(n *vpc.Network) {
		n.Interfaces = append(n.Interfaces, vpc.Interface{
			ID: "eni-third", VPC: vpctest.VPC, Subnet: vpctest.SubnetA, Owner: "i-3", Groups: []string{vpctest.NodeGroup},
			Addresses: []netip.Addr{third},
		})
	})
	w, far, beside := fabrictest.NewWire(1500), fabrictest.NewWire(1500), fabrictest.NewWire(1500)
	defer l.Attach(vpctest.Node, w)()
	defer l.Attach(vpctest.Attached, far)()
	defer l.Attach("eni-third", beside)()
	from, nobody := netip.AddrPortFrom(nodeAddress, 7), netip.MustParseAddrPort("10.0.1.99:1")
	toFar, toThird := netip.AddrPortFrom(farAddress, 80), netip.AddrPortFrom(third, 80)
	w.Put(
		udp(from, nobody, "0"), udp(from, toFar, "1"), udp(from, toFar, "2"), udp(from, toThird, "3"),
		udp(from, nobody, "4"), udp(from, toThird, "5"), udp(from, toFar, "6"), udp(from, nobody, "7"),
	)
	for _, tt := range []struct {
		wire *fabrictest.Wire
		want string
	}{{far, "126"}, {beside, "35"}, {w, ""}} {
		got := ""
		for _, p := range tt.wire.Take() {
			got += string(p.Data[28:])
		}
		if got != tt.want {
			t.Errorf("%q arrived, want %q", got, tt.want)
		}
	}
	if s := l.Stats(); s.Packets != 5 || s.Bytes != 5*29 || s.Dropped["no-interface"] != 3 || s.Flows != 2 {
		t.Errorf("%+v", s)
	}
}

// TestWatchIsToldOfEveryPacket: what the filter decides on a packet is told with the packet as the judge sees it.
func TestWatchIsToldOfEveryPacket(t *testing.T) {
	var got []fabric.Trace
	l := newHarness(t, fabric.Options{Watch: func(s fabric.Trace) { got = append(got, s) }})
	l.apply(open)
	w := fabrictest.NewWire(1500)
	defer l.Attach(vpctest.Node, w)()
	defer l.Attach(vpctest.Attached, fabrictest.NewWire(1500))()
	flow := func(from string, protocol vpc.Protocol, source, destination string, kind, code uint8) vpc.Flow {
		return vpc.Flow{
			From: from, Protocol: protocol, ICMPType: kind, ICMPCode: code,
			Source: netip.MustParseAddrPort(source), Destination: netip.MustParseAddrPort(destination),
		}
	}
	at := netip.AddrPortFrom(nodeAddress, 7)
	for _, tt := range []struct {
		p    link.Packet
		flow vpc.Flow
		drop string
		to   string
	}{
		{udp(at, netip.AddrPortFrom(farAddress, 80), "x"),
			flow(vpctest.Node, vpc.UDP, "10.0.1.20:7", "10.0.2.30:80", 0, 0), "carried", vpctest.Attached},
		{icmp(nodeAddress, farAddress, packet.Echo, 0, 0, 42, 0, 1),
			flow(vpctest.Node, vpc.ICMP, "10.0.1.20:0", "10.0.2.30:0", 8, 0), "carried", vpctest.Attached},
		{udp(at, netip.MustParseAddrPort("10.0.0.2:53"), "x"),
			flow(vpctest.Node, vpc.UDP, "10.0.1.20:7", "10.0.0.2:53", 0, 0), "carried", vpctest.VPC},
		{udp(at, netip.MustParseAddrPort("10.0.1.99:53"), "x"),
			flow(vpctest.Node, vpc.UDP, "10.0.1.20:7", "10.0.1.99:53", 0, 0), "no-interface", ""},
		{udp(netip.MustParseAddrPort("10.0.1.21:7"), netip.AddrPortFrom(farAddress, 80), "x"),
			flow("", vpc.UDP, "10.0.1.21:7", "10.0.2.30:80", 0, 0), "spoofed", ""},
		{link.Packet{Data: []byte("x")}, vpc.Flow{}, "version", ""},
	} {
		got = nil
		w.Put(tt.p)
		if want := (fabric.Trace{Flow: tt.flow, To: tt.to}); len(got) != 1 || got[0].Flow != want.Flow ||
			got[0].To != want.To || got[0].Drop.String() != tt.drop {
			t.Errorf("%s: told %+v, want %+v", tt.drop, got, want)
		}
	}
	if s := l.Stats(); s.Flows != 2 {
		t.Errorf("%d flows: a question to the resolver needs none", s.Flows)
	}
}

// TestLargePacketsToWhatIsOurs: a gateway tells the size that would do, an endpoint says nothing, and where a packet
// may be fragmented nothing is said either.
func TestLargePacketsToWhatIsOurs(t *testing.T) {
	whole := func(p link.Packet) link.Packet { return edit(p, 6, 0x40) }
	segment := func(to netip.AddrPort, n int) link.Packet { return tcp(7, to, synFlag, 1, 0, string(make([]byte, n))) }
	for _, tt := range []struct {
		name string
		p    link.Packet
		mtu  uint16
	}{
		{"a gateway", whole(segment(publicSSM, 1461)), fabric.InternetMTU},
		{"a gateway, to be fragmented", segment(publicSSM, 1461), 0},
		{"an endpoint", whole(segment(ssmA, 8461)), 0},
	} {
		l := outside(t, fabric.Options{})
		w := fabrictest.NewWire(9001)
		l.Attach(vpctest.Node, w)
		w.Put(tt.p)
		got := uint16(0)
		for _, p := range w.Take() {
			if h := read(t, p); h.Type != packet.Unreachable || h.Code != 4 {
				t.Errorf("%s: answered %+v", tt.name, h)
			}
			got = binary.BigEndian.Uint16(p.Data[26:])
		}
		if got != tt.mtu || l.Stats().Dropped["too-large"] != 1 || l.Stats().Flows != 0 {
			t.Errorf("%s: told %d, want %d; %v", tt.name, got, tt.mtu, l.Stats())
		}
	}
}

// TestErrorsAreJudged: an ICMP error about a flow passes as its packets do, whatever the groups say, and an ACL stops
// it.
func TestErrorsAreJudged(t *testing.T) {
	l := newHarness(t, fabric.Options{})
	l.apply(open)
	w, far := fabrictest.NewWire(1500), fabrictest.NewWire(1500)
	defer l.Attach(vpctest.Node, w)()
	defer l.Attach(vpctest.Attached, far)()
	from, to := netip.AddrPortFrom(nodeAddress, 7), netip.AddrPortFrom(farAddress, 80)
	w.Put(udp(from, to, "x"))
	about := append(make([]byte, 4), far.Take()[0].Data[:28]...)
	unreachable := func() link.Packet { return icmp(farAddress, nodeAddress, packet.Unreachable, 3, about...) }
	third := netip.MustParseAddr("10.0.2.31")
	for _, tt := range []struct {
		name    string
		change  func(*vpc.Network)
		p       link.Packet
		arrives int
		drop    string
	}{
		{"the groups", func(n *vpc.Network) { n.SecurityGroups[0].Rules = nil }, unreachable(), 1, ""},
		{"an ACL", func(n *vpc.Network) {
			n.ACLs[0].Entries = slices.Concat(n.ACLs[0].Entries, []vpc.ACLEntry{
				{Number: 1, Egress: true, Protocol: vpc.ICMP, Ports: vpc.PortRange{From: -1, To: -1}, CIDR: toEverybody},
			})
		}, unreachable(), 0, "acl-denied"},
		{"from another's address", func(*vpc.Network) {}, icmp(third, nodeAddress, packet.Unreachable, 3, about...), 0,
			"spoofed"},
	} {
		l.apply(tt.change)
		before := l.Stats().Dropped[tt.drop]
		far.Put(tt.p)
		if got := len(w.Take()); got != tt.arrives {
			t.Errorf("%s: %d errors arrived, want %d", tt.name, got, tt.arrives)
		}
		if tt.drop != "" && l.Stats().Dropped[tt.drop] != before+1 {
			t.Errorf("%s: %v", tt.name, l.Stats().Dropped)
		}
	}
}

// TestAllowanceIsOneSecond: however long a sender was quiet, it may not ask more often than in one second.
func TestAllowanceIsOneSecond(t *testing.T) {
	at := &clock{time.Unix(1000, 0)}
	l := newHarness(t, fabric.Options{Now: at.now, ServiceRate: 10})
	w := fabrictest.NewWire(1500)
	defer l.Attach(vpctest.Node, w)()
	passed := uint64(0)
	for _, tt := range []struct {
		quiet time.Duration
		want  uint64
	}{{0, 10}, {time.Hour, 10}, {0, 0}, {300 * time.Millisecond, 3}, {99 * time.Millisecond, 0}, {time.Millisecond, 1}} {
		at.Time = at.Add(tt.quiet)
		for range 25 {
			w.Put(udp(netip.AddrPortFrom(nodeAddress, 7), resolvers[0], "query"))
		}
		now := l.Stats().Packets
		if now-passed != tt.want {
			t.Errorf("%d of 25 passed after %v, want %d", now-passed, tt.quiet, tt.want)
		}
		passed = now
	}
}

// TestDropsHaveNames: every reason has the name that counters, flow logs and journeys show.
func TestDropsHaveNames(t *testing.T) {
	for drop, want := range map[fabric.Drop]string{
		fabric.Carried: "carried", fabric.PortAllocation: "port-allocation", fabric.PortAllocation + 1: "drop(11)",
		31: "drop(31)", 95: "drop(95)", 96: "none", 96 + fabric.Drop(vpc.ReasonNoRule): "no-rule", 255: "reason(159)",
	} {
		if got := drop.String(); got != want {
			t.Errorf("%d is %q, want %q", uint8(drop), got, want)
		}
	}
}

// TestAllowanceOfFlowsThatEnded: flows that end because the other end is gone do not count against their sender.
func TestAllowanceOfFlowsThatEnded(t *testing.T) {
	l := newHarness(t, fabric.Options{FlowsPerInterface: 4})
	l.apply(open)
	w := fabrictest.NewWire(1500)
	defer l.Attach(vpctest.Node, w)()
	for round := range 3 {
		far := fabrictest.NewWire(1500)
		detach := l.Attach(vpctest.Attached, far)
		for port := range uint16(6) {
			w.Put(udp(netip.AddrPortFrom(nodeAddress, 1+port), netip.AddrPortFrom(farAddress, 80), "x"))
		}
		if got := len(far.Take()); got != 4 {
			t.Errorf("round %d: %d of 6 conversations began, want 4", round, got)
		}
		detach()
	}
	if s := l.Stats(); s.Flows != 0 || s.Dropped["flow-allowance"] != 6 {
		t.Errorf("%+v", s)
	}
}

// TestOnlyResolversAreAskedSoOften: what bounds the questions to an inbound endpoint bounds nothing that goes to a
// machine, whatever its port.
func TestOnlyResolversAreAskedSoOften(t *testing.T) {
	at := &clock{time.Unix(1000, 0)}
	for _, port := range []uint16{53, 80} {
		l := newHarness(t, fabric.Options{Now: at.now})
		l.apply(open)
		w, far := fabrictest.NewWire(1500), fabrictest.NewWire(1500)
		detach, detachFar := l.Attach(vpctest.Node, w), l.Attach(vpctest.Attached, far)
		for range 10_100 {
			w.Put(udp(netip.AddrPortFrom(nodeAddress, 7), netip.AddrPortFrom(farAddress, port), "x"))
		}
		if got := len(far.Take()); got != 10_100 {
			t.Errorf("port %d: %d of 10,100 packets arrived", port, got)
		}
		detach()
		detachFar()
	}
}

// TestWhatNewRulesEnd: a conversation whose sender or receiver may not have it any more is forgotten, and one that a
// route or an ACL stops is held back.
func TestWhatNewRulesEnd(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*vpc.Network)
		drop   string
		flows  int
	}{
		{"detached", func(n *vpc.Network) { n.Interfaces[1].Owner = "" }, "detached", 0},
		{"an ACL", func(n *vpc.Network) { n.ACLs[0].Entries = nil }, "acl-denied", 1},
	} {
		l := newHarness(t, fabric.Options{})
		l.apply(open)
		w := fabrictest.NewWire(1500)
		detach, detachFar := l.Attach(vpctest.Node, w), l.Attach(vpctest.Attached, fabrictest.NewWire(1500))
		packet := func() link.Packet {
			return udp(netip.AddrPortFrom(nodeAddress, 7), netip.AddrPortFrom(farAddress, 80), "x")
		}
		w.Put(packet())
		l.apply(tt.change)
		w.Put(packet())
		if s := l.Stats(); s.Packets != 1 || s.Dropped[tt.drop] != 1 || s.Flows != tt.flows {
			t.Errorf("%s: %+v", tt.name, s)
		}
		detach()
		detachFar()
	}
}

// TestLinkOfAnInterfaceThatIsGone: what a machine sends whose interface is gone comes from nobody that is known, until
// the interface is there again.
func TestLinkOfAnInterfaceThatIsGone(t *testing.T) {
	l := newHarness(t, fabric.Options{})
	l.apply(open)
	w, far := fabrictest.NewWire(1500), fabrictest.NewWire(1500)
	defer l.Attach(vpctest.Node, w)()
	defer l.Attach(vpctest.Attached, far)()
	interfaces := l.network.Interfaces
	for _, tt := range []struct {
		interfaces []vpc.Interface
		drop       string
		arrives    int
	}{{interfaces[1:], "unknown-sender", 0}, {interfaces, "", 1}} {
		l.apply(func(n *vpc.Network) { n.Interfaces = tt.interfaces })
		before := l.Stats().Dropped[tt.drop]
		w.Put(udp(netip.AddrPortFrom(nodeAddress, 7), netip.AddrPortFrom(farAddress, 80), "x"))
		if got := len(far.Take()); got != tt.arrives || tt.drop != "" && l.Stats().Dropped[tt.drop] != before+1 {
			t.Errorf("%d arrived, dropped %v, want %q", got, l.Stats().Dropped, tt.drop)
		}
	}
}

// TestSegmentSizeIsThatOfTheSmallerLink: whichever end has the smaller link, a SYN announces what fits into it.
func TestSegmentSizeIsThatOfTheSmallerLink(t *testing.T) {
	for _, tt := range []struct{ sender, receiver int }{{1420, 9001}, {9001, 1420}} {
		l := newHarness(t, fabric.Options{})
		l.apply(open)
		w, far := fabrictest.NewWire(tt.sender), fabrictest.NewWire(tt.receiver)
		detach, detachFar := l.Attach(vpctest.Node, w), l.Attach(vpctest.Attached, far)
		opening := syn(7, netip.AddrPortFrom(farAddress, 80))
		opening.Data = append(opening.Data, 2, 4, 0x22, 0xff) // 8959
		opening.Data[32] = 6 << 4
		w.Put(edit(opening, 2, 0, byte(len(opening.Data))))
		got := far.Take()
		if len(got) != 1 || binary.BigEndian.Uint16(got[0].Data[42:]) != 1380 {
			t.Errorf("from a link of %d to one of %d: %v", tt.sender, tt.receiver, got)
		}
		detach()
		detachFar()
	}
}
