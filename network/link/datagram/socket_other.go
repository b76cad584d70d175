//go:build !linux

package datagram

import (
	"net"
	"net/netip"
)

func enableRuns(*net.UDPConn) bool { return false }

func setBuffers(conn *net.UDPConn, size int) {
	_ = conn.SetReadBuffer(size)
	_ = conn.SetWriteBuffer(size)
}

func askLocal(*net.UDPConn, bool) {}

func readControl([]byte) (int, netip.Addr) { return 0, netip.Addr{} }

func appendLocal(oob []byte, _ netip.Addr) []byte { return oob }

func appendRunLength(oob []byte, _ int) []byte { return oob }

func cannotRun(error) bool { return false }
