package tunnel

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"postern/network/link/userstack"
)

// batch says how many packets WireGuard works on at once. Each is a buffer of 64 KiB of which a packet touches a few:
// 48 hold a super-segment at an MTU of 1420, and cost an idle agent 0.6 MB more than 16 would.
const batch = 48

// Tunnel is a rootless tunnel: WireGuard and a TCP/IP stack in this process.
type Tunnel struct {
	c         *Config
	wireguard *wireguard
	stack     *userstack.Stack

	mu    sync.Mutex
	conns map[*Conn]struct{}
}

// Conn is a TCP connection across the tunnel. It fails as soon as the server is known to have forgotten it.
type Conn struct {
	*userstack.Conn
	t *Tunnel
}

// Close implements net.Conn.
func (c *Conn) Close() error {
	c.t.mu.Lock()
	delete(c.t.conns, c)
	c.t.mu.Unlock()
	return c.Conn.Close()
}

// Options of a tunnel; the zero value will do.
type Options struct {
	Log *slog.Logger
	// Batch says how many packets WireGuard works on at once (1–128); 0 suits an agent.
	Batch int
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

func (o *Options) complete() {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Batch == 0 {
		o.Batch = batch
	}
	if o.Now == nil {
		o.Now = time.Now
	}
}

// Dial brings a tunnel up. It does not wait for the server: connections are made when it answers, and made again, by
// whoever wants them, after it was away. ctx bounds the look-up of the server's name only.
func Dial(ctx context.Context, c *Config, o Options) (*Tunnel, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	o.complete()
	stack, err := userstack.New(c.Grant.MTU, c.Local())
	if err != nil {
		return nil, err
	}
	t := &Tunnel{c: c, stack: stack, conns: make(map[*Conn]struct{})}
	if t.wireguard, err = newWireGuard(ctx, c, o, stack.Send, t.abort); err != nil {
		return nil, errors.Join(err, stack.Close())
	}
	stack.Open(t.wireguard.port.Send)
	return t, nil
}

// abort ends every connection.
func (t *Tunnel) abort() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for c := range t.conns {
		c.Abort()
	}
}

// LocalAddr is the node's private address.
func (t *Tunnel) LocalAddr() netip.Addr { return t.c.Local() }

// Status tells how the tunnel is doing.
func (t *Tunnel) Status() Status { return t.wireguard.status() }

// lingerTime bounds how long Close waits for the other ends of closed connections to learn of it.
const lingerTime = 500 * time.Millisecond

// Close ends the tunnel and every connection in it. Connections that were closed before end in good order.
func (t *Tunnel) Close() error {
	t.stack.Linger(lingerTime)
	t.wireguard.close()
	return t.stack.Close()
}

// DialContext connects to "HOST:PORT" across the tunnel, over "tcp" or "udp". A name is looked up by the VPC's
// resolver, never by the host's; its addresses are tried in the order in which they come.
func (t *Tunnel) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	fail := func(err error) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return fail(err)
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return fail(&net.AddrError{Err: "port is not a number", Addr: address})
	}
	addrs, err := t.LookupHost(ctx, host)
	if err != nil {
		return fail(err)
	}
	var failures []error
	for _, a := range addrs {
		c, err := t.dial(ctx, network, netip.AddrPortFrom(a, uint16(port)))
		if err == nil {
			return c, nil
		}
		failures = append(failures, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(failures...)
}

func (t *Tunnel) dial(ctx context.Context, network string, remote netip.AddrPort) (net.Conn, error) {
	inner, err := t.stack.DialContext(ctx, network, remote.String())
	if err != nil {
		return nil, err
	}
	stream, ok := inner.(*userstack.Conn)
	if !ok {
		return inner, nil
	}
	c := &Conn{stream, t}
	t.mu.Lock()
	t.conns[c] = struct{}{}
	t.mu.Unlock()
	return c, nil
}
