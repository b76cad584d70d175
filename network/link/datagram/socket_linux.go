package datagram

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
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

// askLocal asks to be told to which of the host's addresses datagrams were sent (ip(7), IP_PKTINFO; RFC 3542).
func askLocal(conn *net.UDPConn, is4 bool) {
	control(conn, func(fd int) {
		if is4 {
			_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
			return
		}
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
	})
}

const cmsgHeader = unix.SizeofCmsghdr

// readControl finds the length of a run's datagrams, 0 if it is not said, and the address that they were sent to.
func readControl(oob []byte) (each int, local netip.Addr) {
	for len(oob) >= cmsgHeader {
		h := (*unix.Cmsghdr)(unsafe.Pointer(&oob[0]))
		size := int(h.Len)
		if size < cmsgHeader || size > len(oob) {
			break
		}
		data := oob[cmsgHeader:size]
		switch {
		case h.Level == unix.IPPROTO_UDP && h.Type == unix.UDP_GRO && len(data) >= 4:
			each = int(binary.NativeEndian.Uint32(data))
		case h.Level == unix.IPPROTO_IP && h.Type == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo:
			local = netip.AddrFrom4([4]byte(data[4:8])) // ipi_spec_dst: the one to answer from
		case h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
			local = netip.AddrFrom16([16]byte(data[:16])).Unmap()
		}
		oob = oob[min(unix.CmsgSpace(size-cmsgHeader), len(oob)):]
	}
	return each, local
}

// appendControl adds a control message, and returns where its data goes. There must be room.
func appendControl(oob []byte, level, kind int32, size int) (grown, data []byte) {
	start := len(oob)
	grown = oob[:start+unix.CmsgSpace(size)]
	h := (*unix.Cmsghdr)(unsafe.Pointer(&grown[start]))
	h.Level, h.Type = level, kind
	h.SetLen(unix.CmsgLen(size))
	return grown, grown[start+cmsgHeader : start+cmsgHeader+size]
}

// appendLocal has the kernel send from an address of the host.
func appendLocal(oob []byte, local netip.Addr) []byte {
	switch {
	case local.Is4():
		grown, data := appendControl(oob, unix.IPPROTO_IP, unix.IP_PKTINFO, unix.SizeofInet4Pktinfo)
		copy(data[4:8], local.AsSlice())
		return grown
	case local.Is6():
		grown, data := appendControl(oob, unix.IPPROTO_IPV6, unix.IPV6_PKTINFO, unix.SizeofInet6Pktinfo)
		copy(data[:16], local.AsSlice())
		return grown
	}
	return oob
}

// appendRunLength has the kernel cut what is sent into datagrams of the given length.
func appendRunLength(oob []byte, each int) []byte {
	grown, data := appendControl(oob, unix.IPPROTO_UDP, unix.UDP_SEGMENT, 2)
	binary.NativeEndian.PutUint16(data, uint16(each))
	return grown
}

// cannotRun tells that the way out has no checksum offload (EIO) or does not know runs at all.
func cannotRun(err error) bool {
	return errors.Is(err, unix.EIO) || errors.Is(err, unix.ENOPROTOOPT) || errors.Is(err, unix.EINVAL)
}
