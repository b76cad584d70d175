package userstack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// backlog bounds how many connections may wait to be accepted; beyond it the stack answers with SYN cookies (RFC 4987).
const backlog = 1024

// Conn is a TCP connection of the stack.
type Conn struct {
	*gonet.TCPConn
	ep            tcpip.Endpoint
	local, remote netip.AddrPort
}

func newConn(wq *waiter.Queue, ep tcpip.Endpoint) (*Conn, error) {
	c := &Conn{TCPConn: gonet.NewTCPConn(wq, ep), ep: ep}
	local, err := ep.GetLocalAddress()
	if err != nil {
		return nil, errors.New(err.String())
	}
	remote, err := ep.GetRemoteAddress()
	if err != nil {
		return nil, errors.New(err.String())
	}
	c.local, c.remote = fromFull(local), fromFull(remote)
	keepAlive(ep)
	return c, nil
}

// keepAlive makes a dead peer noticed. The options are refused only by an endpoint that is closed already, which the
// next read tells.
func keepAlive(ep tcpip.Endpoint) {
	idle := tcpip.KeepaliveIdleOption(keepAliveIdle)
	interval := tcpip.KeepaliveIntervalOption(keepAliveInterval)
	timeout := tcpip.TCPUserTimeoutOption(userTimeout)
	_ = ep.SetSockOpt(&idle)
	_ = ep.SetSockOpt(&interval)
	_ = ep.SetSockOpt(&timeout)
	_ = ep.SetSockOptInt(tcpip.KeepaliveCountOption, keepAliveCount)
	ep.SocketOptions().SetKeepAlive(true)
}

// SetHops sets how many hops what is sent from now on may make (1–255); 0 is the stack's own number.
func (c *Conn) SetHops(n int) error { return result(c.ep.SetSockOptInt(tcpip.IPv4TTLOption, n)) }

// Local and Remote are the ends of the connection; they stay readable after it has ended.
func (c *Conn) Local() netip.AddrPort  { return c.local }
func (c *Conn) Remote() netip.AddrPort { return c.remote }

// LocalAddr and RemoteAddr are the same for net.Conn.
func (c *Conn) LocalAddr() net.Addr  { return net.TCPAddrFromAddrPort(c.local) }
func (c *Conn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }

// Abort ends the connection at once, with a reset, and frees its memory. Reads and writes in progress fail.
func (c *Conn) Abort() { c.ep.Abort() }

// Listener accepts TCP connections to one address and port.
type Listener struct {
	ep    tcpip.Endpoint
	wq    *waiter.Queue
	local netip.AddrPort

	once   sync.Once
	closed chan struct{}
}

// ListenTCP begins to accept connections. An invalid address means all addresses, port 0 a free one.
func (s *Stack) ListenTCP(local netip.AddrPort) (*Listener, error) {
	l := &Listener{wq: new(waiter.Queue), closed: make(chan struct{})}
	ep, err := s.net.NewEndpoint(tcp.ProtocolNumber, ipv4.ProtocolNumber, l.wq)
	if err != nil {
		return nil, fmt.Errorf("userstack: listen on %s: %s", local, err)
	}
	// The connections of a listener that was here before may linger.
	ep.SocketOptions().SetReuseAddress(true)
	if err := errors.Join(result(ep.Bind(toFull(local))), result(ep.Listen(backlog))); err != nil {
		ep.Close()
		return nil, fmt.Errorf("userstack: listen on %s: %w", local, err)
	}
	bound, err := ep.GetLocalAddress()
	if err != nil {
		ep.Close()
		return nil, fmt.Errorf("userstack: listen on %s: %s", local, err)
	}
	l.ep, l.local = ep, fromFull(bound)
	return l, nil
}

// result turns gVisor's kind of error into one; its nil interface must not become a non-nil error.
func result(err tcpip.Error) error {
	if err == nil {
		return nil
	}
	return errors.New(err.String())
}

// Accept waits for a connection. After Close it returns net.ErrClosed.
func (l *Listener) Accept() (*Conn, error) {
	entry, ready := waiter.NewChannelEntry(waiter.ReadableEvents)
	l.wq.EventRegister(&entry)
	defer l.wq.EventUnregister(&entry)
	for {
		select {
		case <-l.closed:
			return nil, net.ErrClosed
		default:
		}
		ep, wq, err := l.ep.Accept(nil)
		switch err.(type) {
		case nil:
			c, err := newConn(wq, ep)
			if err != nil {
				ep.Close() // it ended before it was accepted
				continue
			}
			return c, nil
		case *tcpip.ErrWouldBlock:
		default:
			return nil, fmt.Errorf("userstack: accept on %s: %s", l.local, err)
		}
		select {
		case <-l.closed:
			return nil, net.ErrClosed
		case <-ready:
		}
	}
}

// Close stops accepting and refuses what waits to be accepted.
func (l *Listener) Close() error {
	l.once.Do(func() {
		close(l.closed)
		l.ep.Close()
	})
	return nil
}

// Local is the address that the listener is bound to.
func (l *Listener) Local() netip.AddrPort { return l.local }

// DialTCP opens a connection from local, which may be the zero AddrPort, to remote.
func (s *Stack) DialTCP(ctx context.Context, local, remote netip.AddrPort) (*Conn, error) {
	fail := func(err error) (*Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: net.TCPAddrFromAddrPort(remote), Err: err}
	}
	wq := new(waiter.Queue)
	ep, err := s.net.NewEndpoint(tcp.ProtocolNumber, ipv4.ProtocolNumber, wq)
	if err != nil {
		return fail(result(err))
	}
	entry, ready := waiter.NewChannelEntry(waiter.WritableEvents)
	wq.EventRegister(&entry)
	defer wq.EventUnregister(&entry)
	if local.IsValid() {
		if err := ep.Bind(toFull(local)); err != nil {
			ep.Close()
			return fail(result(err))
		}
	}
	err = ep.Connect(toFull(remote))
	if _, ok := err.(*tcpip.ErrConnectStarted); ok {
		select {
		case <-ctx.Done():
			ep.Abort()
			return fail(ctx.Err())
		case <-ready:
		}
		err = ep.LastError()
	}
	if err != nil {
		ep.Close()
		return fail(result(err))
	}
	c, e := newConn(wq, ep)
	if e != nil {
		ep.Close()
		return fail(e)
	}
	return c, nil
}

// DialContext dials a literal address ("10.0.1.10:443") over "tcp" or "udp", for whoever needs a net.Dialer's method.
func (s *Stack) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	remote, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	switch network {
	case "tcp", "tcp4":
		return s.DialTCP(ctx, netip.AddrPort{}, remote)
	case "udp", "udp4":
		return s.DialUDP(netip.AddrPort{}, remote)
	}
	return nil, &net.OpError{Op: "dial", Net: network, Err: net.UnknownNetworkError(network)}
}

// DialUDP opens a UDP socket. Either end may be the zero AddrPort; without a remote it receives from anybody.
func (s *Stack) DialUDP(local, remote netip.AddrPort) (*gonet.UDPConn, error) {
	var from, to *tcpip.FullAddress
	if local.IsValid() {
		from = new(toFull(local))
	}
	if remote.IsValid() {
		to = new(toFull(remote))
	}
	return gonet.DialUDP(s.net, from, to, ipv4.ProtocolNumber)
}
