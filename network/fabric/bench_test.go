package fabric_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"postern/network/fabric"
	"postern/network/link"
	"postern/network/vpc"
	"postern/network/vpc/vpctest"
)

// sink is a link that lets everything vanish, and a hand to put packets on the fabric.
type sink struct{ receive func([]link.Packet) }

func (s *sink) Open(receive func([]link.Packet)) { s.receive = receive }
func (s *sink) Send([]link.Packet)               {}
func (s *sink) MTU() int                         { return 9001 }
func (s *sink) Close() error                     { return nil }

// newLarge makes a network of 10,000 interfaces whose groups have 1,000 rules, with sinks at the first two.
func newLarge(b *testing.B) (f *fabric.Fabric, from, to *sink, source, destination netip.Addr) {
	n := vpctest.Large(vpctest.Scale{Interfaces: 10000, Groups: 10, Rules: 1000})
	s, err := vpc.NewSnapshot(1, n)
	if err != nil {
		b.Fatal(err)
	}
	f = fabric.New(fabric.Options{FlowsPerInterface: 1 << 30})
	b.Cleanup(func() { f.Close() })
	f.Apply(s)
	from, to = &sink{}, &sink{}
	f.Attach("eni-0", from)
	f.Attach("eni-1", to)
	return f, from, to, n.Interfaces[0].Addresses[0], n.Interfaces[1].Addresses[0]
}

func BenchmarkEstablishedPacket(b *testing.B) {
	for _, size := range []int{1, 16} {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			f, from, to, source, destination := newLarge(b)
			a, z := netip.AddrPortFrom(source, 40000), netip.AddrPortFrom(destination, 443)
			from.receive([]link.Packet{tcpFrom(a, z, synFlag, 1, 0, "")})
			to.receive([]link.Packet{tcpFrom(z, a, synFlag|ack, 1, 2, "")})
			from.receive([]link.Packet{tcpFrom(a, z, ack, 2, 2, "")})
			p := tcpFrom(a, z, ack, 2, 2, "data")
			batch := make([]link.Packet, size)
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				for i := range batch {
					batch[i] = p
				}
				from.receive(batch)
				n += size
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/packet")
			if got := f.Stats().Packets; got != uint64(n)+3 {
				b.Fatalf("%d packets of %d passed", got, n+3)
			}
		})
	}
}

// A new flow each time: the table is full soon, so that making room is part of it.
func BenchmarkNewFlow(b *testing.B) {
	f, _, _, source, destination := newLarge(b)
	const senders, ports = 16, 60000
	var links [senders]sink
	var packets [senders]link.Packet
	for i := range links {
		f.Attach(fmt.Sprintf("eni-%d", 10*i+10), &links[i])
		source := netip.AddrFrom4([4]byte{source.As4()[0], source.As4()[1], source.As4()[2], source.As4()[3] + byte(10*i+10)})
		packets[i] = tcpFrom(netip.AddrPortFrom(source, 1), netip.AddrPortFrom(destination, 443), synFlag, 1, 0, "")
	}
	batch := make([]link.Packet, 1)
	b.ReportAllocs()
	n := uint64(0)
	for b.Loop() {
		i := n % senders
		binary.BigEndian.PutUint16(packets[i].Data[20:], uint16(n/senders%ports+1))
		batch[0] = packets[i]
		links[i].receive(batch)
		n++
	}
	if s := f.Stats(); s.Packets != n {
		b.Fatalf("%d packets of %d passed: %v", s.Packets, n, s.Dropped)
	}
}

// BenchmarkApply is the time from one changed rule to its being in force: the VPC is compiled, the snapshot made of the
// one before, and applied. One interface in ten has a link, and one conversation in another VPC goes on.
func BenchmarkApply(b *testing.B) {
	for _, scale := range []struct{ vpcs, interfaces int }{{100, 100}, {1000, 100}} {
		b.Run(fmt.Sprintf("vpcs=%d/interfaces=%d", scale.vpcs, scale.vpcs*scale.interfaces), func(b *testing.B) {
			s, err := vpc.NewSnapshot(1, vpctest.Many(scale.vpcs, scale.interfaces))
			if err != nil {
				b.Fatal(err)
			}
			f := fabric.New(fabric.Options{})
			b.Cleanup(func() { f.Close() })
			f.Apply(s)
			links := map[string]*sink{}
			for v := range scale.vpcs {
				for i := range scale.interfaces / 10 {
					id := fmt.Sprintf("eni-%d-%d", v, i)
					links[id] = &sink{}
					f.Attach(id, links[id])
				}
			}
			p := udp(netip.AddrPortFrom(vpctest.ManyAddress(7, 0), 1), netip.AddrPortFrom(vpctest.ManyAddress(7, 1), 2), "x")
			links["eni-7-0"].receive([]link.Packet{p})
			content := s.Compiled("vpc-3").Content()
			b.ReportAllocs()
			for b.Loop() {
				if s, err = changeRule(s, &content); err != nil {
					b.Fatal(err)
				}
				f.Apply(s)
				links["eni-7-0"].receive([]link.Packet{p})
			}
			if got := f.Stats(); got.Rejudged > 0 || got.Packets < uint64(b.N) {
				b.Fatalf("%d packets, judged again %d times", got.Packets, got.Rejudged)
			}
		})
	}
}

// changeRule returns the snapshot after s, with another rule in the VPC of the content.
func changeRule(s *vpc.Snapshot, content *vpc.Content) (*vpc.Snapshot, error) {
	content.SecurityGroups = slices.Clone(content.SecurityGroups)
	g := &content.SecurityGroups[0]
	g.Rules = slices.Clone(g.Rules)
	g.Rules[0].Protocol = vpc.TCP
	g.Rules[0].Ports.To = (g.Rules[0].Ports.To + 1) % 65536
	c, err := vpc.Compile(*content, s.Compiled(content.VPC.ID))
	if err != nil {
		return nil, err
	}
	return s.With(s.Version()+1, []*vpc.Compiled{c}, vpc.Shared{})
}
