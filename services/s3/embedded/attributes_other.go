//go:build !linux

package embedded

import "syscall"

func attributes() *syscall.SysProcAttr { return nil }
