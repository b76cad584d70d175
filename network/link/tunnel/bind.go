package tunnel

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.zx2c4.com/wireguard/conn"
	"golang.zx2c4.com/wireguard/device"

	"postern/network/link"
	"postern/network/link/datagram"
)

// bind is the tunnel's underlay as wireguard-go sees it: one UDP socket. Another way to the server, such as a stream
// of framed messages over TCP port 443, would be another conn.Bind.
type bind struct {
	local netip.AddrPort
	batch int
	now   func() time.Time
	// lost is told once that the server does not know the session any more, renewed once that there is another. broken is
	// told of another session before its time, for which nobody asked: WireGuard made it because nothing came back.
	lost, renewed, broken chan struct{}

	// session is the index of the session that messages were sent in last, begun when that was, in nanoseconds since
	// 1970; seeking tells that another is wanted.
	session atomic.Uint32
	begun   atomic.Int64
	seeking atomic.Bool

	mu   sync.Mutex
	sock *datagram.Socket // nil while closed
}

func newBind(local netip.AddrPort, batch int, now func() time.Time) *bind {
	return &bind{
		local:   local,
		batch:   batch,
		now:     now,
		lost:    make(chan struct{}, 1),
		renewed: make(chan struct{}, 1),
		broken:  make(chan struct{}, 1),
	}
}

var _ conn.Bind = (*bind)(nil)

// Open implements conn.Bind.
func (b *bind) Open(uint16) ([]conn.ReceiveFunc, uint16, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.sock != nil {
		return nil, 0, conn.ErrBindAlreadyOpen
	}
	sock, err := datagram.Listen(context.Background(), b.local)
	if err != nil {
		return nil, 0, err
	}
	b.sock = sock
	r := &receiver{bind: b, sock: sock}
	return []conn.ReceiveFunc{r.receive}, sock.LocalAddr().Port(), nil
}

// Close implements conn.Bind.
func (b *bind) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.sock == nil {
		return nil
	}
	err := b.sock.Close()
	b.sock = nil
	return err
}

// Send implements conn.Bind.
func (b *bind) Send(bufs [][]byte, ep conn.Endpoint) error {
	to, ok := ep.(*endpoint)
	if !ok {
		return conn.ErrWrongEndpointType
	}
	b.mu.Lock()
	sock := b.sock
	b.mu.Unlock()
	if sock == nil {
		return net.ErrClosed
	}
	b.follow(bufs[0])
	return sock.Write(bufs, datagram.Path{Remote: to.addr})
}

// silence says how old a session is at least when WireGuard makes another because nothing came back in it:
// KEEPALIVE_TIMEOUT and REKEY_TIMEOUT together. A younger one gives way to the answer to a second try of the
// handshake that it came from.
const silence = 15 * time.Second

// inTime says how old a session is at least when WireGuard makes the next one by the clock: RekeyAfterTime is 120 s.
const inTime = 110 * time.Second

// follow notes in which session a message goes out.
func (b *bind) follow(message []byte) {
	if len(message) < device.MessageTransportSize || binary.LittleEndian.Uint32(message) != device.MessageTransportType {
		return
	}
	session := binary.LittleEndian.Uint32(message[device.MessageTransportOffsetReceiver:])
	before := b.session.Swap(session)
	if before == session {
		return
	}
	now := b.now()
	age := now.Sub(time.Unix(0, b.begun.Swap(now.UnixNano())))
	switch {
	case b.seeking.Swap(false):
		signal(b.renewed)
	case before != 0 && age >= silence && age < inTime:
		signal(b.broken)
	}
}

// hear takes a message of the server that is not WireGuard's.
func (b *bind) hear(message []byte) {
	if session, ok := link.ParseLost(message); ok && session == b.session.Load() {
		b.seeking.Store(true)
		signal(b.lost)
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// ParseEndpoint implements conn.Bind.
func (*bind) ParseEndpoint(s string) (conn.Endpoint, error) {
	addr, err := netip.ParseAddrPort(s)
	if err != nil {
		return nil, err
	}
	return &endpoint{addr: addr}, nil
}

// SetMark implements conn.Bind: the tunnel marks nothing.
func (*bind) SetMark(uint32) error { return nil }

// BatchSize implements conn.Bind.
func (b *bind) BatchSize() int { return b.batch }

// receiver takes datagrams out of the runs in which the socket hands them over.
type receiver struct {
	bind *bind
	sock *datagram.Socket
	buf  [datagram.RunSize]byte
	rest []byte // of buf
	each int
	from *endpoint
}

func (r *receiver) receive(bufs [][]byte, sizes []int, eps []conn.Endpoint) (int, error) {
	if len(r.rest) == 0 {
		run, err := r.sock.Read(r.buf[:])
		if err != nil {
			return 0, err
		}
		r.rest, r.each = r.buf[:run.Size], run.Each
		if r.from == nil || r.from.addr != run.Remote {
			r.from = &endpoint{addr: run.Remote}
		}
	}
	n := 0
	for ; n < len(bufs) && len(r.rest) > 0; n++ {
		size := min(r.each, len(r.rest))
		message := r.rest[:size]
		r.rest = r.rest[size:]
		eps[n], sizes[n] = r.from, 0
		if link.IsJoin(message) {
			r.bind.hear(message)
			continue
		}
		sizes[n] = copy(bufs[n], message)
	}
	return n, nil
}

// endpoint holds where the server was heard last. It never changes.
type endpoint struct{ addr netip.AddrPort }

var _ conn.Endpoint = (*endpoint)(nil)

func (e *endpoint) ClearSrc()           {}
func (e *endpoint) SrcToString() string { return "" }
func (e *endpoint) SrcIP() netip.Addr   { return netip.Addr{} }
func (e *endpoint) DstToString() string { return e.addr.String() }
func (e *endpoint) DstIP() netip.Addr   { return e.addr.Addr() }
func (e *endpoint) DstToBytes() []byte {
	b, _ := e.addr.MarshalBinary() // never returns an error (net/netip)
	return b
}
