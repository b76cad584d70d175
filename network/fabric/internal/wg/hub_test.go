package wg

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.zx2c4.com/wireguard/device"

	"postern/aws/fault"
	"postern/network/link"
	"postern/network/link/datagram"
	"postern/network/link/tunnel"
)

// greet opens a connection to the endpoint and returns it with the VPC's name that the endpoint says.
func greet(t testing.TB, tn *tunnel.Tunnel) (net.Conn, string) {
	t.Helper()
	c, err := tn.DialContext(within(t, 30*time.Second), "tcp", endpointAddr.String())
	if err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReaderSize(c, 16).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return c, line[:len(line)-1]
}

// roundTrip sends bytes and reads them back.
func roundTrip(t testing.TB, c net.Conn, n int) {
	t.Helper()
	sent := make([]byte, n)
	rand.Read(sent)
	failed := make(chan error, 1)
	go func() {
		_, err := c.Write(sent)
		failed <- err
	}()
	got := make([]byte, n)
	if _, err := io.ReadFull(c, got); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(sent, got) {
		t.Error("what came back differs")
	}
}

func TestTunnelCarriesConnections(t *testing.T) {
	for _, mtu := range []int{0, 1280, 8920} {
		l := newHarness(t, 8500)
		l.echo(labVPC)
		h := l.hub(Config{})
		tn := l.dial(l.node(h, labVPC, "10.0.1.20", mtu))
		c, vpc := greet(t, tn)
		if vpc != labVPC {
			t.Errorf("reached %s", vpc)
		}
		if got := c.LocalAddr().(*net.TCPAddr).AddrPort().Addr(); got != tn.LocalAddr() || got.String() != "10.0.1.20" {
			t.Errorf("local address %s", got)
		}
		roundTrip(t, c, 4<<20)
		c.Close()

		peers := h.Peers()
		if len(peers) != 1 || peers[0].LastHandshake.IsZero() || peers[0].Received < 4<<20 || !peers[0].Remote.IsValid() {
			t.Errorf("Peers = %+v", peers)
		}
		if s := tn.Status(); s.LastHandshake.IsZero() || s.Server != h.LocalAddr() || s.Sent < 4<<20 {
			t.Errorf("Status = %+v", s)
		}
	}
}

// Two VPCs with the same addresses are two networks.
func TestSameAddressInTwoVPCs(t *testing.T) {
	l := newHarness(t, 8500, "vpc-2")
	l.echo(labVPC)
	l.echo("vpc-2")
	h := l.hub(Config{})
	for _, vpc := range []string{labVPC, "vpc-2"} {
		c, got := greet(t, l.dial(l.node(h, vpc, "10.0.1.20", 0)))
		if got != vpc {
			t.Errorf("a machine of %s reached %s", vpc, got)
		}
		roundTrip(t, c, 1<<16)
	}
	if n := len(h.Peers()); n != 2 {
		t.Errorf("%d peers, want 2", n)
	}
}

func TestRemovedPeerIsOut(t *testing.T) {
	l := newHarness(t, 8500)
	l.echo(labVPC)
	h := l.hub(Config{})
	conf := l.node(h, labVPC, "10.0.1.20", 0)
	tn := l.dial(conf)
	c, _ := greet(t, tn)
	if !h.RemovePeer(conf.PrivateKey.Public()) || h.RemovePeer(conf.PrivateKey.Public()) {
		t.Error("RemovePeer does not tell who was in")
	}
	c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	_, _ = c.Write([]byte("hello"))
	if _, err := c.Read(make([]byte, 5)); err == nil {
		t.Error("a removed peer is still answered")
	}
	if len(h.cells) != 0 || len(h.Peers()) != 0 {
		t.Error("an empty VPC keeps its device")
	}
}

func TestAddPeer(t *testing.T) {
	l := newHarness(t, 8500)
	h := l.hub(Config{})
	good := Peer{
		PublicKey: link.PublicKey{1}, Interface: "eni-vpc-1-10.0.1.20", VPC: labVPC,
		Address: netip.MustParseAddr("10.0.1.20"),
	}
	for _, tt := range []struct {
		name   string
		change func(*Peer)
		want   error
	}{
		{"new", func(*Peer) {}, nil},
		{"again", func(*Peer) {}, nil},
		{"zero key", func(p *Peer) { p.PublicKey = link.PublicKey{} }, fault.New(fault.Missing, "", "")},
		{"no VPC", func(p *Peer) { p.VPC = "" }, fault.New(fault.Missing, "", "")},
		{"no address", func(p *Peer) { p.Address = netip.Addr{} }, fault.New(fault.Missing, "", "")},
		{"address of another", func(p *Peer) { p.PublicKey = link.PublicKey{2} }, fault.New(fault.Conflict, "", "")},
		{"moved", func(p *Peer) {
			p.Interface, p.Address = "eni-vpc-1-10.0.1.21", netip.MustParseAddr("10.0.1.21")
		}, nil},
	} {
		p := good
		tt.change(&p)
		err := h.AddPeer(p)
		if (err == nil) != (tt.want == nil) || err != nil && fault.Of(err).Kind != fault.Of(tt.want).Kind {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
	if peers := h.Peers(); len(peers) != 1 || peers[0].Address.String() != "10.0.1.21" {
		t.Errorf("Peers = %+v", peers)
	}
	h.Close()
	if err := h.AddPeer(good); !fault.Is(err, fault.Unavailable) {
		t.Errorf("AddPeer after Close = %v", err)
	}
}

// A machine that sends from an address that is not its own is not heard at all.
func TestSpoofedSourceIsDropped(t *testing.T) {
	l := newHarness(t, 8500)
	var mu sync.Mutex
	sources := map[netip.Addr]int{}
	got := make(chan struct{}, 8)
	l.seen = func(_ string, p *link.Packet) {
		mu.Lock()
		sources[netip.AddrFrom4([4]byte(p.Data[12:16]))]++
		mu.Unlock()
		got <- struct{}{}
	}
	h := l.hub(Config{})
	l.node(h, labVPC, "10.0.1.99", 0) // a neighbour whose address is worth taking
	for own, from := range map[string]string{
		"10.0.1.20": "10.0.1.99", "10.0.1.21": "10.0.2.7", "10.0.1.22": "127.0.0.1", "10.0.1.23": "10.0.1.23",
	} {
		conf := l.node(h, labVPC, own, 0)
		conf.Grant.Address = netip.PrefixFrom(netip.MustParseAddr(from), 24)
		tn := l.dial(conf)
		u, err := tn.DialContext(t.Context(), "udp", "10.0.2.7:9")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := u.Write([]byte("who am I")); err != nil {
			t.Fatal(err)
		}
		if from == own {
			<-got
		} else {
			// The datagram waited for the handshake; both are in what the hub received.
			waitFor(t, func() bool { return received(h, own) >= 148+32+36 })
		}
		u.Close()
		tn.Close()
	}
	mu.Lock()
	defer mu.Unlock()
	if own := netip.MustParseAddr("10.0.1.23"); len(sources) != 1 || sources[own] == 0 {
		t.Errorf("heard %v, want only %s", sources, own)
	}
}

// received counts the bytes that a hub has received from a peer.
func received(h *Hub, addr string) uint64 {
	for _, p := range h.Peers() {
		if p.Address.String() == addr {
			return p.Received
		}
	}
	return 0
}

// waitFor polls what can only be asked.
func waitFor(t testing.TB, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	ctx := within(t, 20*time.Second)
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatal("it did not come to pass")
		case <-tick.C:
		}
	}
}

// The server is started anew with the same key: the node comes back by itself, and what it had open fails at once.
func TestServerRestart(t *testing.T) {
	l := newHarness(t, 8500)
	l.echo(labVPC)
	first := l.hub(Config{PrivateKey: link.PrivateKey{1}.Clamped()})
	conf := l.node(first, labVPC, "10.0.1.20", 0)
	tn := l.dial(conf)
	old, _ := greet(t, tn)
	addr := first.LocalAddr()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := l.hub(Config{PrivateKey: link.PrivateKey{1}.Clamped(), Address: addr})
	if err := second.AddPeer(Peer{
		PublicKey: conf.PrivateKey.Public(), Interface: conf.Grant.Interface, VPC: labVPC, Address: conf.Local(),
	}); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	_, _ = old.Write([]byte("anybody there?"))
	if _, err := io.ReadAll(old); err == nil {
		t.Error("a connection outlived the server")
	}
	c, _ := greet(t, tn)
	roundTrip(t, c, 1<<16)
	if took := time.Since(began); took > 12*time.Second {
		t.Errorf("it took %s", took)
	}
}

// proxy passes datagrams between a node and a hub, and does to them what the Internet does.
type proxy struct {
	front, back *datagram.Socket
	hub, client atomic.Pointer[netip.AddrPort]
	wg          sync.WaitGroup
}

// newProxy makes one; meddle says how often, and in which order, the n-th datagrams of a batch go on.
func newProxy(t testing.TB, hub netip.AddrPort, meddle func(n int, batch [][]byte) [][]byte) *proxy {
	t.Helper()
	p := new(proxy)
	p.hub.Store(&hub)
	for _, s := range []**datagram.Socket{&p.front, &p.back} {
		sock, err := datagram.Listen(t.Context(), netip.MustParseAddrPort("127.0.0.1:0"))
		if err != nil {
			t.Fatal(err)
		}
		*s = sock
	}
	pass := func(from *datagram.Socket, out func([][]byte, netip.AddrPort)) {
		buf := make([]byte, datagram.RunSize)
		for n := 0; ; n++ {
			r, err := from.Read(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			var batch [][]byte
			for b := buf[:r.Size]; len(b) > 0; {
				size := min(r.Each, len(b))
				batch, b = append(batch, b[:size]), b[size:]
			}
			out(meddle(n, batch), r.Remote)
		}
	}
	p.wg.Go(func() {
		pass(p.front, func(batch [][]byte, from netip.AddrPort) {
			p.client.Store(&from)
			_ = p.back.Write(batch, datagram.Path{Remote: *p.hub.Load()})
		})
	})
	p.wg.Go(func() {
		pass(p.back, func(batch [][]byte, _ netip.AddrPort) {
			if to := p.client.Load(); to != nil {
				_ = p.front.Write(batch, datagram.Path{Remote: *to})
			}
		})
	})
	t.Cleanup(func() {
		p.front.Close()
		p.back.Close()
		p.wg.Wait()
	})
	return p
}

func TestBadPaths(t *testing.T) {
	for _, tt := range []struct {
		name   string
		meddle func(n int, batch [][]byte) [][]byte
	}{
		{"duplicates", func(_ int, b [][]byte) [][]byte { return append(b[:len(b):len(b)], b...) }},
		{"reordering", func(_ int, b [][]byte) [][]byte {
			for i := 0; i+1 < len(b); i += 2 {
				b[i], b[i+1] = b[i+1], b[i]
			}
			return b
		}},
		{"loss", func(n int, b [][]byte) [][]byte {
			if n%10 == 5 {
				return b[1:]
			}
			return b
		}},
		{"garbage", func(_ int, b [][]byte) [][]byte {
			return append([][]byte{
				{4, 0, 0, 0, 1}, bytes.Repeat([]byte{4, 0, 0, 0}, 20), []byte("PSTJ\x01\x05\x00\x04abcd"),
			}, b...)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newHarness(t, 8500)
			l.echo(labVPC)
			h := l.hub(Config{})
			conf := l.node(h, labVPC, "10.0.1.20", 0)
			conf.Server = newProxy(t, h.LocalAddr(), tt.meddle).front.LocalAddr().String()
			c, _ := greet(t, l.dial(conf))
			roundTrip(t, c, 1<<18)
		})
	}
}

// A node whose own address changes on the way goes on without a new handshake.
func TestRoaming(t *testing.T) {
	l := newHarness(t, 8500)
	l.echo(labVPC)
	h := l.hub(Config{})
	conf := l.node(h, labVPC, "10.0.1.20", 0)
	same := func(_ int, b [][]byte) [][]byte { return b }
	p := newProxy(t, h.LocalAddr(), same)
	conf.Server = p.front.LocalAddr().String()
	c, _ := greet(t, l.dial(conf))
	before := h.Peers()[0]
	// From now on the hub hears the node through another proxy, whose address it has never seen.
	q := newProxy(t, h.LocalAddr(), same)
	other := q.front.LocalAddr()
	p.hub.Store(&other)
	roundTrip(t, c, 1<<16)
	after := h.Peers()[0]
	if after.Remote == before.Remote || after.LastHandshake != before.LastHandshake {
		t.Errorf("before %+v, after %+v", before, after)
	}
}

func TestStrangersAreCountedAndDropped(t *testing.T) {
	l := newHarness(t, 8500)
	l.echo(labVPC)
	h := l.hub(Config{Joiner: new(joiner)})
	conf := l.node(h, labVPC, "10.0.1.20", 0)
	s, err := datagram.Listen(t.Context(), netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for size := range 300 {
		b := make([]byte, size)
		rand.Read(b)
		for kind := range byte(6) {
			if size >= 4 {
				copy(b, []byte{kind, 0, 0, 0})
			}
			if err := s.Write([][]byte{b}, datagram.Path{Remote: h.LocalAddr()}); err != nil {
				t.Fatal(err)
			}
		}
	}
	c, _ := greet(t, l.dial(conf))
	roundTrip(t, c, 1<<16)
	if h.mux.Strange.Load() == 0 {
		t.Error("nothing was counted")
	}
}

// TestLostSessionsAreToldSoManyASecond asks by the hub's clock, which stands still until the test moves it.
func TestLostSessionsAreToldSoManyASecond(t *testing.T) {
	var ahead atomic.Int64
	began := time.Unix(1_800_000_000, 0)
	h := newHarness(t, 8500).hub(Config{Now: func() time.Time { return began.Add(time.Duration(ahead.Load())) }})
	s, err := datagram.Listen(t.Context(), netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ask := func(session uint32) {
		t.Helper()
		m := make([]byte, device.MessageTransportSize)
		binary.LittleEndian.PutUint32(m, device.MessageTransportType)
		binary.LittleEndian.PutUint32(m[device.MessageTransportOffsetReceiver:], session)
		if err := s.Write([][]byte{m}, datagram.Path{Remote: h.LocalAddr()}); err != nil {
			t.Fatal(err)
		}
	}
	buffer := make([]byte, datagram.RunSize)
	told := func(session uint32) {
		t.Helper()
		r, err := s.Read(buffer)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := link.ParseLost(buffer[:r.Size]); !ok || got != session {
			t.Fatalf("told of session %d (%t), want %d", got, ok, session)
		}
	}
	for n := range uint32(hintRate) {
		ask(n + 1)
		told(n + 1)
	}
	ask(hintRate + 1) // one too many in this second
	if err := s.Write([][]byte{{0}}, datagram.Path{Remote: h.LocalAddr()}); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return h.mux.Strange.Load() == hintRate+2 }) // it has taken what came before
	ahead.Store(int64(time.Second))
	ask(hintRate + 2)
	told(hintRate + 2)
}

func TestNamesAreResolvedAcrossTheTunnel(t *testing.T) {
	for name, long := range map[string]bool{"UDP": false, "TCP": true} {
		t.Run(name, func(t *testing.T) {
			l := newHarness(t, 8500)
			l.echo(labVPC)
			dead := netip.MustParseAddr("10.0.2.99")
			l.resolver("ssm.us-east-1.amazonaws.com.", []netip.Addr{endpointAddr.Addr(), dead}, long)
			tn := l.dial(l.node(l.hub(Config{}), labVPC, "10.0.1.20", 0))
			c, err := tn.DialContext(within(t, 20*time.Second), "tcp", "ssm.us-east-1.amazonaws.com:443")
			if err != nil {
				t.Fatal(err)
			}
			if got := c.RemoteAddr().String(); got != endpointAddr.String() {
				t.Errorf("reached %s", got)
			}
			var dns *net.DNSError
			_, err = tn.DialContext(within(t, 20*time.Second), "tcp", "ec2.us-east-1.amazonaws.com:443")
			if !errors.As(err, &dns) || !dns.IsNotFound {
				t.Errorf("a name that does not exist: %v", err)
			}
		})
	}
}
