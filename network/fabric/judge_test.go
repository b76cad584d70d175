package fabric_test

import (
	"encoding/binary"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"postern/aws/fault"
	"postern/network/fabric"
	"postern/network/fabric/fabrictest"
	"postern/network/fabric/internal/packet"
	"postern/network/link"
	"postern/network/vpc"
	"postern/network/vpc/vpctest"
)

// edit changes bytes of a packet and mends its IPv4 checksum.
func edit(p link.Packet, at int, v ...byte) link.Packet {
	copy(p.Data[at:], v)
	mend(p.Data)
	return p
}

func TestBadPacketsAreDroppedAndCounted(t *testing.T) {
	resolver := netip.MustParseAddrPort("10.0.0.2:53")
	for _, c := range []struct {
		name string
		p    link.Packet
		drop string
	}{
		{"another's address", tcpFrom(netip.MustParseAddrPort("10.0.2.30:1"), ssmA, synFlag, 1, 0, ""), "spoofed"},
		{"the endpoint's address", tcpFrom(ssmA, netip.AddrPortFrom(nodeAddress, 1), synFlag, 1, 0, ""), "spoofed"},
		{"a public address", tcpFrom(netip.MustParseAddrPort("8.8.8.8:1"), ssmA, synFlag, 1, 0, ""), "spoofed"},
		{"first fragment", edit(syn(1, ssmA), 6, 0x20), "fragment"},
		{"later fragment", edit(syn(1, ssmA), 6, 0, 9), "fragment"},
		{"source route", edit(syn(1, ssmA), 0, 0x46), "options"},
		{"ipv6", link.Packet{Data: append([]byte{0x60}, make([]byte, 47)...)}, "ipv6"},
		{"garbage", link.Packet{Data: []byte("GET / HTTP/1.1\r\n\r\n")}, "short"},
		{"garbage", link.Packet{Data: []byte("not a packet, whatever it is")}, "ipv6"},
		{"empty", link.Packet{}, "short"},
		{"cut off", link.Packet{Data: syn(1, ssmA).Data[:30]}, "length"},
		{"too large for an endpoint", tcp(1, ssmA, synFlag, 1, 0, string(make([]byte, 8600))), "too-large"},
		{"segments too large for an endpoint", large(8600), "out-of-state"},
		{"no SYN", tcp(1, ssmA, ack|psh, 1, 1, "x"), "out-of-state"},
		{"xmas", tcp(1, ssmA, fin|psh|0x20, 1, 1, ""), "out-of-state"},
		{"SYN and FIN", tcp(1, ssmA, synFlag|fin, 1, 1, ""), "out-of-state"},
		{"no rule", syn(1, netip.AddrPortFrom(farAddress, 22)), "no-rule"},
		{"a port endpoints do not have", syn(1, netip.MustParseAddrPort("10.0.1.10:80")), "endpoint-port"},
		{"nobody there", syn(1, netip.MustParseAddrPort("10.0.1.99:443")), "no-interface"},
		{"the Internet", syn(1, netip.MustParseAddrPort("93.184.216.34:443")), "no-route"},
		{"multicast", udp(netip.AddrPortFrom(nodeAddress, 1), netip.MustParseAddrPort("224.0.0.251:5353"), "x"), "no-route"},
		{"resolver's other ports", syn(1, netip.MustParseAddrPort("10.0.0.2:80")), "service-port"},
		{"echo reply", icmp(nodeAddress, farAddress, packet.EchoReply, 0), "unrelated"},
		{
			"error about nothing",
			icmp(nodeAddress, farAddress, packet.Unreachable, 1, append(make([]byte, 4), syn(1, ssmA).Data[:28]...)...),
			"unrelated",
		},
		{"redirect", icmp(nodeAddress, farAddress, 5, 1), "icmp-type"},
		{"udp that lies", edit(udp(netip.AddrPortFrom(nodeAddress, 1), resolver, "x"), 24, 0, 200), "udp-length"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newHarness(t, fabric.Options{})
			w, far := fabrictest.NewWire(9001), fabrictest.NewWire(9001)
			defer l.Attach(vpctest.Node, w)()
			defer l.Attach(vpctest.Attached, far)()
			w.Put(c.p)
			s := l.Stats()
			if s.Dropped[c.drop] != 1 || s.Packets != 0 || s.Flows != 0 {
				t.Errorf("%+v, want one %s", s, c.drop)
			}
			if len(far.Take()) > 0 {
				t.Error("the other machine got something")
			}
		})
	}
}

// large is a super-segment whose segments have n bytes of payload.
func large(n int) link.Packet {
	p := tcp(1, ssmA, ack, 1, 1, string(make([]byte, 3*n)))
	p.SegmentSize, p.Checksum = uint16(n), link.ChecksumPartial
	return p
}

func TestNothingPassesBeforeTheFirstSnapshot(t *testing.T) {
	f := fabric.New(fabric.Options{})
	defer f.Close()
	w := fabrictest.NewWire(1500)
	defer f.Attach(vpctest.Node, w)()
	w.Put(syn(1, ssmA))
	if n := f.Stats().Dropped["no-network"]; n != 1 {
		t.Errorf("%d dropped", n)
	}
}

// clock is a time that moves when told to.
type clock struct{ time.Time }

func (c *clock) now() time.Time { return c.Time }

func TestHalfOpenFloodIsBounded(t *testing.T) {
	const bound, own = 1024, 256
	l := newHarness(t, fabric.Options{MaxFlows: bound, FlowsPerInterface: own})
	n := fabrictest.NewNode(t, l.Fabric, vpctest.Attached, farAddress, 1420)
	c := dial(t, n, ssmA)
	echoes(t, c)

	w := fabrictest.NewWire(1500)
	defer l.Attach(vpctest.Node, w)()
	for port := range 4 * bound {
		w.Put(syn(uint16(port+1), ssmA))
	}
	s := l.Stats()
	if s.Flows > own+1 || s.Dropped["flow-allowance"] == 0 {
		t.Errorf("%d flows, %v", s.Flows, s.Dropped)
	}
	echoes(t, c)
	echoes(t, dial(t, n, ssmA)) // others keep working
}

// Connections that have ended do not use up the allowance of new ones.
func TestManyShortConnections(t *testing.T) {
	l := newHarness(t, fabric.Options{FlowsPerInterface: 8})
	n := l.node()
	for range 50 {
		c := dial(t, n, ssmA)
		echoes(t, c)
		c.Close()
		<-l.accepted
	}
}

func TestFloodLeavesWhatIsEstablished(t *testing.T) {
	const bound = 1024
	l := newHarness(t, fabric.Options{MaxFlows: bound, FlowsPerInterface: 1 << 20})
	n := fabrictest.NewNode(t, l.Fabric, vpctest.Attached, farAddress, 1420)
	c := dial(t, n, ssmA)
	echoes(t, c)
	w := fabrictest.NewWire(1500)
	defer l.Attach(vpctest.Node, w)()
	for port := range 4 * bound {
		w.Put(syn(uint16(port+1), ssmA))
	}
	if s := l.Stats(); s.Flows > bound || s.Evicted == 0 {
		t.Errorf("%d flows, %d evicted", s.Flows, s.Evicted)
	}
	echoes(t, c)
	echoes(t, dial(t, n, ssmA)) // the stack goes on with SYN cookies
}

func TestIdleFlowsAreForgotten(t *testing.T) {
	at := &clock{time.Unix(1000, 0)}
	l := newHarness(t, fabric.Options{Now: at.now, TCPEstablished: time.Minute})
	w, far := fabrictest.NewWire(1500), fabrictest.NewWire(1500)
	defer l.Attach(vpctest.Node, w)()
	defer l.Attach(vpctest.Attached, far)()
	l.apply(open)
	to := netip.AddrPortFrom(farAddress, 80)
	back := netip.AddrPortFrom(nodeAddress, 7)
	w.Put(tcp(7, to, synFlag, 1, 0, ""))
	far.Put(tcpFrom(to, back, synFlag|ack, 9, 2, ""))
	w.Put(tcp(7, to, ack, 2, 10, ""))
	at.Time = at.Add(time.Minute)
	w.Put(tcp(7, to, ack, 2, 10, "x"))
	if got := len(far.Take()); got != 3 {
		t.Fatalf("%d packets arrived, want 3", got)
	}
	at.Time = at.Add(time.Minute + 1)
	w.Put(tcp(7, to, ack, 3, 10, "x"))
	if got := len(far.Take()); got != 0 || l.Stats().Dropped["out-of-state"] != 1 {
		t.Errorf("%d packets arrived after the time-out", got)
	}
}

// open lets the nodes' group talk to itself.
func open(n *vpc.Network) {
	n.SecurityGroups[0].Rules = append(n.SecurityGroups[0].Rules, vpc.Rule{
		ID: "sgr-self", Protocol: vpc.AllProtocols, Group: vpctest.NodeGroup,
	})
}

// A connection that was allowed does not let its ports open another once the rule is gone.
func TestNewConnectionWithOldPorts(t *testing.T) {
	l := newHarness(t, fabric.Options{})
	w, far := fabrictest.NewWire(1500), fabrictest.NewWire(1500)
	defer l.Attach(vpctest.Node, w)()
	defer l.Attach(vpctest.Attached, far)()
	l.apply(open)
	to, back := netip.AddrPortFrom(farAddress, 80), netip.AddrPortFrom(nodeAddress, 7)
	w.Put(tcp(7, to, synFlag, 1, 0, ""))
	far.Put(tcpFrom(to, back, synFlag|ack, 9, 2, ""))
	w.Put(tcp(7, to, ack, 2, 10, ""))
	l.apply(func(n *vpc.Network) { n.SecurityGroups[0].Rules = n.SecurityGroups[0].Rules[:1] })
	far.Take()
	w.Put(
		tcp(7, to, ack, 2, 10, "still allowed"), tcp(7, to, synFlag, 100, 0, ""), tcp(7, to, ack, 15, 10, "still allowed"),
	)
	if got := far.Take(); len(got) != 2 {
		t.Errorf("%d packets arrived, want the two of the old connection", len(got))
	}
}

func TestEchoAndItsErrors(t *testing.T) {
	l := newHarness(t, fabric.Options{})
	w, far := fabrictest.NewWire(1500), fabrictest.NewWire(1500)
	defer l.Attach(vpctest.Node, w)()
	defer l.Attach(vpctest.Attached, far)()
	l.apply(open)
	id := []byte{0, 42, 0, 1}
	w.Put(icmp(nodeAddress, farAddress, packet.Echo, 0, id...))
	asked := far.Take()
	if len(asked) != 1 {
		t.Fatal("the echo did not arrive")
	}
	far.Put(icmp(farAddress, nodeAddress, packet.EchoReply, 0, id...))
	far.Put(icmp(farAddress, nodeAddress, packet.EchoReply, 0, 0, 43, 0, 1)) // nobody asked
	about := append(make([]byte, 4), asked[0].Data[:28]...)
	far.Put(icmp(farAddress, nodeAddress, packet.Unreachable, 3, about...))
	about[4+16]++ // about a packet to somebody else
	far.Put(icmp(farAddress, nodeAddress, packet.Unreachable, 3, about...))
	var kinds []byte
	for _, p := range w.Take() {
		kinds = append(kinds, read(t, p).Type)
	}
	if string(kinds) != string([]byte{packet.EchoReply, packet.Unreachable}) {
		t.Errorf("types %v came back", kinds)
	}
	if n := l.Stats().Dropped["unrelated"]; n != 2 {
		t.Errorf("%d unrelated", n)
	}
}

func TestLargePacketsBetweenLinks(t *testing.T) {
	l := newHarness(t, fabric.Options{})
	w, far := fabrictest.NewWire(9001), fabrictest.NewWire(1420)
	defer l.Attach(vpctest.Node, w)()
	defer l.Attach(vpctest.Attached, far)()
	l.apply(open)
	from, to := netip.AddrPortFrom(nodeAddress, 7), netip.AddrPortFrom(farAddress, 80)

	// UDP that must not be fragmented is told the size that would do (RFC 1191).
	w.Put(edit(udp(from, to, string(make([]byte, 2000))), 6, 0x40))
	got := w.Take()
	if len(got) != 1 || len(far.Take()) != 0 {
		t.Fatalf("%d answers", len(got))
	}
	if h := read(t, got[0]); h.Type != packet.Unreachable || h.Code != 4 ||
		binary.BigEndian.Uint16(got[0].Data[26:]) != 1420 {
		t.Errorf("answered %+v", h)
	}

	// A SYN leaves with what the smaller link takes, a super-segment whole.
	opening := syn(7, to)
	opening.Data = append(opening.Data, 2, 4, 0x22, 0xff)
	opening.Data[32] = 6 << 4
	opening = edit(opening, 2, 0, byte(len(opening.Data)))
	w.Put(opening)
	far.Put(tcpFrom(to, from, synFlag|ack, 9, 2, ""))
	w.Put(tcp(7, to, ack, 2, 10, ""))
	super := tcp(7, to, ack, 2, 10, string(make([]byte, 40000)))
	super.SegmentSize, super.Checksum = 1380, link.ChecksumPartial
	w.Put(super)
	arrived := far.Take()
	if len(arrived) != 3 {
		t.Fatalf("%d packets arrived, want 3", len(arrived))
	}
	if mss := binary.BigEndian.Uint16(arrived[0].Data[42:]); mss != 1380 {
		t.Errorf("MSS %d, want 1380", mss)
	}
	if p := arrived[2]; p.SegmentSize != 1380 || p.Len() != 40040 || p.Checksum != link.ChecksumPartial {
		t.Errorf("the super-segment arrived as %d bytes of %d", p.Len(), p.SegmentSize)
	}
}

func TestFlowLog(t *testing.T) {
	var records []fabric.Record
	l := newHarness(t, fabric.Options{FlowLog: func(r []fabric.Record) { records = append(records, r...) }})
	w, far := fabrictest.NewWire(1500), fabrictest.NewWire(1500)
	l.Attach(vpctest.Node, w)
	l.Attach(vpctest.Attached, far)
	l.apply(open)
	from, to := netip.AddrPortFrom(nodeAddress, 7), netip.AddrPortFrom(farAddress, 80)
	w.Put(udp(from, to, "12345"), udp(from, to, "12345"))
	far.Put(udp(to, from, "1"))
	w.Put(syn(1, netip.MustParseAddrPort("10.0.2.10:443"))) // no listener in subnet-b, but allowed
	l.apply(func(n *vpc.Network) { n.SecurityGroups[1].Rules = nil })
	w.Put(syn(2, ssmA), syn(2, ssmA))
	w.Put(udp(from, netip.MustParseAddrPort("169.254.169.253:53"), "not recorded"))
	l.Close()

	type line struct {
		on, from, to   string
		packets, bytes uint64
		accept         bool
		resource       string
	}
	got := map[line]bool{}
	for _, r := range records {
		got[line{r.Interface, r.Source.String(), r.Destination.String(), r.Packets, r.Bytes, r.Accept, r.Resource}] = true
	}
	want := []line{
		{vpctest.Node, from.String(), to.String(), 2, 66, true, "sgr-self"},
		{vpctest.Attached, from.String(), to.String(), 2, 66, true, "sgr-self"},
		{vpctest.Node, to.String(), from.String(), 1, 29, true, "sgr-self"},
		{vpctest.Attached, to.String(), from.String(), 1, 29, true, "sgr-self"},
		{"eni-ssm-a", "10.0.1.20:2", ssmA.String(), 2, 80, false, vpctest.EndpointGroup},
	}
	for _, w := range want {
		if !got[w] {
			t.Errorf("no record %+v", w)
		}
		delete(got, w)
	}
	for r := range got {
		t.Errorf("unexpected record %+v", r)
	}
}

// A packet that the program cannot cope with is lost; the link that it came by goes on.
func TestFilterOutlivesAPanic(t *testing.T) {
	var broken atomic.Bool
	before := fault.Contained()
	l := newHarness(t, fabric.Options{Watch: func(fabric.Trace) {
		if broken.Swap(false) {
			panic("index out of range")
		}
	}})
	n := l.node()
	broken.Store(true)
	dial(t, n, ssmA) // its first segment is lost, and sent again
	if broken.Load() || fault.Contained() == before {
		t.Error("nothing panicked")
	}
}

// TestUnpluggedMeanwhile: a packet whose receiver is unplugged after it was judged is dropped and counted, and nothing
// panics.
func TestUnpluggedMeanwhile(t *testing.T) {
	before := fault.Contained()
	var unplug func()
	l := newHarness(t, fabric.Options{Watch: func(s fabric.Trace) {
		if s.To == vpctest.Attached {
			unplug()
		}
	}})
	w := fabrictest.NewWire(1500)
	defer l.Attach(vpctest.Node, w)()
	unplug = l.Attach(vpctest.Attached, fabrictest.NewWire(1500))
	l.apply(open)
	w.Put(udp(netip.AddrPortFrom(nodeAddress, 7), netip.AddrPortFrom(farAddress, 80), "x"))
	if s := l.Stats(); s.Dropped["unattached"] != 1 || s.Packets != 0 {
		t.Errorf("%d packets, dropped %v", s.Packets, s.Dropped)
	}
	if n := fault.Contained() - before; n > 0 {
		t.Errorf("%d panics", n)
	}
}
