package link

import (
	"bytes"
	"encoding/binary"

	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// Gatherer joins the TCP segments that one batch from a wire holds into super-segments, so that what follows handles
// one large packet instead of forty small ones. It is not safe for concurrent use.
type Gatherer struct {
	groups []group
	out    []Packet
}

// group is a packet with those that continue it.
type group struct {
	// first is the packet that it begins with and chain those that follow, by index.
	first int
	count int
	// size is the length of the whole, network and headers those of its headers.
	size, network, headers int
	// segment is the payload of each but the last, nextSeq the sequence number that would continue it.
	segment int
	nextSeq uint32
	open    bool
	push    bool
}

// lookback says how many groups are looked through for one that a segment continues: as many connections may be mixed
// in one batch without losing by it.
const lookback = 8

// Gather copies a batch of IP packets, each of which begins at offset in its buffer, into packets of their own that are
// marked with sum. What it returns is valid until the next call.
func (g *Gatherer) Gather(batch [][]byte, offset int, sum Checksum) []Packet {
	g.groups = g.groups[:0]
	member := make([]int16, 0, 128)
	if len(batch) > cap(member) {
		member = make([]int16, 0, len(batch))
	}
	for i, b := range batch {
		member = append(member, int16(g.place(batch, b[offset:], i, offset)))
	}
	clear(g.out)
	g.out = g.out[:0]
	for i := range g.groups {
		g.out = append(g.out, g.groups[i].packet(batch, member, i, offset, sum))
	}
	return g.out
}

// place finds or makes the group of packet i and returns its index.
func (g *Gatherer) place(batch [][]byte, b []byte, i, offset int) int {
	network, headers, ok := gatherable(b)
	if !ok {
		g.endFlow(batch, b, offset)
		g.groups = append(g.groups, group{first: i, count: 1, size: len(b)})
		return len(g.groups) - 1
	}
	tcp := header.TCP(b[network:])
	payload := len(b) - headers
	for at := len(g.groups) - 1; at >= max(0, len(g.groups)-lookback); at-- {
		c := &g.groups[at]
		if c.network != network || !sameFlow(batch[c.first][offset:], b, network) {
			continue
		}
		if !c.takes(batch[c.first][offset:], b, network, headers) {
			c.open = false
			break
		}
		c.count++
		c.size += payload
		c.nextSeq += uint32(payload)
		c.push = tcp.Flags()&header.TCPFlagPsh != 0
		c.open = payload == c.segment && !c.push
		return at
	}
	push := tcp.Flags()&header.TCPFlagPsh != 0
	g.groups = append(g.groups, group{
		first: i, count: 1, size: len(b), network: network, headers: headers, segment: payload,
		nextSeq: tcp.SequenceNumber() + uint32(payload), open: !push, push: push,
	})
	return len(g.groups) - 1
}

// endFlow lets nothing join the groups of b's connection any more, so that b is not overtaken.
func (g *Gatherer) endFlow(batch [][]byte, b []byte, offset int) {
	network, protocol, ok := parseNetwork(b)
	if !ok || protocol != header.TCPProtocolNumber || len(b) < network+4 {
		return
	}
	for at := len(g.groups) - 1; at >= max(0, len(g.groups)-lookback); at-- {
		c := &g.groups[at]
		if c.open && c.network == network && sameFlow(batch[c.first][offset:], b, network) {
			c.open = false
		}
	}
}

// takes reports whether segment b continues the group that begins with first.
func (c *group) takes(first, b []byte, network, headers int) bool {
	payload := len(b) - headers
	return c.open && c.headers == headers && payload <= c.segment && c.size+payload <= MaxPacket &&
		header.TCP(b[network:]).SequenceNumber() == c.nextSeq && sameHeaders(first, b, network, headers)
}

// packet builds what the group stands for.
func (c *group) packet(batch [][]byte, member []int16, self, offset int, sum Checksum) Packet {
	p := New(c.size)
	p.Checksum = sum
	n := copy(p.Data, batch[c.first][offset:])
	if c.count == 1 {
		return p
	}
	for i, left := c.first+1, c.count-1; left > 0; i++ {
		if int(member[i]) == self {
			n += copy(p.Data[n:], batch[i][offset+c.headers:])
			left--
		}
	}
	p.SegmentSize = uint16(c.segment)
	setNetworkLength(p.Data, c.size, 0)
	if c.push {
		tcp := header.TCP(p.Data[c.network:])
		tcp.SetFlags(uint8(tcp.Flags() | header.TCPFlagPsh))
	}
	return p
}

// gatherable reports whether b is a TCP segment with payload and nothing unusual about it.
func gatherable(b []byte) (network, headers int, ok bool) {
	network, protocol, ok := parseNetwork(b)
	if !ok || protocol != header.TCPProtocolNumber || len(b) < network+header.TCPMinimumSize {
		return 0, 0, false
	}
	if b[0]>>4 == 4 {
		ip := header.IPv4(b)
		if network != header.IPv4MinimumSize || int(ip.TotalLength()) != len(b) ||
			ip.More() || ip.FragmentOffset() != 0 {
			return 0, 0, false
		}
	} else if int(header.IPv6(b).PayloadLength())+network != len(b) {
		return 0, 0, false
	}
	tcp := header.TCP(b[network:])
	headers = network + int(tcp.DataOffset())
	flags := tcp.Flags() &^ header.TCPFlagPsh
	return network, headers, flags == header.TCPFlagAck && headers >= network+header.TCPMinimumSize && headers < len(b)
}

// sameFlow compares addresses and ports.
func sameFlow(a, b []byte, network int) bool {
	if a[0] != b[0] {
		return false
	}
	addresses := 12
	if a[0]>>4 == 6 {
		addresses = 8
	}
	return bytes.Equal(a[addresses:network+4], b[addresses:network+4])
}

// sameHeaders compares everything that a super-segment says once for all its segments: type of service, hop limit and
// whether fragments are allowed, and of TCP the acknowledgement, window, urgent pointer and options.
func sameHeaders(a, b []byte, network, headers int) bool {
	if a[0]>>4 == 6 {
		if binary.BigEndian.Uint32(a) != binary.BigEndian.Uint32(b) || a[7] != b[7] {
			return false
		}
	} else if a[1] != b[1] || a[6] != b[6] || a[8] != b[8] {
		return false
	}
	ta, tb := a[network:headers], b[network:headers]
	return bytes.Equal(ta[8:13], tb[8:13]) && bytes.Equal(ta[14:16], tb[14:16]) && bytes.Equal(ta[18:], tb[18:])
}
