package link

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// fraSrc and the others are attributes of a policy rule (linux/fib_rules.h).
const (
	fraSrc   = 2
	fraTable = 15
	toTable  = 1 // FR_ACT_TO_TBL
)

// AddAddress gives an interface of this network namespace one more IPv4 address.
func AddAddress(name string, a netip.Prefix) error {
	return changeAddress(name, a, unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_REPLACE)
}

// RemoveAddress takes an IPv4 address from an interface. One that it does not have is no error.
func RemoveAddress(name string, a netip.Prefix) error {
	err := changeAddress(name, a, unix.RTM_DELADDR, 0)
	if errors.Is(err, unix.EADDRNOTAVAIL) {
		return nil
	}
	return err
}

func changeAddress(name string, a netip.Prefix, kind, flags uint16) error {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return err
	}
	body := []byte{unix.AF_INET, byte(a.Bits()), 0, unix.RT_SCOPE_UNIVERSE}
	body = binary.NativeEndian.AppendUint32(body, uint32(i.Index))
	body = attribute(body, unix.IFA_LOCAL, a.Addr().AsSlice())
	body = attribute(body, unix.IFA_ADDRESS, a.Addr().AsSlice())
	if err := routeNetlink(kind, flags, body); err != nil {
		return fmt.Errorf("change the address %s of %s: %w", a, name, err)
	}
	return nil
}

// RouteTable makes a default route through an interface and its gateway in a table of its own, for rules to lead to.
func RouteTable(name string, gateway netip.Addr, table uint32) error {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return err
	}
	body := []byte{unix.AF_INET, 0, 0, 0, unix.RT_TABLE_UNSPEC, unix.RTPROT_DHCP, unix.RT_SCOPE_UNIVERSE,
		unix.RTN_UNICAST, 0, 0, 0, 0}
	body = attribute(body, unix.RTA_GATEWAY, gateway.AsSlice())
	body = attribute(body, unix.RTA_OIF, binary.NativeEndian.AppendUint32(nil, uint32(i.Index)))
	body = attribute(body, unix.RTA_TABLE, binary.NativeEndian.AppendUint32(nil, table))
	if err := routeNetlink(unix.RTM_NEWROUTE, unix.NLM_F_CREATE|unix.NLM_F_REPLACE, body); err != nil {
		return fmt.Errorf("add a default route of %s: %w", name, err)
	}
	return nil
}

// AddRule has what is sent from an address take the routes of a table.
func AddRule(from netip.Addr, table uint32) error {
	err := changeRule(from, table, unix.RTM_NEWRULE, unix.NLM_F_CREATE|unix.NLM_F_EXCL)
	if errors.Is(err, unix.EEXIST) {
		return nil
	}
	return err
}

// RemoveRule is the opposite of AddRule. A rule that is not there is no error.
func RemoveRule(from netip.Addr, table uint32) error {
	err := changeRule(from, table, unix.RTM_DELRULE, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	return err
}

func changeRule(from netip.Addr, table uint32, kind, flags uint16) error {
	body := []byte{unix.AF_INET, 0, 32, 0, unix.RT_TABLE_UNSPEC, 0, 0, toTable, 0, 0, 0, 0}
	body = attribute(body, fraSrc, from.AsSlice())
	body = attribute(body, fraTable, binary.NativeEndian.AppendUint32(nil, table))
	if err := routeNetlink(kind, flags, body); err != nil {
		return fmt.Errorf("change the rule of %s: %w", from, err)
	}
	return nil
}

// attribute appends one attribute; every value here has 4 bytes, so that none needs padding.
func attribute(b []byte, kind uint16, value []byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(unix.SizeofRtAttr+len(value)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	return append(b, value...)
}

// routeNetlink makes one request of the kernel and waits for its answer (rtnetlink(7)).
func routeNetlink(kind, flags uint16, body []byte) error {
	sock, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer unix.Close(sock)
	native := binary.NativeEndian
	m := native.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+len(body)))
	m = native.AppendUint16(m, kind)
	m = native.AppendUint16(m, flags|unix.NLM_F_REQUEST|unix.NLM_F_ACK)
	m = append(m, make([]byte, 8)...) // sequence and port: there is one request only
	if err := unix.Sendto(sock, append(m, body...), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	answer := make([]byte, 4096)
	n, _, err := unix.Recvfrom(sock, answer, 0)
	if err != nil {
		return err
	}
	if n < unix.SizeofNlMsghdr+4 || native.Uint16(answer[4:]) != unix.NLMSG_ERROR {
		return errors.New("the kernel's answer is not understood")
	}
	if code := int32(native.Uint32(answer[unix.SizeofNlMsghdr:])); code != 0 {
		return unix.Errno(-code)
	}
	return nil
}
