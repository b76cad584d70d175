package link

import (
	"encoding/binary"
	"testing"

	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// partial makes a UDP or TCP packet with the pseudo-header's sum in its checksum field, in several pieces.
func partial(protocol byte, payload ...string) Packet {
	length := 8
	if protocol == byte(header.TCPProtocolNumber) {
		length = 20
	}
	b := make([]byte, 20+length)
	b[0], b[8], b[9] = 0x45, 64, protocol
	copy(b[12:], []byte{10, 0, 0, 1, 10, 0, 0, 2})
	p := Packet{Data: b, Checksum: ChecksumPartial}
	for _, s := range payload {
		p.More = append(p.More, []byte(s))
	}
	binary.BigEndian.PutUint16(b[2:], uint16(p.Len()))
	at := 26
	if protocol == byte(header.TCPProtocolNumber) {
		at, b[32] = 36, 0x50
	}
	binary.BigEndian.PutUint16(b[at:], pseudoHeader(b, header.IPv4(b).TransportProtocol(), p.Len()-20))
	return p
}

func TestIntactFindsDamage(t *testing.T) {
	for _, protocol := range []byte{6, 17} {
		var s Segmenter
		b := make([]byte, 100)
		if !s.Start(partial(protocol, "odd", "", "pieces")) {
			t.Fatalf("protocol %d: not taken", protocol)
		}
		b = b[:s.Next(b)]
		p := Packet{Data: b[:len(b)-3], More: [][]byte{b[len(b)-3 : len(b)-2], b[len(b)-2:]}}
		if !Intact(&p) {
			t.Errorf("protocol %d: finished checksum is wrong", protocol)
		}
		if b[len(b)-1]++; Intact(&p) {
			t.Errorf("protocol %d: damage is not seen", protocol)
		}
	}
}

func TestIntactOfShortPackets(t *testing.T) {
	for _, c := range []struct {
		data []byte
		want bool
	}{
		{nil, false},
		{[]byte{0x45}, false},
		{append([]byte{0x45, 0, 0, 24, 0, 0, 0, 0, 64, 17, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2}, 0, 0, 0, 0),
			false}, // half a UDP header
		{append([]byte{0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2}, 0, 0, 0, 0, 0, 8, 0, 0), true},
	} {
		if got := Intact(&Packet{Data: c.data}); got != c.want {
			t.Errorf("Intact(% x) = %t", c.data, got)
		}
	}
}
