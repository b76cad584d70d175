package guest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

const (
	tunPath    = "/dev/net/tun"
	ifName     = "eth0"
	defaultMTU = 9001
)

// network brings up the loopback and eth0, and returns eth0's other end.
func network(b *Boot) (*os.File, error) {
	// A TUN without a router has no use for IPv6; without this it sends router solicitations for ever.
	for _, scope := range []string{"all", "default"} {
		_ = os.WriteFile("/proc/sys/net/ipv6/conf/"+scope+"/disable_ipv6", []byte("1"), 0) // a kernel without IPv6 has none
	}
	sock, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	defer unix.Close(sock)
	if err := setFlags(sock, "lo", unix.IFF_UP); err != nil {
		return nil, fmt.Errorf("bring up the loopback: %w", err)
	}
	tun, err := openTUN()
	if err != nil {
		return nil, err
	}
	if err := configure(sock, b); err != nil {
		tun.Close()
		return nil, err
	}
	return tun, nil
}

func openTUN() (*os.File, error) {
	fd, err := unix.Open(tunPath, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, tunMissing(err)
	}
	tun := os.NewFile(uintptr(fd), tunPath)
	req, err := unix.NewIfreq(ifName)
	if err != nil {
		return nil, err
	}
	req.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI | unix.IFF_VNET_HDR)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, req); err != nil {
		tun.Close()
		return nil, fmt.Errorf("make network interface: %w", err)
	}
	// With these the guest's kernel hands over TCP segments of up to 64 KiB whose checksum is not yet made.
	if err := unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, unix.TUN_F_CSUM|unix.TUN_F_TSO4|unix.TUN_F_TSO6); err != nil {
		tun.Close()
		return nil, fmt.Errorf("set offloads of network interface: %w", err)
	}
	return tun, nil
}

func configure(sock int, b *Boot) error {
	mtu := b.MTU
	if mtu == 0 {
		mtu = defaultMTU
	}
	mask := netip.AddrFrom4([4]byte(net.CIDRMask(b.Address.Bits(), 32)))
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"MTU", func() error {
			req, err := unix.NewIfreq(ifName)
			if err != nil {
				return err
			}
			req.SetUint32(uint32(mtu))
			return unix.IoctlIfreq(sock, unix.SIOCSIFMTU, req)
		}},
		{"address", func() error { return setAddr(sock, unix.SIOCSIFADDR, b.Address.Addr()) }},
		{"mask", func() error { return setAddr(sock, unix.SIOCSIFNETMASK, mask) }},
		{"state", func() error { return setFlags(sock, ifName, unix.IFF_UP|unix.IFF_RUNNING) }},
		{"route", func() error { return addDefaultRoute(b.Gateway) }},
	} {
		if err := step.do(); err != nil {
			return fmt.Errorf("set %s of %s: %w", step.what, ifName, err)
		}
	}
	return nil
}

func setAddr(sock int, request uint, addr netip.Addr) error {
	req, err := unix.NewIfreq(ifName)
	if err != nil {
		return err
	}
	if err := req.SetInet4Addr(addr.AsSlice()); err != nil {
		return err
	}
	return unix.IoctlIfreq(sock, request, req)
}

func setFlags(sock int, name string, flags uint16) error {
	req, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	if err := unix.IoctlIfreq(sock, unix.SIOCGIFFLAGS, req); err != nil {
		return err
	}
	req.SetUint16(req.Uint16() | flags)
	return unix.IoctlIfreq(sock, unix.SIOCSIFFLAGS, req)
}

// addDefaultRoute says RTM_NEWROUTE to the kernel (rtnetlink(7)).
func addDefaultRoute(gateway netip.Addr) error {
	iface, err := net.InterfaceByName(ifName)
	if err != nil {
		return err
	}
	sock, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer unix.Close(sock)
	native := binary.NativeEndian
	m := make([]byte, unix.SizeofNlMsghdr, 64)
	native.PutUint16(m[4:], unix.RTM_NEWROUTE)
	native.PutUint16(m[6:], unix.NLM_F_REQUEST|unix.NLM_F_ACK|unix.NLM_F_CREATE)
	m = append(m, unix.AF_INET, 0, 0, 0, unix.RT_TABLE_MAIN, unix.RTPROT_DHCP, unix.RT_SCOPE_UNIVERSE, unix.RTN_UNICAST, 0, 0, 0, 0)
	for _, attribute := range []struct {
		kind  uint16
		value []byte
	}{
		{unix.RTA_GATEWAY, gateway.AsSlice()},
		{unix.RTA_OIF, native.AppendUint32(nil, uint32(iface.Index))},
	} {
		m = native.AppendUint16(m, uint16(unix.SizeofRtAttr+len(attribute.value)))
		m = native.AppendUint16(m, attribute.kind)
		m = append(m, attribute.value...)
	}
	native.PutUint32(m, uint32(len(m)))
	if err := unix.Sendto(sock, m, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	answer := make([]byte, 1024)
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
