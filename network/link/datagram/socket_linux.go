package datagram

import (
	"encoding/binary"
	"errors"
	"net"
	"unsafe"

	"golang.org/x/sys/unix"
)

// enableRuns asks the kernel to hand over runs whole (udp(7), UDP_GRO), and tells whether it cuts them (UDP_SEGMENT).
func enableRuns(conn *net.UDPConn) bool {
	segments := false
	control(conn, func(fd int) {
		_, err := unix.GetsockoptInt(fd, unix.IPPROTO_UDP, unix.UDP_SEGMENT)
		segments = err == nil
		// Without it datagrams come one by one.
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_UDP, unix.UDP_GRO, 1)
	})
	return segments
}

// setBuffers asks for kernel buffers that hold a burst. Without privilege the host's limit is what one gets.
func setBuffers(conn *net.UDPConn, size int) {
	_ = conn.SetReadBuffer(size)
	_ = conn.SetWriteBuffer(size)
	control(conn, func(fd int) {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, size)
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, size)
	})
}

func control(conn *net.UDPConn, f func(fd int)) {
	if raw, err := conn.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { f(int(fd)) })
	}
}

const cmsgHeader = unix.SizeofCmsghdr

// runLength finds the length of a run's datagrams among the control messages, 0 if there is none.
func runLength(oob []byte) int {
	for len(oob) >= cmsgHeader {
		h := (*unix.Cmsghdr)(unsafe.Pointer(&oob[0]))
		size := int(h.Len)
		if size < cmsgHeader || size > len(oob) {
			return 0
		}
		if h.Level == unix.IPPROTO_UDP && h.Type == unix.UDP_GRO && size >= cmsgHeader+4 {
			return int(binary.NativeEndian.Uint32(oob[cmsgHeader:]))
		}
		oob = oob[min(unix.CmsgSpace(size-cmsgHeader), len(oob)):]
	}
	return 0
}

// putRunLength writes the control message that has the kernel cut what is sent into datagrams of the given length.
func putRunLength(oob []byte, each int) int {
	h := (*unix.Cmsghdr)(unsafe.Pointer(&oob[0]))
	h.Level, h.Type = unix.IPPROTO_UDP, unix.UDP_SEGMENT
	h.SetLen(unix.CmsgLen(2))
	binary.NativeEndian.PutUint16(oob[cmsgHeader:], uint16(each))
	return unix.CmsgSpace(2)
}

// cannotRun tells that the way out has no checksum offload (EIO) or does not know runs at all.
func cannotRun(err error) bool {
	return errors.Is(err, unix.EIO) || errors.Is(err, unix.ENOPROTOOPT) || errors.Is(err, unix.EINVAL)
}
