package link

import (
	"encoding/binary"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

const (
	// tunBatch is how many packets one wake-up reads at most. It is small because a packet may be of 64 KiB: the first
	// should be on its way before the last is read.
	tunBatch = 16
	// tunBuffer is what a packet is read into. It is the largest size that the stack's memory pool keeps.
	tunBuffer = buffer.MaxChunkSize
)

// The virtio-net header that precedes every packet (virtio 1.2, 5.1.6): flags, type, header length, segment size, where
// to begin the checksum and where to put it, each of the latter four of two bytes in the machine's order.
const (
	vnetSize       = 10
	vnetNeedsCsum  = 1
	vnetDataValid  = 2
	vnetTCP4       = 1
	vnetTCP6       = 4
	vnetECN        = 0x80
	tunOffloads    = unix.TUN_F_CSUM | unix.TUN_F_TSO4 | unix.TUN_F_TSO6
	tunMaxVectors  = 64
	udpChecksumOff = 6 // RFC 768
)

// TUN is a link over a Linux TUN device: whoever lives in the device's network namespace is at the far side. Segments
// of up to 64 KiB pass both ways unsplit, with unfinished checksums.
type TUN struct {
	file    *os.File
	raw     syscall.RawConn
	mtu     int
	dropped atomic.Uint64

	once sync.Once
	done chan struct{} // closed when the reader has ended; nil before Open
	mu   sync.Mutex
}

var _ Link = (*TUN)(nil)

// NewTUN takes over the descriptor of a TUN device that was opened with IFF_TUN, IFF_NO_PI and IFF_VNET_HDR, as OpenTUN
// does, in whatever network namespace. The MTU is the device's, in bytes.
func NewTUN(file *os.File, mtu int) (*TUN, error) {
	defer file.Close()
	// A copy of the descriptor that does not block, so that the runtime's poller waits for packets.
	fd, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("copy the TUN descriptor: %w", err)
	}
	if err := prepare(fd); err != nil {
		unix.Close(fd)
		return nil, err
	}
	t := &TUN{file: os.NewFile(uintptr(fd), "tun"), mtu: mtu}
	if t.raw, err = t.file.SyscallConn(); err != nil {
		t.file.Close()
		return nil, fmt.Errorf("use the TUN descriptor: %w", err)
	}
	return t, nil
}

func prepare(fd int) error {
	ifr, err := unix.NewIfreq("")
	if err != nil {
		return err
	}
	if err := unix.IoctlIfreq(fd, unix.TUNGETIFF, ifr); err != nil {
		return fmt.Errorf("the descriptor is not a TUN device's: %w", err)
	}
	if flags := ifr.Uint16(); flags&unix.IFF_VNET_HDR == 0 || flags&unix.IFF_NO_PI == 0 {
		return fmt.Errorf("TUN device %s was opened without IFF_VNET_HDR or IFF_NO_PI", ifr.Name())
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TUNSETVNETHDRSZ, vnetSize); err != nil {
		return fmt.Errorf("set the TUN header's size: %w", err)
	}
	if err := unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, tunOffloads); err != nil {
		return fmt.Errorf("turn on the TUN device's offloads: %w", err)
	}
	return unix.SetNonblock(fd, true)
}

// MTU is the device's.
func (t *TUN) MTU() int { return t.mtu }

// Dropped counts the packets that the device did not take, because it was down or out of memory.
func (t *TUN) Dropped() uint64 { return t.dropped.Load() }

// Open starts the goroutine that reads.
func (t *TUN) Open(receive func([]Packet)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done = make(chan struct{})
	go func() {
		defer close(t.done)
		r := tunReader{}
		defer r.release()
		fill := r.fill
		for {
			// Read waits for packets; it fails only once the file is closed or the device is gone.
			if err := t.raw.Read(fill); err != nil || r.failed != nil {
				return
			}
			receive(r.batch[:r.count])
			r.count = 0
		}
	}()
}

// Close ends the link and lets go of the descriptor.
func (t *TUN) Close() error {
	t.once.Do(func() { t.file.Close() })
	t.mu.Lock()
	done := t.done
	t.mu.Unlock()
	if done != nil {
		<-done
	}
	return nil
}

// tunReader reads a batch of packets.
type tunReader struct {
	batch  [tunBatch]Packet
	count  int
	spare  *buffer.View // what the next packet is read into
	header [vnetSize]byte
	vector [2]unix.Iovec
	failed error
}

// fill reads what there is. It returns false if there is nothing yet.
func (r *tunReader) fill(fd uintptr) bool {
	for r.count < tunBatch {
		if r.spare == nil {
			r.spare = buffer.NewViewSize(tunBuffer)
		}
		space := r.spare.AsSlice()
		r.vector[0].Base, r.vector[1].Base = &r.header[0], &space[0]
		r.vector[0].SetLen(vnetSize)
		r.vector[1].SetLen(len(space))
		n, _, errno := unix.Syscall(unix.SYS_READV, fd, uintptr(unsafe.Pointer(&r.vector[0])), 2)
		switch {
		case errno == unix.EINTR:
			continue
		case errno == unix.EAGAIN:
			return r.count > 0
		case errno != 0:
			r.failed = errno
			return true
		case n <= vnetSize:
			continue
		}
		r.take(int(n) - vnetSize)
	}
	return true
}

// take makes a packet of the n bytes that were read. A large one keeps the memory it was read into, for the stack to take
// over; a small one is copied, and the memory read into again.
func (r *tunReader) take(n int) {
	p := &r.batch[r.count]
	if n >= tunBuffer/2 {
		r.spare.CapLength(n)
		*p = Packet{Data: r.spare.AsSlice(), Memory: r.spare}
		r.spare = nil
	} else {
		*p = New(n)
		copy(p.Data, r.spare.AsSlice())
	}
	readVnet(r.header[:], p)
	r.count++
}

func (r *tunReader) release() {
	Release(r.batch[:r.count])
	if r.spare != nil {
		r.spare.Release()
	}
}

// readVnet takes over what the header says. The kernel writes it, but a program in the namespace can have its packets
// carry what it likes: a checksum that is elsewhere than in TCP or UDP is not believed.
func readVnet(h []byte, p *Packet) {
	start, offset := int(binary.NativeEndian.Uint16(h[6:])), int(binary.NativeEndian.Uint16(h[8:]))
	switch {
	case h[0]&vnetNeedsCsum != 0:
		network, protocol, ok := parseNetwork(p.Data)
		if ok && start == network && (protocol == header.TCPProtocolNumber && offset == header.TCPChecksumOffset ||
			protocol == header.UDPProtocolNumber && offset == udpChecksumOff) {
			p.Checksum = ChecksumPartial
		}
	case h[0]&vnetDataValid != 0:
		p.Checksum = ChecksumVerified
	}
	if kind := h[1] &^ vnetECN; kind == vnetTCP4 || kind == vnetTCP6 {
		p.SegmentSize = binary.NativeEndian.Uint16(h[4:])
	}
}

// Send writes packets to the device.
func (t *TUN) Send(batch []Packet) {
	var w tunWriter
	lost := 0
	err := t.raw.Control(func(fd uintptr) {
		for i := range batch {
			if !w.write(fd, &batch[i]) {
				lost++
			}
		}
	})
	if err != nil { // closed
		lost = len(batch)
	}
	t.dropped.Add(uint64(lost))
	Release(batch)
}

type tunWriter struct {
	header [vnetSize]byte
	vector [tunMaxVectors]unix.Iovec
}

// write sends one packet and reports whether the device took it.
func (w *tunWriter) write(fd uintptr, p *Packet) bool {
	if len(p.Data) == 0 || !writeVnet(w.header[:], p) {
		return false
	}
	w.vector[0].Base = &w.header[0]
	w.vector[0].SetLen(vnetSize)
	w.vector[1].Base = &p.Data[0]
	w.vector[1].SetLen(len(p.Data))
	n := 2
	for _, m := range p.More {
		if len(m) == 0 {
			continue
		}
		if n == tunMaxVectors {
			return w.writeWhole(fd, p)
		}
		w.vector[n].Base = &m[0]
		w.vector[n].SetLen(len(m))
		n++
	}
	return w.writev(fd, n)
}

// writeWhole sends a packet that is in more pieces than one call takes.
func (w *tunWriter) writeWhole(fd uintptr, p *Packet) bool {
	b := make([]byte, p.Len())
	p.Copy(b, 0)
	w.vector[1].Base = &b[0]
	w.vector[1].SetLen(len(b))
	return w.writev(fd, 2)
}

func (w *tunWriter) writev(fd uintptr, n int) bool {
	for {
		_, _, errno := unix.Syscall(unix.SYS_WRITEV, fd, uintptr(unsafe.Pointer(&w.vector[0])), uintptr(n))
		if errno != unix.EINTR {
			return errno == 0
		}
	}
}

// writeVnet describes p to the kernel.
func writeVnet(h []byte, p *Packet) bool {
	clear(h)
	if p.SegmentSize == 0 && p.Checksum != ChecksumPartial {
		return true
	}
	network, protocol, ok := parseNetwork(p.Data)
	if !ok {
		return false
	}
	h[0] = vnetNeedsCsum
	binary.NativeEndian.PutUint16(h[6:], uint16(network))
	switch protocol {
	case header.TCPProtocolNumber:
		binary.NativeEndian.PutUint16(h[8:], header.TCPChecksumOffset)
	case header.UDPProtocolNumber:
		binary.NativeEndian.PutUint16(h[8:], udpChecksumOff)
		return p.SegmentSize == 0
	default:
		return false
	}
	if p.SegmentSize == 0 {
		return true
	}
	if len(p.Data) < network+header.TCPMinimumSize {
		return false
	}
	tcp := header.TCP(p.Data[network:])
	size := p.Len()
	headers := network + int(tcp.DataOffset())
	if p.Checksum != ChecksumPartial {
		tcp.SetChecksum(pseudoHeader(p.Data, protocol, size-network))
	}
	if size-headers <= int(p.SegmentSize) {
		return true // one segment is none
	}
	h[1] = vnetTCP4
	if p.Data[0]>>4 == 6 {
		h[1] = vnetTCP6
	}
	binary.NativeEndian.PutUint16(h[2:], uint16(headers))
	binary.NativeEndian.PutUint16(h[4:], p.SegmentSize)
	return true
}
