package fabric_test

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"gvisor.dev/gvisor/pkg/tcpip/checksum"

	"postern/network/fabric/internal/packet"
	"postern/network/link"
)

// The TCP flags.
const (
	fin = 1 << iota
	synFlag
	rst
	psh
	ack
)

// tcp makes a segment from the sample's node.
func tcp(port uint16, to netip.AddrPort, flags uint8, seq, acked uint32, payload string) link.Packet {
	return tcpFrom(netip.AddrPortFrom(nodeAddress, port), to, flags, seq, acked, payload)
}

func tcpFrom(from, to netip.AddrPort, flags uint8, seq, acked uint32, payload string) link.Packet {
	t := make([]byte, 20+len(payload))
	binary.BigEndian.PutUint16(t, from.Port())
	binary.BigEndian.PutUint16(t[2:], to.Port())
	binary.BigEndian.PutUint32(t[4:], seq)
	binary.BigEndian.PutUint32(t[8:], acked)
	t[12], t[13], t[14] = 5<<4, flags, 0xff
	copy(t[20:], payload)
	return seal(packet.TCP, from.Addr(), to.Addr(), t, 16)
}

func syn(port uint16, to netip.AddrPort) link.Packet { return tcp(port, to, synFlag, 1, 0, "") }

func udp(from, to netip.AddrPort, payload string) link.Packet {
	p, _ := packet.Datagram(from.Addr().As4(), to.Addr().As4(), from.Port(), to.Port(), []byte(payload))
	return p
}

func icmp(from, to netip.Addr, kind, code byte, rest ...byte) link.Packet {
	b := make([]byte, max(8, 4+len(rest)))
	b[0], b[1] = kind, code
	copy(b[4:], rest)
	return seal(packet.ICMP, from, to, b, 2)
}

// seal puts an IPv4 header before a payload whose checksum lies at the offset.
func seal(protocol uint8, from, to netip.Addr, payload []byte, at int) link.Packet {
	b := make([]byte, 20+len(payload))
	b[0], b[8], b[9] = 0x45, 64, protocol
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	copy(b[12:], from.AsSlice())
	copy(b[16:], to.AsSlice())
	copy(b[20:], payload)
	var sum uint16
	if protocol != packet.ICMP {
		sum = checksum.Combine(checksum.Checksum(b[12:20], uint16(protocol)), uint16(len(payload)))
	}
	if at > 0 {
		binary.BigEndian.PutUint16(b[20+at:], ^checksum.Checksum(b[20:], sum))
	}
	mend(b)
	return link.Packet{Data: b}
}

// mend sets the IPv4 header's checksum.
func mend(b []byte) {
	b[10], b[11] = 0, 0
	binary.BigEndian.PutUint16(b[10:], ^checksum.Checksum(b[:20], 0))
}

func read(t testing.TB, p link.Packet) packet.Header {
	t.Helper()
	var h packet.Header
	if fault := packet.Parse(&p, &h); fault != packet.None {
		t.Fatalf("the fabric sent a packet with a bad %s", packet.Names[fault])
	}
	return h
}
