//go:build !linux

package tunnel

import (
	"context"

	"postern/aws/fault"
)

// InitMain does nothing: Attach needs Linux.
func InitMain() {}

// Attach needs Linux namespaces. Config.WireGuardINI works everywhere.
func Attach(context.Context, *Config, AttachOptions) error {
	return fault.New(fault.NotImplemented, "tunnel.Attach",
		"attaching needs Linux: use the WireGuard configuration with a WireGuard client instead")
}
