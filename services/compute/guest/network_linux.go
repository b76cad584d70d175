package guest

import (
	"errors"
	"fmt"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"postern/network/link"
)

const (
	tunPath    = "/dev/net/tun"
	ifName     = "eth0"
	defaultMTU = 9001
)

// network brings up the loopback and eth0, and returns eth0's other end.
func network(b *Boot) (*os.File, error) {
	// An interface without a router has no use for IPv6; without this it sends router solicitations for ever.
	for _, scope := range []string{"all", "default"} {
		_ = os.WriteFile("/proc/sys/net/ipv6/conf/"+scope+"/disable_ipv6", []byte("1"), 0) // a kernel without IPv6 has none
	}
	if err := link.LoopbackUp(); err != nil {
		return nil, fmt.Errorf("bring up the loopback: %w", err)
	}
	mac, err := link.ParseMAC(b.MAC)
	if err != nil {
		return nil, err
	}
	d := link.Device{
		Name: ifName, MAC: mac, Address: b.Address, MTU: b.MTU,
		Routes: []netip.Prefix{netip.PrefixFrom(netip.IPv4Unspecified(), 0)}, Gateway: b.Gateway,
	}
	if d.MTU == 0 {
		d.MTU = defaultMTU
	}
	tap, err := link.OpenTAP(d)
	for _, missing := range []error{unix.ENOENT, unix.ENODEV, unix.ENXIO, unix.EACCES, unix.EPERM} {
		if errors.Is(err, missing) {
			return nil, tunMissing(err)
		}
	}
	return tap, err
}
