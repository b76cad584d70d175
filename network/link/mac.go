package link

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
)

// MAC is the hardware address of an Ethernet interface. As text it is six hexadecimal numbers with colons between them.
type MAC [6]byte

// ParseMAC reads "0a:1b:2c:3d:4e:5f".
func ParseMAC(text string) (m MAC, err error) {
	b, err := net.ParseMAC(text)
	if err != nil || len(b) != len(m) {
		return m, fmt.Errorf("the hardware address %q is not six hexadecimal numbers with colons between them", text)
	}
	return MAC(b), nil
}

func (m MAC) String() string { return net.HardwareAddr(m[:]).String() }

// MarshalText implements encoding.TextMarshaler.
func (m MAC) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *MAC) UnmarshalText(text []byte) (err error) {
	*m, err = ParseMAC(string(text))
	return err
}

// IsZero reports whether no address was given.
func (m MAC) IsZero() bool { return m == MAC{} }

// First octets of the addresses that are made of IPv4 addresses. Both are locally administered (IEEE 802, bit U/L);
// those of network interfaces begin otherwise.
const (
	routerOctet   = 0x06
	attachedOctet = 0x02
)

// RouterMAC is the hardware address of a subnet's router: that of everything which an interface in the subnet can
// reach.
func RouterMAC(subnet netip.Prefix) MAC { return macOf(routerOctet, Router(subnet)) }

// AttachedMAC is the hardware address of a joined machine's interface: the network and the machine both make it of the
// private address, so that it need not travel.
func AttachedMAC(address netip.Addr) MAC { return macOf(attachedOctet, address) }

func macOf(first byte, a netip.Addr) (m MAC) {
	m[0] = first
	b := a.As4()
	binary.BigEndian.PutUint32(m[2:], binary.BigEndian.Uint32(b[:]))
	return m
}

// Router is the address of the router of a subnet, of which any address may be given.
func Router(subnet netip.Prefix) netip.Addr { return subnet.Masked().Addr().Next() }
