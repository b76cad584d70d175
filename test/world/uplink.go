package world

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"postern/network/link"
	"postern/network/link/userstack"
)

// uplink is how one machine reaches the private network: the stack that is plugged in now, and the DNS servers.
type uplink struct {
	resolvers []netip.Addr
	stack     atomic.Pointer[userstack.Stack]

	mu        sync.Mutex
	secondary []netip.Addr // addresses of the stack besides the first
}

// assign gives the stack other secondary addresses, once there is one.
func (r *uplink) assign(wanted []netip.Addr) error {
	s := r.stack.Load()
	if s == nil {
		return net.ErrClosed
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range r.secondary {
		if !slices.Contains(wanted, a) {
			s.RemoveAddress(a)
		}
	}
	for _, a := range wanted {
		if err := s.AddAddress(a); err != nil {
			return err
		}
	}
	r.secondary = wanted
	return nil
}

// plug is a stack that tells when the fabric has taken it.
type plug struct {
	*userstack.Stack
	taken func()
}

var _ link.Link = plug{}

// Open implements link.Link.
func (p plug) Open(receive func([]link.Packet)) {
	p.Stack.Open(receive)
	p.taken()
}

// plug makes the stack that the fabric is to take; from then on it is the uplink's. taken may be nil.
func (r *uplink) plug(mtu int, address netip.Addr, taken func()) (link.Link, error) {
	s, err := userstack.New(mtu, address)
	if err != nil {
		return nil, err
	}
	return plug{s, sync.OnceFunc(func() {
		r.stack.Store(s)
		if taken != nil {
			taken()
		}
	})}, nil
}

// DialContext connects to a name, which the VPC's resolver is asked for, or to an address.
func (r *uplink) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	found, err := r.lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	var conn net.Conn
	for _, a := range found {
		if conn, err = r.direct(ctx, network, net.JoinHostPort(a.String(), port)); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

// direct connects to an address.
func (r *uplink) direct(ctx context.Context, network, address string) (net.Conn, error) {
	s := r.stack.Load()
	if s == nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: net.UnknownNetworkError("not plugged in")}
	}
	return s.DialContext(ctx, network, address)
}

func (r *uplink) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	asker := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return r.direct(ctx, network, netip.AddrPortFrom(r.resolvers[0], 53).String())
	}}
	// The dot keeps the host's search list out of it.
	return asker.LookupNetIP(ctx, "ip4", host+".")
}

// metadata is a client of the instance metadata service.
func (r *uplink) metadata() *http.Client {
	return &http.Client{Timeout: callTime, Transport: &http.Transport{DialContext: r.direct, DisableKeepAlives: true}}
}
