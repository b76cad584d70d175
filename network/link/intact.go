package link

import (
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// Intact reports whether the transport checksum of p is right, or known to be: only an unknown one is computed.
// A fragment, and a protocol without a checksum, is taken as intact.
func Intact(p *Packet) bool {
	if p.Checksum != ChecksumUnknown {
		return true
	}
	network, protocol, ok := parseNetwork(p.Data)
	if !ok {
		return false
	}
	if p.Data[0]>>4 == 4 && (header.IPv4(p.Data).More() || header.IPv4(p.Data).FragmentOffset() != 0) {
		return true
	}
	length := p.Len() - network
	var sum uint16
	switch protocol {
	case header.TCPProtocolNumber:
		sum = pseudoHeader(p.Data, protocol, length)
	case header.UDPProtocolNumber:
		if length < header.UDPMinimumSize || len(p.Data) < network+header.UDPMinimumSize {
			return false
		}
		if header.UDP(p.Data[network:]).Checksum() == 0 {
			return true // RFC 768: the sender made none
		}
		sum = pseudoHeader(p.Data, protocol, length)
	case header.ICMPv4ProtocolNumber:
	default:
		return true
	}
	return sumFrom(p, network, sum) == 0xffff
}

// sumFrom adds up p's bytes from offset on, across its pieces.
func sumFrom(p *Packet, offset int, sum uint16) uint16 {
	var c checksum.Checksumer
	c.Add(p.Data[offset:])
	for _, m := range p.More {
		c.Add(m)
	}
	return checksum.Combine(c.Checksum(), sum)
}
