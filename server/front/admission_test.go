package front

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

// handshaker is a listener on loopback that computes one handshake at a time, and tells how each ended.
type handshaker struct {
	*admission
	address string
	ends    chan error
}

func newHandshaker(t *testing.T) *handshaker {
	t.Helper()
	authority, err := certs.New(time.Now)
	if err != nil {
		t.Fatal(err)
	}
	h := &handshaker{admission: &admission{slots: make(chan struct{}, 1)}, ends: make(chan error, 10)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	h.address = l.Addr().String()
	inner := tls.NewListener(h.listen(l), &tls.Config{
		GetCertificate: authority.GetCertificate, GetConfigForClient: h.admit,
	})
	go func() {
		for {
			c, err := inner.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				h.ends <- c.(*tls.Conn).HandshakeContext(t.Context())
			}()
		}
	}()
	return h
}

// hello sends a client's hello, and nothing after it.
func (h *handshaker) hello(t *testing.T) net.Conn {
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
	c, err := net.Dial("tcp", h.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := c.Write(text[:n]); err != nil {
		t.Fatal(err)
	}
	return c
}

func (h *handshaker) handshake(ctx context.Context) error {
	d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, ServerName: "ssm.us-east-1.amazonaws.com"}}
	c, err := d.DialContext(ctx, "tcp", h.address)
	if err != nil {
		return err
	}
	return c.Close()
}

func TestSlowClientsHoldNoSlot(t *testing.T) {
	h := newHandshaker(t)
	for range 3 {
		slow := h.hello(t)
		if _, err := io.ReadFull(slow, make([]byte, 1)); err != nil { // the answer goes out; it is never finished
			t.Fatal(err)
		}
	}
	if err := h.handshake(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestFailedHandshakesHoldNoSlot(t *testing.T) {
	h := newHandshaker(t)
	for range 3 {
		c, err := net.Dial("tcp", h.address)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if err := <-h.ends; err == nil {
			t.Error("a handshake without a hello")
		}
		c.Close()
	}
	if err := h.handshake(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestClientsThatGaveUpAreSkipped(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the system does not tell")
	}
	h := newHandshaker(t)
	h.slots <- struct{}{} // somebody's handshake
	h.hello(t).Close()
	waiting := make(chan error)
	go func() { waiting <- h.handshake(t.Context()) }()
	select {
	case err := <-h.ends:
		t.Fatalf("a handshake without a slot ended: %v", err)
	case err := <-waiting:
		t.Fatalf("a handshake without a slot: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	<-h.slots
	if err := <-waiting; err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := <-h.ends; errors.Is(err, errGivenUp) {
			return
		}
	}
	t.Error("the client that had gone was answered")
}
