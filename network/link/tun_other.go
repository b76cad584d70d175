//go:build !linux

package link

import (
	"os"

	"postern/aws/fault"
)

// TUN is a link over a TUN device, which only Linux has.
type TUN struct{ Link }

// Dropped counts the packets that the device did not take.
func (*TUN) Dropped() uint64 { return 0 }

// NewTUN fails with NotImplemented.
func NewTUN(*os.File, int) (*TUN, error) {
	return nil, fault.New(fault.NotImplemented, "link.NewTUN", "TUN devices are supported on Linux only")
}

// OpenTUN fails with NotImplemented.
func OpenTUN(Device) (*os.File, error) {
	return nil, fault.New(fault.NotImplemented, "link.OpenTUN", "TUN devices are supported on Linux only")
}

// LoopbackUp fails with NotImplemented.
func LoopbackUp() error {
	return fault.New(fault.NotImplemented, "link.LoopbackUp", "network namespaces are supported on Linux only")
}
