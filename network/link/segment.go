package link

import (
	"encoding/binary"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// Segmenter turns packets into what a real wire carries: super-segments are cut, checksums finished. The zero
// Segmenter holds no packet.
type Segmenter struct {
	p Packet
	// headers is the length of the IP and TCP headers that every segment begins with; 0 while there is no packet.
	headers, network int
	// next is the offset of the payload that the next segment carries, and end where it ends.
	next, end int
	count     uint16
}

// Start takes p over. It returns false, and releases p, if p is no IP packet that can be sent.
func (s *Segmenter) Start(p Packet) bool {
	*s = Segmenter{p: p, end: p.Len()}
	network, protocol, ok := parseNetwork(p.Data)
	if !ok {
		s.Release()
		return false
	}
	s.network = network
	switch {
	case p.SegmentSize == 0:
		s.headers = network
		return true
	case protocol == header.TCPProtocolNumber && len(p.Data) >= network+header.TCPMinimumSize:
		s.headers = network + int(header.TCP(p.Data[network:]).DataOffset())
	}
	if s.headers < network+header.TCPMinimumSize || s.headers > len(p.Data) {
		s.Release()
		return false
	}
	s.next = s.headers
	return true
}

// Next writes the next segment to dst and returns its length. It returns 0 when there is none left, or when dst cannot
// hold it, which ends the packet.
func (s *Segmenter) Next(dst []byte) int {
	if s.headers == 0 {
		return 0
	}
	var n int
	if s.p.SegmentSize == 0 {
		n = s.whole(dst)
		s.Release()
		return n
	}
	payload := min(int(s.p.SegmentSize), s.end-s.next)
	if payload <= 0 && s.count > 0 || s.headers+payload > len(dst) {
		s.Release()
		return 0
	}
	n = s.cut(dst, payload)
	if s.next >= s.end {
		s.Release()
	}
	return n
}

// Release gives the packet back before its end.
func (s *Segmenter) Release() {
	s.p.Release()
	*s = Segmenter{}
}

// whole writes an ordinary packet.
func (s *Segmenter) whole(dst []byte) int {
	if s.end > len(dst) {
		return 0
	}
	n := s.p.Copy(dst, 0)
	if s.p.Checksum == ChecksumPartial && !finishChecksum(dst[:n], s.network) {
		return 0
	}
	return n
}

// cut writes one segment of a super-segment, with its own sequence number, length and checksums.
func (s *Segmenter) cut(dst []byte, payload int) int {
	n := s.headers + payload
	dst = dst[:n]
	copy(dst, s.p.Data[:s.headers])
	s.p.Copy(dst[s.headers:], s.next)

	tcp := header.TCP(dst[s.network:])
	tcp.SetSequenceNumber(tcp.SequenceNumber() + uint32(s.next-s.headers))
	flags := tcp.Flags()
	if s.count > 0 {
		flags &^= header.TCPFlagCwr // RFC 3168, 6.1.2: once
	}
	if s.next+payload < s.end {
		flags &^= header.TCPFlagFin | header.TCPFlagPsh
	}
	tcp.SetFlags(uint8(flags))
	setNetworkLength(dst, n, s.count)
	tcp.SetChecksum(0)
	sum := pseudoHeader(dst, header.TCPProtocolNumber, n-s.network)
	tcp.SetChecksum(^checksum.Checksum(dst[s.network:], sum))

	s.next += payload
	s.count++
	return n
}

// parseNetwork returns the length of the IP header and what follows it.
func parseNetwork(b []byte) (length int, protocol tcpip.TransportProtocolNumber, ok bool) {
	if len(b) < header.IPv4MinimumSize {
		return 0, 0, false
	}
	switch b[0] >> 4 {
	case 4:
		ip := header.IPv4(b)
		length = int(ip.HeaderLength())
		return length, ip.TransportProtocol(), length >= header.IPv4MinimumSize && length <= len(b)
	case 6:
		if len(b) < header.IPv6MinimumSize {
			return 0, 0, false
		}
		return header.IPv6MinimumSize, tcpip.TransportProtocolNumber(header.IPv6(b).NextHeader()), true
	}
	return 0, 0, false
}

// setNetworkLength makes an IP header that of a packet of n bytes, the count-th that is cut from one.
func setNetworkLength(b []byte, n int, count uint16) {
	if b[0]>>4 == 6 {
		header.IPv6(b).SetPayloadLength(uint16(n - header.IPv6MinimumSize))
		return
	}
	ip := header.IPv4(b)
	ip.SetTotalLength(uint16(n))
	ip.SetID(ip.ID() + count)
	ip.SetChecksum(0)
	ip.SetChecksum(^ip.CalculateChecksum())
}

func pseudoHeader(b []byte, protocol tcpip.TransportProtocolNumber, length int) uint16 {
	addresses := b[12:20]
	if b[0]>>4 == 6 {
		addresses = b[8:40]
	}
	sum := checksum.Checksum(addresses, 0)
	sum = checksum.Combine(sum, uint16(protocol))
	return checksum.Combine(sum, uint16(length))
}

// finishChecksum completes the TCP or UDP checksum of a packet that has the pseudo-header's sum in its place.
func finishChecksum(b []byte, network int) bool {
	_, protocol, _ := parseNetwork(b)
	at := network
	switch protocol {
	case header.TCPProtocolNumber:
		at += header.TCPChecksumOffset
	case header.UDPProtocolNumber:
		at += 6 // RFC 768
	default:
		return false
	}
	if len(b) < at+2 {
		return false
	}
	sum := ^checksum.Checksum(b[network:], 0)
	if sum == 0 && protocol == header.UDPProtocolNumber {
		sum = 0xffff // RFC 768: zero would mean that there is none
	}
	binary.BigEndian.PutUint16(b[at:], sum)
	return true
}
