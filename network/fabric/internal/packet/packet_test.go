package packet

import (
	"bytes"
	"encoding/binary"
	"testing"

	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"pgregory.net/rapid"

	"postern/network/link"
)

var (
	here  = [4]byte{10, 0, 0, 1}
	there = [4]byte{10, 0, 0, 2}
)

// change edits a good packet and mends the IPv4 checksum.
func change(p link.Packet, edit func(b []byte) []byte) link.Packet {
	b := edit(bytes.Clone(p.Data))
	p.Release()
	if len(b) >= HeaderSize {
		b[10], b[11] = 0, 0
		binary.BigEndian.PutUint16(b[10:], ^checksum.Checksum(b[:HeaderSize], 0))
	}
	return link.Packet{Data: b}
}

func set(at int, v ...byte) func([]byte) []byte {
	return func(b []byte) []byte {
		copy(b[at:], v)
		return b
	}
}

func datagram() link.Packet {
	p, _ := Datagram(here, there, 1000, 53, []byte("hello"))
	return p
}

func segment() link.Packet { return Reset(here, there, 1000, 443, 7, 9, true) }

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name string
		p    link.Packet
		want Fault
	}{
		{"udp", datagram(), None},
		{"tcp", segment(), None},
		{"nothing", link.Packet{}, Short},
		{"half a header", link.Packet{Data: []byte{0x45, 0, 0, 10}}, Short},
		{"ipv6", link.Packet{Data: make([]byte, 40)}, Version},
		{"ipv6", link.Packet{Data: append([]byte{0x60}, make([]byte, 39)...)}, IPv6},
		{"header of 16 bytes", change(datagram(), set(0, 0x44)), Length},
		{"options", change(datagram(), set(0, 0x46)), Options},
		{"longer than it is", change(datagram(), set(2, 0, 200)), Length},
		{"shorter than it is", change(datagram(), set(2, 0, 24)), Length},
		{"trailing bytes", change(datagram(), func(b []byte) []byte { return append(b, 0) }), Length},
		{"header damaged", link.Packet{
			Data: append([]byte{0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 1, 2}, make([]byte, 16)...),
		}, HeaderChecksum},
		{"first fragment", change(datagram(), set(6, 0x20)), Fragment},
		{"last fragment", change(datagram(), set(6, 0, 3)), Fragment},
		{"ttl", change(datagram(), set(8, 0)), Expired},
		{"half a tcp header", change(segment(), func(b []byte) []byte { b[3] = 38; return b[:38] }), Short},
		{"tcp header too short", change(segment(), set(32, 4<<4)), TCPHeader},
		{"tcp header too long", change(segment(), set(32, 15<<4)), TCPHeader},
		{"udp length", change(datagram(), set(24, 0, 12)), UDPLength},
		{"icmp redirect", change(datagram(), func(b []byte) []byte { b[9], b[20] = ICMP, 5; return b }), ICMPType},
		{"error about nothing", change(datagram(), func(b []byte) []byte { b[9], b[20] = ICMP, 3; return b }), Short},
		{"super-segment of udp", link.Packet{Data: datagram().Data, SegmentSize: 1}, Super},
		{
			"super-segment of nothing", link.Packet{Data: segment().Data, SegmentSize: 1, Checksum: link.ChecksumPartial}, Super,
		},
	} {
		var h Header
		if got := Parse(&c.p, &h); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, Names[got], Names[c.want])
		}
	}
}

func TestBuiltPacketsAreGood(t *testing.T) {
	var h Header
	odd, _ := Datagram(here, there, 53, 1000, []byte("odd"))
	parts := []link.Packet{datagram(), odd, segment()}
	Parse(&parts[2], &h)
	parts = append(parts, Refuse(&h))
	h.Flags = 0x01
	parts = append(parts, Refuse(&h))
	big := segment()
	big.Data[6] = 0x40
	if p, ok := TooBig(&big, &h, 1420); ok {
		parts = append(parts, p)
	} else {
		t.Error("no answer to a packet that is too big")
	}
	for i, p := range parts {
		if fault := Parse(&p, &h); fault != None {
			t.Errorf("packet %d: %s", i, Names[fault])
		}
		p.Checksum = link.ChecksumUnknown
		if !link.Intact(&p) {
			t.Errorf("packet %d: transport checksum is wrong", i)
		}
	}
	if _, ok := Datagram(here, there, 1, 2, make([]byte, link.MaxPacket)); ok {
		t.Error("a datagram larger than a packet")
	}
}

func TestQuoteNamesTheOtherDirection(t *testing.T) {
	var h Header
	p := segment()
	Parse(&p, &h)
	p.Data[6] = 0x40
	e, _ := TooBig(&p, &h, 1420)
	var about Header
	if fault := Parse(&e, &about); fault != None || !about.IsError() {
		t.Fatalf("%s", Names[fault])
	}
	want := Quote{Source: here, Destination: there, SourcePort: 1000, DestinationPort: 443, Protocol: TCP}
	if about.About != want {
		t.Errorf("%+v, want %+v", about.About, want)
	}
}

// A SYN's clamped MSS leaves a checksum that is right if it was, wherever the option lies.
func TestClampMSS(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pad := rapid.IntRange(0, 3).Draw(t, "padding")
		mss := rapid.Uint16().Draw(t, "mss")
		mtu := rapid.IntRange(576, 9001).Draw(t, "mtu")
		p := newPacket(TCP, here, there, 28)
		b := p.Data[HeaderSize:]
		b[12], b[13] = 7<<4, 0x02
		for i := range 8 {
			b[20+i] = 1
		}
		b[20+pad], b[21+pad] = 2, 4
		binary.BigEndian.PutUint16(b[22+pad:], mss)
		binary.BigEndian.PutUint16(b[16:], ^checksum.Checksum(b, pseudo(p.Data)))
		var h Header
		if fault := Parse(&p, &h); fault != None {
			t.Fatal(Names[fault])
		}
		ClampMSS(&p, &h, mtu)
		if got, want := binary.BigEndian.Uint16(b[22+pad:]), min(mss, uint16(mtu-40)); got != want {
			t.Fatalf("MSS %d, want %d", got, want)
		}
		p.Checksum = link.ChecksumUnknown
		if !link.Intact(&p) {
			t.Fatal("the checksum is wrong")
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, p := range []link.Packet{datagram(), segment(), {Data: []byte{0x45}}} {
		f.Add(p.Data, uint16(0), uint8(0))
		f.Add(p.Data, uint16(1), uint8(2))
	}
	f.Fuzz(func(t *testing.T, data []byte, size uint16, sum uint8) {
		p := link.Packet{Data: data, SegmentSize: size, Checksum: link.Checksum(sum % 3)}
		var h Header
		if Parse(&p, &h) != None {
			return
		}
		if h.Offset > h.Total || h.Total != len(data) || h.Segments(&p) == 0 {
			t.Errorf("accepted %d bytes as %+v", len(data), h)
		}
		if h.Protocol == TCP {
			ClampMSS(&p, &h, 1500)
			r := Refuse(&h)
			if fault := Parse(&r, &h); fault != None {
				t.Errorf("the answer is not a packet: %s", Names[fault])
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	p := segment()
	b.ReportAllocs()
	for b.Loop() {
		var h Header
		if Parse(&p, &h) != None {
			b.Fatal("not parsed")
		}
	}
}
