package link

import (
	"bytes"
	"net/netip"
	"testing"

	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// fuzzSeed is a TCP packet of IPv4 or IPv6.
func fuzzSeed(from, to string, seq uint32, payload int) []byte {
	return segment{
		from: netip.MustParseAddrPort(from), to: netip.MustParseAddrPort(to), seq: seq, ack: 1, flags: header.TCPFlagAck,
		window: 1000, payload: bytes.Repeat([]byte("x"), payload), options: []byte{1, 1, 1, 0},
	}.bytes()
}

// FuzzSegmenter cuts any packet at any size: it ends, writes no further than it may, and invents no payload.
func FuzzSegmenter(f *testing.F) {
	f.Add(fuzzSeed("10.0.0.1:1", "10.0.0.2:2", 7, 3000), uint16(1000), uint16(1500), true)
	f.Add(fuzzSeed("[2001:db8::1]:1", "[2001:db8::2]:2", 7, 10), uint16(3), uint16(100), false)
	f.Add([]byte{0x45}, uint16(1), uint16(1), true)
	f.Fuzz(func(t *testing.T, data []byte, size, room uint16, partial bool) {
		if len(data) > MaxPacket {
			return
		}
		p := New(len(data))
		copy(p.Data, data)
		p.SegmentSize = size
		if partial {
			p.Checksum = ChecksumPartial
		}
		var s Segmenter
		if !s.Start(p) {
			return
		}
		dst, total := make([]byte, room), 0
		for n := s.Next(dst); n > 0; n = s.Next(dst) {
			if n > len(dst) {
				t.Fatalf("a segment of %d bytes in %d", n, len(dst))
			}
			if total++; total > len(data)+1 {
				t.Fatalf("more than %d segments of %d bytes", total, len(data))
			}
		}
		if n := s.Next(dst); n != 0 {
			t.Errorf("%d bytes after the end", n)
		}
	})
}

// FuzzGatherer joins any two packets with one that belongs there: no byte is lost, and what is joined can be cut again.
func FuzzGatherer(f *testing.F) {
	f.Add(fuzzSeed("10.0.0.1:1", "10.0.0.2:2", 7, 100), fuzzSeed("10.0.0.1:1", "10.0.0.2:2", 107, 100), uint8(4))
	f.Add(fuzzSeed("[2001:db8::1]:1", "[2001:db8::2]:2", 7, 10), []byte{0x60, 1}, uint8(0))
	f.Add([]byte{}, []byte{0x45, 0, 0, 20}, uint8(1))
	f.Fuzz(func(t *testing.T, a, b []byte, offset uint8) {
		if len(a) > 9001 || len(b) > 9001 {
			return
		}
		good := fuzzSeed("10.0.0.1:1", "10.0.0.2:2", 207, 100)
		pad, in := make([]byte, offset), 0
		var batch [][]byte
		for _, p := range [][]byte{a, b, good} {
			batch = append(batch, append(bytes.Clone(pad), p...))
			in += len(p)
		}
		var g Gatherer
		out := 0
		packets := g.Gather(batch, int(offset), ChecksumVerified)
		for i := range packets {
			out += packets[i].Len()
			if packets[i].Len() > MaxPacket {
				t.Errorf("a packet of %d bytes", packets[i].Len())
			}
		}
		if len(packets) == len(batch) && out != in {
			t.Errorf("%d bytes became %d", in, out)
		}
		if len(packets) > len(batch) || out > in {
			t.Errorf("%d packets of %d bytes became %d of %d", len(batch), in, len(packets), out)
		}
		Release(packets)
	})
}
