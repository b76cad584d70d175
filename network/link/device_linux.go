package link

import (
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// OpenTAP makes a TAP device and sets it up. It returns the device's descriptor, for NewTAP here or in another process.
// It needs /dev/net/tun and CAP_NET_ADMIN in the network namespace, which the root of a user namespace has in its own.
//
// The interface is an Ethernet one, as Amazon's are: software that looks for its host's address passes point-to-point
// interfaces over.
func OpenTAP(d Device) (*os.File, error) {
	if !d.Address.Addr().Is4() {
		return nil, fmt.Errorf("open a TAP device: %s is not an IPv4 address", d.Address)
	}
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open /dev/net/tun: %w", err)
	}
	file := os.NewFile(uintptr(fd), "/dev/net/tun")
	ifr, err := unix.NewIfreq(d.Name)
	if err == nil {
		ifr.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_VNET_HDR)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr)
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("make the TAP device %q: %w", d.Name, err)
	}
	d.Name = ifr.Name()
	if err := d.setUp(); err != nil {
		file.Close()
		return nil, fmt.Errorf("set up the TAP device %s: %w", d.Name, err)
	}
	return file, nil
}

// LoopbackUp turns on the loopback interface, which a new network namespace has turned off.
func LoopbackUp() error {
	return withSocket(func(s int) error { return up(s, "lo") })
}

func withSocket(do func(socket int) error) error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	return do(s)
}

func (d *Device) setUp() error {
	// Router solicitations and the like would only be dropped; the kernel may be without IPv6.
	_ = os.WriteFile("/proc/sys/net/ipv6/conf/"+d.Name+"/disable_ipv6", []byte("1"), 0)
	return withSocket(func(s int) error {
		if err := setMAC(s, d.Name, d.MAC); err != nil {
			return fmt.Errorf("set the hardware address: %w", err)
		}
		mask := netip.PrefixFrom(netip.AddrFrom4([4]byte{255, 255, 255, 255}), d.Address.Bits()).Masked().Addr()
		for _, set := range []struct {
			what    string
			request uint
			value   func(*unix.Ifreq) error
		}{
			{"MTU", unix.SIOCSIFMTU, func(r *unix.Ifreq) error { r.SetUint32(uint32(d.MTU)); return nil }},
			{"address", unix.SIOCSIFADDR, func(r *unix.Ifreq) error { return r.SetInet4Addr(d.Address.Addr().AsSlice()) }},
			{"mask", unix.SIOCSIFNETMASK, func(r *unix.Ifreq) error { return r.SetInet4Addr(mask.AsSlice()) }},
		} {
			ifr, err := unix.NewIfreq(d.Name)
			if err != nil {
				return err
			}
			if err := set.value(ifr); err != nil {
				return fmt.Errorf("set the %s: %w", set.what, err)
			}
			if err := unix.IoctlIfreq(s, set.request, ifr); err != nil {
				return fmt.Errorf("set the %s: %w", set.what, err)
			}
		}
		if err := up(s, d.Name); err != nil {
			return err
		}
		for _, r := range d.Routes {
			if err := d.route(s, r); err != nil {
				return fmt.Errorf("add the route to %s: %w", r, err)
			}
		}
		return nil
	})
}

// setMAC gives an interface that is off its hardware address (netdevice(7), SIOCSIFHWADDR).
func setMAC(s int, name string, m MAC) error {
	r := struct {
		name   [unix.IFNAMSIZ]byte
		family uint16
		mac    MAC
		_      [16]byte // an ifreq is no shorter
	}{family: unix.ARPHRD_ETHER, mac: m}
	copy(r.name[:unix.IFNAMSIZ-1], name)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(s), unix.SIOCSIFHWADDR, uintptr(unsafe.Pointer(&r)))
	if errno != 0 {
		return errno
	}
	return nil
}

func up(s int, name string) error {
	ifr, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	if err := unix.IoctlIfreq(s, unix.SIOCGIFFLAGS, ifr); err != nil {
		return fmt.Errorf("read the flags of %s: %w", name, err)
	}
	ifr.SetUint16(ifr.Uint16() | unix.IFF_UP)
	if err := unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, ifr); err != nil {
		return fmt.Errorf("turn %s on: %w", name, err)
	}
	return nil
}

// rtentry is the argument of SIOCADDRT (linux/route.h).
type rtentry struct {
	_                          uintptr
	destination, gateway, mask unix.RawSockaddrInet4
	flags                      uint16
	_                          int16
	_                          uintptr
	_                          uintptr
	metric                     int16
	device                     *byte
	mtu, window                uintptr
	irtt                       uint16
}

func (d *Device) route(s int, to netip.Prefix) error {
	name, err := unix.BytePtrFromString(d.Name)
	if err != nil {
		return err
	}
	mask := netip.PrefixFrom(netip.AddrFrom4([4]byte{255, 255, 255, 255}), to.Bits()).Masked().Addr()
	r := rtentry{
		destination: sockaddr(to.Masked().Addr()), mask: sockaddr(mask), flags: unix.RTF_UP, device: name,
	}
	if d.Gateway.IsValid() {
		r.gateway = sockaddr(d.Gateway)
		r.flags |= unix.RTF_GATEWAY
	}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(s), unix.SIOCADDRT, uintptr(unsafe.Pointer(&r)))
	runtime.KeepAlive(name)
	if errno != 0 {
		return errno
	}
	return nil
}

func sockaddr(a netip.Addr) unix.RawSockaddrInet4 {
	return unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: a.As4()}
}
