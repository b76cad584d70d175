//go:build !linux

// Package linktest runs a part of a test behind a TAP device, which only Linux has.
package linktest

import (
	"errors"
	"os"
	"testing"

	"postern/network/link"
)

// Role does what a child has to do behind its device.
type Role func(args []string) (any, error)

// Child returns at once: nothing is ever started as a child.
func Child(map[string]Role) {}

// Process is a running child.
type Process struct{}

// Start skips the test.
func Start(t testing.TB, _ link.Device, _ string, _ ...string) (*Process, *os.File) {
	t.Skip("TAP devices in namespaces are Linux's")
	return nil, nil
}

// StartPlain skips the test.
func StartPlain(t testing.TB, _ string, _ ...string) *Process {
	t.Skip("TAP devices in namespaces are Linux's")
	return nil
}

// StartAlone skips the test.
func StartAlone(t testing.TB, _ string, _ ...string) *Process {
	t.Skip("network namespaces are Linux's")
	return nil
}

// Wait fails.
func (*Process) Wait(any) error { return errors.ErrUnsupported }
