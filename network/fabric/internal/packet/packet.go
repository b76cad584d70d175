// Package packet reads the headers of an IPv4 packet that comes from somebody who is not trusted. It believes nothing
// that the packet says about its own length.
package packet

import (
	"encoding/binary"

	"gvisor.dev/gvisor/pkg/tcpip/checksum"

	"postern/network/link"
)

// Fault says what is wrong with a packet; its name is the counter's.
type Fault uint8

// The faults, in the order in which they are looked for.
const (
	None           Fault = iota
	Short                // it ends within a header
	IPv6                 // IPv6 is not carried
	Version              // neither IPv4 nor IPv6
	Options              // the IPv4 header has options, which only help to mislead (RFC 7126)
	Length               // the total length is not the packet's
	HeaderChecksum       // the IPv4 header's checksum is wrong
	Fragment             // fragments are not carried: a rule on ports cannot be applied to them
	Expired              // its time to live is 0
	TCPHeader            // the TCP header's length is impossible
	TCPFlags             // no segment has these flags together
	UDPLength            // the UDP length is not the packet's
	ICMPType             // neither echo nor an error about a packet
	Super                // a super-segment of something other than TCP, or with impossible segments

	firstFrame // what link.FrameFault says of the frame, in its order
)

// Names are the faults' names, by value.
var Names = [...]string{
	"none", "short", "ipv6", "version", "options", "length", "header-checksum", "fragment", "ttl", "tcp-header",
	"tcp-flags", "udp-length", "icmp-type", "super-segment",
	"frame-source", "frame-destination", "frame-type", "frame-arp",
}

// IP protocol numbers.
const (
	ICMP = 1
	TCP  = 6
	UDP  = 17
)

// The ICMP types that are carried (RFC 792).
const (
	EchoReply   = 0
	Unreachable = 3
	Echo        = 8
	TimeOut     = 11
	Parameter   = 12
)

// HeaderSize is the length of the IPv4 header, which has no options here.
const HeaderSize = 20

// Header holds what the headers say.
type Header struct {
	Source, Destination [4]byte
	Protocol            uint8
	// SourcePort and DestinationPort are TCP's or UDP's; for an ICMP echo and its reply both are the identifier.
	SourcePort, DestinationPort uint16
	// Flags, Ack and Seq are TCP's; Flags keeps only the lowest six.
	Flags    uint8
	Seq, Ack uint32
	// Type and Code are ICMP's.
	Type, Code uint8
	// Total is the packet's length, Offset where its payload begins behind the transport header.
	Total, Offset int
	// About says what an ICMP error is about: the headers of the packet that it quotes.
	About Quote
}

// Quote is the beginning of a packet inside an ICMP error.
type Quote struct {
	Source, Destination         [4]byte
	SourcePort, DestinationPort uint16
	Protocol, Type              uint8
}

// Payload is the length of what follows the transport header.
func (h *Header) Payload() int { return h.Total - h.Offset }

// Segments counts the packets that p, whose header is h, stands for.
func (h *Header) Segments(p *link.Packet) uint32 {
	if p.SegmentSize == 0 {
		return 1
	}
	return uint32((h.Payload() + int(p.SegmentSize) - 1) / int(p.SegmentSize))
}

// Largest is the length of the largest packet that p stands for.
func (h *Header) Largest(p *link.Packet) int {
	if p.SegmentSize == 0 {
		return h.Total
	}
	return h.Offset + int(p.SegmentSize)
}

// Parse reads p's headers into h. It allocates nothing.
func Parse(p *link.Packet, h *Header) Fault {
	b := p.Data
	if len(b) < 1 {
		return noPacket(p)
	}
	switch b[0] >> 4 {
	case 4:
	case 6:
		return IPv6
	default:
		return Version
	}
	if len(b) < HeaderSize {
		return Short
	}
	if b[0] != 0x45 {
		if b[0] < 0x45 {
			return Length
		}
		return Options
	}
	h.Total = len(b)
	for _, m := range p.More {
		h.Total += len(m)
	}
	switch {
	case int(binary.BigEndian.Uint16(b[2:])) != h.Total:
		return Length
	case checksum.Checksum(b[:HeaderSize], 0) != 0xffff:
		return HeaderChecksum
	case binary.BigEndian.Uint16(b[6:])&0x3fff != 0: // more fragments, or an offset
		return Fragment
	case b[8] == 0:
		return Expired
	}
	h.Protocol = b[9]
	h.Source, h.Destination = [4]byte(b[12:16]), [4]byte(b[16:20])
	h.Flags, h.Ack = 0, 0
	if p.SegmentSize != 0 && h.Protocol != TCP {
		return Super
	}
	return h.transport(b[HeaderSize:], p)
}

// noPacket is the fault of a packet without data.
func noPacket(p *link.Packet) Fault {
	if p.Frame != link.FrameGood {
		return firstFrame + Fault(p.Frame-link.FrameSource)
	}
	return Short
}

func (h *Header) transport(b []byte, p *link.Packet) Fault {
	switch h.Protocol {
	case TCP:
		if fault := h.tcp(b); fault != None {
			return fault
		}
		if p.SegmentSize != 0 && (h.Payload() <= 0 || h.Flags&synRst != 0 || p.Checksum == link.ChecksumUnknown) {
			return Super
		}
		return None
	case UDP:
		return h.udp(b)
	case ICMP:
		return h.icmp(b)
	}
	h.SourcePort, h.DestinationPort, h.Offset = 0, 0, HeaderSize
	return None
}

// synRst are the flags that stand alone, never in a super-segment.
const synRst = 0x02 | 0x04

func (h *Header) tcp(b []byte) Fault {
	if len(b) < 20 {
		return Short
	}
	size := int(b[12]>>4) * 4
	if size < 20 || size > len(b) {
		return TCPHeader
	}
	h.SourcePort, h.DestinationPort = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	h.Seq, h.Ack = binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:])
	h.Flags = b[13] & 0x3f
	h.Offset = HeaderSize + size
	return None
}

func (h *Header) udp(b []byte) Fault {
	if len(b) < 8 {
		return Short
	}
	if int(binary.BigEndian.Uint16(b[4:])) != h.Total-HeaderSize {
		return UDPLength
	}
	h.SourcePort, h.DestinationPort = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	h.Offset = HeaderSize + 8
	return None
}

func (h *Header) icmp(b []byte) Fault {
	if len(b) < 8 {
		return Short
	}
	h.Type, h.Code, h.Offset = b[0], b[1], HeaderSize+8
	switch h.Type {
	case Echo, EchoReply:
		h.SourcePort = binary.BigEndian.Uint16(b[4:])
		h.DestinationPort = h.SourcePort
		return None
	case Unreachable, TimeOut, Parameter:
		h.SourcePort, h.DestinationPort = 0, 0
		return h.About.read(b[8:])
	}
	return ICMPType
}

// IsError reports whether the packet is an ICMP error about another.
func (h *Header) IsError() bool {
	return h.Protocol == ICMP && (h.Type == Unreachable || h.Type == TimeOut || h.Type == Parameter)
}

// read takes what an ICMP error quotes: an IPv4 header and at least eight bytes (RFC 792).
func (q *Quote) read(b []byte) Fault {
	if len(b) < HeaderSize+8 {
		return Short
	}
	if b[0] != 0x45 || binary.BigEndian.Uint16(b[6:])&0x1fff != 0 {
		return ICMPType
	}
	*q = Quote{Source: [4]byte(b[12:16]), Destination: [4]byte(b[16:20]), Protocol: b[9]}
	switch inner := b[HeaderSize:]; q.Protocol {
	case TCP, UDP:
		q.SourcePort, q.DestinationPort = binary.BigEndian.Uint16(inner), binary.BigEndian.Uint16(inner[2:])
	case ICMP:
		q.Type = inner[0]
		if q.Type != Echo && q.Type != EchoReply {
			return ICMPType // an error about an error is none (RFC 1122, 3.2.2)
		}
		q.SourcePort = binary.BigEndian.Uint16(inner[4:])
		q.DestinationPort = q.SourcePort
	}
	return None
}
