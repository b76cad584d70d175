package link

import (
	"encoding/binary"
	"net/netip"
)

// FrameFault is why an Ethernet frame that came from an interface's owner holds no packet for the network.
type FrameFault uint8

// The faults of frames.
const (
	FrameGood FrameFault = iota
	// FrameSource is a frame whose source address is not the interface's own.
	FrameSource
	// FrameDestination is a frame to one other than the subnet's router. Nobody else is there: the network carries no
	// broadcast and no multicast, as a VPC does not.
	FrameDestination
	// FrameType is a frame of another protocol than IPv4, IPv6 or ARP, or whose content is not what its type says.
	FrameType
	// FrameARP is an ARP message that is not answered: no request, or none for an address of the subnet.
	FrameARP
)

const (
	ethernetSize = 14 // destination, source, type (IEEE 802.3)

	typeIPv4 = 0x0800
	typeARP  = 0x0806
	typeIPv6 = 0x86dd
)

// ethernet is the Ethernet segment that an interface and the subnet's router are the only stations of.
type ethernet struct {
	own, router MAC
	subnet      netip.Prefix
}

func newEthernet(own MAC, address netip.Prefix) ethernet {
	return ethernet{own, RouterMAC(address), address.Masked()}
}

// fault says what is wrong with a frame from the interface's owner. An ARP message has no fault of its own here.
func (e *ethernet) fault(frame, content []byte) FrameFault {
	kind := binary.BigEndian.Uint16(frame[12:])
	switch {
	case MAC(frame[6:12]) != e.own:
		return FrameSource
	case kind == typeARP:
		return FrameGood
	case kind != typeIPv4 && kind != typeIPv6 || len(content) == 0 || content[0]>>4 != version(kind):
		return FrameType
	case MAC(frame[:6]) != e.router:
		return FrameDestination
	}
	return FrameGood
}

func version(kind uint16) byte {
	if kind == typeIPv4 {
		return 4
	}
	return 6
}

// header writes the header of a frame from the router to the interface's owner.
func (e *ethernet) header(b []byte, kind uint16) {
	copy(b, e.own[:])
	copy(b[6:], e.router[:])
	binary.BigEndian.PutUint16(b[12:], kind)
}

// arpSize is the length of an ARP message about IPv4 on Ethernet (RFC 826).
const arpSize = 28

// services are the link-local addresses at which something answers. Systems with a route of their own to 169.254.0.0/16
// ask for them by ARP.
var services = []netip.Addr{netip.AddrFrom4([4]byte{169, 254, 169, 253}), netip.AddrFrom4([4]byte{169, 254, 169, 254})}

// answer makes the answer to an ARP message in place. The router answers for every address of the subnet, as the one
// way to all of them. It is silent about what the asker has or is about to take (RFC 5227: a probe has no sender
// address, an announcement asks for the sender's own), so that nobody finds his own address taken.
func (e *ethernet) answer(m []byte) bool {
	const ethernetIPv4 = 0x0001_0800_0604 // hardware and protocol type, and the lengths of their addresses
	if len(m) < arpSize || binary.BigEndian.Uint64(m) != ethernetIPv4<<16|1 || MAC(m[8:14]) != e.own {
		return false
	}
	sender, target := netip.AddrFrom4([4]byte(m[14:18])), netip.AddrFrom4([4]byte(m[24:28]))
	if sender.IsUnspecified() || sender == target || !e.answersFor(target) {
		return false
	}
	m[7] = 2 // a reply
	copy(m[18:28], m[8:18])
	copy(m[8:14], e.router[:])
	copy(m[14:18], target.AsSlice())
	return true
}

func (e *ethernet) answersFor(target netip.Addr) bool {
	if !e.subnet.Contains(target) {
		return target == services[0] || target == services[1]
	}
	return target != e.subnet.Addr() && target != last(e.subnet)
}

// last is the broadcast address of a subnet.
func last(subnet netip.Prefix) netip.Addr {
	b := subnet.Addr().As4()
	binary.BigEndian.PutUint32(b[:], binary.BigEndian.Uint32(b[:])|uint32(1<<(32-subnet.Bits())-1))
	return netip.AddrFrom4(b)
}
