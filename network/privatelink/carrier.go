package privatelink

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"postern/aws/fault"
	"postern/network/fabric"
	"postern/network/vpc"
)

const (
	// defaultIdle bounds how long a connection may be silent (AWS PrivateLink guide, "Considerations": 350 s).
	defaultIdle = 350 * time.Second
	// dialTime bounds how long a target may take to answer before the next is tried.
	dialTime = 10 * time.Second
)

// Options say what a Carrier works with.
type Options struct {
	Fabric *fabric.Fabric
	// HostTargets says which addresses and ports of this host may be targets; nil means none.
	HostTargets func(netip.AddrPort) bool
	// Idle bounds how long a connection may be silent; 0 means 350 s.
	Idle time.Duration
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	Log *slog.Logger
}

// Carrier keeps a listener open at every port of every endpoint to a service of somebody's own, and carries what they
// accept. Its methods may be called from several goroutines.
type Carrier struct {
	options  Options
	snapshot atomic.Pointer[vpc.Snapshot]
	next     atomic.Uint32

	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu     sync.Mutex
	closed bool
	open   map[entry]net.Listener
	pairs  map[*pair]struct{}
}

// entry names a port of an endpoint at which connections are accepted.
type entry struct {
	eni  string
	port uint16
}

// New makes a carrier that carries nothing until Apply. Close ends it.
func New(o Options) *Carrier {
	if o.Idle <= 0 {
		o.Idle = defaultIdle
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	c := &Carrier{options: o, open: map[entry]net.Listener{}, pairs: map[*pair]struct{}{}}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// Apply opens what a snapshot has, which the fabric must have in force, and closes what it no longer has. Connections
// go on: the fabric ends those whose endpoint, target or service is gone.
func (c *Carrier) Apply(s *vpc.Snapshot) {
	c.snapshot.Store(s)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	wanted := map[entry]bool{}
	for e := range s.Endpoints() {
		service, ok := s.EndpointService(e.Service)
		if !ok || !e.Available {
			continue
		}
		for _, eni := range e.Interfaces {
			for _, port := range service.Ports() {
				wanted[entry{eni, port}] = true
			}
		}
	}
	for d, l := range c.open {
		if !wanted[d] {
			_ = l.Close()
			delete(c.open, d)
		}
	}
	for d := range wanted {
		if c.open[d] == nil {
			c.openLocked(d)
		}
	}
}

func (c *Carrier) openLocked(d entry) {
	l, err := c.options.Fabric.Listen(d.eni, d.port)
	if err != nil {
		c.options.Log.Error("an endpoint does not listen", "interface", d.eni, "port", d.port, "error", err)
		return
	}
	c.open[d] = l
	c.running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			c.running.Go(func() { c.tryCarry(d, conn.(*fabric.Conn)) })
		}
	})
}

// tryCarry carries one connection, and aborts it where the program cannot.
func (c *Carrier) tryCarry(d entry, consumer *fabric.Conn) {
	if !fault.ContainTo(c.options.Log, "privatelink.carry", func() { c.carry(d, consumer) }) {
		consumer.Abort()
		_ = consumer.Close()
	}
}

// carry takes one connection to a target and stays until it has ended.
func (c *Carrier) carry(d entry, consumer *fabric.Conn) {
	target, err := c.reach(d, consumer)
	if err != nil {
		c.options.Log.Info(
			"no target takes a connection", "endpoint", consumer.Origin().Endpoint, "port", d.port, "error", err,
		)
		consumer.Abort()
		_ = consumer.Close()
		return
	}
	p := &pair{a: consumer, b: target, idle: c.options.Idle, now: c.options.Now}
	if !c.begin(p) {
		p.abort()
		_, _ = consumer.Close(), target.Close()
		return
	}
	p.run()
	c.mu.Lock()
	delete(c.pairs, p)
	c.mu.Unlock()
}

func (c *Carrier) begin(p *pair) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.pairs[p] = struct{}{}
	}
	return !c.closed
}

// reach connects to one of the targets: those of the endpoint's zone take turns, others help where none of them
// answers.
func (c *Carrier) reach(d entry, consumer *fabric.Conn) (end, error) {
	near, far := c.snapshot.Load().TargetsOf(d.eni, d.port)
	first := int(c.next.Add(1) & 0xffff)
	err := fmt.Errorf("port %d has no target", d.port)
	for _, t := range slices.Concat(rotate(near, first), rotate(far, first)) {
		var conn end
		if conn, err = c.dial(t); err != nil {
			continue
		}
		if !t.ProxyProtocol {
			return conn, nil
		}
		header := proxyHeader(consumer.Remote(), consumer.Local(), consumer.Origin().Endpoint)
		if _, err = conn.Write(header); err == nil {
			return conn, nil
		}
		conn.Abort()
		_ = conn.Close()
	}
	return nil, err
}

func rotate(targets []vpc.ServiceTarget, by int) []vpc.ServiceTarget {
	if len(targets) == 0 {
		return nil
	}
	by %= len(targets)
	return slices.Concat(targets[by:], targets[:by])
}

func (c *Carrier) dial(t vpc.ServiceTarget) (end, error) {
	ctx, cancel := context.WithTimeout(c.ctx, dialTime)
	defer cancel()
	if t.Interface == "" {
		return c.dialHost(ctx, netip.AddrPortFrom(t.Host, t.TargetPort))
	}
	to, ok := c.snapshot.Load().Interface(t.Interface)
	if !ok {
		return nil, fault.New(fault.NotFound, "privatelink.dial", "%s is gone", t.Interface)
	}
	return c.options.Fabric.Connect(ctx, t.From, netip.AddrPortFrom(to.Addresses[0], t.TargetPort))
}

// dialHost asks the configuration again: it may have changed since the target was named.
func (c *Carrier) dialHost(ctx context.Context, to netip.AddrPort) (end, error) {
	if c.options.HostTargets == nil || !c.options.HostTargets(to) {
		return nil, fault.New(fault.Denied, "privatelink.dial", "the configuration does not allow %s as a target", to)
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", to.String())
	if err != nil {
		return nil, err
	}
	return hostConn{conn.(*net.TCPConn)}, nil
}

// hostConn is a connection to a target on this host.
type hostConn struct{ *net.TCPConn }

// Abort implements end. Both calls fail only where the connection has ended already.
func (c hostConn) Abort() {
	_ = c.SetLinger(0)
	_ = c.Close()
}

// Close stops accepting, aborts every connection and waits for the carrier's goroutines.
func (c *Carrier) Close() error {
	c.mu.Lock()
	c.closed = true
	open, pairs := c.open, c.pairs
	c.open, c.pairs = nil, nil
	c.mu.Unlock()
	c.cancel()
	for _, l := range open {
		_ = l.Close()
	}
	for p := range pairs {
		p.abort()
	}
	c.running.Wait()
	return nil
}
