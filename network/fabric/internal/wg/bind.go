package wg

import (
	"encoding/binary"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/blake2s"
	"golang.zx2c4.com/wireguard/conn"
	"golang.zx2c4.com/wireguard/device"

	"postern/network/link"
	"postern/network/link/datagram"
)

// bind is the part of the shared port that belongs to one cell, as wireguard-go's conn.Bind. A path other than UDP
// would hand its messages to the mux too, with an endpoint that says how to answer.
type bind struct {
	mux   *mux
	mark  mark
	inbox chan piece
	gauge gauge

	mu     sync.Mutex
	closed chan struct{} // nil while not open

	rest piece // of the receiving goroutine: what did not fit last time
}

var _ conn.Bind = (*bind)(nil)

// inboxSize says how many pieces may wait for a cell.
const inboxSize = 8

func newBind(m *mux, key link.PublicKey) *bind {
	return &bind{mux: m, mark: newMark(key), inbox: make(chan piece, inboxSize)}
}

// take queues a piece for the cell, and releases it if the cell is closed.
func (b *bind) take(p piece) {
	b.mu.Lock()
	closed := b.closed
	b.mu.Unlock()
	if closed == nil {
		b.mux.release(p.run)
		return
	}
	select {
	case b.inbox <- p:
	case <-closed:
		b.mux.release(p.run)
		return
	}
	select {
	case <-closed: // perhaps after the receiver looked for the last time
		b.drain()
	default:
	}
}

// Open implements conn.Bind.
func (b *bind) Open(uint16) ([]conn.ReceiveFunc, uint16, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed != nil {
		return nil, 0, conn.ErrBindAlreadyOpen
	}
	closed := make(chan struct{})
	b.closed = closed
	receive := func(bufs [][]byte, sizes []int, eps []conn.Endpoint) (int, error) {
		return b.receive(closed, bufs, sizes, eps)
	}
	return []conn.ReceiveFunc{receive}, b.mux.sock.LocalAddr().Port(), nil
}

// receive waits for a piece, and takes what else is there while there is room.
func (b *bind) receive(closed chan struct{}, bufs [][]byte, sizes []int, eps []conn.Endpoint) (int, error) {
	n := 0
	for n < len(bufs) {
		if len(b.rest.data) == 0 && !b.next(closed, n == 0) {
			break
		}
		size := min(b.rest.each, len(b.rest.data))
		sizes[n] = copy(bufs[n], b.rest.data[:size])
		eps[n] = b.rest.from
		n++
		if b.rest.data = b.rest.data[size:]; len(b.rest.data) == 0 {
			b.mux.release(b.rest.run)
			b.rest = piece{}
		}
	}
	if n == 0 {
		return 0, net.ErrClosed
	}
	return n, nil
}

// next fetches a piece that may be handed on.
func (b *bind) next(closed chan struct{}, wait bool) bool {
	for {
		p, ok := b.poll(closed, wait)
		if !ok {
			return false
		}
		if b.gauge.admit((len(p.data)+p.each-1)/p.each, b.mux.now()) {
			b.rest = p
			return true
		}
		b.mux.release(p.run)
	}
}

func (b *bind) poll(closed chan struct{}, wait bool) (piece, bool) {
	select {
	case p := <-b.inbox:
		return p, true
	default:
	}
	if !wait {
		return piece{}, false
	}
	select {
	case p := <-b.inbox:
		return p, true
	case <-closed:
		b.drain()
		return piece{}, false
	}
}

// drain gives back what nobody will take any more.
func (b *bind) drain() {
	for {
		select {
		case p := <-b.inbox:
			b.mux.release(p.run)
		default:
			return
		}
	}
}

// Close implements conn.Bind.
func (b *bind) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed != nil {
		close(b.closed)
		b.closed = nil
	}
	return nil
}

// Send implements conn.Bind.
func (b *bind) Send(bufs [][]byte, ep conn.Endpoint) error {
	to, ok := ep.(*endpoint)
	if !ok {
		return conn.ErrWrongEndpointType
	}
	if index, ok := givenIndex(bufs[0]); ok && !b.mux.index.give(index, b, b.mux.now()) {
		return nil
	}
	return b.mux.sock.Write(bufs, to.Path)
}

// givenIndex returns the index by which a handshake message asks to be answered.
func givenIndex(message []byte) (uint32, bool) {
	if len(message) < 8 {
		return 0, false
	}
	switch binary.LittleEndian.Uint32(message) {
	case device.MessageInitiationType, device.MessageResponseType:
		return binary.LittleEndian.Uint32(message[4:]), true
	}
	return 0, false
}

// ParseEndpoint implements conn.Bind.
func (b *bind) ParseEndpoint(s string) (conn.Endpoint, error) {
	addr, err := netip.ParseAddrPort(s)
	if err != nil {
		return nil, err
	}
	return &endpoint{datagram.Path{Remote: addr}}, nil
}

// SetMark implements conn.Bind; the socket is not this cell's alone.
func (b *bind) SetMark(uint32) error { return nil }

// BatchSize implements conn.Bind.
func (b *bind) BatchSize() int { return link.WireBatch }

// endpoint holds where a peer was heard last. It never changes.
type endpoint struct{ datagram.Path }

var _ conn.Endpoint = (*endpoint)(nil)

func (e *endpoint) ClearSrc()           {}
func (e *endpoint) SrcToString() string { return e.Local.String() }
func (e *endpoint) SrcIP() netip.Addr   { return e.Local }
func (e *endpoint) DstToString() string { return e.Remote.String() }
func (e *endpoint) DstIP() netip.Addr   { return e.Remote.Addr() }
func (e *endpoint) DstToBytes() []byte {
	b, _ := e.Remote.MarshalBinary() // never returns an error (net/netip)
	return b
}

// mark tells whether a handshake message was made for one public key, by its mac1 (WireGuard paper, 5.4.4).
type mark struct{ key [blake2s.Size]byte }

func newMark(public link.PublicKey) mark {
	return mark{blake2s.Sum256(append([]byte(device.WGLabelMAC1), public[:]...))}
}

func (m *mark) made(message []byte) bool {
	at := len(message) - 2*blake2s.Size128
	mac, err := blake2s.New128(m.key[:])
	if err != nil {
		return false // only a key that is too long is refused
	}
	mac.Write(message[:at])
	return [blake2s.Size128]byte(mac.Sum(nil)) == [blake2s.Size128]byte(message[at:])
}

const (
	// gaugeLimit bounds how many packets of a cell may be inside wireguard-go, each in a buffer of 64 KiB. It holds some
	// TCP windows; wireguard-go itself sets no bound, and reading is cheaper than decrypting.
	gaugeLimit = 4096
	gaugeTick  = 100 * time.Millisecond
)

// gauge estimates how many packets are inside wireguard-go: those that went in less those that came out. What WireGuard
// throws away never comes out, therefore half is forgotten with each tick.
type gauge struct {
	inside  atomic.Int64
	ticked  time.Time // of the one goroutine that calls admit
	Refused atomic.Uint64
}

func (g *gauge) admit(n int, now time.Time) bool {
	if now.Sub(g.ticked) > gaugeTick {
		g.ticked = now
		g.inside.Add(-g.inside.Load() / 2)
	}
	if g.inside.Load() > gaugeLimit {
		g.Refused.Add(uint64(n))
		return false
	}
	g.inside.Add(int64(n))
	return true
}

func (g *gauge) leave(n int) { g.inside.Add(int64(-n)) }
