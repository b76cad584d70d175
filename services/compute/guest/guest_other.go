//go:build !linux

package guest

import (
	"context"

	"postern/aws/fault"
)

// InitMain does nothing on systems other than Linux.
func InitMain() {}

// Launcher cannot start anything on systems other than Linux.
type Launcher struct{}

// NewLauncher makes a Launcher.
func NewLauncher() *Launcher { return &Launcher{} }

// Close does nothing.
func (l *Launcher) Close() {}

// Start always fails.
func (l *Launcher) Start(context.Context, Boot) (Machine, error) {
	return nil, fault.New(fault.NotImplemented, "guest.Start", "instances need Linux namespaces")
}

// Check says that this is not Linux.
func (l *Launcher) Check(context.Context, string, string) []Missing {
	return []Missing{
		{"Linux", "instances are Linux namespaces", "run the server on Linux, or join machines with postern-agent join"},
	}
}

// CopyHostEtc does nothing.
func CopyHostEtc(string) error { return nil }
