package dns

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"postern/aws/fault"
	"postern/network/vpc"
)

const (
	// udpSize is the largest answer over UDP, in bytes: one that every path carries whole (DNS Flag Day 2020).
	udpSize = 1232
	// oldUDPSize is the largest for a client that does not say what it takes (RFC 1035).
	oldUDPSize = 512
	maxSize    = 65535
	// idle bounds how long a TCP connection may stay without a question (RFC 7766 asks for some seconds).
	idle = 10 * time.Second
	// maxConnections bounds how many TCP connections one interface may have open.
	maxConnections = 100
	// maxForwards bounds how many questions may wait for others, maxForwardsPerVPC how many of one VPC.
	maxForwards       = 1024
	maxForwardsPerVPC = 256
)

// Options say what a Server answers from.
type Options struct {
	// Snapshot returns the network in force. While it returns nil, nothing is answered.
	Snapshot func() *vpc.Snapshot
	// Upstreams are the servers asked, in this order, for names that are not ours; none is asked where it is empty.
	Upstreams []string
	// UpstreamTimeout says how long one of them may take; 0 means 2 s.
	UpstreamTimeout time.Duration
	// Dial connects to an upstream; nil means a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// DialResolver connects to the targets of Resolver rules; without it their names cannot be asked for.
	DialResolver Resolver
	// Log is told of mistakes in the program; nil tells nobody.
	Log *slog.Logger
}

// Originator is the remote address of a datagram, or the connection, that knows where it comes from.
type Originator interface{ Origin() vpc.Origin }

// Stats count what a Server has done since it was made.
type Stats struct {
	// Queries are messages that were read, Answered those that were answered.
	Queries, Answered uint64
	// Malformed are messages that are no DNS query, answered with FORMERR or not at all.
	Malformed uint64
	// Found, Negative and NotOurs are answers with data, with NOERROR or NXDOMAIN from our zones, and those for names
	// that are not ours.
	Found, Negative, NotOurs uint64
	// Forwarded are questions given to upstreams and targets of rules, ForwardFailed those that none answered.
	Forwarded, ForwardFailed uint64
}

type counters struct {
	queries, answered, malformed, found, negative, notOurs, forwarded, forwardFailed atomic.Uint64
}

// Server answers questions. Its methods may be called from several goroutines.
type Server struct {
	options Options
	counts  counters

	mu          sync.Mutex
	connections map[string]int
	// forwarding counts the questions that wait for others, forwards those of each VPC.
	forwarding int
	forwards   map[string]int
}

// New makes a server; Serve runs it.
func New(o Options) *Server {
	if o.UpstreamTimeout <= 0 {
		o.UpstreamTimeout = 2 * time.Second
	}
	if o.Dial == nil {
		o.Dial = (&net.Dialer{}).DialContext
	}
	return &Server{options: o, connections: map[string]int{}, forwards: map[string]int{}}
}

// Stats returns the counters.
func (s *Server) Stats() Stats {
	c := &s.counts
	return Stats{
		Queries: c.queries.Load(), Answered: c.answered.Load(), Malformed: c.malformed.Load(), Found: c.found.Load(),
		Negative: c.negative.Load(), NotOurs: c.notOurs.Load(), Forwarded: c.forwarded.Load(),
		ForwardFailed: c.forwardFailed.Load(),
	}
}

// Serve answers what arrives at p, whose remote addresses are Originators, and at l, whose connections are, until ctx
// is done or one of them fails. Either may be nil. It closes both and waits for every goroutine that it started; it
// returns nil when ctx ended it.
func (s *Server) Serve(ctx context.Context, p net.PacketConn, l net.Listener) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var running sync.WaitGroup
	var closers []io.Closer
	if p != nil {
		closers = append(closers, p)
		for range runtime.GOMAXPROCS(0) {
			running.Go(func() { cancel(s.datagrams(ctx, p, &running)) })
		}
	}
	if l != nil {
		closers = append(closers, l)
		running.Go(func() { cancel(s.accept(ctx, l, &running)) })
	}
	<-ctx.Done()
	for _, c := range closers {
		c.Close()
	}
	running.Wait()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		return fault.New(fault.Unavailable, "dns.Serve", "the resolver stopped: %w", err)
	}
	return nil
}

// datagrams answers what arrives over UDP. Questions that go upstream are waited for elsewhere.
func (s *Server) datagrams(ctx context.Context, p net.PacketConn, running *sync.WaitGroup) error {
	in, out := make([]byte, maxSize), make([]byte, 0, udpSize)
	for {
		n, from, err := p.ReadFrom(in)
		if err != nil {
			return err
		}
		origin, ok := from.(Originator)
		if !ok {
			continue
		}
		// A question that the program cannot cope with is not answered; the next one is.
		fault.ContainTo(s.options.Log, "dns.datagram", func() {
			q := s.read(in[:n], origin.Origin(), true)
			if q.forward {
				s.forward(ctx, q, running, func(b []byte) { s.send(p, from, b) })
				return
			}
			if b := s.answer(q, out[:0]); b != nil {
				s.send(p, from, b)
			}
		})
	}
}

// send writes an answer. A datagram that does not arrive is asked for again.
func (s *Server) send(p net.PacketConn, to net.Addr, b []byte) {
	if _, err := p.WriteTo(b, to); err == nil {
		s.counts.answered.Add(1)
	}
}

func (s *Server) accept(ctx context.Context, l net.Listener, running *sync.WaitGroup) error {
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		origin, ok := c.(Originator)
		if !ok || !s.enter(origin.Origin().Interface) {
			c.Close()
			continue
		}
		running.Go(func() {
			defer s.leave(origin.Origin().Interface)
			fault.ContainTo(s.options.Log, "dns.stream", func() { s.stream(ctx, c, origin.Origin()) })
		})
	}
}

// enter counts a connection of the interface in, if it may have one more.
func (s *Server) enter(eni string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.connections[eni] >= maxConnections {
		return false
	}
	s.connections[eni]++
	return true
}

func (s *Server) leave(eni string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.connections[eni]--; s.connections[eni] == 0 {
		delete(s.connections, eni)
	}
}

// stream answers one connection's questions one after another, until it is idle, malformed or has no DNS support.
func (s *Server) stream(ctx context.Context, c net.Conn, origin vpc.Origin) {
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	var length [2]byte
	for {
		if c.SetDeadline(time.Now().Add(idle)) != nil {
			return
		}
		if _, err := io.ReadFull(c, length[:]); err != nil {
			return
		}
		in := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(c, in); err != nil {
			return
		}
		q := s.read(in, origin, false)
		var b []byte
		if q.forward {
			b = s.wait(ctx, q)
		} else {
			b = s.answer(q, nil)
		}
		if b == nil {
			return
		}
		if _, err := c.Write(
			append(binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(b)), uint16(len(b))), b...),
		); err != nil {
			return
		}
		s.counts.answered.Add(1)
	}
}
