package privatelink

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"postern/aws/fault"
)

const spliceBuffer = 32 << 10

var buffers = sync.Pool{New: func() any { return new([spliceBuffer]byte) }}

// end is one connection of a pair.
type end interface {
	net.Conn
	// CloseWrite tells the peer that nothing more comes; what it sends still arrives.
	CloseWrite() error
	// Abort ends the connection at once, with a reset.
	Abort()
}

// pair joins two connections: what comes on one goes out on the other, no faster than that takes it. An end of one
// direction is passed on and leaves the other direction open; a reset is passed on as a reset.
type pair struct {
	a, b end
	// idle bounds how long neither side may say anything.
	idle time.Duration
	now  func() time.Time

	last  atomic.Int64 // when something was said, in nanoseconds since began
	began time.Time
	timer *time.Timer
}

// run carries until both directions have ended or one has failed.
func (p *pair) run() {
	p.began = p.now()
	p.timer = time.AfterFunc(p.idle, p.look)
	defer p.timer.Stop()
	ended := make(chan error, 2)
	go func() { ended <- fault.Contain("privatelink.splice", func() error { return p.carry(p.a, p.b) }) }()
	go func() { ended <- fault.Contain("privatelink.splice", func() error { return p.carry(p.b, p.a) }) }()
	for range 2 {
		if err := <-ended; err != nil {
			p.abort()
		}
	}
	_, _ = p.a.Close(), p.b.Close()
}

func (p *pair) abort() {
	p.a.Abort()
	p.b.Abort()
}

// carry takes what from says to to, until from has said its last.
func (p *pair) carry(to, from end) error {
	buffer := buffers.Get().(*[spliceBuffer]byte)
	defer buffers.Put(buffer)
	for {
		n, err := from.Read(buffer[:])
		if n > 0 {
			p.touch()
			if _, err := to.Write(buffer[:n]); err != nil {
				return err
			}
			p.touch()
		}
		switch {
		case errors.Is(err, io.EOF):
			return to.CloseWrite()
		case err != nil:
			return err
		}
	}
}

func (p *pair) elapsed() time.Duration { return p.now().Sub(p.began) }

func (p *pair) touch() { p.last.Store(int64(p.elapsed())) }

// look ends the pair if nothing has been said for long enough, else it looks again when that may be.
func (p *pair) look() {
	silent := p.elapsed() - time.Duration(p.last.Load())
	if silent >= p.idle {
		p.abort()
		return
	}
	p.timer.Reset(p.idle - silent)
}
