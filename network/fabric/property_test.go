package fabric_test

import (
	"bytes"
	"net"
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"postern/network/fabric"
	"postern/network/fabric/fabrictest"
	"postern/network/fabric/internal/packet"
	"postern/network/link"
	"postern/network/vpc"
	"postern/network/vpc/vpctest"
)

// world is a random network on a fabric, with a wire at every machine and a listener at every endpoint.
type world struct {
	*rapid.T
	snapshot *vpc.Snapshot
	fabric   *fabric.Fabric
	wires    map[string]*fabrictest.Wire
	// seen has the trace of each packet: what the filter decided on each packet.
	seen chan fabric.Trace
}

func newWorld(t *rapid.T) *world {
	snapshot, err := vpc.NewSnapshot(1, vpctest.Networks().Draw(t, "network"))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, snapshot: snapshot, wires: map[string]*fabrictest.Wire{}, seen: make(chan fabric.Trace, 64)}
	w.fabric = fabric.New(fabric.Options{Watch: func(s fabric.Trace) { w.seen <- s }})
	w.fabric.Apply(snapshot)
	for i := range snapshot.Interfaces() {
		if i.Kind == vpc.EndpointInterface {
			w.listen(i)
			continue
		}
		if i.Kind == vpc.ResolverInterface {
			continue // the fabric's own
		}
		w.wires[i.ID] = fabrictest.NewWire(9001)
		w.fabric.Attach(i.ID, w.wires[i.ID])
	}
	return w
}

func (w *world) listen(i vpc.Interface) {
	if !i.Addresses[0].Is4() {
		return
	}
	l, err := w.fabric.Listen(i.ID, 443)
	if err != nil {
		w.Fatal(err)
	}
	go serveNothing(l)
}

// serveNothing closes every connection that is accepted.
func serveNothing(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		c.Close()
	}
}

// packetOf makes the real packet that a flow stands for, with TCP flags.
func packetOf(f vpc.Flow, flags uint8) link.Packet {
	switch f.Protocol {
	case vpc.TCP:
		return tcpFrom(f.Source, f.Destination, flags, 1, 2, "")
	case vpc.UDP:
		return udp(f.Source, f.Destination, "payload")
	case vpc.ICMP:
		return icmp(f.Source.Addr(), f.Destination.Addr(), f.ICMPType, f.ICMPCode, 0, 1)
	}
	return seal(uint8(f.Protocol), f.Source.Addr(), f.Destination.Addr(), []byte("payload"), 0)
}

// Decide, a real packet and Explain agree, on the way there and on the way back.
func TestFabricDoesWhatTheJudgeSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		defer w.fabric.Close()
		f := vpctest.Flows(w.snapshot.Network()).Draw(t, "flow")
		if f.Protocol == vpc.ICMP {
			f.ICMPType, f.ICMPCode = packet.Echo, 0 // what else begins no conversation
		}
		wire := w.wires[f.From]
		if wire == nil || !f.Source.Addr().Is4() || !f.Destination.Addr().Is4() {
			t.Skip("endpoints send nothing of their own, and IPv6 is not carried")
		}
		verdict, explanation := w.snapshot.Decide(f), w.snapshot.Explain(f)
		if explanation.Verdict != verdict {
			t.Fatalf("Decide says %+v\nExplain says %+v", verdict, explanation.Verdict)
		}
		p := packetOf(f, synFlag)
		sent := bytes.Clone(p.Data)
		wire.Put(p)
		got := <-w.seen
		if !w.agrees(f, verdict, got) {
			t.Fatalf("the judge says %+v\nthe fabric: %s to %q\n%s", verdict, got.Drop, got.To, &explanation)
		}
		if got.Drop == fabric.Carried && (verdict.Kind == vpc.ToInternet || verdict.Kind == vpc.ToGateway) {
			w.answered(f, verdict.To)
		}
		if got.Drop == fabric.Carried && verdict.Kind == vpc.ToInterface {
			w.comesBack(f, verdict.To, sent)
		}
	})
}

// agrees reports whether the filter did what a verdict says.
func (w *world) agrees(f vpc.Flow, v vpc.Verdict, got fabric.Trace) bool {
	switch {
	case !v.Allow && v.Reason == vpc.ReasonMalformed: // whoever sends from such an address sends from another's
		return got.Drop.String() == v.Reason.String() || got.Drop.String() == vpc.ReasonSpoofed.String()
	case !v.Allow:
		return got.Drop.String() == v.Reason.String()
	case v.Kind == vpc.ToInterface:
		return got.Drop == fabric.Carried && got.To == v.To
	case v.Kind == vpc.ToInternet && v.Public.IsValid() && w.serves(f):
		return got.Drop == fabric.Carried && got.To == v.To
	case v.Kind == vpc.ToGateway && w.endpointServes(f, v.To):
		return got.Drop == fabric.Carried && got.To == v.To
	case v.Kind == vpc.ToResolver || v.Kind == vpc.ToMetadata:
		from, _ := w.snapshot.Interface(f.From)
		return got.Drop == fabric.Carried && got.To == from.VPC
	}
	return got.Drop == fabric.NoGateway
}

// serves reports whether the flow is for a public service.
func (w *world) serves(f vpc.Flow) bool {
	_, ok := w.snapshot.PublicServiceAt(f.Destination.Addr())
	return ok
}

// endpointServes reports whether the flow is for the service of a gateway endpoint.
func (w *world) endpointServes(f vpc.Flow, id string) bool {
	service, ok := w.snapshot.PublicServiceAt(f.Destination.Addr())
	e, _ := w.snapshot.Endpoint(id)
	return ok && service.Service == e.Service && f.Protocol == vpc.TCP && f.Destination.Port() == 443
}

// answered checks what a public service's answer is: it comes back by the gateway.
func (w *world) answered(f vpc.Flow, gateway string) {
	verdict := w.snapshot.DecideTracked(vpc.Flow{
		From: gateway, Protocol: f.Protocol, Source: f.Destination, Destination: f.Source,
	})
	got := <-w.seen
	if sentBack := got.Drop == fabric.Carried && got.To == f.From; sentBack != (verdict.Allow && verdict.To == f.From) {
		explanation := w.snapshot.Explain(f)
		w.Fatalf("of the answer the judge says %+v\nthe fabric: %s to %q\n%s", verdict, got.Drop, got.To, &explanation)
	}
	if got.Drop == fabric.Carried && len(w.wires[f.From].Wait()) != 1 {
		w.Fatal("the answer did not arrive")
	}
}

// comesBack checks the packet where it arrived and the way of the answer.
func (w *world) comesBack(f vpc.Flow, to string, sent []byte) {
	back := vpc.Flow{From: to, Protocol: f.Protocol, Source: f.Destination, Destination: f.Source}
	if f.Protocol == vpc.ICMP {
		back.ICMPType = packet.EchoReply
	}
	verdict := w.snapshot.DecideTracked(back)
	if wire := w.wires[to]; wire != nil {
		arrived := wire.Take()
		if len(arrived) != 1 || !bytes.Equal(arrived[0].Data, sent) {
			w.Fatalf("%d packets arrived at %s", len(arrived), to)
		}
		wire.Put(packetOf(back, synFlag|ack))
	} else if f.Protocol == vpc.UDP {
		w.resolve(f)
	} // else an endpoint's stack answers by itself
	got := <-w.seen
	if sentBack := got.Drop == fabric.Carried && got.To == f.From; sentBack != (verdict.Allow && verdict.To == f.From) {
		explanation := w.snapshot.Explain(f)
		w.Fatalf("of the answer the judge says %+v\nthe fabric: %s to %q\n%s", verdict, got.Drop, got.To, &explanation)
	}
	if got.Drop == fabric.Carried && len(w.wires[f.From].Wait()) != 1 {
		w.Fatal("the answer did not arrive")
	}
}

// resolve answers a question that a Resolver inbound endpoint took.
func (w *world) resolve(f vpc.Flow) {
	packets, _ := w.fabric.Resolver()
	b := make([]byte, 100)
	n, from, err := packets.ReadFrom(b)
	if err != nil {
		w.Fatal(err)
	}
	if o := from.(*fabric.Peer).Origin(); o.Interface != f.From {
		w.Fatalf("the question of %s comes from %q", f.From, o.Interface)
	}
	if _, err := packets.WriteTo(b[:n], from); err != nil {
		w.Fatal(err)
	}
}

// Whatever a machine sends, the fabric stays up and lets pass nothing that is not its own.
func FuzzFilter(f *testing.F) {
	for _, p := range []link.Packet{
		syn(1, ssmA), tcp(1, ssmA, ack, 1, 1, "data"), udp(netip.AddrPortFrom(nodeAddress, 9), resolvers[0], "query"),
		icmp(nodeAddress, farAddress, packet.Echo, 0), syn(1, publicSSM), tcp(1, publicSSM, ack, 1, 1, "data"),
		udp(netip.AddrPortFrom(nodeAddress, 9), publicSSM, "x"), edit(syn(1, ssmA), 6, 0x20), {Data: []byte{0x45}},
	} {
		f.Add(p.Data, uint16(0))
		f.Add(p.Data, uint16(7))
	}
	network := vpctest.Sample()
	addGateways(&network)
	snapshot, err := vpc.NewSnapshot(1, network)
	if err != nil {
		f.Fatal(err)
	}
	var last fabric.Trace
	b := fabric.New(fabric.Options{MaxFlows: 1024, Watch: func(s fabric.Trace) {
		if s.Flow.From == vpctest.Node || s.Flow.From == "" { // not what the stack answers, from its own goroutine
			last = s
		}
	}})
	f.Cleanup(func() { b.Close() })
	b.Apply(snapshot)
	wire, far := fabrictest.NewWire(1500), fabrictest.NewWire(1500)
	b.Attach(vpctest.Node, wire)
	b.Attach(vpctest.Attached, far)
	f.Fuzz(func(t *testing.T, data []byte, size uint16) {
		p := link.Packet{Data: bytes.Clone(data), SegmentSize: size}
		if size > 0 {
			p.Checksum = link.ChecksumPartial
		}
		wire.Put(p)
		if last.Drop == fabric.Carried && (last.Flow.Source.Addr() != nodeAddress ||
			!snapshot.DecideTracked(last.Flow).Allow) {
			t.Errorf("carried %v", last.Flow)
		}
		if got := b.Stats().Flows; got > 1024 {
			t.Errorf("%d flows", got)
		}
		wire.Take()
		far.Take()
	})
}
