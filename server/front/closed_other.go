//go:build !linux

package front

import "net"

// closedByPeer reports whether the client has closed a connection, where the system tells.
func closedByPeer(net.Conn) bool { return false }
