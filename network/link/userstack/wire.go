package userstack

import (
	"sync"
	"sync/atomic"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"

	"postern/network/link"
)

const (
	// queueLimit bounds how many packets may wait to leave; TCP takes a refusal for a loss.
	queueLimit = 8192
	// maxSegment leaves room for the headers below the 16-bit IP total length.
	maxSegment = 65535
)

// wire is the stack's only network interface, seen from gVisor; from the fabric it is a link.Link.
//
// Packets leave through a queue and its own goroutine: gVisor writes them while it holds locks that a packet coming
// back would need.
type wire struct {
	mtu        uint32
	dispatcher atomic.Pointer[stack.NetworkDispatcher]
	dropped    atomic.Uint64

	mu     sync.Mutex
	ready  sync.Cond // a packet waits, or the wire is closed
	queue  []*stack.PacketBuffer
	closed bool
	done   chan struct{} // closed when the goroutine has ended; nil before Open
}

func newWire(mtu int) *wire {
	w := &wire{mtu: uint32(mtu)}
	w.ready.L = &w.mu
	return w
}

// open starts the goroutine that takes packets out to receive.
func (w *wire) open(receive func([]link.Packet)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || w.done != nil {
		return
	}
	w.done = make(chan struct{})
	go w.carry(receive, w.done)
}

func (w *wire) carry(receive func([]link.Packet), done chan struct{}) {
	defer close(done)
	var taken []*stack.PacketBuffer
	var batch []link.Packet
	for {
		w.mu.Lock()
		for len(w.queue) == 0 && !w.closed {
			w.ready.Wait()
		}
		if w.closed {
			w.mu.Unlock()
			return
		}
		taken, w.queue = w.queue, taken[:0]
		w.mu.Unlock()
		batch = batch[:0]
		for i, pk := range taken {
			batch = append(batch, outbound(pk))
			taken[i] = nil
		}
		receive(batch)
		clear(batch)
	}
}

func (w *wire) close() {
	w.mu.Lock()
	w.closed = true
	for _, pk := range w.queue {
		pk.DecRef()
	}
	w.queue = nil
	done := w.done
	w.ready.Broadcast()
	w.mu.Unlock()
	if done != nil {
		<-done
	}
}

// WritePackets queues what the stack sends.
func (w *wire) WritePackets(pkts stack.PacketBufferList) (int, tcpip.Error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return 0, &tcpip.ErrClosedForSend{}
	}
	n := 0
	for _, pk := range pkts.AsSlice() {
		if len(w.queue) >= queueLimit {
			w.dropped.Add(1)
			return n, &tcpip.ErrNoBufferSpace{}
		}
		w.queue = append(w.queue, pk.IncRef())
		n++
	}
	w.ready.Signal()
	return n, nil
}

// sent is a gVisor packet as the memory of one of ours.
type sent stack.PacketBuffer

func (s *sent) Release() { (*stack.PacketBuffer)(s).DecRef() }

// outbound describes pk, whose headers lie together in its first view, without copying it.
func outbound(pk *stack.PacketBuffer) link.Packet {
	p := link.Packet{Memory: (*sent)(pk), Checksum: link.ChecksumVerified}
	views, offset := pk.AsViewList()
	for v := views.Front(); v != nil; v = v.Next() {
		b := v.AsSlice()
		if offset >= len(b) {
			offset -= len(b)
			continue
		}
		b, offset = b[offset:], 0
		if p.Data == nil {
			p.Data = b
		} else {
			p.More = append(p.More, b)
		}
	}
	if p.More != nil && len(p.Data) < len(pk.NetworkHeader().Slice())+len(pk.TransportHeader().Slice()) ||
		len(pk.TransportHeader().Slice()) == 0 {
		p = flatten(p)
	}
	if gso := pk.GSOOptions; gso.Type == stack.GSOTCPv4 || gso.Type == stack.GSOTCPv6 {
		if gso.NeedsCsum {
			p.Checksum = link.ChecksumPartial
		}
		if pk.Data().Size() > int(gso.MSS) {
			p.SegmentSize = gso.MSS
		}
	}
	return p
}

// flatten copies p into one piece, for the rare packet whose transport header is not beside its network header.
func flatten(p link.Packet) link.Packet {
	whole := link.New(p.Len())
	p.Copy(whole.Data, 0)
	whole.Checksum = p.Checksum
	p.Release()
	return whole
}

// deliver hands packets from the far side to the stack.
func (w *wire) deliver(batch []link.Packet) {
	d := w.dispatcher.Load()
	if d == nil {
		link.Release(batch)
		return
	}
	for i := range batch {
		if !link.Intact(&batch[i]) {
			w.dropped.Add(1)
			batch[i].Release()
			continue
		}
		pk, proto, ok := inbound(&batch[i])
		if !ok {
			w.dropped.Add(1)
			continue
		}
		(*d).DeliverNetworkPacket(proto, pk)
		pk.DecRef()
	}
}

// inbound turns p into a gVisor packet and takes it over: without copying where its memory is a view that it fills
// well, since a small packet must not pin a large view.
func inbound(p *link.Packet) (*stack.PacketBuffer, tcpip.NetworkProtocolNumber, bool) {
	if len(p.Data) == 0 {
		p.Release()
		return nil, 0, false
	}
	var proto tcpip.NetworkProtocolNumber
	switch p.Data[0] >> 4 {
	case header.IPv4Version:
		proto = header.IPv4ProtocolNumber
	case header.IPv6Version:
		proto = header.IPv6ProtocolNumber
	default:
		p.Release()
		return nil, 0, false
	}
	var payload buffer.Buffer
	if v, ok := p.Memory.(*buffer.View); ok && len(p.More) == 0 && fills(v, p.Data) {
		payload = apart(v)
		p.Memory = nil
	} else {
		v := buffer.NewViewSize(p.Len())
		p.Copy(v.AsSlice(), 0)
		payload = apart(v)
	}
	pk := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: payload})
	p.Release()
	return pk, proto, true
}

// largeView is the size in bytes from which it pays to keep a packet's headers in memory of their own.
const largeView = 2048

// maxHeaders holds the IP and TCP headers of any packet, in bytes, and is a size of gVisor's pools: the small view is
// full.
const maxHeaders = 128

// apart makes a buffer of v. gVisor holds a second reference to the view of a packet's IP header while it takes it
// apart, and so copies that view whole: the headers of a large packet get a small one.
func apart(v *buffer.View) buffer.Buffer {
	if v.Size() < largeView {
		return buffer.MakeWithView(v)
	}
	b := buffer.MakeWithView(buffer.NewViewWithData(v.AsSlice()[:maxHeaders]))
	v.TrimFront(maxHeaders)
	if err := b.Append(v); err != nil {
		panic("userstack: a buffer refuses a view: " + err.Error())
	}
	return b
}

func fills(v *buffer.View, data []byte) bool {
	b := v.AsSlice()
	return len(b) == len(data) && &b[0] == &data[0] && 2*len(b) >= v.Capacity()
}

// The rest is what gVisor asks of every link endpoint.

func (w *wire) MTU() uint32                           { return w.mtu }
func (*wire) SetMTU(uint32)                           {}
func (*wire) MaxHeaderLength() uint16                 { return 0 }
func (*wire) LinkAddress() tcpip.LinkAddress          { return "" }
func (*wire) SetLinkAddress(tcpip.LinkAddress)        {}
func (*wire) ARPHardwareType() header.ARPHardwareType { return header.ARPHardwareNone }
func (*wire) AddHeader(*stack.PacketBuffer)           {}
func (*wire) ParseHeader(*stack.PacketBuffer) bool    { return true }
func (*wire) Wait()                                   {}
func (*wire) Close()                                  {}
func (*wire) SetOnCloseAction(func())                 {}
func (*wire) GSOMaxSize() uint32                      { return maxSegment }
func (*wire) SupportedGSO() stack.SupportedGSO        { return stack.HostGSOSupported }
func (w *wire) IsAttached() bool                      { return w.dispatcher.Load() != nil }

// Capabilities says that the checksums of what arrives need no look: deliver has verified those that did.
func (*wire) Capabilities() stack.LinkEndpointCapabilities {
	return stack.CapabilityRXChecksumOffload
}

func (w *wire) Attach(d stack.NetworkDispatcher) {
	if d == nil {
		w.dispatcher.Store(nil)
		return
	}
	w.dispatcher.Store(&d)
}
