// Package ports finds addresses for servers that tests stop and start again on the same ones. They lie below what the
// kernel gives to outgoing connections, so that none of those takes the port in between.
package ports

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync/atomic"
)

// The range below what Linux takes by default (net.ipv4.ip_local_port_range, from 32768).
const (
	first = 10_000
	count = 22_000
)

// next is the place of the next try. It differs from process to process, and no two calls in one get the same.
var next atomic.Uint32

func init() { next.Store(rand.Uint32N(count)) }

// Free returns an address on loopback whose port nobody has, over TCP or UDP.
func Free() (string, error) {
	var last error
	for range count {
		address := fmt.Sprintf("127.0.0.1:%d", first+next.Add(1)%count)
		if last = try(address); last == nil {
			return address, nil
		}
	}
	return "", fmt.Errorf("no port is free: %w", last)
}

func try(address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	defer l.Close()
	p, err := net.ListenPacket("udp", address)
	if err != nil {
		return err
	}
	return p.Close()
}
