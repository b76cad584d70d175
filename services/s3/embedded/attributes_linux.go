package embedded

import "syscall"

// attributes returns those of the process, which keep signals of the server's terminal from it.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
