// Package link is the wire between one network interface of the private network and its owner: what both ends of it
// share, and the node's end. A TAP device, a WireGuard tunnel, a TCP/IP stack in user space and a pipe in memory are
// all a Link, and the fabric does not care which.
package link

import "gvisor.dev/gvisor/pkg/buffer"

// MaxPacket is the size in bytes of the largest packet or super-segment: the IPv4 total length is 16 bits wide.
const MaxPacket = 65535

// Checksum says what is known of a packet's TCP or UDP checksum. The IPv4 header's own checksum is always complete.
type Checksum uint8

const (
	// ChecksumUnknown is a complete checksum that nobody has verified.
	ChecksumUnknown Checksum = iota
	// ChecksumVerified is a packet known to be undamaged, because its checksum or an authenticated tunnel said so.
	// Its checksum field is complete, except in a super-segment, where it has no meaning.
	ChecksumVerified
	// ChecksumPartial is a packet that never left memory: its checksum field holds the sum of the pseudo-header only
	// (length included), as virtio's NEEDS_CSUM. Whoever puts it on a real wire completes it; whoever consumes it may
	// trust it.
	ChecksumPartial
)

// Packet is one IP packet, or a TCP super-segment that stands for several. It has one owner at a time, who hands it
// on or calls Release.
type Packet struct {
	// Data begins with the IP header. The IP and transport headers lie in it whole and may be changed by the owner.
	Data []byte
	// More is payload that follows Data, in other memory that only reads are allowed on. Usually nil.
	More [][]byte
	// SegmentSize is the TCP payload in bytes of each packet that a super-segment stands for (the last one may be
	// shorter); 0 for an ordinary packet. A super-segment's IP total length covers it whole.
	SegmentSize uint16
	// Checksum is Partial or Verified for a super-segment, never Unknown.
	Checksum Checksum
	// Frame is why a frame held no packet for the network; Data is then empty, and the packet only there to be counted.
	Frame FrameFault
	// Memory is told when nobody needs Data and More any more; nil if the garbage collector owns them.
	Memory Memory
}

// Memory holds a packet. A *buffer.View can be taken over by a user-space stack without copying.
type Memory interface{ Release() }

// Len is the packet's length in bytes, headers included.
func (p *Packet) Len() int {
	n := len(p.Data)
	for _, m := range p.More {
		n += len(m)
	}
	return n
}

// Copy copies the packet's bytes from offset on to dst and returns how many fitted.
func (p *Packet) Copy(dst []byte, offset int) int {
	n := 0
	if offset < len(p.Data) {
		n = copy(dst, p.Data[offset:])
		offset = 0
	} else {
		offset -= len(p.Data)
	}
	for _, m := range p.More {
		if n == len(dst) {
			break
		}
		if offset >= len(m) {
			offset -= len(m)
			continue
		}
		n += copy(dst[n:], m[offset:])
		offset = 0
	}
	return n
}

// Release gives the packet's memory back. The packet must not be used afterwards.
func (p *Packet) Release() {
	if p.Memory != nil {
		p.Memory.Release()
	}
	*p = Packet{}
}

// Release releases every packet of a batch.
func Release(batch []Packet) {
	for i := range batch {
		batch[i].Release()
	}
}

// New makes a packet of size bytes of pooled memory to be filled in through Data.
func New(size int) Packet {
	v := buffer.NewViewSize(size)
	return Packet{Data: v.AsSlice(), Memory: v}
}
