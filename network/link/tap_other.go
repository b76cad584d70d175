//go:build !linux

package link

import (
	"net/netip"
	"os"

	"postern/aws/fault"
)

// TAP is a link over a TAP device, which only Linux has.
type TAP struct{ Link }

// Dropped counts the packets that the device did not take.
func (*TAP) Dropped() uint64 { return 0 }

// NewTAP fails with NotImplemented.
func NewTAP(*os.File, int, MAC, netip.Prefix) (*TAP, error) {
	return nil, fault.New(fault.NotImplemented, "link.NewTAP", "TAP devices are supported on Linux only")
}

// OpenTAP fails with NotImplemented.
func OpenTAP(Device) (*os.File, error) {
	return nil, fault.New(fault.NotImplemented, "link.OpenTAP", "TAP devices are supported on Linux only")
}

// LoopbackUp fails with NotImplemented.
func LoopbackUp() error {
	return fault.New(fault.NotImplemented, "link.LoopbackUp", "network namespaces are supported on Linux only")
}
