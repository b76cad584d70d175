package server

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

// recordTypeHandshake is the first byte that a TLS client sends (RFC 8446, section 5.1).
const recordTypeHandshake = 0x16

// helloTime is how long a client may take to send its first byte.
const helloTime = 10 * time.Second

// acceptPause is how long nothing is accepted after an error.
const acceptPause = 50 * time.Millisecond

// forked is one public listener as two: connections that begin with TLS, and those of this host that do not. AWS tools
// in laboratories are often pointed at plain HTTP; it never leaves the host.
type forked struct {
	net.Listener
	tls, plain *branch
	looking    sync.WaitGroup

	mu      sync.Mutex // guards what follows
	closed  bool
	waiting map[net.Conn]struct{} // connections that have not said anything yet
}

// branch is one half of a forked listener.
type branch struct {
	of    *forked
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func fork(l net.Listener) *forked {
	f := &forked{Listener: l, waiting: map[net.Conn]struct{}{}}
	f.tls = &branch{of: f, conns: make(chan net.Conn), done: make(chan struct{})}
	f.plain = &branch{of: f, conns: make(chan net.Conn), done: make(chan struct{})}
	f.looking.Go(f.accept)
	return f
}

func (f *forked) accept() {
	defer f.end()
	for {
		c, err := f.Listener.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			// Out of descriptors, most likely: others end soon.
			select {
			case <-time.After(acceptPause):
			case <-f.tls.done:
				return
			}
			continue
		}
		f.looking.Go(func() { f.sort(c) })
	}
}

// end ends both branches, and whoever has not said anything yet.
func (f *forked) end() {
	f.tls.end()
	f.plain.end()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for c := range f.waiting {
		c.Close()
	}
}

// wait notes that a connection's first byte is awaited, or no longer is.
func (f *forked) wait(c net.Conn, awaited bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case !awaited:
		delete(f.waiting, c)
	case f.closed:
		c.Close()
	default:
		f.waiting[c] = struct{}{}
	}
}

// sort waits for a connection's first byte and hands it to its branch.
func (f *forked) sort(c net.Conn) {
	f.wait(c, true)
	defer f.wait(c, false)
	first := make([]byte, 1)
	_ = c.SetReadDeadline(time.Now().Add(helloTime)) // a failure shows in Read
	if _, err := c.Read(first); err != nil {
		c.Close()
		return
	}
	_ = c.SetReadDeadline(time.Time{})
	b := f.tls
	if first[0] != recordTypeHandshake {
		b = f.plain
		if !fromThisHost(c) {
			c.Close()
			return
		}
	}
	select {
	case b.conns <- &peeked{Conn: c, first: first}:
	case <-b.done:
		c.Close()
	}
}

func fromThisHost(c net.Conn) bool {
	peer, err := netip.ParseAddrPort(c.RemoteAddr().String())
	return err == nil && peer.Addr().Unmap().IsLoopback()
}

func (b *branch) Accept() (net.Conn, error) {
	select {
	case c := <-b.conns:
		return c, nil
	case <-b.done:
		return nil, net.ErrClosed
	}
}

func (b *branch) end() { b.once.Do(func() { close(b.done) }) }

// Close closes the listener that both branches share.
func (b *branch) Close() error {
	b.end()
	return b.of.Listener.Close()
}

func (b *branch) Addr() net.Addr { return b.of.Listener.Addr() }

// peeked is a connection whose first byte has been read.
type peeked struct {
	net.Conn
	first []byte
}

func (p *peeked) Read(b []byte) (int, error) {
	if len(p.first) > 0 && len(b) > 0 {
		n := copy(b, p.first)
		p.first = p.first[n:]
		return n, nil
	}
	return p.Conn.Read(b)
}
