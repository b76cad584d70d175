package link_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"postern/network/link"
	"postern/network/link/linktest"
	"postern/network/link/userstack"
)

func TestMain(m *testing.M) {
	linktest.Child(map[string]linktest.Role{"stream": stream, "datagram": datagram})
	goleak.VerifyTestMain(m)
}

const streamed = 32 << 20

var (
	device  = link.Device{Name: "eth0", Address: netip.MustParsePrefix("10.9.0.2/24"), MTU: 9001, Routes: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}, Gateway: netip.MustParseAddr("10.9.0.1")}
	faraway = netip.MustParseAddrPort("172.31.0.9:443") // behind the gateway
)

// stream sends and receives at once, and tells what it received.
func stream([]string) (any, error) {
	c, err := net.Dial("tcp", faraway.String())
	if err != nil {
		return nil, err
	}
	defer c.Close()
	sending := make(chan error, 1)
	go func() {
		_, err := io.CopyN(c, rand.NewChaCha8([32]byte{1}), streamed)
		sending <- err
	}()
	h := sha256.New()
	if _, err := io.CopyN(h, c, streamed); err != nil {
		return nil, err
	}
	return hex.EncodeToString(h.Sum(nil)), <-sending
}

func sum(seed byte) string {
	h := sha256.New()
	_, _ = io.CopyN(h, rand.NewChaCha8([32]byte{seed}), streamed)
	return hex.EncodeToString(h.Sum(nil))
}

// behind starts a child behind a TUN device whose other end is a stack with the address of faraway. It counts the packets
// from the child.
func behind(t *testing.T, role string) (p *linktest.Process, s *userstack.Stack, t2 *link.TUN) {
	p, file := linktest.Start(t, device, role)
	tun, err := link.NewTUN(file, device.MTU)
	if err != nil {
		t.Fatal(err)
	}
	s, err = userstack.New(device.MTU, faraway.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		tun.Close()
		s.Close()
	})
	return p, s, tun
}

func TestTUNCarriesLargeSegmentsBothWays(t *testing.T) {
	p, s, tun := behind(t, "stream")
	l, err := s.ListenTCP(faraway)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var largest atomic.Int64 // written by the reader of the device only, which goes on after the transfer
	s.Open(tun.Send)
	tun.Open(func(batch []link.Packet) {
		for i := range batch {
			largest.Store(max(largest.Load(), int64(batch[i].Len())))
		}
		s.Send(batch)
	})
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	sending := make(chan error, 1)
	go func() {
		_, err := io.CopyN(c, rand.NewChaCha8([32]byte{2}), streamed)
		sending <- err
	}()
	h := sha256.New()
	if _, err := io.CopyN(h, c, streamed); err != nil {
		t.Fatal(err)
	}
	if err := <-sending; err != nil {
		t.Fatal(err)
	}
	var received string
	if err := p.Wait(&received); err != nil {
		t.Fatal(err)
	}
	if received != sum(2) {
		t.Error("the child received something else")
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != sum(1) {
		t.Error("the stack received something else")
	}
	if n := largest.Load(); n < 32<<10 {
		t.Errorf("the largest packet had %d bytes", n)
	}
	if tun.Dropped() > 0 {
		t.Errorf("%d packets dropped", tun.Dropped())
	}
}

// datagram sends one and returns the answer.
func datagram([]string) (any, error) {
	c, err := net.Dial("udp", faraway.String())
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if _, err := fmt.Fprint(c, "over the TUN "+strings.Repeat("x", 5000)); err != nil {
		return nil, err
	}
	b := make([]byte, 9000)
	n, err := c.Read(b)
	return len(b[:n]), err
}

func TestTUNCarriesDatagrams(t *testing.T) {
	p, s, tun := behind(t, "datagram")
	u, err := s.DialUDP(faraway, netip.AddrPort{})
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	s.Open(tun.Send)
	tun.Open(s.Send)
	b := make([]byte, 9000)
	n, from, err := u.ReadFrom(b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.WriteTo(b[:n], from); err != nil {
		t.Fatal(err)
	}
	var got int
	if err := p.Wait(&got); err != nil || got != n {
		t.Errorf("%d bytes came back of %d: %v", got, n, err)
	}
}

func TestNewTUNRefusesOtherFiles(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := link.NewTUN(r, 1500); err == nil {
		t.Error("a pipe was taken for a TUN device")
	}
}
