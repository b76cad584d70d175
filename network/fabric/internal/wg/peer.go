package wg

import (
	"net/netip"
	"sync/atomic"

	"postern/network/link"
)

// Peer is one machine that joins by WireGuard: its key, and the network interface that it is let into.
type Peer struct {
	PublicKey link.PublicKey
	// Interface is the network interface's id, VPC that of its VPC and Address its private address there. The machine
	// can send from that address only.
	Interface, VPC string
	Address        netip.Addr
	// MTU is the largest packet that its tunnel takes, in bytes; 0 is the hub's.
	MTU int
}

// peer is a Peer that is in, as a link of its interface.
type peer struct {
	Peer
	port    *link.Port
	receive atomic.Pointer[func([]link.Packet)]
	closed  atomic.Bool
}

var _ link.Link = (*peer)(nil)

// Open implements link.Link.
func (p *peer) Open(receive func([]link.Packet)) { p.receive.Store(&receive) }

// Send implements link.Link.
func (p *peer) Send(batch []link.Packet) {
	if p.closed.Load() {
		link.Release(batch)
		return
	}
	p.port.Send(batch)
}

// MTU implements link.Link.
func (p *peer) MTU() int { return p.port.MTU() }

// Close implements link.Link. The peer itself is the hub's: it stays in until RemovePeer, but nothing passes.
func (p *peer) Close() error {
	p.closed.Store(true)
	p.receive.Store(nil)
	return nil
}

// deliver hands the fabric what the peer sent.
func (p *peer) deliver(batch []link.Packet) {
	if receive := p.receive.Load(); receive != nil {
		(*receive)(batch)
		return
	}
	link.Release(batch)
}
