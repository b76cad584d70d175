package datagram

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"reflect"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var loopback = netip.MustParseAddrPort("127.0.0.1:0")

func listen(t testing.TB, addr netip.AddrPort) *Socket {
	t.Helper()
	s, err := Listen(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestRunsArriveAsTheyWereSent(t *testing.T) {
	for _, tt := range []struct {
		name  string
		sizes []int
	}{
		{"one", []int{100}},
		{"equal", []int{1452, 1452, 1452, 1452}},
		{"shorter last", []int{1452, 1452, 700}},
		{"growing", []int{10, 20, 30}},
		{"mixed", []int{1452, 1452, 32, 1452, 1452, 1452, 148}},
		{"more bytes than a run holds", repeat(8952, 20)},
		{"more datagrams than a run holds", repeat(100, 200)},
	} {
		for _, runs := range []bool{true, false} {
			t.Run(tt.name, func(t *testing.T) {
				from, to := listen(t, loopback), listen(t, loopback)
				if !runs {
					from.runs.Store(false)
				}
				var sent [][]byte
				for i, size := range tt.sizes {
					sent = append(sent, bytes.Repeat([]byte{byte(i + 1)}, size))
				}
				if err := from.Write(sent, Path{Remote: to.LocalAddr()}); err != nil {
					t.Fatal(err)
				}
				var got [][]byte
				for len(got) < len(sent) {
					buf := make([]byte, RunSize)
					r, err := to.Read(buf)
					if err != nil {
						t.Fatal(err)
					}
					if r.Remote != from.LocalAddr() {
						t.Fatalf("from %s, want %s", r.Remote, from.LocalAddr())
					}
					for b := buf[:r.Size]; len(b) > 0; {
						n := min(r.Each, len(b))
						got, b = append(got, b[:n]), b[n:]
					}
				}
				// cmp walks bytes one by one, which takes seconds here: only for what differs.
				if !reflect.DeepEqual(sent, got) {
					t.Error(cmp.Diff(sent, got))
				}
			})
		}
	}
}

func repeat(size, n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = size
	}
	return s
}

func TestOtherFamilyIsRefused(t *testing.T) {
	s := listen(t, loopback)
	if err := s.Write([][]byte{{1}}, Path{Remote: netip.MustParseAddrPort("[::1]:9")}); err == nil {
		t.Error("an IPv4 socket wrote to an IPv6 address")
	}
}

func TestCloseEndsRead(t *testing.T) {
	s := listen(t, loopback)
	done := make(chan error)
	go func() {
		_, err := s.Read(make([]byte, RunSize))
		done <- err
	}()
	s.Close()
	if err := <-done; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Read = %v, want net.ErrClosed", err)
	}
}

// A host with several addresses answers from the one that was asked.
func TestAnswerComesFromTheAddressThatWasAsked(t *testing.T) {
	for _, tt := range []struct{ all, asked, from string }{
		{"0.0.0.0:0", "127.0.0.77", "127.0.0.1:0"},
		{"[::]:0", "::1", "[::1]:0"},
	} {
		server, err := Listen(t.Context(), netip.MustParseAddrPort(tt.all))
		if err != nil {
			t.Logf("%s: %v", tt.all, err) // a host without IPv6
			continue
		}
		t.Cleanup(func() { server.Close() })
		client := listen(t, netip.MustParseAddrPort(tt.from))
		asked := netip.AddrPortFrom(netip.MustParseAddr(tt.asked), server.LocalAddr().Port())
		buf := make([]byte, RunSize)
		for _, answer := range [][][]byte{{{1}}, {{1, 2}, {3, 4}, {5}}} {
			if err := client.Write([][]byte{{9}}, Path{Remote: asked}); err != nil {
				t.Fatal(err)
			}
			r, err := server.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			if runtime.GOOS != "linux" {
				continue
			}
			if r.Local != asked.Addr() {
				t.Errorf("%s: sent to %s, want %s", tt.all, r.Local, asked.Addr())
			}
			if err := server.Write(answer, r.Path); err != nil {
				t.Fatal(err)
			}
			for got := 0; got < len(answer); {
				r, err := client.Read(buf)
				if err != nil {
					t.Fatal(err)
				}
				if r.Remote != asked {
					t.Errorf("answered from %s, want %s", r.Remote, asked)
				}
				got += (r.Size + r.Each - 1) / r.Each
			}
		}
		gone := Path{Remote: client.LocalAddr(), Local: netip.MustParseAddr("192.0.2.1")}
		if client.is4 {
			if err := server.Write([][]byte{{1, 2}, {3, 4}}, gone); err != nil {
				t.Errorf("from an address that the host does not have: %v", err)
			}
		}
	}
}
