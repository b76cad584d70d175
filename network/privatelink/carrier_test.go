package privatelink_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"postern/network/fabric"
	"postern/network/fabric/fabrictest"
	"postern/network/link/userstack"
	"postern/network/privatelink"
	"postern/network/vpc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The addresses of the two VPCs, whose ranges are the same.
var (
	consumerAt = netip.MustParseAddr("10.0.1.20")
	endpointAt = netip.MustParseAddr("10.0.1.10")
	targetAt   = netip.MustParseAddr("10.0.1.20")
	sideAt     = netip.MustParseAddr("10.0.1.30")
	entrance   = netip.AddrPortFrom(endpointAt, 5432)
)

const endpointID = "vpce-0123456789abcdef0"

// twoVPCs are a consumer's VPC with a machine and an endpoint, and a provider's with a machine that the endpoint's
// service leads to.
func twoVPCs() vpc.Network {
	all := netip.MustParsePrefix("0.0.0.0/0")
	n := vpc.Network{}
	for _, id := range []string{"c", "p"} {
		n.VPCs = append(n.VPCs, vpc.VPC{
			ID: "vpc-" + id, Account: "00000000000" + id, Region: "us-east-1",
			CIDRs: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16")},
		})
		n.Subnets = append(n.Subnets, vpc.Subnet{
			ID: "subnet-" + id, VPC: "vpc-" + id, Zone: "us-east-1a", CIDR: netip.MustParsePrefix("10.0.1.0/24"),
		})
		n.SecurityGroups = append(n.SecurityGroups, vpc.SecurityGroup{ID: "sg-" + id, VPC: "vpc-" + id, Rules: []vpc.Rule{
			{ID: "sgr-out-" + id, Egress: true, Protocol: vpc.AllProtocols, CIDR: all},
			{
				ID: "sgr-in-" + id, Protocol: vpc.TCP, Ports: vpc.PortRange{From: 5432, To: 8080},
				CIDR: netip.MustParsePrefix("10.0.1.0/24"),
			},
		}})
	}
	n.Interfaces = []vpc.Interface{
		{
			ID: "eni-consumer", VPC: "vpc-c", Subnet: "subnet-c", Owner: "i-c", Addresses: []netip.Addr{consumerAt},
			Groups: []string{"sg-c"},
		},
		{
			ID: "eni-endpoint", VPC: "vpc-c", Subnet: "subnet-c", Kind: vpc.EndpointInterface, Owner: endpointID,
			Addresses: []netip.Addr{endpointAt}, Groups: []string{"sg-c"},
		},
		{
			ID: "eni-target", VPC: "vpc-p", Subnet: "subnet-p", Owner: "i-p", Addresses: []netip.Addr{targetAt},
			Groups: []string{"sg-p"},
		},
		{
			ID: "eni-side", VPC: "vpc-p", Subnet: "subnet-p", Kind: vpc.ServiceInterface, Owner: "vpce-svc-1",
			Addresses: []netip.Addr{sideAt},
		},
	}
	n.EndpointServices = []vpc.EndpointService{{ID: "vpce-svc-1", Name: "com.amazonaws.vpce.us-east-1.vpce-svc-1",
		Targets: []vpc.ServiceTarget{
			{Port: 5432, TargetPort: 8080, Interface: "eni-target", From: "eni-side"},
		}}}
	n.Endpoints = []vpc.Endpoint{
		{
			ID: endpointID, VPC: "vpc-c", Service: n.EndpointServices[0].Name, Available: true,
			Interfaces: []string{"eni-endpoint"},
		},
	}
	return n
}

// harness runs the two VPCs on a fabric with a carrier.
type harness struct {
	t                testing.TB
	network          vpc.Network
	version          uint64
	fabric           *fabric.Fabric
	carrier          *privatelink.Carrier
	consumer, target *fabrictest.Node
}

func newHarness(t testing.TB, o privatelink.Options, change func(*vpc.Network)) *harness {
	t.Helper()
	l := &harness{t: t, network: twoVPCs(), fabric: fabric.New(fabric.Options{})}
	t.Cleanup(func() { l.fabric.Close() })
	o.Fabric = l.fabric
	l.carrier = privatelink.New(o)
	t.Cleanup(func() { l.carrier.Close() })
	l.consumer = fabrictest.NewNode(t, l.fabric, "eni-consumer", consumerAt, 9001)
	l.target = fabrictest.NewNode(t, l.fabric, "eni-target", targetAt, 1500)
	l.apply(change)
	return l
}

// apply puts a changed network in force, as the server does.
func (l *harness) apply(change func(*vpc.Network)) {
	l.t.Helper()
	if change != nil {
		change(&l.network)
	}
	l.version++
	s, err := vpc.NewSnapshot(l.version, l.network)
	if err != nil {
		l.t.Fatal(err)
	}
	l.fabric.Apply(s)
	l.carrier.Apply(s)
}

func (l *harness) dial(patience time.Duration) (*userstack.Conn, error) {
	ctx, cancel := context.WithTimeout(l.t.Context(), patience)
	defer cancel()
	return l.consumer.DialTCP(ctx, netip.AddrPort{}, entrance)
}

// reset returns an error unless a connection is taken and then reset, or reset at once.
func (l *harness) reset() error {
	c, err := l.dial(20 * time.Second)
	if err == nil {
		defer c.Close()
		_, err = c.Read(make([]byte, 1))
	}
	if err == nil || !strings.Contains(err.Error(), "reset") {
		return fmt.Errorf("want a reset: %w", cmp.Or(err, errors.New("it goes on")))
	}
	return nil
}

// connected is a connection from the consumer to the target, as both see it.
func (l *harness) connected() (consumer, target *userstack.Conn) {
	l.t.Helper()
	accepted := l.listen()
	consumer, err := l.dial(20 * time.Second)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { consumer.Close() })
	return consumer, <-accepted
}

// listen accepts one connection at the target.
func (l *harness) listen() <-chan *userstack.Conn {
	l.t.Helper()
	listener, err := l.target.ListenTCP(netip.AddrPortFrom(targetAt, 8080))
	if err != nil {
		l.t.Fatal(err)
	}
	accepted := make(chan *userstack.Conn, 1)
	go func() {
		defer listener.Close()
		if c, err := listener.Accept(); err == nil {
			accepted <- c
		}
	}()
	l.t.Cleanup(func() { listener.Close() })
	return accepted
}

func say(t *testing.T, from io.Writer, to io.Reader, text string) {
	t.Helper()
	if _, err := io.WriteString(from, text); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(text))
	if _, err := io.ReadFull(to, got); err != nil || string(got) != text {
		t.Fatalf("heard %q, %v", got, err)
	}
}

// TestCarried: both sides hear each other, a half-close arrives as one, and the target sees the service's own address.
func TestCarried(t *testing.T) {
	l := newHarness(t, privatelink.Options{}, nil)
	consumer, target := l.connected()
	if got := target.Remote().Addr(); got != sideAt {
		t.Errorf("the target sees %s, want %s", got, sideAt)
	}
	say(t, consumer, target, "question")
	if err := consumer.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if n, err := target.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("after the last: %d, %v", n, err)
	}
	say(t, target, consumer, "answer")
	target.Close()
	if n, err := consumer.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("after the answer: %d, %v", n, err)
	}
}

// TestMuchIsCarried: megabytes arrive whole both ways, between links of 9,001 and 1,500 bytes with 8,500 between them.
func TestMuchIsCarried(t *testing.T) {
	l := newHarness(t, privatelink.Options{}, nil)
	consumer, target := l.connected()
	go func() {
		io.Copy(target, target)
		target.CloseWrite()
	}()
	sent, back := sha256.New(), sha256.New()
	done := make(chan error, 1)
	go func() {
		_, err := io.Copy(back, consumer)
		done <- err
	}()
	if _, err := io.CopyN(io.MultiWriter(sent, consumer), rand.Reader, 8<<20); err != nil {
		t.Fatal(err)
	}
	consumer.CloseWrite()
	if err := <-done; err != nil || !bytes.Equal(sent.Sum(nil), back.Sum(nil)) {
		t.Errorf("what comes back is not what went out: %v", err)
	}
}

// TestProxyProtocol: the target is told who connected, where to and through which endpoint.
func TestProxyProtocol(t *testing.T) {
	l := newHarness(t, privatelink.Options{}, func(n *vpc.Network) {
		n.EndpointServices[0].Targets[0].ProxyProtocol = true
	})
	consumer, target := l.connected()
	say(t, consumer, io.MultiReader(discard(t, target, consumer.Local()), target), "hello")
}

// discard reads the header off a connection, and compares it.
func discard(t *testing.T, from io.Reader, local netip.AddrPort) io.Reader {
	t.Helper()
	header := make([]byte, 100)
	if _, err := io.ReadFull(from, header); err != nil {
		t.Fatal(err)
	}
	port := []byte{byte(local.Port() >> 8), byte(local.Port())}
	want := "0d0a0d0a000d0a515549540a21110054" + "0a000114" + "0a00010a" + hex.EncodeToString(port) + "1538"
	if got := hex.EncodeToString(header); !strings.HasPrefix(got, want) ||
		!bytes.Contains(header, []byte("\xea\x00\x17\x01"+endpointID+"\x04\x00\x24")) {
		t.Errorf("the header is %s", got)
	}
	return strings.NewReader("")
}

// TestEnds: what goes away ends the connections, on both sides.
func TestEnds(t *testing.T) {
	rejected := func(n *vpc.Network) {
		n.Endpoints = slices.Clone(n.Endpoints)
		n.Endpoints[0].Available, n.Endpoints[0].Acceptance = false, vpc.AcceptanceRejected
	}
	for name, change := range map[string]func(*vpc.Network){
		"rejected": rejected,
		"endpoint deleted": func(n *vpc.Network) {
			n.Endpoints, n.Interfaces = nil, slices.Delete(slices.Clone(n.Interfaces), 1, 2)
		},
		"service deleted": func(n *vpc.Network) {
			rejected(n)
			n.EndpointServices, n.Interfaces = nil, slices.Delete(slices.Clone(n.Interfaces), 3, 4)
		},
		"target gone":   func(n *vpc.Network) { n.Interfaces = slices.Delete(slices.Clone(n.Interfaces), 2, 3) },
		"consumer gone": func(n *vpc.Network) { n.Interfaces = slices.Delete(slices.Clone(n.Interfaces), 0, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			l := newHarness(t, privatelink.Options{}, nil)
			consumer, target := l.connected()
			say(t, consumer, target, "x")
			l.apply(change)
			for side, c := range map[string]net.Conn{"consumer": consumer, "target": target} {
				if name == side+" gone" {
					continue // its packets go nowhere any more
				}
				if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
					t.Errorf("the %s sees %v, want a reset", side, err)
				}
			}
		})
	}
}

// TestAcceptedAgain: what was rejected is out, and in again once it is accepted.
func TestAcceptedAgain(t *testing.T) {
	l := newHarness(t, privatelink.Options{}, func(n *vpc.Network) {
		n.Endpoints[0].Available, n.Endpoints[0].Acceptance = false, vpc.AwaitsAcceptance
	})
	if _, err := l.dial(100 * time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("before it is accepted: %v", err)
	}
	for range 2 {
		l.apply(func(n *vpc.Network) {
			n.Endpoints = slices.Clone(n.Endpoints)
			n.Endpoints[0].Available, n.Endpoints[0].Acceptance = true, vpc.Accepted
		})
		consumer, target := l.connected()
		say(t, consumer, target, "in")
		l.apply(func(n *vpc.Network) {
			n.Endpoints = slices.Clone(n.Endpoints)
			n.Endpoints[0].Available, n.Endpoints[0].Acceptance = false, vpc.AcceptanceRejected
		})
	}
}

// TestNobodyAnswers: where the target's group lets nothing in, or nobody listens, the consumer's connection is reset.
func TestNobodyAnswers(t *testing.T) {
	l := newHarness(t, privatelink.Options{}, nil)
	if err := l.reset(); err != nil {
		t.Errorf("nobody listens: %v", err)
	}
	f := vpc.Flow{
		From: "eni-consumer", Protocol: vpc.TCP, Source: netip.AddrPortFrom(consumerAt, 50000), Destination: entrance,
	}
	explain := func() vpc.Explanation {
		t.Helper()
		s, err := vpc.NewSnapshot(1, l.network)
		if err != nil {
			t.Fatal(err)
		}
		return s.Explain(f)
	}
	if e := explain(); !e.Works() {
		t.Errorf("it should work:\n%s", e)
	}
	l.apply(func(n *vpc.Network) {
		n.SecurityGroups = slices.Clone(n.SecurityGroups)
		n.SecurityGroups[1].Rules = n.SecurityGroups[1].Rules[:1]
	})
	if e := explain(); e.Works() || !e.Verdict.Allow || e.Refusal().Resource != "sg-p" {
		t.Errorf("the explanation does not name the target's group:\n%s", e)
	}
}

// TestFarTargetHelps: a target of another zone takes over where the near one does not answer.
func TestFarTargetHelps(t *testing.T) {
	l := newHarness(t, privatelink.Options{}, func(n *vpc.Network) {
		n.Subnets = append(n.Subnets, vpc.Subnet{
			ID: "subnet-far", VPC: "vpc-p", Zone: "us-east-1b", CIDR: netip.MustParsePrefix("10.0.2.0/24"),
		})
		n.Interfaces = append(n.Interfaces,
			vpc.Interface{ID: "eni-far", VPC: "vpc-p", Subnet: "subnet-far", Owner: "i-far", Addresses: []netip.Addr{
				netip.MustParseAddr("10.0.2.20"),
			}, Groups: []string{"sg-p"}},
			vpc.Interface{
				ID: "eni-side-far", VPC: "vpc-p", Subnet: "subnet-far", Kind: vpc.ServiceInterface, Owner: "vpce-svc-1",
				Addresses: []netip.Addr{netip.MustParseAddr("10.0.2.30")},
			})
		n.SecurityGroups[1].Rules[1].CIDR = netip.MustParsePrefix("10.0.0.0/16")
		far := vpc.ServiceTarget{Port: 5432, TargetPort: 8080, Interface: "eni-far", From: "eni-side-far"}
		n.EndpointServices[0].Targets = append([]vpc.ServiceTarget{far}, n.EndpointServices[0].Targets...)
	})
	far := fabrictest.NewNode(t, l.fabric, "eni-far", netip.MustParseAddr("10.0.2.20"), 1500)
	listener, err := far.ListenTCP(netip.MustParseAddrPort("10.0.2.20:8080"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	accepted := make(chan *userstack.Conn, 2)
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	c, err := l.dial(20 * time.Second)
	if err != nil {
		t.Fatal(err)
	}
	say(t, c, <-accepted, "from far") // nobody listens at the near one
	consumer, near := l.connected()
	say(t, consumer, near, "from near")
}

// TestHostTarget: an address of the host is reached where the configuration names it, and nowhere else.
func TestHostTarget(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	at := listener.Addr().(*net.TCPAddr).AddrPort()
	allowed := true
	l := newHarness(t, privatelink.Options{HostTargets: func(a netip.AddrPort) bool { return allowed && a == at }},
		func(n *vpc.Network) {
			n.EndpointServices[0].Targets = []vpc.ServiceTarget{{Port: 5432, TargetPort: at.Port(), Host: at.Addr()}}
		})
	c, err := l.dial(20 * time.Second)
	if err != nil {
		t.Fatal(err)
	}
	host, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	say(t, c, host, "from the VPC")
	say(t, host, c, "from the host")
	host.Close()
	c.Close()
	allowed = false
	if err := l.reset(); err != nil {
		t.Errorf("not allowed any more: %v", err)
	}
}

// TestClose: a carrier that ends leaves nothing.
func TestClose(t *testing.T) {
	l := newHarness(t, privatelink.Options{}, nil)
	consumer, target := l.connected()
	say(t, consumer, target, "x")
	if err := l.carrier.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := consumer.Read(make([]byte, 1)); err == nil {
		t.Error("it goes on")
	}
}
