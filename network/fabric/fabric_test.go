package fabric_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"go.uber.org/goleak"

	"postern/network/fabric"
	"postern/network/fabric/fabrictest"
	"postern/network/link/linktest"
	"postern/network/vpc"
	"postern/network/vpc/vpctest"
)

func TestMain(m *testing.M) {
	linktest.Child(roles)
	goleak.VerifyTestMain(m)
}

var (
	nodeAddress = netip.MustParseAddr("10.0.1.20")
	farAddress  = netip.MustParseAddr("10.0.2.30")
	ssmA        = netip.MustParseAddrPort("10.0.1.10:443")
)

// harness runs the sample network on a fabric, with echo servers at the ssm endpoint.
type harness struct {
	*fabric.Fabric
	t       testing.TB
	network vpc.Network
	// snapshot is the one in force, made of the one before it.
	snapshot *vpc.Snapshot
	version  uint64
	// accepted are the connections that the endpoint in subnet-a accepted.
	accepted chan *fabric.Conn
	// reached are the connections that came to public services.
	reached chan *fabric.PublicConn
}

// newHarness starts a fabric with the sample network and an echo server at the ssm endpoint in subnet-a.
func newHarness(t testing.TB, o fabric.Options) *harness {
	h := bareHarness(t, o)
	h.listen("eni-ssm-a")
	return h
}

// bareHarness starts a fabric with the sample network and no servers.
func bareHarness(t testing.TB, o fabric.Options) *harness {
	h := &harness{
		Fabric: fabric.New(o), t: t, snapshot: new(vpc.Snapshot),
		accepted: make(chan *fabric.Conn, 64), reached: make(chan *fabric.PublicConn, 64),
	}
	t.Cleanup(func() { h.Close() })
	h.apply(func(n *vpc.Network) { *n = vpctest.Sample() })
	return h
}

// apply changes the network and puts it in force.
func (l *harness) apply(change func(*vpc.Network)) {
	l.t.Helper()
	before := vpctest.Copy(l.network)
	change(&l.network)
	l.version++
	s, err := l.snapshot.Next(l.version, vpctest.Update(before, l.network))
	if err != nil {
		l.t.Fatal(err)
	}
	l.snapshot = s
	l.Apply(s)
}

func (l *harness) listen(eni string) {
	l.t.Helper()
	listener, err := l.Listen(eni, 443)
	if err != nil {
		l.t.Fatal(err)
	}
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			l.accepted <- c.(*fabric.Conn)
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
}

func (l *harness) node() *fabrictest.Node {
	return fabrictest.NewNode(l.t, l.Fabric, vpctest.Node, nodeAddress, 9001)
}

// dial opens a connection within five seconds.
func dial(t testing.TB, n *fabrictest.Node, to netip.AddrPort) net.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	c, err := n.DialTCP(ctx, netip.AddrPort{}, to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// timesOut checks that a connection attempt is neither taken nor refused.
func timesOut(t testing.TB, n *fabrictest.Node, to netip.AddrPort) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := n.DialTCP(ctx, netip.AddrPort{}, to); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("dial %s: %v, want a time-out", to, err)
	}
}

// echoes checks that what is sent comes back.
func echoes(t testing.TB, c net.Conn) {
	t.Helper()
	if _, err := c.Write([]byte("ping")); err != nil {
		t.Fatal(err)
	}
	c.SetReadDeadline(time.Now().Add(5 * time.Second))
	b := make([]byte, 4)
	if _, err := io.ReadFull(c, b); err != nil || string(b) != "ping" {
		t.Fatalf("echo %q: %v", b, err)
	}
}

// ends checks that a connection fails soon, rather than hang.
func ends(t testing.TB, c net.Conn) {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(5 * time.Second))
	_, err := c.Read(make([]byte, 1))
	var timeout net.Error
	if err == nil || errors.As(err, &timeout) && timeout.Timeout() {
		t.Errorf("the connection goes on (%v)", err)
	}
}

func TestConnectionKnowsItsOrigin(t *testing.T) {
	l := newHarness(t, fabric.Options{})
	c := dial(t, l.node(), ssmA)
	echoes(t, c)
	got := (<-l.accepted).Origin()
	want := vpc.Origin{
		Account: "000000000000", Region: "us-east-1", VPC: vpctest.VPC, Subnet: vpctest.SubnetA,
		Interface: vpctest.Node, Owner: vpctest.Instance,
		Endpoint: "vpce-ssm", Service: "com.amazonaws.us-east-1.ssm", EndpointVPC: vpctest.VPC,
		EndpointAccount: "000000000000",
		Source:          got.Source,
	}
	if got != want || got.Source.Addr() != nodeAddress {
		t.Errorf("origin %+v", got)
	}
}

// An HTTP server finds the origin beneath TLS.
func TestOriginBeneathTLS(t *testing.T) {
	l := newHarness(t, fabric.Options{})
	at, err := l.Listen("eni-ssmmessages-a", 443)
	if err != nil {
		t.Fatal(err)
	}
	type key struct{}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Context().Value(key{}).(vpc.Origin).Owner, " ", r.Proto)
	}))
	s.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, key{}, c.(*tls.Conn).NetConn().(*fabric.Conn).Origin())
	}
	s.Listener.Close()
	s.Listener, s.EnableHTTP2 = at, true
	s.StartTLS()
	defer s.Close()
	client := s.Client()
	transport := client.Transport.(*http.Transport)
	transport.DialContext, transport.TLSClientConfig.InsecureSkipVerify = l.node().DialContext, true
	defer client.CloseIdleConnections()
	r, err := client.Get("https://10.0.1.11/")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if b, err := io.ReadAll(r.Body); err != nil || string(b) != vpctest.Instance+" HTTP/2.0" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestRevokedRule(t *testing.T) {
	l := newHarness(t, fabric.Options{})
	n := l.node()
	c := dial(t, n, ssmA)
	echoes(t, c)
	rules := l.network.SecurityGroups[1].Rules
	l.apply(func(n *vpc.Network) { n.SecurityGroups[1].Rules = nil })
	echoes(t, c) // what is established and tracked goes on
	timesOut(t, n, ssmA)
	if l.Stats().Dropped[vpc.ReasonNoRule.String()] == 0 {
		t.Error("the refusal is not counted")
	}
	l.apply(func(n *vpc.Network) { n.SecurityGroups[1].Rules = rules })
	echoes(t, dial(t, n, ssmA))
}

func TestACLEndsWhatIsEstablished(t *testing.T) {
	l := newHarness(t, fabric.Options{})
	n := fabrictest.NewNode(t, l.Fabric, vpctest.Attached, farAddress, 1420)
	c := dial(t, n, ssmA)
	echoes(t, c)
	entries := l.network.ACLs[0].Entries
	// Only the answers are denied: the ACL knows no conversations.
	l.apply(func(n *vpc.Network) {
		n.ACLs[0].Entries = append([]vpc.ACLEntry{{
			Number: 1, Egress: true, Protocol: vpc.TCP, CIDR: netip.MustParsePrefix("10.0.2.0/24"),
			Ports: vpc.PortRange{From: 1024, To: 65535},
		}}, entries...)
	})
	if _, err := c.Write([]byte("ping")); err != nil {
		t.Fatal(err)
	}
	c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := c.Read(make([]byte, 4)); err == nil {
		t.Error("an answer came through")
	}
	l.apply(func(n *vpc.Network) { n.ACLs[0].Entries = entries })
	c.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.ReadFull(c, make([]byte, 4)); err != nil {
		t.Errorf("the conversation does not go on: %v", err)
	}
}

func TestEndpointDeleted(t *testing.T) {
	for name, change := range map[string]func(*vpc.Network){
		"deleting": func(n *vpc.Network) { n.Endpoints[0].Available = false },
		"gone": func(n *vpc.Network) {
			n.Endpoints = n.Endpoints[1:]
			n.Interfaces = append(n.Interfaces[:2:2], n.Interfaces[4:]...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newHarness(t, fabric.Options{})
			n := l.node()
			c := dial(t, n, ssmA)
			echoes(t, c)
			server := <-l.accepted
			l.apply(change)
			ends(t, c)
			ends(t, server)
			if flows := l.Stats().Flows; flows != 0 {
				t.Errorf("%d flows are left", flows)
			}
			timesOut(t, n, ssmA)
		})
	}
}

func TestMachineGone(t *testing.T) {
	for name, leave := range map[string]func(*harness, *fabrictest.Node){
		"detached": func(_ *harness, n *fabrictest.Node) { n.Detach() },
		"interface deleted": func(l *harness, _ *fabrictest.Node) {
			l.apply(func(n *vpc.Network) { n.Interfaces = n.Interfaces[1:] })
		},
		"readdressed": func(l *harness, _ *fabrictest.Node) {
			l.apply(func(n *vpc.Network) { n.Interfaces[0].Addresses = []netip.Addr{netip.MustParseAddr("10.0.1.21")} })
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newHarness(t, fabric.Options{})
			n := l.node()
			echoes(t, dial(t, n, ssmA))
			server := <-l.accepted
			leave(l, n)
			ends(t, server)
			if flows := l.Stats().Flows; flows != 0 {
				t.Errorf("%d flows are left", flows)
			}
		})
	}
}

func TestReplacedLinkKeepsItsConversations(t *testing.T) {
	l := newHarness(t, fabric.Options{})
	first := fabrictest.NewWire(1500)
	detachFirst := l.Attach(vpctest.Node, first)
	second := fabrictest.NewWire(1500)
	detachSecond := l.Attach(vpctest.Node, second)
	defer detachSecond()
	detachFirst() // it has been replaced already
	second.Put(syn(1000, ssmA))
	if got := second.Wait(); len(got) != 1 {
		t.Errorf("%d packets", len(got))
	}
	if len(first.Take()) != 0 {
		t.Error("the old link got packets")
	}
}

func TestRestartedFabricResetsOldConnections(t *testing.T) {
	l := newHarness(t, fabric.Options{})
	w := fabrictest.NewWire(1500)
	defer l.Attach(vpctest.Node, w)()
	w.Put(tcp(1000, ssmA, ack, 5, 77, "data of a connection that this fabric has never seen"))
	got := read(t, w.Wait()[0])
	if got.Flags != rst || got.Seq != 77 {
		t.Errorf("answered %+v, want a reset with sequence number 77", got)
	}
	w.Put(tcp(1000, netip.AddrPortFrom(farAddress, 443), ack, 5, 77, "")) // a machine's connection
	w.Put(tcp(1000, netip.MustParseAddrPort("10.0.1.10:80"), ack, 5, 77, ""))
	if got := w.Take(); len(got) != 0 {
		t.Errorf("%d answers to what would not be allowed or is not ours", len(got))
	}
	if n := l.Stats().Dropped["out-of-state"]; n != 3 {
		t.Errorf("%d counted", n)
	}
}

func TestMachinesTalk(t *testing.T) {
	l := newHarness(t, fabric.Options{})
	l.apply(func(n *vpc.Network) {
		n.SecurityGroups[0].Rules = append(n.SecurityGroups[0].Rules, vpc.Rule{
			ID: "sgr-self", Protocol: vpc.AllProtocols, Group: vpctest.NodeGroup,
		})
	})
	near := l.node()
	far := fabrictest.NewNode(t, l.Fabric, vpctest.Attached, farAddress, 1420)
	at := netip.AddrPortFrom(farAddress, 8080)
	listener, err := far.ListenTCP(at)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		c, err := listener.Accept()
		if err == nil {
			_, _ = io.Copy(c, c)
			c.Close()
		}
	}()
	echoes(t, dial(t, near, at))

	u, err := far.DialUDP(netip.AddrPortFrom(farAddress, 5000), netip.AddrPort{})
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	go func() {
		b := make([]byte, 100)
		n, from, err := u.ReadFrom(b)
		if err == nil {
			_, _ = u.WriteTo(b[:n], from)
		}
	}()
	v, err := near.DialUDP(netip.AddrPort{}, netip.AddrPortFrom(farAddress, 5000))
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	echoes(t, v)
}

func TestListen(t *testing.T) {
	l := newHarness(t, fabric.Options{})
	if _, err := l.Listen("eni-ssm-a", 443); err == nil {
		t.Error("one port was listened on twice")
	}
	for _, eni := range []string{"eni-none", vpctest.Node} {
		if _, err := l.Listen(eni, 443); err == nil {
			t.Errorf("%s took a listener", eni)
		}
	}
	listener, err := l.Listen("eni-ssm-b", 443)
	if err != nil {
		t.Fatal(err)
	}
	if got := listener.Addr().String(); got != "10.0.2.10:443" {
		t.Errorf("address %s", got)
	}
	l.apply(func(n *vpc.Network) {
		n.VPCs, n.Subnets, n.Interfaces, n.Endpoints = nil, nil, nil, nil
		n.SecurityGroups, n.ACLs, n.RouteTables = nil, nil, nil
	})
	if _, err := listener.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept after the VPC's end: %v", err)
	}
}
