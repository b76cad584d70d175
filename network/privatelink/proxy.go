package privatelink

import (
	"encoding/binary"
	"hash/crc32"
	"net/netip"
)

// The PROXY protocol, version 2 (proxy-protocol.txt of HAProxy, section 2.2), and Amazon's extension of it (NLB guide,
// "Proxy protocol").
const (
	proxySignature = "\r\n\r\n\x00\r\nQUIT\n"
	proxyCommand   = 0x21 // version 2, PROXY
	proxyTCP4      = 0x11 // TCP over IPv4

	typeCRC32C = 0x03
	typeNoop   = 0x04
	typeAWS    = 0xEA
	// subtypeEndpoint is PP2_SUBTYPE_AWS_VPCE_ID.
	subtypeEndpoint = 0x01

	proxyFixed = 16 // signature, command, family and length
	// proxyLength is the length of what comes after that, always: Amazon fills the header up with a value that means
	// nothing.
	proxyLength = 84
	proxyCRC    = proxyFixed + 12 + 3 // where the checksum is
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// proxyHeader says who connected through the endpoint with the id, and where to, as a Network Load Balancer says it:
// addresses, checksum, endpoint id, filling. Both addresses are IPv4; an id has at most 32 characters.
func proxyHeader(from, to netip.AddrPort, endpoint string) []byte {
	b := make([]byte, 0, proxyFixed+proxyLength)
	b = append(b, proxySignature...)
	b = append(b, proxyCommand, proxyTCP4)
	b = binary.BigEndian.AppendUint16(b, proxyLength)
	b = append(b, from.Addr().AsSlice()...)
	b = append(b, to.Addr().AsSlice()...)
	b = binary.BigEndian.AppendUint16(b, from.Port())
	b = binary.BigEndian.AppendUint16(b, to.Port())
	b = append(b, typeCRC32C, 0, 4, 0, 0, 0, 0)
	b = append(b, typeAWS)
	b = binary.BigEndian.AppendUint16(b, uint16(1+len(endpoint)))
	b = append(b, subtypeEndpoint)
	b = append(b, endpoint...)
	b = append(b, typeNoop)
	b = binary.BigEndian.AppendUint16(b, uint16(proxyFixed+proxyLength-len(b)-2))
	b = b[:proxyFixed+proxyLength] // the rest is zero
	binary.BigEndian.PutUint32(b[proxyCRC:], crc32.Checksum(b, castagnoli))
	return b
}
