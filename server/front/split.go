package front

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	// recordTypeHandshake is the first byte that a TLS client sends (RFC 8446, section 5.1).
	recordTypeHandshake = 0x16
	// helloTime is how long a client may take to send its first byte.
	helloTime = 10 * time.Second
	// acceptPause is how long nothing is accepted after an error.
	acceptPause = 50 * time.Millisecond
)

// splitListener makes two listeners of one: of connections that begin with TLS, and of those of this host that do not.
// AWS tools are often pointed at plain HTTP where a server is used for tests; it never leaves the host.
type splitListener struct {
	net.Listener
	tls, plain *half
	sorting    sync.WaitGroup

	mu     sync.Mutex // guards what follows
	closed bool
	silent map[net.Conn]struct{} // connections that have not sent anything yet
}

// half is one of the two listeners.
type half struct {
	of    *splitListener
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func split(l net.Listener) *splitListener {
	s := &splitListener{Listener: l, silent: map[net.Conn]struct{}{}}
	s.tls = &half{of: s, conns: make(chan net.Conn), done: make(chan struct{})}
	s.plain = &half{of: s, conns: make(chan net.Conn), done: make(chan struct{})}
	s.sorting.Go(s.accept)
	return s
}

func (s *splitListener) accept() {
	defer s.end()
	for {
		c, err := s.Listener.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			// Out of descriptors, most likely: other connections end soon.
			select {
			case <-time.After(acceptPause):
			case <-s.tls.done:
				return
			}
			continue
		}
		s.sorting.Go(func() { s.sort(c) })
	}
}

// end ends both halves, and the connections that have not sent anything yet.
func (s *splitListener) end() {
	s.tls.end()
	s.plain.end()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for c := range s.silent {
		c.Close()
	}
}

// await notes that a connection's first byte is awaited, or no longer is.
func (s *splitListener) await(c net.Conn, awaited bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !awaited:
		delete(s.silent, c)
	case s.closed:
		c.Close()
	default:
		s.silent[c] = struct{}{}
	}
}

// sort waits for a connection's first byte and hands the connection to the half that the byte belongs to.
func (s *splitListener) sort(c net.Conn) {
	s.await(c, true)
	defer s.await(c, false)
	first := make([]byte, 1)
	_ = c.SetReadDeadline(time.Now().Add(helloTime)) // a failure shows in Read
	if _, err := c.Read(first); err != nil {
		c.Close()
		return
	}
	_ = c.SetReadDeadline(time.Time{})
	h := s.tls
	if first[0] != recordTypeHandshake {
		h = s.plain
		if !fromThisHost(c) {
			c.Close()
			return
		}
	}
	select {
	case h.conns <- &peekedConn{Conn: c, first: first}:
	case <-h.done:
		c.Close()
	}
}

func fromThisHost(c net.Conn) bool {
	peer, err := netip.ParseAddrPort(c.RemoteAddr().String())
	return err == nil && peer.Addr().Unmap().IsLoopback()
}

// Accept implements net.Listener.
func (h *half) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.done:
		return nil, net.ErrClosed
	}
}

func (h *half) end() { h.once.Do(func() { close(h.done) }) }

// Close closes the listener that both halves share.
func (h *half) Close() error {
	h.end()
	return h.of.Listener.Close()
}

// Addr implements net.Listener.
func (h *half) Addr() net.Addr { return h.of.Listener.Addr() }

// peekedConn is a connection whose first byte has been read.
type peekedConn struct {
	net.Conn
	first []byte
}

// Read implements net.Conn.
func (p *peekedConn) Read(b []byte) (int, error) {
	if len(p.first) > 0 && len(b) > 0 {
		n := copy(b, p.first)
		p.first = p.first[n:]
		return n, nil
	}
	return p.Conn.Read(b)
}
