package fabric_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"postern/network/fabric"
	"postern/network/vpc"
)

var beyond = netip.MustParseAddrPort("203.0.113.9:443")

// reachable is a network whose gateways lead to 203.0.113.0/24, where dial answers for everybody.
func reachable(t *testing.T, dial func(context.Context, string, netip.AddrPort) (net.Conn, error)) *harness {
	l := outside(t, fabric.Options{Dial: dial})
	l.apply(func(n *vpc.Network) {
		opened := *n.Internet
		opened.Open = []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}
		opened.Closed = []netip.Prefix{netip.MustParsePrefix("203.0.113.128/25")}
		n.Internet = &opened
	})
	return l
}

// echoServer echoes over TCP and UDP on loopback, and says what was dialled.
func echoServer(t *testing.T) func(context.Context, string, netip.AddrPort) (net.Conn, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	u, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { u.Close() })
	go func() {
		b := make([]byte, 2048)
		for {
			n, from, err := u.ReadFrom(b)
			if err != nil {
				return
			}
			_, _ = u.WriteTo(b[:n], from)
		}
	}()
	return func(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error) {
		if to.Port() == 9 {
			return nil, errors.New("refused")
		}
		at := l.Addr().String()
		if network == "udp4" {
			at = u.LocalAddr().String()
		}
		return new(net.Dialer).DialContext(ctx, network, at)
	}
}

// TestTheRealInternet: connections and datagrams go on beyond the gateway where that is allowed, and nowhere else.
func TestTheRealInternet(t *testing.T) {
	l := reachable(t, echoServer(t))
	n := l.node()
	c := dial(t, n, beyond)
	echoes(t, c)
	half, ok := c.(interface{ CloseWrite() error })
	if !ok {
		t.Fatalf("%T cannot end one way", c)
	}
	_, _ = c.Write([]byte("last words"))
	if err := half.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	c.SetReadDeadline(time.Now().Add(5 * time.Second))
	if got, err := io.ReadAll(c); err != nil || string(got) != "last words" {
		t.Errorf("after one way has ended: %q, %v", got, err)
	}

	u, err := n.DialUDP(netip.AddrPort{}, netip.MustParseAddrPort("203.0.113.53:53"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { u.Close() })
	echoes(t, u)

	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err := n.DialTCP(ctx, netip.AddrPort{}, netip.MustParseAddrPort("203.0.113.9:9")); err == nil ||
		errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("what is refused beyond: %v, want a reset", err)
	}
	timesOut(t, n, netip.MustParseAddrPort("203.0.113.200:443"))
	timesOut(t, n, netip.MustParseAddrPort("1.1.1.1:443"))
}

// TestForwardedConversationsEnd with the path that they came by, and the fabric with all of them.
func TestForwardedConversationsEnd(t *testing.T) {
	l := reachable(t, echoServer(t))
	c, d := dial(t, l.node(), beyond), dial(t, l.far(), beyond)
	echoes(t, c)
	echoes(t, d)
	l.apply(func(n *vpc.Network) {
		n.NATGateways = nil
		n.RouteTables[0].Routes[0].Target.Kind = vpc.Blackhole
	})
	ends(t, c)
	echoes(t, d)
	l.Close()
}
