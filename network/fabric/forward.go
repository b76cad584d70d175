package fabric

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"

	"postern/aws/fault"
	"postern/network/fabric/internal/packet"
	"postern/network/link/userstack"
)

const (
	// maxForwards bounds how many conversations with the real Internet there may be.
	maxForwards = 1024
	// dialTime bounds how long the real Internet may take to answer.
	dialTime = 20 * time.Second
	// quietTime bounds how long a conversation over UDP may be quiet, as the connection table has it for more than one
	// exchange.
	quietTime = 180 * time.Second
)

// forwards are the conversations with the real Internet.
type forwards struct {
	n      *internet
	dial   func(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error)
	ctx    context.Context
	cancel context.CancelFunc
	slots  chan struct{}
	once   sync.Once
	err    error
}

func newForwards(n *internet, dial func(context.Context, string, netip.AddrPort) (net.Conn, error)) *forwards {
	f := &forwards{n: n, dial: dial, slots: make(chan struct{}, maxForwards)}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	return f
}

// open reports whether the real Internet is there, and has the stack hand over what is for it.
func (f *forwards) open() bool {
	if f.dial == nil {
		return false
	}
	f.once.Do(func() { f.err = f.n.stack.Forward(f.connect, f.datagrams) })
	return f.err == nil
}

// run runs a conversation, unless there are too many or everything ends.
func (f *forwards) run(conversation func()) bool {
	f.n.mu.Lock()
	defer f.n.mu.Unlock()
	if f.n.closed {
		return false
	}
	select {
	case f.slots <- struct{}{}:
	default:
		return false
	}
	f.n.accepting.Go(func() {
		defer func() { <-f.slots }()
		fault.ContainTo(f.n.fabric.options.Log, "fabric.forward", conversation)
	})
	return true
}

// connect connects to what a node wants, and only then accepts the node's connection: what is refused there is refused
// here.
func (f *forwards) connect(r *userstack.Request) {
	ran := f.run(func() {
		ctx, cancel := context.WithTimeout(f.ctx, dialTime)
		defer cancel()
		out, err := f.dial(ctx, "tcp4", r.Local)
		if err != nil {
			r.Refuse()
			return
		}
		defer shut(out)
		in, err := r.Accept()
		if err != nil {
			return
		}
		defer shut(in)
		if !f.own(packet.TCP, r.Remote, r.Local, in.Abort) {
			in.Abort()
			return
		}
		stop := context.AfterFunc(f.ctx, func() { in.Abort(); shut(out) })
		defer stop()
		relay(in, out)
	})
	if !ran {
		r.Refuse()
	}
}

// own ties a conversation to its translation, so that they end together. It returns false if that has ended already.
func (f *forwards) own(protocol uint8, node, far netip.AddrPort, abort func()) bool {
	f.n.mu.Lock()
	defer f.n.mu.Unlock()
	m := f.n.outside[outsideKey{node.Addr().As4(), far.Addr().As4(), node.Port(), far.Port(), protocol}]
	if m == nil {
		return false
	}
	m.aborted = abort
	return true
}

// relay copies both ways until both have ended. The end of one way is told to the other side.
func relay(in *userstack.Conn, out net.Conn) {
	var back sync.WaitGroup
	back.Go(func() {
		_, err := io.Copy(in, out)
		if err != nil {
			in.Abort()
			return
		}
		_ = in.CloseWrite()
	})
	_, err := io.Copy(out, in)
	if half, ok := out.(interface{ CloseWrite() error }); ok && err == nil {
		_ = half.CloseWrite()
	} else {
		shut(out)
	}
	back.Wait()
}

// datagrams carries what goes between a node's port and one address of the Internet, until it is quiet.
func (f *forwards) datagrams(in *gonet.UDPConn, far, node netip.AddrPort) {
	ran := f.run(func() {
		defer shut(in)
		ctx, cancel := context.WithTimeout(f.ctx, dialTime)
		defer cancel()
		out, err := f.dial(ctx, "udp4", far)
		if err != nil {
			return
		}
		defer shut(out)
		both := func() { shut(in); shut(out) }
		if !f.own(packet.UDP, node, far, both) {
			return
		}
		stop := context.AfterFunc(f.ctx, both)
		defer stop()
		var back sync.WaitGroup
		back.Go(func() { copyDatagrams(in, out); both() })
		copyDatagrams(out, in)
		both()
		back.Wait()
	})
	if !ran {
		shut(in)
	}
}

// copyDatagrams copies until nothing has come for a while. A datagram that cannot be sent is lost, as datagrams are.
func copyDatagrams(to, from net.Conn) {
	b := make([]byte, 65535)
	for {
		if from.SetReadDeadline(time.Now().Add(quietTime)) != nil {
			return
		}
		n, err := from.Read(b)
		if err != nil {
			return
		}
		if _, err := to.Write(b[:n]); errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
	}
}

// shut closes what nobody can be told about any more.
func shut(c io.Closer) { _ = c.Close() }
