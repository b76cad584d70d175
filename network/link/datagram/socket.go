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
	// maxRun bounds how many datagrams the Linux kernel takes in one run (UDP_MAX_SEGMENTS was 64 before Linux 6.9).
	maxRun = 64

	socketBuffer = 4 << 20
	// controlSize holds the control messages of one call.
	controlSize = 128
)

// Socket is a UDP socket. Reads need one reader at a time; writes may be concurrent.
type Socket struct {
	conn *net.UDPConn
	// is4 tells that addresses have to be given to the kernel in their IPv4 form.
	is4 bool
	// runs tells that the kernel cuts a long datagram into equal ones; it is cleared when a network card cannot.
	runs atomic.Bool

	oob [controlSize]byte // of the reader
}

// Path names where datagrams come from or go to.
type Path struct {
	Remote netip.AddrPort
	// Local is this host's address at its near end, known where the socket is bound to all of them: an answer has to
	// come from the address that was asked. Invalid leaves the choice to the system.
	Local netip.Addr
}

// Run is one or more datagrams from one sender.
type Run struct {
	Path
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
	if addr.Addr().IsUnspecified() {
		askLocal(s.conn, s.is4)
	}
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
	r := Run{Path: Path{Remote: netip.AddrPortFrom(from.Addr().Unmap(), from.Port())}, Size: n, Each: n}
	if each, local := readControl(s.oob[:oobn]); oobn > 0 {
		r.Local = local
		if each > 0 {
			r.Each = min(each, n)
		}
	}
	return r, nil
}

// Write sends datagrams on one path, neighbours of equal length in one system call where that is possible. Like UDP
// itself it does not tell whether they arrive.
func (s *Socket) Write(datagrams [][]byte, p Path) error {
	if s.is4 != p.Remote.Addr().Unmap().Is4() {
		return &net.AddrError{Err: "other address family than the socket's", Addr: p.Remote.String()}
	}
	for len(datagrams) > 0 {
		n := 1
		if s.runs.Load() {
			n = runOf(datagrams)
		}
		if err := s.writeRun(datagrams[:n], p); err != nil {
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

func (s *Socket) writeRun(run [][]byte, p Path) error {
	if len(run) == 1 {
		return s.writeOne(run[0], p)
	}
	buf := runBuffers.Get().(*[RunSize]byte)
	defer runBuffers.Put(buf)
	n := 0
	for _, d := range run {
		n += copy(buf[n:], d)
	}
	var control [controlSize]byte
	oob := appendRunLength(appendLocal(control[:0], p.Local), len(run[0]))
	_, _, err := s.conn.WriteMsgUDPAddrPort(buf[:n], oob, p.Remote)
	if err == nil || errors.Is(err, net.ErrClosed) {
		return err
	}
	for _, d := range run {
		if err := s.writeOne(d, p); err != nil {
			return err
		}
	}
	if cannotRun(err) {
		s.runs.Store(false) // what one by one did not object to
	}
	return nil
}

func (s *Socket) writeOne(datagram []byte, p Path) error {
	var control [controlSize]byte
	_, _, err := s.conn.WriteMsgUDPAddrPort(datagram, appendLocal(control[:0], p.Local), p.Remote)
	if err != nil && p.Local.IsValid() && !errors.Is(err, net.ErrClosed) {
		// The address may have left the host.
		_, _, err = s.conn.WriteMsgUDPAddrPort(datagram, nil, p.Remote)
	}
	return err
}
