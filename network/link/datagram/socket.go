// Package datagram is a UDP socket for bulk traffic: where the system can, it moves a whole run of datagrams in one
// system call.
package datagram

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
)

const (
	// RunSize is the length of the buffer that Read wants: the longest run, and the longest datagram, in bytes.
	RunSize = 1<<16 - 1

	// maxRunBytes is the most that one UDP datagram over IPv4 carries, and so the longest run that may be sent.
	maxRunBytes = 1<<16 - 1 - 20 - 8
	// maxRun is how many datagrams the Linux kernel takes in one run (UDP_MAX_SEGMENTS was 64 before Linux 6.9).
	maxRun = 64

	socketBuffer = 4 << 20
)

// Socket is a UDP socket. Reads need one reader at a time; writes may be concurrent.
type Socket struct {
	conn *net.UDPConn
	// is4 tells that addresses have to be given to the kernel in their IPv4 form.
	is4 bool
	// runs tells that the kernel cuts a long datagram into equal ones; it is cleared when a network card cannot.
	runs atomic.Bool

	oob [128]byte // of the reader
}

// Run is one or more datagrams from one sender.
type Run struct {
	From netip.AddrPort
	// Size is the length of all together and Each that of every datagram but the last, which may be shorter.
	Size, Each int
}

// Listen opens a socket on addr; port 0 takes a free one, and the unspecified address all of the host's.
func Listen(ctx context.Context, addr netip.AddrPort) (*Socket, error) {
	network := "udp6"
	if addr.Addr().Is4() {
		network = "udp4"
	}
	pc, err := new(net.ListenConfig).ListenPacket(ctx, network, addr.String())
	if err != nil {
		return nil, fmt.Errorf("listen for datagrams: %w", err)
	}
	s := &Socket{conn: pc.(*net.UDPConn), is4: addr.Addr().Is4()}
	s.runs.Store(enableRuns(s.conn))
	setBuffers(s.conn, socketBuffer)
	return s, nil
}

// LocalAddr is the address that the socket is bound to.
func (s *Socket) LocalAddr() netip.AddrPort {
	return s.conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

// Close makes a blocked Read return net.ErrClosed.
func (s *Socket) Close() error { return s.conn.Close() }

// Read waits for the next run and stores it in buf, which should hold RunSize bytes: what does not fit is lost.
func (s *Socket) Read(buf []byte) (Run, error) {
	n, oobn, _, from, err := s.conn.ReadMsgUDPAddrPort(buf, s.oob[:])
	if err != nil {
		return Run{}, err
	}
	r := Run{From: netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), Size: n, Each: n}
	if each := runLength(s.oob[:oobn]); each > 0 {
		r.Each = min(each, n)
	}
	return r, nil
}

// Write sends datagrams to one address, neighbours of equal length in one system call where that is possible. Like
// UDP itself it does not tell whether they arrive.
func (s *Socket) Write(datagrams [][]byte, to netip.AddrPort) error {
	if s.is4 != to.Addr().Unmap().Is4() {
		return &net.AddrError{Err: "other address family than the socket's", Addr: to.String()}
	}
	for len(datagrams) > 0 {
		n := 1
		if s.runs.Load() {
			n = runOf(datagrams)
		}
		if err := s.writeRun(datagrams[:n], to); err != nil {
			return err
		}
		datagrams = datagrams[n:]
	}
	return nil
}

// runOf returns how many of the first datagrams can go as one run: all of one length but the last, which may be
// shorter.
func runOf(datagrams [][]byte) int {
	each, total := len(datagrams[0]), len(datagrams[0])
	n := 1
	for n < len(datagrams) && n < maxRun && each > 0 {
		size := len(datagrams[n])
		if size > each || total+size > maxRunBytes {
			break
		}
		n++
		total += size
		if size < each {
			break
		}
	}
	return n
}

var runBuffers = sync.Pool{New: func() any { return new([RunSize]byte) }}

func (s *Socket) writeRun(run [][]byte, to netip.AddrPort) error {
	if len(run) == 1 {
		_, _, err := s.conn.WriteMsgUDPAddrPort(run[0], nil, to)
		return err
	}
	buf := runBuffers.Get().(*[RunSize]byte)
	defer runBuffers.Put(buf)
	n := 0
	for _, d := range run {
		n += copy(buf[n:], d)
	}
	var oob [64]byte
	_, _, err := s.conn.WriteMsgUDPAddrPort(buf[:n], oob[:putRunLength(oob[:], len(run[0]))], to)
	if err == nil || errors.Is(err, net.ErrClosed) {
		return err
	}
	if cannotRun(err) {
		s.runs.Store(false)
	}
	for _, d := range run {
		if _, _, err := s.conn.WriteMsgUDPAddrPort(d, nil, to); err != nil {
			return err
		}
	}
	return nil
}
