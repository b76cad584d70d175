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
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"postern/network/link"
	"postern/network/link/linktest"
	"postern/network/link/userstack"
)

func TestMain(m *testing.M) {
	linktest.Child(map[string]linktest.Role{"stream": stream, "datagram": datagram, "neighbours": neighbours})
	goleak.VerifyTestMain(m)
}

const streamed = 32 << 20

var (
	device = link.Device{
		Name:    "eth0",
		MAC:     link.MAC{0x0a, 1, 2, 3, 4, 5},
		Address: netip.MustParsePrefix("10.9.0.2/24"),
		MTU:     9001,
		Routes:  []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")},
		Gateway: netip.MustParseAddr("10.9.0.1"),
	}
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

// behind starts a child behind a TAP device whose other end is a stack with the address of faraway. It counts the
// packets from the child.
func behind(t *testing.T, role string) (p *linktest.Process, s *userstack.Stack, t2 *link.TAP) {
	p, file := linktest.Start(t, device, role)
	tun, err := link.NewTAP(file, device.MTU, device.MAC, device.Address)
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

func TestTAPCarriesLargeSegmentsBothWays(t *testing.T) {
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
	if _, err := fmt.Fprint(c, "over the TAP "+strings.Repeat("x", 5000)); err != nil {
		return nil, err
	}
	b := make([]byte, 9000)
	n, err := c.Read(b)
	return len(b[:n]), err
}

func TestTAPCarriesDatagrams(t *testing.T) {
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

// neighbours says what the kernel knows of the interface after a datagram, and sends a frame in another's name.
func neighbours([]string) (any, error) {
	i, err := net.InterfaceByName("eth0")
	if err != nil {
		return nil, err
	}
	c, err := net.Dial("udp", faraway.String())
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if _, err := c.Write([]byte("hello")); err != nil {
		return nil, err
	}
	if _, err := c.Read(make([]byte, 10)); err != nil {
		return nil, err
	}
	table, err := os.ReadFile("/proc/thread-self/net/arp")
	if err != nil {
		return nil, err
	}
	raw, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(raw)
	frame := make([]byte, 60)
	copy(frame, link.RouterMAC(device.Address).String()) // anything
	err = unix.Sendto(raw, frame, 0, &unix.SockaddrLinklayer{Ifindex: i.Index})
	return fmt.Sprint(i.HardwareAddr, i.Flags&net.FlagPointToPoint,
		strings.Contains(string(table), link.RouterMAC(device.Address).String())), err
}

// The interface is an Ethernet one with the address that it was given; its router is found by ARP, and what is sent in
// another's name is refused.
func TestTAPIsAnEthernetInterface(t *testing.T) {
	p, s, tap := behind(t, "neighbours")
	u, err := s.DialUDP(faraway, netip.AddrPort{})
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	refused := make(chan link.FrameFault, 100)
	s.Open(tap.Send)
	tap.Open(func(batch []link.Packet) {
		for i := range batch {
			if batch[i].Frame != link.FrameGood {
				refused <- batch[i].Frame
				continue
			}
			s.Send(batch[i : i+1])
		}
	})
	b := make([]byte, 100)
	n, from, err := u.ReadFrom(b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.WriteTo(b[:n], from); err != nil {
		t.Fatal(err)
	}
	var got string
	if err := p.Wait(&got); err != nil {
		t.Fatal(err)
	}
	if want := device.MAC.String() + " 0 true"; got != want {
		t.Errorf("the far side says %q, want %q", got, want)
	}
	for {
		select {
		case fault := <-refused:
			if fault == link.FrameSource {
				return
			}
		case <-time.After(10 * time.Second):
			t.Fatal("the frame in another's name was not refused")
		}
	}
}

func TestNewTAPRefusesOtherFiles(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := link.NewTAP(r, 1500, device.MAC, device.Address); err == nil {
		t.Error("a pipe was taken for a TAP device")
	}
}
