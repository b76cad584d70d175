package link

import (
	"encoding/binary"
	"fmt"
	"net/netip"
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
	// tapBatch says how many packets one wake-up reads at most. It is small because a packet may be of 64 KiB: the first
	// should be on its way before the last is read.
	tapBatch = 16
	// tapBuffer bounds the packet that is read. It is the largest size that the stack's memory pool keeps.
	tapBuffer = buffer.MaxChunkSize
)

// The virtio-net header that precedes every packet (virtio 1.2, 5.1.6): flags, type, header length, segment size, where
// to begin the checksum and where to put it, each of the latter four of two bytes in the machine's order.
const (
	vnetSize       = 10
	tapHeader      = vnetSize + ethernetSize
	vnetNeedsCsum  = 1
	vnetDataValid  = 2
	vnetTCP4       = 1
	vnetTCP6       = 4
	vnetECN        = 0x80
	tapOffloads    = unix.TUN_F_CSUM | unix.TUN_F_TSO4 | unix.TUN_F_TSO6
	tapMaxVectors  = 64
	udpChecksumOff = 6 // RFC 768
)

// TAP is a link over a Linux TAP device: whoever lives in the device's network namespace is at the far side of an
// Ethernet segment of two stations, himself and the subnet's router. Segments of up to 64 KiB pass both ways unsplit,
// with unfinished checksums. ARP is answered here.
type TAP struct {
	file     *os.File
	raw      syscall.RawConn
	mtu      int
	ethernet ethernet
	dropped  atomic.Uint64

	once sync.Once
	done chan struct{} // closed when the reader has ended; nil before Open
	mu   sync.Mutex
}

var _ Link = (*TAP)(nil)

// NewTAP takes over the descriptor of a TAP device that was opened with IFF_TAP, IFF_NO_PI and IFF_VNET_HDR, as OpenTAP
// does, in whatever network namespace. The MTU is the device's, in bytes; mac is the interface's hardware address, and
// address its address with the length of the subnet's prefix.
func NewTAP(file *os.File, mtu int, mac MAC, address netip.Prefix) (*TAP, error) {
	defer file.Close()
	// A copy of the descriptor that does not block, so that the runtime's poller waits for packets.
	fd, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("copy the TAP descriptor: %w", err)
	}
	if err := prepare(fd); err != nil {
		unix.Close(fd)
		return nil, err
	}
	t := &TAP{file: os.NewFile(uintptr(fd), "tap"), mtu: mtu, ethernet: newEthernet(mac, address)}
	if t.raw, err = t.file.SyscallConn(); err != nil {
		t.file.Close()
		return nil, fmt.Errorf("use the TAP descriptor: %w", err)
	}
	return t, nil
}

func prepare(fd int) error {
	ifr, err := unix.NewIfreq("")
	if err != nil {
		return err
	}
	if err := unix.IoctlIfreq(fd, unix.TUNGETIFF, ifr); err != nil {
		return fmt.Errorf("the descriptor is not a TAP device's: %w", err)
	}
	if flags := ifr.Uint16(); flags&unix.IFF_VNET_HDR == 0 || flags&unix.IFF_NO_PI == 0 || flags&unix.IFF_TAP == 0 {
		return fmt.Errorf("device %s was opened without IFF_TAP, IFF_VNET_HDR or IFF_NO_PI", ifr.Name())
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TUNSETVNETHDRSZ, vnetSize); err != nil {
		return fmt.Errorf("set the TAP header's size: %w", err)
	}
	if err := unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, tapOffloads); err != nil {
		return fmt.Errorf("turn on the TAP device's offloads: %w", err)
	}
	return unix.SetNonblock(fd, true)
}

// MTU is the device's.
func (t *TAP) MTU() int { return t.mtu }

// Dropped counts the packets that the device did not take, because it was down or out of memory.
func (t *TAP) Dropped() uint64 { return t.dropped.Load() }

// Open starts the goroutine that reads.
func (t *TAP) Open(receive func([]Packet)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done = make(chan struct{})
	go func() {
		defer close(t.done)
		r := tapReader{ethernet: &t.ethernet}
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
func (t *TAP) Close() error {
	t.once.Do(func() { t.file.Close() })
	t.mu.Lock()
	done := t.done
	t.mu.Unlock()
	if done != nil {
		<-done
	}
	return nil
}

// tapReader reads a batch of packets.
type tapReader struct {
	ethernet *ethernet
	batch    [tapBatch]Packet
	count    int
	spare    *buffer.View // what the next packet is read into
	header   [tapHeader]byte
	vector   [2]unix.Iovec
	failed   error
}

// fill reads what there is. It returns false if there is nothing yet.
func (r *tapReader) fill(fd uintptr) bool {
	for r.count < tapBatch {
		if r.spare == nil {
			r.spare = buffer.NewViewSize(tapBuffer)
		}
		space := r.spare.AsSlice()
		r.vector[0].Base, r.vector[1].Base = &r.header[0], &space[0]
		r.vector[0].SetLen(tapHeader)
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
		case n < tapHeader:
			continue
		}
		r.frame(fd, int(n)-tapHeader)
	}
	return true
}

// frame takes the content of n bytes of the frame that was read, or answers it. What is wrong with one is told in a
// packet without data, for whoever counts.
func (r *tapReader) frame(fd uintptr, n int) {
	head, content := r.header[vnetSize:], r.spare.AsSlice()[:n]
	fault := r.ethernet.fault(head, content)
	switch {
	case fault != FrameGood:
	case binary.BigEndian.Uint16(head[12:]) != typeARP:
		r.take(n)
		return
	case r.ethernet.answer(content):
		clear(r.header[:vnetSize])
		r.ethernet.header(head, typeARP)
		r.vector[1].SetLen(arpSize)
		// A device that takes no answer is asked again.
		_, _, _ = unix.Syscall(unix.SYS_WRITEV, fd, uintptr(unsafe.Pointer(&r.vector[0])), 2)
		return
	default:
		fault = FrameARP
	}
	r.batch[r.count] = Packet{Frame: fault}
	r.count++
}

// take makes a packet of the n bytes that were read. A large one keeps the memory it was read into, for the stack to
// take over; a small one is copied, and the memory read into again.
func (r *tapReader) take(n int) {
	p := &r.batch[r.count]
	if n >= tapBuffer/2 {
		r.spare.CapLength(n)
		*p = Packet{Data: r.spare.AsSlice(), Memory: r.spare}
		r.spare = nil
	} else {
		*p = New(n)
		copy(p.Data, r.spare.AsSlice())
	}
	readVnet(r.header[:vnetSize], p)
	r.count++
}

func (r *tapReader) release() {
	Release(r.batch[:r.count])
	if r.spare != nil {
		r.spare.Release()
	}
}

// readVnet takes over what the header says. The kernel writes it, but a program in the namespace can have its packets
// carry what it likes: a checksum that is elsewhere than in TCP or UDP is not believed.
func readVnet(h []byte, p *Packet) {
	start, offset := int(binary.NativeEndian.Uint16(h[6:]))-ethernetSize, int(binary.NativeEndian.Uint16(h[8:]))
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
func (t *TAP) Send(batch []Packet) {
	w := tapWriter{ethernet: &t.ethernet}
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

type tapWriter struct {
	ethernet *ethernet
	header   [tapHeader]byte
	vector   [tapMaxVectors]unix.Iovec
}

// write sends one packet and reports whether the device took it.
func (w *tapWriter) write(fd uintptr, p *Packet) bool {
	if len(p.Data) == 0 || !writeVnet(w.header[:vnetSize], p) {
		return false
	}
	kind := uint16(typeIPv4)
	if p.Data[0]>>4 == 6 {
		kind = typeIPv6
	}
	w.ethernet.header(w.header[vnetSize:], kind)
	w.vector[0].Base = &w.header[0]
	w.vector[0].SetLen(tapHeader)
	w.vector[1].Base = &p.Data[0]
	w.vector[1].SetLen(len(p.Data))
	n := 2
	for _, m := range p.More {
		if len(m) == 0 {
			continue
		}
		if n == tapMaxVectors {
			return w.writeWhole(fd, p)
		}
		w.vector[n].Base = &m[0]
		w.vector[n].SetLen(len(m))
		n++
	}
	return w.writev(fd, n)
}

// writeWhole sends a packet that is in more pieces than one call takes.
func (w *tapWriter) writeWhole(fd uintptr, p *Packet) bool {
	b := make([]byte, p.Len())
	p.Copy(b, 0)
	w.vector[1].Base = &b[0]
	w.vector[1].SetLen(len(b))
	return w.writev(fd, 2)
}

func (w *tapWriter) writev(fd uintptr, n int) bool {
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
	binary.NativeEndian.PutUint16(h[6:], uint16(ethernetSize+network))
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
	binary.NativeEndian.PutUint16(h[2:], uint16(ethernetSize+headers))
	binary.NativeEndian.PutUint16(h[4:], p.SegmentSize)
	return true
}
