package server

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"postern/services/certs"
)

// ring is a listener on loopback that does handshakes with one place, and tells how each ended.
type ring struct {
	*handshakes
	address string
	ends    chan error
}

func newRing(t *testing.T) *ring {
	t.Helper()
	authority, err := certs.New(time.Now)
	if err != nil {
		t.Fatal(err)
	}
	r := &ring{handshakes: &handshakes{places: make(chan struct{}, 1)}, ends: make(chan error, 10)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	r.address = l.Addr().String()
	inner := tls.NewListener(r.listen(l), &tls.Config{GetCertificate: authority.GetCertificate, GetConfigForClient: r.admit})
	go func() {
		for {
			c, err := inner.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				r.ends <- c.(*tls.Conn).HandshakeContext(t.Context())
			}()
		}
	}()
	return r
}

// hello sends a client's hello, and nothing after it.
func (r *ring) hello(t *testing.T) net.Conn {
	t.Helper()
	near, far := net.Pipe()
	client := tls.Client(near, &tls.Config{InsecureSkipVerify: true, ServerName: "ssm.us-east-1.amazonaws.com"})
	go func() { _ = client.HandshakeContext(t.Context()) }()
	t.Cleanup(func() { near.Close(); far.Close() })
	text := make([]byte, 4096)
	n, err := far.Read(text)
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", r.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := c.Write(text[:n]); err != nil {
		t.Fatal(err)
	}
	return c
}

func (r *ring) shake(ctx context.Context) error {
	d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, ServerName: "ssm.us-east-1.amazonaws.com"}}
	c, err := d.DialContext(ctx, "tcp", r.address)
	if err != nil {
		return err
	}
	return c.Close()
}

func TestSlowClientsHoldNoPlace(t *testing.T) {
	r := newRing(t)
	for range 3 {
		slow := r.hello(t)
		if _, err := io.ReadFull(slow, make([]byte, 1)); err != nil { // the answer goes out; it is never finished
			t.Fatal(err)
		}
	}
	if err := r.shake(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestFailedHandshakesHoldNoPlace(t *testing.T) {
	r := newRing(t)
	for range 3 {
		c, err := net.Dial("tcp", r.address)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if err := <-r.ends; err == nil {
			t.Error("a handshake without a hello")
		}
		c.Close()
	}
	if err := r.shake(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestWhoHasGivenUpIsPassedOver(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the system does not tell")
	}
	r := newRing(t)
	r.places <- struct{}{} // somebody's handshake
	r.hello(t).Close()
	waiting := make(chan error)
	go func() { waiting <- r.shake(t.Context()) }()
	select {
	case err := <-r.ends:
		t.Fatalf("a handshake without a place ended: %v", err)
	case err := <-waiting:
		t.Fatalf("a handshake without a place: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	<-r.places
	if err := <-waiting; err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := <-r.ends; errors.Is(err, errGivenUp) {
			return
		}
	}
	t.Error("the client that had gone was answered")
}
