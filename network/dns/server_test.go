package dns_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	wire "github.com/miekg/dns"
	"go.uber.org/goleak"

	"postern/network/dns"
	"postern/network/vpc"
	"postern/network/vpc/vpctest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// asker is a remote address that knows where it comes from.
type asker struct {
	net.Addr
	origin vpc.Origin
}

func (a asker) Origin() vpc.Origin { return a.origin }

// packets is a socket all of whose datagrams come from one interface.
type packets struct {
	net.PacketConn
	origin vpc.Origin
}

func (p packets) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := p.PacketConn.ReadFrom(b)
	return n, asker{from, p.origin}, err
}

func (p packets) WriteTo(b []byte, to net.Addr) (int, error) {
	return p.PacketConn.WriteTo(b, to.(asker).Addr)
}

// streams is a listener all of whose connections come from one interface.
type streams struct {
	net.Listener
	origin vpc.Origin
}

type stream struct {
	net.Conn
	origin vpc.Origin
}

func (c stream) Origin() vpc.Origin { return c.origin }

func (l streams) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return stream{c, l.origin}, err
}

// resolver is a running server that believes that everybody asks from the sample network's node.
type resolver struct {
	*dns.Server
	udp, tcp string
}

func start(t testing.TB, o dns.Options) resolver {
	t.Helper()
	return startAs(t, o, vpc.Origin{VPC: vpctest.VPC, Interface: vpctest.Node})
}

// startAs runs a server that believes that everybody asks from one place.
func startAs(t testing.TB, o dns.Options, origin vpc.Origin) resolver {
	t.Helper()
	p, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := resolver{dns.New(o), p.LocalAddr().String(), l.Addr().String()}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- r.Serve(ctx, packets{p, origin}, streams{l, origin}) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return r
}

func options(t testing.TB, change func(*vpc.Network)) dns.Options {
	t.Helper()
	n := vpctest.Sample()
	if change != nil {
		change(&n)
	}
	s, err := vpc.NewSnapshot(3, n)
	if err != nil {
		t.Fatal(err)
	}
	return dns.Options{Snapshot: func() *vpc.Snapshot { return s }}
}

func ask(t testing.TB, network, address, name string, qtype uint16) *wire.Msg {
	t.Helper()
	m := new(wire.Msg)
	m.SetQuestion(name, qtype)
	m.SetEdns0(4096, false)
	r, _, err := (&wire.Client{Net: network}).Exchange(m, address)
	if err != nil {
		t.Fatalf("%s over %s: %v", name, network, err)
	}
	return r
}

// say is an answer in one line: code, data, and the zone of a negative one.
func say(r *wire.Msg) string {
	words := []string{wire.RcodeToString[r.Rcode]}
	for _, rr := range r.Answer {
		words = append(words, strings.TrimPrefix(rr.String(), rr.Header().String()))
	}
	for _, rr := range r.Ns {
		words = append(words, "in "+rr.Header().Name)
	}
	return strings.Join(words, " ")
}

func TestAnswers(t *testing.T) {
	rows := []struct {
		name, asked string
		qtype       uint16
		want        []string // any of them
	}{
		{
			"private name", "ssm.us-east-1.amazonaws.com.", wire.TypeA,
			[]string{"NOERROR 10.0.1.10 10.0.2.10", "NOERROR 10.0.2.10 10.0.1.10"},
		},
		{"zonal name", "vpce-ssm-x-us-east-1b.ssm.us-east-1.vpce.amazonaws.com.", wire.TypeA, []string{"NOERROR 10.0.2.10"}},
		{"host", "ip-10-0-1-20.ec2.internal.", wire.TypeA, []string{"NOERROR 10.0.1.20"}},
		{"reverse", "20.1.0.10.in-addr.arpa.", wire.TypePTR, []string{"NOERROR ip-10-0-1-20.ec2.internal."}},
		{"no IPv6", "ssm.us-east-1.amazonaws.com.", wire.TypeAAAA, []string{"NOERROR in ssm.us-east-1.amazonaws.com."}},
		{"no such host", "ip-10-0-1-99.ec2.internal.", wire.TypeA, []string{"NXDOMAIN in ec2.internal."}},
		{"apex", "ec2.internal.", wire.TypeSOA, []string{
			"NOERROR ns0.ec2.internal. hostmaster.ec2.internal. 3 7200 900 1209600 5",
		}},
		{"name servers", "ec2.internal.", wire.TypeNS, []string{"NOERROR ns0.ec2.internal."}},
		{"not ours", "example.com.", wire.TypeA, []string{"NXDOMAIN"}},
		{"service without endpoint", "kms.us-east-1.amazonaws.com.", wire.TypeA, []string{"NXDOMAIN"}},
		{"root", ".", wire.TypeNS, []string{"NOERROR"}},
		{"transfer", "ec2.internal.", wire.TypeAXFR, []string{"REFUSED"}},
	}
	r := start(t, options(t, nil))
	for _, tt := range rows {
		for network, address := range map[string]string{"udp": r.udp, "tcp": r.tcp} {
			m := ask(t, network, address, tt.asked, tt.qtype)
			found := false
			for _, want := range tt.want {
				found = found || say(m) == want
			}
			if !found || !m.RecursionAvailable || m.Authoritative || m.IsEdns0() == nil {
				t.Errorf("%s over %s: %q, want one of %q\n%v", tt.name, network, say(m), tt.want, m)
			}
		}
	}
}

// TestNotOursIsExplained: an extended error says why, and no SOA lets anybody keep the answer.
func TestNotOursIsExplained(t *testing.T) {
	r := start(t, options(t, nil))
	m := ask(t, "udp", r.udp, "example.com.", wire.TypeA)
	o := m.IsEdns0().Option
	if len(m.Ns) != 0 || len(o) != 1 || !strings.Contains(o[0].String(), "vpc-1 has this name, and nothing is forwarded") {
		t.Errorf("%v", m)
	}
}

// TestClientsFailAtOnce: Go's own resolver takes the answer for a name that is not ours as final.
func TestClientsFailAtOnce(t *testing.T) {
	r := start(t, options(t, nil))
	var asked atomic.Int32
	client := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		asked.Add(1)
		return (&net.Dialer{}).DialContext(ctx, "udp", r.udp)
	}}
	_, err := client.LookupNetIP(t.Context(), "ip4", "example.com.")
	var failed *net.DNSError
	if !errors.As(err, &failed) || !failed.IsNotFound || failed.IsTemporary || failed.IsTimeout {
		t.Errorf("example.com: %#v", err)
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("it asked %d times", n)
	}
	got, err := client.LookupNetIP(t.Context(), "ip", "ssm.us-east-1.amazonaws.com.")
	if err != nil || len(got) != 2 {
		t.Errorf("ssm.us-east-1.amazonaws.com: %v %v", got, err)
	}
}

// silent asks over UDP and TCP and reports what answered; it gives UDP a moment.
func silent(t *testing.T, r resolver, name string) {
	t.Helper()
	m := new(wire.Msg)
	m.SetQuestion(name, wire.TypeA)
	c := &wire.Client{Net: "tcp"}
	if got, _, err := c.Exchange(m, r.tcp); err == nil {
		t.Errorf("%s is answered over TCP: %v", name, got)
	}
	c = &wire.Client{Timeout: 50 * time.Millisecond}
	if got, _, err := c.Exchange(m, r.udp); err == nil {
		t.Errorf("%s is answered over UDP: %v", name, got)
	}
}

func TestSilence(t *testing.T) {
	off := options(t, func(n *vpc.Network) { n.VPCs[0].DNSSupport = false })
	silent(t, start(t, off), "ssm.us-east-1.amazonaws.com.")
	silent(t, start(t, dns.Options{Snapshot: func() *vpc.Snapshot { return nil }}), "ssm.us-east-1.amazonaws.com.")
}

// TestSnapshotInForce: the next question is answered from the next snapshot.
func TestSnapshotInForce(t *testing.T) {
	before := options(t, nil).Snapshot()
	after := options(t, func(n *vpc.Network) { n.Endpoints[0].PrivateDNS = false }).Snapshot()
	current := make(chan *vpc.Snapshot, 1)
	current <- before
	r := start(t, dns.Options{Snapshot: func() *vpc.Snapshot { s := <-current; current <- s; return s }})
	if m := ask(t, "udp", r.udp, "ssm.us-east-1.amazonaws.com.", wire.TypeA); m.Rcode != wire.RcodeSuccess {
		t.Errorf("before: %v", m)
	}
	<-current
	current <- after
	if m := ask(t, "udp", r.udp, "ssm.us-east-1.amazonaws.com.", wire.TypeA); m.Rcode != wire.RcodeNameError {
		t.Errorf("after: %v", m)
	}
}

// many gives the ssm endpoint an interface in each of 60 subnets, more than 512 bytes of addresses.
func many(n *vpc.Network) {
	for i := range 60 {
		id := fmt.Sprintf("subnet-%d", i)
		a := netip.AddrFrom4([4]byte{10, 0, byte(100 + i), 10})
		n.Subnets = append(n.Subnets, vpc.Subnet{
			ID: id, VPC: vpctest.VPC, Zone: "us-east-1c", CIDR: netip.PrefixFrom(a, 24).Masked(),
		})
		n.Interfaces = append(n.Interfaces, vpc.Interface{
			ID: "eni-" + id, VPC: vpctest.VPC, Subnet: id, Kind: vpc.EndpointInterface, Owner: "vpce-ssm",
			Addresses: []netip.Addr{a},
		})
		n.Endpoints[0].Interfaces = append(n.Endpoints[0].Interfaces, "eni-"+id)
	}
}

func TestTruncation(t *testing.T) {
	r := start(t, options(t, many))
	m := new(wire.Msg)
	m.SetQuestion("ssm.us-east-1.amazonaws.com.", wire.TypeA)
	for _, tt := range []struct {
		network, address string
		edns             uint16
		truncated        bool
		size             int
	}{
		{"udp", r.udp, 0, true, 512},
		{"udp", r.udp, 100, true, 512},
		{"udp", r.udp, 4096, false, 1232},
		{"tcp", r.tcp, 0, false, 65535},
	} {
		q := m.Copy()
		if tt.edns > 0 {
			q.SetEdns0(tt.edns, false)
		}
		c := &wire.Client{Net: tt.network, UDPSize: 65535}
		got, _, err := c.Exchange(q, tt.address)
		if err != nil {
			t.Fatal(err)
		}
		got.Compress = true
		if got.Truncated != tt.truncated || got.Len() > tt.size || !tt.truncated && len(got.Answer) != 62 {
			t.Errorf(
				"%s with %d: truncated %v, %d bytes, %d addresses", tt.network, tt.edns, got.Truncated, got.Len(), len(got.Answer),
			)
		}
	}
}

// TestPipelining: one connection carries many questions, and a malformed one does not end it.
func TestPipelining(t *testing.T) {
	r := start(t, options(t, nil))
	c, err := wire.Dial("tcp", r.tcp)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for i, name := range []string{"ssm.us-east-1.amazonaws.com.", "example.com.", "ec2.internal."} {
		m := new(wire.Msg)
		m.SetQuestion(name, wire.TypeA)
		m.Id = uint16(i)
		if i == 1 {
			m.Opcode = wire.OpcodeUpdate
		}
		if err := c.WriteMsg(m); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range []int{wire.RcodeSuccess, wire.RcodeNotImplemented, wire.RcodeSuccess} {
		if m, err := c.ReadMsg(); err != nil || m.Id != uint16(i) || m.Rcode != want {
			t.Errorf("answer %d: %v %v", i, m, err)
		}
	}
}

// TestConnectionsAreBounded: an interface has at most 100 connections; the next is closed, and one that ends makes
// room.
func TestConnectionsAreBounded(t *testing.T) {
	r := start(t, options(t, nil))
	dial := func() *wire.Conn {
		c, err := wire.Dial("tcp", r.tcp)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	m := new(wire.Msg)
	m.SetQuestion("ec2.internal.", wire.TypeA)
	works := func(c *wire.Conn) bool {
		if c.WriteMsg(m) != nil {
			return false
		}
		_, err := c.ReadMsg()
		return err == nil
	}
	first := dial()
	for range 99 {
		if !works(dial()) {
			t.Fatal("a connection within the bound is refused")
		}
	}
	if !works(first) || works(dial()) {
		t.Error("the bound is not 100")
	}
}

func TestMalformed(t *testing.T) {
	r := start(t, options(t, nil))
	c, err := net.Dial("udp", r.udp)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	m := new(wire.Msg)
	m.SetQuestion("ec2.internal.", wire.TypeA)
	good, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	with := func(change func(b []byte) []byte) []byte { return change(append([]byte(nil), good...)) }
	for _, tt := range []struct {
		name  string
		bytes []byte
		rcode int // -1 for no answer
	}{
		{"empty", nil, -1},
		{"short", good[:11], -1},
		{"an answer", with(func(b []byte) []byte { b[2] |= 0x80; return b }), -1},
		{"header only", with(func(b []byte) []byte { b[5] = 0; return b[:12] }), wire.RcodeFormatError},
		{"two questions", with(func(b []byte) []byte { b[5] = 2; return b }), wire.RcodeFormatError},
		{"cut question", good[:15], wire.RcodeFormatError},
		{"name without end", with(func(b []byte) []byte { b[12] = 63; return b }), wire.RcodeFormatError},
		{
			"name that points to itself", with(func(b []byte) []byte { b[12], b[13] = 0xc0, 12; return b }),
			wire.RcodeFormatError,
		},
		{"update", with(func(b []byte) []byte { b[2] |= 5 << 3; return b }), wire.RcodeNotImplemented},
		{"class", with(func(b []byte) []byte { b[len(b)-1] = 3; return b }), wire.RcodeRefused},
		{"newer EDNS", func() []byte {
			n := m.Copy()
			n.SetEdns0(1232, false)
			n.IsEdns0().SetVersion(1)
			b, _ := n.Pack()
			return b
		}(), wire.RcodeBadVers},
	} {
		if _, err := c.Write(tt.bytes); err != nil {
			t.Fatal(err)
		}
		if tt.rcode < 0 {
			continue // the next answer shows that there was none to this
		}
		b := make([]byte, 512)
		n, err := c.Read(b)
		got := new(wire.Msg)
		if err == nil {
			err = got.Unpack(b[:n])
		}
		if err != nil || got.Rcode != tt.rcode || got.Id != m.Id || !got.Response {
			t.Errorf("%s: %v %v", tt.name, got, err)
		}
	}
}

// A question that the program cannot cope with is not answered; the next one is, and the server goes on.
func TestTheResolverOutlivesAPanic(t *testing.T) {
	o := options(t, nil)
	snapshot := o.Snapshot
	var broken atomic.Bool
	o.Snapshot = func() *vpc.Snapshot {
		if broken.Swap(false) {
			panic("index out of range")
		}
		return snapshot()
	}
	r := start(t, o)
	for network, address := range map[string]string{"udp": r.udp, "tcp": r.tcp} {
		broken.Store(true)
		m := new(wire.Msg)
		m.SetQuestion("ec2.internal.", wire.TypeSOA)
		if _, _, err := (&wire.Client{Net: network, Timeout: 200 * time.Millisecond}).Exchange(m, address); err == nil {
			t.Errorf("%s: an answer came out of a panic", network)
		}
		if got := say(ask(t, network, address, "ip-10-0-1-20.ec2.internal.", wire.TypeA)); got != "NOERROR 10.0.1.20" {
			t.Errorf("%s, afterwards: %s", network, got)
		}
	}
}
