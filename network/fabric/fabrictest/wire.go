// Package fabrictest is the far side of the fabric's links for tests and for the in-process world: machines with a
// TCP/IP stack of their own, and bare wires on which single packets are put and seen.
package fabrictest

import (
	"bytes"
	"sync"

	"postern/network/link"
)

// Wire is a link in memory. It keeps what the fabric sends, and puts on the fabric what the test says.
type Wire struct {
	mtu int

	mu       sync.Mutex
	receive  func([]link.Packet)
	received []link.Packet
	arrived  chan struct{}
	closed   bool
}

// NewWire makes a wire that takes packets of up to mtu bytes.
func NewWire(mtu int) *Wire { return &Wire{mtu: mtu, arrived: make(chan struct{}, 1)} }

// Open remembers whom to hand packets.
func (w *Wire) Open(receive func([]link.Packet)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.receive = receive
}

// Put sends packets from the machine's side; the fabric decides on them before Put returns.
func (w *Wire) Put(packets ...link.Packet) {
	w.mu.Lock()
	receive := w.receive
	w.mu.Unlock()
	receive(packets)
}

// PutBytes sends one packet of those bytes, of which it makes a copy.
func (w *Wire) PutBytes(b []byte) { w.Put(link.Packet{Data: bytes.Clone(b)}) }

// Send keeps a copy of what the fabric sends.
func (w *Wire) Send(batch []link.Packet) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range batch {
		p := &batch[i]
		if !w.closed {
			b := make([]byte, p.Len())
			p.Copy(b, 0)
			w.received = append(w.received, link.Packet{Data: b, SegmentSize: p.SegmentSize, Checksum: p.Checksum})
		}
		p.Release()
	}
	select {
	case w.arrived <- struct{}{}:
	default:
	}
}

// Take returns what has arrived since the last time, without waiting.
func (w *Wire) Take() []link.Packet {
	w.mu.Lock()
	defer w.mu.Unlock()
	taken := w.received
	w.received = nil
	return taken
}

// Wait waits until something has arrived and returns it.
func (w *Wire) Wait() []link.Packet {
	for {
		if taken := w.Take(); len(taken) > 0 {
			return taken
		}
		<-w.arrived
	}
}

// MTU is the wire's.
func (w *Wire) MTU() int { return w.mtu }

// Close ends the wire: what is sent from now on is dropped.
func (w *Wire) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	return nil
}
