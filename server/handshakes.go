package server

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"runtime"
	"sync/atomic"
)

// handshakes lets clients in one after another when many come at once. After a restart thousands of nodes do: were all
// of their handshakes to go on side by side, none would be done before its client gives up and comes again, and so on
// for ever. Whoever has given up meanwhile is passed over.
type handshakes struct{ places chan struct{} }

func newHandshakes() *handshakes {
	return &handshakes{places: make(chan struct{}, 2*runtime.GOMAXPROCS(0))}
}

// listen makes a listener's connections known to admit.
func (h *handshakes) listen(l net.Listener) net.Listener { return &arrivals{l} }

var errGivenUp = errors.New("the client has given up")

// admit is tls.Config.GetConfigForClient: it is called when a client's hello is there and nothing was computed for it. The
// place that it takes is given back when the answer goes out, so that nobody can hold one by being slow.
func (h *handshakes) admit(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	a, ok := hello.Conn.(*arrival)
	if !ok {
		return nil, nil
	}
	select {
	case h.places <- struct{}{}:
	case <-hello.Context().Done():
		return nil, hello.Context().Err()
	}
	if givenUp(a.Conn) {
		<-h.places
		return nil, errGivenUp
	}
	leave := func() { <-h.places }
	a.leave.Store(&leave)
	context.AfterFunc(hello.Context(), a.left) // a handshake that fails before its answer
	return nil, nil
}

type arrivals struct{ net.Listener }

// Accept implements net.Listener.
func (l *arrivals) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &arrival{Conn: c}, nil
}

// arrival is a connection that may hold a place.
type arrival struct {
	net.Conn
	leave atomic.Pointer[func()]
}

func (a *arrival) left() {
	if leave := a.leave.Swap(nil); leave != nil {
		(*leave)()
	}
}

// Write implements net.Conn.
func (a *arrival) Write(b []byte) (int, error) {
	if a.leave.Load() != nil {
		a.left()
	}
	return a.Conn.Write(b)
}

// beneath is the connection that was accepted.
func beneath(c net.Conn) net.Conn {
	for {
		switch t := c.(type) {
		case *tls.Conn:
			c = t.NetConn()
		case *arrival:
			c = t.Conn
		case *peeked:
			c = t.Conn
		default:
			return c
		}
	}
}
