//go:build !linux

package datagram

import "net"

func enableRuns(*net.UDPConn) bool { return false }

func setBuffers(conn *net.UDPConn, size int) {
	_ = conn.SetReadBuffer(size)
	_ = conn.SetWriteBuffer(size)
}

func runLength([]byte) int { return 0 }

func putRunLength([]byte, int) int { return 0 }

func cannotRun(error) bool { return false }
