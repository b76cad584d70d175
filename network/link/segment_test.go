package link

import (
	"bytes"
	"fmt"
	"net/netip"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"pgregory.net/rapid"
)

// segment describes a TCP packet in a test.
type segment struct {
	from, to netip.AddrPort
	seq, ack uint32
	flags    header.TCPFlags
	window   uint16
	payload  []byte
	options  []byte
}

// bytes builds the packet with all its checksums.
func (s segment) bytes() []byte {
	network := header.IPv4MinimumSize
	if s.from.Addr().Is6() {
		network = header.IPv6MinimumSize
	}
	headers := network + header.TCPMinimumSize + len(s.options)
	b := make([]byte, headers+len(s.payload))
	if network == header.IPv4MinimumSize {
		header.IPv4(b).Encode(&header.IPv4Fields{
			TotalLength: uint16(len(b)), TTL: 64, Protocol: uint8(header.TCPProtocolNumber), Flags: header.IPv4FlagDontFragment,
			SrcAddr: tcpip.AddrFrom4(s.from.Addr().As4()), DstAddr: tcpip.AddrFrom4(s.to.Addr().As4()),
		})
		header.IPv4(b).SetChecksum(^header.IPv4(b).CalculateChecksum())
	} else {
		header.IPv6(b).Encode(&header.IPv6Fields{
			PayloadLength: uint16(len(b) - network), HopLimit: 64, TransportProtocol: header.TCPProtocolNumber,
			SrcAddr: tcpip.AddrFrom16(s.from.Addr().As16()), DstAddr: tcpip.AddrFrom16(s.to.Addr().As16()),
		})
	}
	tcp := header.TCP(b[network:])
	tcp.Encode(&header.TCPFields{
		SrcPort: s.from.Port(), DstPort: s.to.Port(), SeqNum: s.seq, AckNum: s.ack,
		DataOffset: uint8(header.TCPMinimumSize + len(s.options)), Flags: s.flags, WindowSize: s.window,
	})
	copy(b[network+header.TCPMinimumSize:], s.options)
	copy(b[headers:], s.payload)
	tcp.SetChecksum(^checksum.Checksum(tcp, pseudoHeader(b, header.TCPProtocolNumber, len(tcp))))
	return b
}

// checkPacket reports a packet whose lengths or checksums are not right.
func checkPacket(b []byte) error {
	network, protocol, ok := parseNetwork(b)
	if !ok {
		return fmt.Errorf("no IP packet: %x", b)
	}
	if b[0]>>4 == 4 {
		ip := header.IPv4(b)
		if int(ip.TotalLength()) != len(b) || !ip.IsChecksumValid() {
			return fmt.Errorf("IPv4 header: length %d of %d, checksum valid %t", ip.TotalLength(), len(b), ip.IsChecksumValid())
		}
	} else if int(header.IPv6(b).PayloadLength())+network != len(b) {
		return fmt.Errorf("IPv6 payload length %d of %d", header.IPv6(b).PayloadLength(), len(b)-network)
	}
	if sum := checksum.Checksum(b[network:], pseudoHeader(b, protocol, len(b)-network)); sum != 0xffff {
		return fmt.Errorf("transport checksum: sums to %#04x", sum)
	}
	return nil
}

// segments cuts p completely.
func segments(p Packet, mtu int) [][]byte {
	var s Segmenter
	s.Start(p)
	var out [][]byte
	for {
		dst := make([]byte, mtu)
		n := s.Next(dst)
		if n == 0 {
			return out
		}
		out = append(out, dst[:n])
	}
}

var (
	alice = netip.MustParseAddrPort("10.0.1.20:40000")
	bob   = netip.MustParseAddrPort("10.0.2.7:443")
	carol = netip.MustParseAddrPort("[fd00::20]:40000")
	dave  = netip.MustParseAddrPort("[fd00::7]:443")
)

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7)
	}
	return b
}

func TestSuperSegmentIsCut(t *testing.T) {
	for _, tt := range []struct {
		name     string
		from, to netip.AddrPort
		payload  int
		segment  uint16
		split    int // of the payload into Data and More
	}{
		{"IPv4", alice, bob, 60000, 1368, 60000},
		{"IPv4 in pieces", alice, bob, 60000, 1368, 100},
		{"IPv6", carol, dave, 60000, 1348, 60000},
		{"exact multiple", alice, bob, 5000, 1000, 0},
		{"one segment", alice, bob, 900, 1368, 900},
		{"one byte over", alice, bob, 1369, 1368, 7},
	} {
		t.Run(tt.name, func(t *testing.T) {
			const flags = header.TCPFlagAck | header.TCPFlagPsh | header.TCPFlagFin | header.TCPFlagCwr
			whole := segment{from: tt.from, to: tt.to, seq: 0xffffff00, ack: 9, flags: flags, window: 500,
				payload: pattern(tt.payload), options: []byte{1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2}}
			b := whole.bytes()
			headers := len(b) - tt.payload
			p := Packet{Data: b[:headers+tt.split], SegmentSize: tt.segment, Checksum: ChecksumPartial}
			if rest := b[headers+tt.split:]; len(rest) > 0 {
				p.More = [][]byte{rest[:len(rest)/2], rest[len(rest)/2:]}
			}
			got := segments(p, 1420)
			var payload []byte
			for i, s := range got {
				if err := checkPacket(s); err != nil {
					t.Fatalf("segment %d: %v", i, err)
				}
				tcp := header.TCP(s[headers-header.TCPMinimumSize-12:])
				if want := uint32(0xffffff00) + uint32(len(payload)); tcp.SequenceNumber() != want {
					t.Errorf("segment %d: sequence number %d, want %d", i, tcp.SequenceNumber(), want)
				}
				last := i == len(got)-1
				if fin := tcp.Flags()&header.TCPFlagFin != 0; fin != last {
					t.Errorf("segment %d of %d: FIN %t", i, len(got), fin)
				}
				if cwr := tcp.Flags()&header.TCPFlagCwr != 0; cwr != (i == 0) {
					t.Errorf("segment %d: CWR %t", i, cwr)
				}
				if n := len(s) - headers; n != int(tt.segment) && !last || n > int(tt.segment) {
					t.Errorf("segment %d carries %d bytes, want %d", i, n, tt.segment)
				}
				payload = append(payload, s[headers:]...)
			}
			if !bytes.Equal(payload, whole.payload) {
				t.Error("the payload is not what was sent")
			}
		})
	}
}

func TestPartialChecksumIsFinished(t *testing.T) {
	b := segment{from: alice, to: bob, flags: header.TCPFlagSyn, payload: []byte("odd")}.bytes()
	tcp := header.TCP(b[header.IPv4MinimumSize:])
	tcp.SetChecksum(pseudoHeader(b, header.TCPProtocolNumber, len(tcp)))
	got := segments(Packet{Data: b, Checksum: ChecksumPartial}, 1420)
	if len(got) != 1 {
		t.Fatalf("%d packets, want 1", len(got))
	}
	if err := checkPacket(got[0]); err != nil {
		t.Error(err)
	}
}

func TestSegmenterRefuses(t *testing.T) {
	good := segment{from: alice, to: bob, payload: pattern(2000)}.bytes()
	for _, tt := range []struct {
		name string
		p    Packet
	}{
		{"empty", Packet{}},
		{"not IP", Packet{Data: bytes.Repeat([]byte{0xff}, 40)}},
		{"larger than the MTU", Packet{Data: good}},
		{"segments larger than the MTU", Packet{Data: good, SegmentSize: 1500}},
		{"super-segment without TCP header", Packet{Data: good[:30], SegmentSize: 10}},
		{"partial checksum of neither TCP nor UDP",
			Packet{Data: append([]byte{0x45, 0, 0, 20, 0, 0, 0, 0, 64, 1}, make([]byte, 30)...), Checksum: ChecksumPartial}},
	} {
		if got := segments(tt.p, 1420); len(got) != 0 {
			t.Errorf("%s: %d packets, want none", tt.name, len(got))
		}
	}
}

func TestGather(t *testing.T) {
	seg := func(seq uint32, n int, change func(*segment)) []byte {
		s := segment{from: alice, to: bob, seq: seq, ack: 5, flags: header.TCPFlagAck, window: 100, payload: pattern(n)}
		if change != nil {
			change(&s)
		}
		return s.bytes()
	}
	other := func(s *segment) { s.from = netip.MustParseAddrPort("10.0.1.20:40001") }
	for _, tt := range []struct {
		name  string
		batch [][]byte
		want  []int // payload bytes of each packet
	}{
		{"in order", [][]byte{seg(0, 100, nil), seg(100, 100, nil), seg(200, 50, nil)}, []int{250}},
		{"after a short one", [][]byte{seg(0, 100, nil), seg(100, 50, nil), seg(150, 50, nil)}, []int{150, 50}},
		{"gap", [][]byte{seg(0, 100, nil), seg(200, 100, nil)}, []int{100, 100}},
		{"out of order", [][]byte{seg(100, 100, nil), seg(0, 100, nil), seg(100, 100, nil)}, []int{100, 200}},
		{"two flows", [][]byte{seg(0, 100, nil), seg(7, 90, other), seg(100, 100, nil), seg(97, 90, other)}, []int{200, 180}},
		{"pure acknowledgements", [][]byte{seg(0, 0, nil), seg(0, 0, nil)}, []int{0, 0}},
		{"push ends it", [][]byte{seg(0, 100, func(s *segment) { s.flags |= header.TCPFlagPsh }), seg(100, 100, nil)},
			[]int{100, 100}},
		{"push as the last", [][]byte{seg(0, 100, nil), seg(100, 100, func(s *segment) { s.flags |= header.TCPFlagPsh })},
			[]int{200}},
		{"FIN stays alone", [][]byte{seg(0, 100, nil), seg(100, 100, func(s *segment) { s.flags |= header.TCPFlagFin })},
			[]int{100, 100}},
		{"other acknowledgement", [][]byte{seg(0, 100, nil), seg(100, 100, func(s *segment) { s.ack++ })}, []int{100, 100}},
		{"other window", [][]byte{seg(0, 100, nil), seg(100, 100, func(s *segment) { s.window++ })}, []int{100, 100}},
		{"other options", [][]byte{seg(0, 100, nil), seg(100, 100, func(s *segment) { s.options = []byte{1, 1, 1, 1} })},
			[]int{100, 100}},
		{"other type of service",
			[][]byte{seg(0, 100, nil), func() []byte { b := seg(100, 100, nil); b[1] = 3; return b }()}, []int{100, 100}},
		{"fragment", [][]byte{seg(0, 100, nil), func() []byte { b := seg(100, 100, nil); b[6] |= 0x20; return b }()},
			[]int{100, 100}},
		{"no more than a packet may hold", [][]byte{seg(0, 30000, nil), seg(30000, 30000, nil), seg(60000, 30000, nil)},
			[]int{60000, 30000}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var g Gatherer
			var got []int
			for _, p := range g.Gather(tt.batch, 0, ChecksumVerified) {
				network, _, _ := parseNetwork(p.Data)
				got = append(got, len(p.Data)-network-int(header.TCP(p.Data[network:]).DataOffset()))
				p.Release()
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Whatever is gathered, cutting it again gives the packets that came, each connection's in their order.
func TestGatherThenCutIsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		flows := []segment{{from: alice, to: bob}, {from: carol, to: dave},
			{from: alice, to: netip.MustParseAddrPort("10.0.2.8:443")}}
		var batch [][]byte
		sent := map[string][][]byte{}
		for range rapid.IntRange(1, 80).Draw(t, "packets") {
			f := &flows[rapid.IntRange(0, len(flows)-1).Draw(t, "flow")]
			f.flags = header.TCPFlagAck
			if rapid.IntRange(0, 9).Draw(t, "push") == 0 {
				f.flags |= header.TCPFlagPsh
			}
			if rapid.IntRange(0, 9).Draw(t, "lost") == 0 {
				f.seq += 10
			}
			f.payload = pattern(rapid.SampledFrom([]int{0, 1, 50, 1000, 1000, 1000, 1000}).Draw(t, "size"))
			b := f.bytes()
			f.seq += uint32(len(f.payload))
			batch = append(batch, append(make([]byte, 16), b...))
			sent[f.to.String()] = append(sent[f.to.String()], b)
		}
		got := map[string][][]byte{}
		for _, p := range new(Gatherer).Gather(batch, 16, ChecksumVerified) {
			to := destination(p.Data)
			for _, s := range segments(p, 1420) {
				if err := checkPacket(s); err != nil {
					t.Fatal(err)
				}
				got[to] = append(got[to], s)
			}
		}
		for _, packets := range got {
			for _, b := range packets {
				clearID(b)
			}
		}
		// cmp walks bytes one by one, which takes seconds here: only for what differs.
		if !reflect.DeepEqual(sent, got) {
			t.Error(cmp.Diff(sent, got))
		}
	})
}

// clearID takes the identification out, which a cut packet counts up and a whole one keeps.
func clearID(b []byte) {
	if b[0]>>4 == 4 {
		ip := header.IPv4(b)
		ip.SetID(0)
		ip.SetChecksum(0)
		ip.SetChecksum(^ip.CalculateChecksum())
	}
}

func destination(b []byte) string {
	network, _, _ := parseNetwork(b)
	port := header.TCP(b[network:]).DestinationPort()
	if b[0]>>4 == 6 {
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[24:40])), port).String()
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[16:20])), port).String()
}

func BenchmarkSegment(b *testing.B) {
	whole := segment{from: alice, to: bob, flags: header.TCPFlagAck, payload: pattern(64000)}.bytes()
	dst := make([]byte, 1420)
	b.SetBytes(64000)
	b.ReportAllocs()
	for b.Loop() {
		var s Segmenter
		s.Start(Packet{Data: whole, SegmentSize: 1380, Checksum: ChecksumPartial})
		for s.Next(dst) > 0 {
		}
	}
}

func BenchmarkGather(b *testing.B) {
	whole := segment{from: alice, to: bob, flags: header.TCPFlagAck, payload: pattern(64000)}.bytes()
	batch := segments(Packet{Data: whole, SegmentSize: 1380, Checksum: ChecksumPartial}, 1420)
	var g Gatherer
	b.SetBytes(64000)
	b.ReportAllocs()
	for b.Loop() {
		Release(g.Gather(batch, 0, ChecksumVerified))
	}
}
