package userstack

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"

	"go.uber.org/goleak"

	"postern/network/link"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	here  = netip.MustParseAddrPort("10.0.0.1:443")
	there = netip.MustParseAddr("10.0.0.2")
)

// pair makes two stacks joined by a wire; large says whether super-segments may cross it.
func pair(t testing.TB, large bool) (server, client *Stack) {
	t.Helper()
	server, err := New(8500, here.Addr())
	if err != nil {
		t.Fatal(err)
	}
	client, err = New(1500, there)
	if err != nil {
		t.Fatal(err)
	}
	to := func(s *Stack) func([]link.Packet) {
		if large {
			return s.Send
		}
		return func(batch []link.Packet) { s.Send(cut(batch)) }
	}
	server.Open(to(client))
	client.Open(to(server))
	t.Cleanup(func() {
		client.Close()
		server.Close()
	})
	return server, client
}

// TestHops: packets carry the number of hops that they may make.
func TestHops(t *testing.T) {
	server, err := New(1500, here.Addr())
	if err != nil {
		t.Fatal(err)
	}
	client, err := New(1500, there)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	hops := make(chan byte, 64)
	client.Open(server.Send)
	server.Open(func(batch []link.Packet) {
		batch = cut(batch)
		for i := range batch {
			hops <- batch[i].Data[8]
		}
		client.Send(batch)
	})
	l, err := server.ListenTCP(here)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := client.DialTCP(t.Context(), netip.AddrPort{}, here)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	for _, want := range []int{64, 1, 64} {
		if err := far.SetHops(want % 64); err != nil {
			t.Fatal(err)
		}
		if _, err := far.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		last := byte(0)
		for len(hops) > 0 {
			last = <-hops
		}
		if last != byte(want) {
			t.Errorf("a packet may make %d hops, want %d", last, want)
		}
	}
}

// cut does to a batch what a real wire does.
func cut(batch []link.Packet) []link.Packet {
	var out []link.Packet
	for _, p := range batch {
		var s link.Segmenter
		if !s.Start(p) {
			continue
		}
		for {
			b := make([]byte, 9001)
			n := s.Next(b)
			if n == 0 {
				break
			}
			out = append(out, link.Packet{Data: b[:n]})
		}
	}
	return out
}

func TestStreamArrivesWhole(t *testing.T) {
	for name, large := range map[string]bool{"super-segments": true, "cut": false} {
		t.Run(name, func(t *testing.T) {
			server, client := pair(t, large)
			l, err := server.ListenTCP(here)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			sums := make(chan [32]byte, 1)
			go func() {
				c, err := l.Accept()
				if err != nil {
					t.Error(err)
					return
				}
				h := sha256.New()
				if _, err := io.Copy(io.MultiWriter(h, c), c); err != nil {
					t.Error(err)
				}
				c.Close()
				sums <- [32]byte(h.Sum(nil))
			}()
			c, err := client.DialTCP(t.Context(), netip.AddrPort{}, here)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			sent, back := sha256.New(), sha256.New()
			done := make(chan error, 1)
			go func() {
				_, err := io.Copy(back, c)
				done <- err
			}()
			if _, err := io.CopyN(io.MultiWriter(sent, c), rand.Reader, 8<<20); err != nil {
				t.Fatal(err)
			}
			if err := c.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			want := [32]byte(sent.Sum(nil))
			if <-sums != want {
				t.Error("the server read something else")
			}
			if err := <-done; err != nil || [32]byte(back.Sum(nil)) != want {
				t.Errorf("what came back differs (%v)", err)
			}
		})
	}
}

func TestDamagedSegmentIsDropped(t *testing.T) {
	server, _ := pair(t, true)
	b := make([]byte, 40)
	b[0], b[3], b[9] = 0x45, 40, 6
	server.Send([]link.Packet{{Data: b}, {}, {Data: []byte{0x10}}})
	if got := server.Dropped(); got != 3 {
		t.Errorf("%d dropped, want 3", got)
	}
}

func TestRefusedAndCancelled(t *testing.T) {
	_, client := pair(t, true)
	if _, err := client.DialTCP(t.Context(), netip.AddrPort{}, here); err == nil {
		t.Error("a port nobody listens on took a connection")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	nowhere := netip.MustParseAddrPort("10.9.9.9:443")
	if _, err := client.DialTCP(ctx, netip.AddrPort{}, nowhere); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want cancelled", err)
	}
}

func TestAbortEndsBothSides(t *testing.T) {
	server, client := pair(t, true)
	l, err := server.ListenTCP(here)
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan *Conn, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			t.Error(err)
		}
		accepted <- c
	}()
	c, err := client.DialTCP(t.Context(), netip.AddrPort{}, here)
	if err != nil {
		t.Fatal(err)
	}
	s := <-accepted
	if s.Remote().Addr() != there || s.Local() != here {
		t.Errorf("accepted %s → %s", s.Remote(), s.Local())
	}
	s.Abort()
	if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("read after a reset: %v", err)
	}
	l.Close()
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept after close: %v", err)
	}
}

func BenchmarkStream(b *testing.B) {
	server, client := pair(b, true)
	l, err := server.ListenTCP(here)
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	done := make(chan int64, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			b.Error(err)
			return
		}
		n, _ := io.Copy(io.Discard, c)
		c.Close()
		done <- n
	}()
	c, err := client.DialTCP(b.Context(), netip.AddrPort{}, here)
	if err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, 64<<10)
	b.SetBytes(int64(len(buf)))
	for b.Loop() {
		if _, err := c.Write(buf); err != nil {
			b.Fatal(err)
		}
	}
	c.Close()
	<-done
}
