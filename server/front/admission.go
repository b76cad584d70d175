package front

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"runtime"
	"sync/atomic"
)

// admission bounds how many TLS handshakes are computed at once; the others wait their turn. After a restart thousands
// of nodes connect at once: were all of their handshakes computed side by side, none would be done before its client
// gives up and connects again, and so on for ever. A client that has given up meanwhile is skipped.
type admission struct{ slots chan struct{} }

func newAdmission() *admission {
	return &admission{slots: make(chan struct{}, 2*runtime.GOMAXPROCS(0))}
}

// listen makes a listener's connections known to admit.
func (a *admission) listen(l net.Listener) net.Listener { return &admittedListener{l} }

var errGivenUp = errors.New("the client has given up")

// admit is tls.Config.GetConfigForClient: it is called when a client's hello is there and nothing was computed for it.
// The slot that it takes is given back when the answer goes out, so that nobody can hold one by being slow.
func (a *admission) admit(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	c, ok := hello.Conn.(*admittedConn)
	if !ok {
		return nil, nil
	}
	select {
	case a.slots <- struct{}{}:
	case <-hello.Context().Done():
		return nil, hello.Context().Err()
	}
	if closedByPeer(c.Conn) {
		<-a.slots
		return nil, errGivenUp
	}
	release := func() { <-a.slots }
	c.slot.Store(&release)
	context.AfterFunc(hello.Context(), c.release) // a handshake that fails before its answer
	return nil, nil
}

type admittedListener struct{ net.Listener }

// Accept implements net.Listener.
func (l *admittedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &admittedConn{Conn: c}, nil
}

// admittedConn is a connection that may hold a slot.
type admittedConn struct {
	net.Conn
	// slot gives the slot back; nil while the connection holds none.
	slot atomic.Pointer[func()]
}

func (c *admittedConn) release() {
	if release := c.slot.Swap(nil); release != nil {
		(*release)()
	}
}

// Write implements net.Conn.
func (c *admittedConn) Write(b []byte) (int, error) {
	if c.slot.Load() != nil {
		c.release()
	}
	return c.Conn.Write(b)
}

// accepted returns the connection that a listener accepted, beneath what this package has put around it.
func accepted(c net.Conn) net.Conn {
	for {
		switch t := c.(type) {
		case *tls.Conn:
			c = t.NetConn()
		case *admittedConn:
			c = t.Conn
		case *peekedConn:
			c = t.Conn
		default:
			return c
		}
	}
}
