package packet

import (
	"encoding/binary"

	"gvisor.dev/gvisor/pkg/tcpip/checksum"

	"postern/network/link"
)

// The TCP flags that the filter itself sets.
const (
	flagRST = 0x04
	flagACK = 0x10
)

const defaultTTL = 64

// newPacket makes a packet with an IPv4 header for a payload of the given length.
func newPacket(protocol uint8, source, destination [4]byte, payload int) link.Packet {
	p := link.New(HeaderSize + payload)
	p.Checksum = link.ChecksumVerified
	b := p.Data
	b[0], b[8], b[9] = 0x45, defaultTTL, protocol
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	copy(b[12:], source[:])
	copy(b[16:], destination[:])
	binary.BigEndian.PutUint16(b[10:], ^checksum.Checksum(b[:HeaderSize], 0))
	return p
}

// pseudo is the sum of the pseudo-header of a packet (RFC 9293, 3.1).
func pseudo(b []byte) uint16 {
	sum := checksum.Checksum(b[12:20], uint16(b[9]))
	return checksum.Combine(sum, uint16(len(b)-HeaderSize))
}

// Reset makes a TCP reset. With ack it also acknowledges.
func Reset(source, destination [4]byte, sourcePort, destinationPort uint16, seq, ack uint32, withAck bool) link.Packet {
	p := newPacket(TCP, source, destination, 20)
	t := p.Data[HeaderSize:]
	binary.BigEndian.PutUint16(t, sourcePort)
	binary.BigEndian.PutUint16(t[2:], destinationPort)
	binary.BigEndian.PutUint32(t[4:], seq)
	t[12], t[13] = 5<<4, flagRST
	if withAck {
		binary.BigEndian.PutUint32(t[8:], ack)
		t[13] |= flagACK
	}
	binary.BigEndian.PutUint16(t[16:], ^checksum.Checksum(t, pseudo(p.Data)))
	return p
}

// Refuse answers a segment that belongs to no connection, as the end that has never heard of it would (RFC 9293,
// 3.10.7.1).
func Refuse(h *Header) link.Packet {
	if h.Flags&flagACK != 0 {
		return Reset(h.Destination, h.Source, h.DestinationPort, h.SourcePort, h.Ack, 0, false)
	}
	end := h.Seq + uint32(h.Payload())
	if h.Flags&0x01 != 0 { // a FIN counts
		end++
	}
	return Reset(h.Destination, h.Source, h.DestinationPort, h.SourcePort, 0, end, true)
}

// Datagram makes a UDP packet. It returns false if the payload is too long for one.
func Datagram(source, destination [4]byte, sourcePort, destinationPort uint16, payload []byte) (link.Packet, bool) {
	size := 8 + len(payload)
	if HeaderSize+size > link.MaxPacket {
		return link.Packet{}, false
	}
	p := newPacket(UDP, source, destination, size)
	u := p.Data[HeaderSize:]
	binary.BigEndian.PutUint16(u, sourcePort)
	binary.BigEndian.PutUint16(u[2:], destinationPort)
	binary.BigEndian.PutUint16(u[4:], uint16(size))
	copy(u[8:], payload)
	sum := ^checksum.Checksum(u, pseudo(p.Data))
	if sum == 0 {
		sum = 0xffff // RFC 768: zero would mean that there is none
	}
	binary.BigEndian.PutUint16(u[6:], sum)
	return p, true
}

// quoted says how much of a packet an ICMP error about it carries (RFC 792: the header and eight bytes).
const quoted = HeaderSize + 8

// TooBig answers packet p, which must not be fragmented, with the MTU that it would have to keep (RFC 1191). It
// returns false if p may be fragmented, or is too short to be quoted.
func TooBig(p *link.Packet, h *Header, mtu int) (link.Packet, bool) {
	const dontFragment = 0x40
	if p.Data[6]&dontFragment == 0 || len(p.Data) < quoted {
		return link.Packet{}, false
	}
	r := newPacket(ICMP, h.Destination, h.Source, 8+quoted)
	b := r.Data[HeaderSize:]
	b[0], b[1] = Unreachable, 4
	binary.BigEndian.PutUint16(b[6:], uint16(mtu))
	copy(b[8:], p.Data[:quoted])
	binary.BigEndian.PutUint16(b[2:], ^checksum.Checksum(b, 0))
	return r, true
}

// headers is the length of the IPv4 and TCP headers without options, which the maximum segment size leaves out.
const headers = HeaderSize + 20

// ClampMSS lowers the maximum segment size that a SYN announces to what fits into mtu.
func ClampMSS(p *link.Packet, h *Header, mtu int) {
	limit := uint16(mtu - headers)
	t := p.Data[HeaderSize:h.Offset]
	for o := 20; o < len(t); {
		switch kind := t[o]; {
		case kind == 0: // end of options
			return
		case kind == 1: // no operation
			o++
			continue
		case o+2 > len(t) || t[o+1] < 2 || o+int(t[o+1]) > len(t):
			return // the receiver will not understand it either
		case kind == 2 && t[o+1] == 4:
			if old := binary.BigEndian.Uint16(t[o+2:]); old > limit {
				binary.BigEndian.PutUint16(t[o+2:], limit)
				if p.Checksum != link.ChecksumPartial {
					adjust(t[16:], old, limit, o%2 == 1)
				}
			}
			return
		}
		o += int(t[o+1])
	}
}

// adjust updates a checksum for one 16-bit word that changed (RFC 1624). A word at an odd offset is swapped.
func adjust(field []byte, old, now uint16, odd bool) {
	if odd {
		old, now = old<<8|old>>8, now<<8|now>>8
	}
	sum := uint32(^binary.BigEndian.Uint16(field)) + uint32(^old) + uint32(now)
	sum = sum&0xffff + sum>>16
	sum = sum&0xffff + sum>>16
	binary.BigEndian.PutUint16(field, ^uint16(sum))
}
