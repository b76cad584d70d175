package link

import "testing"

// FuzzVirtioHeader reads any header before any packet: what it claims is believed no further than the packet bears
// out, and what is written for the packet is read back as the same.
func FuzzVirtioHeader(f *testing.F) {
	packet := fuzzSeed("10.0.0.1:1", "10.0.0.2:2", 7, 3000)
	f.Add([]byte{1, 1, 0, 0, 100, 0, 20, 0, 16, 0}, packet)
	f.Add([]byte{2, 0, 0, 0, 0, 0, 0, 0, 0, 0}, packet)
	f.Add([]byte{1, 0x84, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, []byte{0x60})
	f.Fuzz(func(t *testing.T, h, data []byte) {
		if len(h) < vnetSize || len(data) == 0 || len(data) > MaxPacket {
			return
		}
		p := New(len(data))
		defer p.Release()
		copy(p.Data, data)
		readVnet(h[:vnetSize], &p)
		if p.Checksum == ChecksumPartial {
			if network, _, ok := parseNetwork(p.Data); !ok || network > len(p.Data) {
				t.Errorf("an unfinished checksum in % x", data)
			}
		}
		var again [vnetSize]byte
		if !writeVnet(again[:], &p) || p.SegmentSize == 0 && p.Checksum != ChecksumPartial {
			return
		}
		q := New(len(data))
		defer q.Release()
		copy(q.Data, data)
		readVnet(again[:], &q)
		if q.SegmentSize != p.SegmentSize {
			t.Errorf("segments of %d bytes are read back as of %d", p.SegmentSize, q.SegmentSize)
		}
	})
}
