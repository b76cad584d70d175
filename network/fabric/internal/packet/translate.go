package packet

import (
	"encoding/binary"

	"postern/network/link"
)

// End is one of a packet's two ends.
type End int

// The ends, by where their address lies in the IPv4 header.
const (
	Source      End = 12
	Destination End = 16
)

// Rewrite gives one end of a TCP or UDP packet, whose header is h, another address and port, and mends the checksums. h
// is not changed.
func Rewrite(p *link.Packet, h *Header, end End, address [4]byte, port uint16) {
	b := p.Data
	t := b[HeaderSize:]
	at, portAt := int(end), 0
	if end == Destination {
		portAt = 2
	}
	sum := t[16:18]
	if h.Protocol == UDP {
		sum = t[6:8]
	}
	whole := p.Checksum != link.ChecksumPartial && p.SegmentSize == 0 && (h.Protocol == TCP || sum[0]|sum[1] != 0)
	for i := 0; i < 4; i += 2 {
		old, now := binary.BigEndian.Uint16(b[at+i:]), binary.BigEndian.Uint16(address[i:])
		binary.BigEndian.PutUint16(b[at+i:], now)
		adjust(b[10:12], old, now, false)
		switch {
		case p.Checksum == link.ChecksumPartial:
			adjustSum(sum, old, now)
		case whole:
			adjust(sum, old, now, false)
		}
	}
	old := binary.BigEndian.Uint16(t[portAt:])
	binary.BigEndian.PutUint16(t[portAt:], port)
	if whole {
		adjust(sum, old, port, false)
		if h.Protocol == UDP && sum[0]|sum[1] == 0 {
			sum[0], sum[1] = 0xff, 0xff // RFC 768: zero would mean that there is none
		}
	}
}

// adjustSum updates a sum that is not complemented yet: the pseudo-header's, which knows no ports.
func adjustSum(field []byte, old, now uint16) {
	sum := uint32(binary.BigEndian.Uint16(field)) + uint32(^old) + uint32(now)
	sum = sum&0xffff + sum>>16
	sum = sum&0xffff + sum>>16
	binary.BigEndian.PutUint16(field, uint16(sum))
}
