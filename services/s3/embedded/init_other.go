//go:build !linux

package embedded

import "syscall"

var ready bool

// InitMain does nothing where there is no embedded object store.
func InitMain() {}

func attributes() *syscall.SysProcAttr { return nil }
