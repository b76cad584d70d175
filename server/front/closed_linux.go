package front

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// closedByPeer reports whether the client has closed a connection. A connection that is not the kernel's never tells.
func closedByPeer(c net.Conn) bool {
	kernel, ok := accepted(c).(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := kernel.SyscallConn()
	if err != nil {
		return false
	}
	closed := false
	err = raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		closed = err == nil && (info.State == unix.BPF_TCP_CLOSE || info.State == unix.BPF_TCP_CLOSE_WAIT)
	})
	return closed && err == nil
}
