package link

import (
	"net/netip"
	"os"
	"sync"
	"sync/atomic"

	"golang.zx2c4.com/wireguard/tun"
)

// WireBatch says how many packets wireguard-go is handed at once: a super-segment of 64 KiB at an MTU of 1420 is 47.
const WireBatch = 64

// portBytes says how much may wait in one port for the tunnel, in bytes. It holds a TCP window of a fast connection;
// more would only be delay.
const portBytes = 4 << 20

// Wire is a tun.Device in memory: what wireguard-go takes for the host's network is one or more Ports here. Packets
// that leave for the tunnel are cut to size and finished, and what comes out of it is gathered into super-segments.
type Wire struct {
	mtu, batch int
	deliver    func(source netip.Addr, batch []Packet)
	events     chan tun.Event
	gatherers  sync.Pool

	// of the goroutine that calls Read
	taken   []queued
	at      int // index of the next one in taken
	current Segmenter
	room    int // for a packet of the port that current came from

	mu     sync.Mutex
	filled sync.Cond
	queue  []queued
	closed bool
}

// queued is a packet that waits for the tunnel.
type queued struct {
	Packet
	port *Port
	size int
}

var _ tun.Device = (*Wire)(nil)

// NewWire makes a wire that hands wireguard-go up to batch packets at once. WireGuard pads no packet beyond mtu
// bytes; each port cuts to its own. Each time packets come out of the tunnel, deliver is called with those of one
// sender, whose address WireGuard has checked to be the peer's. It owns the packets, not the slice.
func NewWire(mtu, batch int, deliver func(source netip.Addr, batch []Packet)) *Wire {
	w := &Wire{mtu: mtu, batch: batch, deliver: deliver, events: make(chan tun.Event, 1)}
	w.gatherers.New = func() any { return new(Gatherer) }
	w.filled.L = &w.mu
	w.events <- tun.EventUp
	return w
}

// Port is one sender into a wire, with a queue of its own length so that no sender takes another's room.
type Port struct {
	wire *Wire
	mtu  int
	// Dropped counts the packets for which there was no room.
	Dropped atomic.Uint64

	queued int // bytes, under wire.mu
}

// Port makes a new sender for packets of at most mtu bytes, to which super-segments are cut.
func (w *Wire) Port(mtu int) *Port { return &Port{wire: w, mtu: mtu} }

// MTU is the largest packet that the port takes, in bytes.
func (p *Port) MTU() int { return p.mtu }

// Send queues packets for the tunnel, as Link.Send.
func (p *Port) Send(batch []Packet) {
	w := p.wire
	w.mu.Lock()
	wake := len(w.queue) == 0
	for i := range batch {
		size := batch[i].Len()
		if w.closed || p.queued+size > portBytes {
			p.Dropped.Add(1)
			batch[i].Release()
			continue
		}
		p.queued += size
		w.queue = append(w.queue, queued{batch[i], p, size})
	}
	wake = wake && len(w.queue) > 0
	w.mu.Unlock()
	if wake {
		w.filled.Signal()
	}
}

// Read implements tun.Device: it waits for packets and cuts them into as many buffers as it is given.
func (w *Wire) Read(bufs [][]byte, sizes []int, offset int) (int, error) {
	n := 0
	for n < len(bufs) {
		dst := bufs[n][offset:]
		size := w.current.Next(dst[:min(w.room, len(dst))])
		if size > 0 {
			sizes[n] = size
			n++
			continue
		}
		q, ok := w.next(n == 0)
		if !ok {
			break
		}
		w.current.Start(q.Packet)
		w.room = q.port.mtu
	}
	if n == 0 {
		return 0, os.ErrClosed
	}
	return n, nil
}

// next takes the next packet of the queue. If there is none it waits for one, or returns false.
func (w *Wire) next(wait bool) (queued, bool) {
	if w.at == len(w.taken) && !w.take(wait) {
		return queued{}, false
	}
	q := w.taken[w.at]
	w.taken[w.at] = queued{}
	w.at++
	return q, true
}

// take moves a part of the queue to the reader.
func (w *Wire) take(wait bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for wait && len(w.queue) == 0 && !w.closed {
		w.filled.Wait()
	}
	if w.closed || len(w.queue) == 0 {
		return false
	}
	w.taken, w.queue = w.queue, w.taken[:0]
	w.at = 0
	for i := range w.taken {
		w.taken[i].port.queued -= w.taken[i].size
	}
	return true
}

// Write implements tun.Device: wireguard-go calls it with decrypted packets of one peer, for each peer by another
// goroutine.
func (w *Wire) Write(bufs [][]byte, offset int) (int, error) {
	g := w.gatherers.Get().(*Gatherer)
	defer w.gatherers.Put(g)
	for rest := bufs; len(rest) > 0; {
		source, n := sameSource(rest, offset)
		if batch := g.Gather(rest[:n], offset, ChecksumVerified); source.IsValid() {
			w.deliver(source, batch)
		} else {
			Release(batch)
		}
		rest = rest[n:]
	}
	return len(bufs), nil
}

// sameSource returns the first packet's source address and how many packets share it.
func sameSource(bufs [][]byte, offset int) (netip.Addr, int) {
	source := sourceOf(bufs[0][offset:])
	n := 1
	for n < len(bufs) && sourceOf(bufs[n][offset:]) == source {
		n++
	}
	return source, n
}

// sourceOf returns an IP packet's source address, the zero Addr if it has none.
func sourceOf(b []byte) netip.Addr {
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		return netip.AddrFrom4([4]byte(b[12:16]))
	case len(b) >= 40 && b[0]>>4 == 6:
		return netip.AddrFrom16([16]byte(b[8:24]))
	}
	return netip.Addr{}
}

// Close implements tun.Device; wireguard-go calls it when its device is closed.
func (w *Wire) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil
	}
	w.closed = true
	for i := range w.queue {
		w.queue[i].Release()
	}
	w.queue = nil
	w.filled.Broadcast()
	close(w.events)
	return nil
}

// MTU implements tun.Device.
func (w *Wire) MTU() (int, error) { return w.mtu, nil }

// Name implements tun.Device.
func (w *Wire) Name() (string, error) { return "postern", nil }

// File implements tun.Device: there is none.
func (w *Wire) File() *os.File { return nil }

// Events implements tun.Device.
func (w *Wire) Events() <-chan tun.Event { return w.events }

// BatchSize implements tun.Device.
func (w *Wire) BatchSize() int { return w.batch }
