package dns_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	wire "github.com/miekg/dns"

	"postern/network/dns"
	"postern/network/vpc"
	"postern/network/vpc/vpctest"
)

// ruled gives the sample an outbound endpoint of two interfaces, and a rule for corp.example with the targets.
func ruled(targets ...string) func(*vpc.Network) {
	return func(n *vpc.Network) {
		e := vpc.ResolverEndpoint{ID: "rslvr-out-1", VPC: vpctest.VPC, Direction: vpc.Outbound, Available: true}
		for i, subnet := range []string{vpctest.SubnetA, vpctest.SubnetB} {
			c := vpc.Interface{
				ID: "eni-out-" + subnet, VPC: vpctest.VPC, Subnet: subnet, Kind: vpc.ResolverInterface, Owner: e.ID,
				Addresses: []netip.Addr{netip.AddrFrom4([4]byte{10, 0, byte(1 + i), 54})},
			}
			n.Interfaces = append(n.Interfaces, c)
			e.Interfaces = append(e.Interfaces, c.ID)
		}
		n.ResolverEndpoints = []vpc.ResolverEndpoint{e}
		r := vpc.ResolverRule{
			ID: "rslvr-rr-1", Domain: "corp.example", Forward: true, Endpoint: e.ID, VPCs: []string{vpctest.VPC},
		}
		for _, t := range targets {
			r.Targets = append(r.Targets, netip.MustParseAddrPort(t))
		}
		n.ResolverRules = []vpc.ResolverRule{r, {ID: "rslvr-rr-2", Domain: "lab.corp.example", VPCs: []string{vpctest.VPC}}}
	}
}

// dials remembers from where and to where it was asked to connect.
type dials struct {
	mu   sync.Mutex
	seen []string
}

func (d *dials) to(address string) dns.Resolver {
	return func(ctx context.Context, eni, network string, to netip.AddrPort) (net.Conn, error) {
		d.mu.Lock()
		d.seen = append(d.seen, eni+" "+to.String())
		d.mu.Unlock()
		if to.Port() == 1 {
			return nil, errors.New("nobody there")
		}
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
}

func TestRulesAreFollowed(t *testing.T) {
	u := startUpstream(t, answerAll)
	o := options(t, ruled("10.0.9.9:53", "10.0.9.10:1"))
	var d dials
	o.DialResolver = d.to(u.address)
	r := start(t, o)
	for range 8 { // wherever it begins, the target that is there answers
		for _, tt := range []struct{ network, asked, want string }{
			{"udp", "db.corp.example.", "NOERROR 192.0.2.1"},
			{"tcp", "Corp.Example.", "NOERROR 192.0.2.1"},
			{"udp", "a.lab.corp.example.", "NXDOMAIN"},
			{"udp", "example.", "NXDOMAIN"},
			{"udp", "ssm.us-east-1.amazonaws.com.", "NOERROR 10.0.1.10 10.0.2.10"},
		} {
			address := r.udp
			if tt.network == "tcp" {
				address = r.tcp
			}
			got := say(ask(t, tt.network, address, tt.asked, wire.TypeA))
			if got != tt.want && got != "NOERROR 10.0.2.10 10.0.1.10" {
				t.Errorf("%s over %s: %q, want %q", tt.asked, tt.network, got, tt.want)
			}
		}
	}
	// the target has cut its answer over UDP
	if m := ask(t, "udp", r.udp, "many.corp.example.", wire.TypeA); len(m.Answer) != 50 {
		t.Errorf("many: %d answers", len(m.Answer))
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, name := range u.asked {
		if !wire.IsSubDomain("corp.example.", name) || wire.IsSubDomain("lab.corp.example.", name) {
			t.Errorf("%s was asked for elsewhere", name)
		}
	}
	for _, eni := range []string{"eni-out-subnet-a", "eni-out-subnet-b"} {
		if !slices.ContainsFunc(d.seen, func(s string) bool { return s[:len(eni)] == eni }) {
			t.Errorf("%s was never used", eni)
		}
	}
}

// TestForwardedQuestionsFitIntoPackets: the target is told what crosses the fabric whole, whatever the asker takes; its
// answer comes from a resolver, not from an authority.
func TestForwardedQuestionsFitIntoPackets(t *testing.T) {
	size := make(chan uint16, 1)
	u := startUpstream(t, func(w wire.ResponseWriter, m *wire.Msg) {
		size <- m.IsEdns0().UDPSize()
		r := new(wire.Msg)
		r.SetReply(m)
		r.Authoritative, r.RecursionAvailable = true, false
		w.WriteMsg(r)
	})
	o := options(t, ruled("10.0.9.9:53"))
	o.DialResolver = new(dials).to(u.address)
	r := start(t, o)
	got := ask(t, "udp", r.udp, "db.corp.example.", wire.TypeA) // it takes 4,096 bytes
	if asked := <-size; asked != 1232 || got.Authoritative || !got.RecursionAvailable {
		t.Errorf("the target may send %d bytes; %v", asked, got)
	}
}

// TestRulesFail: a rule whose endpoint or targets are not there is SERVFAIL, and says which rule.
func TestRulesFail(t *testing.T) {
	gone := func(n *vpc.Network) {
		ruled("10.0.9.9:53")(n)
		n.ResolverEndpoints[0].Available = false
	}
	for name, change := range map[string]func(*vpc.Network){
		"nobody there": ruled("10.0.9.9:1", "10.0.9.10:1"), "no endpoint": gone,
	} {
		o := options(t, change)
		o.DialResolver = new(dials).to("")
		r := start(t, o)
		m := new(wire.Msg)
		m.SetQuestion("db.corp.example.", wire.TypeA)
		m.SetEdns0(1232, false)
		got, err := wire.Exchange(m, r.udp)
		if err != nil || got.Rcode != wire.RcodeServerFailure {
			t.Errorf("%s: %v %v", name, got, err)
			continue
		}
		e, ok := got.IsEdns0().Option[0].(*wire.EDNS0_EDE)
		if !ok || e.InfoCode != wire.ExtendedErrorCodeNoReachableAuthority ||
			e.ExtraText != "no target of rslvr-rr-1 answered" {
			t.Errorf("%s: %v", name, got.IsEdns0())
		}
	}
}

// TestInboundEndpointsView: who asks an inbound endpoint is answered for the VPC where it stands.
func TestInboundEndpointsView(t *testing.T) {
	o := options(t, func(n *vpc.Network) {
		n.VPCs = append(n.VPCs, vpc.VPC{
			ID: "vpc-2", Region: "us-east-1", CIDRs: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}, DNSSupport: true,
		})
	})
	for _, tt := range []struct {
		origin vpc.Origin
		want   string
	}{
		{vpc.Origin{VPC: "vpc-2", Interface: "eni-far"}, "NXDOMAIN"},
		{vpc.Origin{
			VPC: "vpc-2", Interface: "eni-far", EndpointVPC: vpctest.VPC, Endpoint: "rslvr-in-1",
		}, "NOERROR 10.0.1.10 10.0.2.10"},
		{vpc.Origin{VPC: vpctest.VPC, Interface: vpctest.Node, EndpointVPC: "vpc-2", Endpoint: "rslvr-in-2"}, "NXDOMAIN"},
	} {
		r := startAs(t, o, tt.origin)
		got := say(ask(t, "udp", r.udp, "ssm.us-east-1.amazonaws.com.", wire.TypeA))
		if got != tt.want && got != "NOERROR 10.0.2.10 10.0.1.10" {
			t.Errorf("%+v: %q, want %q", tt.origin, got, tt.want)
		}
	}
}

// TestRulesThatLoopEnd: a rule whose target is the same VPC's own resolver ends in SERVFAIL, at once, and the resolver
// goes on.
func TestRulesThatLoopEnd(t *testing.T) {
	o := options(t, ruled("10.0.9.9:53"))
	var again atomic.Value
	o.DialResolver = func(ctx context.Context, _, network string, _ netip.AddrPort) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, again.Load().(string))
	}
	r := start(t, o)
	again.Store(r.udp)
	if got := say(ask(t, "udp", r.udp, "db.corp.example.", wire.TypeA)); got != "SERVFAIL" {
		t.Errorf("%q", got)
	}
	if got := r.Stats().Forwarded; got != 256 {
		t.Errorf("it was asked %d times", got)
	}
	if got := say(ask(t, "udp", r.udp, "nothing.ec2.internal.", wire.TypeA)); got != "NXDOMAIN in ec2.internal." {
		t.Errorf("afterwards: %q", got)
	}
}

// TestRulesTimeOut: all the targets of a rule together take as long as two upstreams would.
func TestRulesTimeOut(t *testing.T) {
	for _, targets := range [][]string{
		{"10.0.9.9:53"}, {"10.0.9.9:53", "10.0.9.10:53", "10.0.9.11:53", "10.0.9.12:53", "10.0.9.13:53"},
	} {
		synctest.Test(t, func(t *testing.T) {
			o := options(t, ruled(targets...))
			o.DialResolver = func(context.Context, string, string, netip.AddrPort) (net.Conn, error) {
				near, far := net.Pipe()
				go func() {
					b := make([]byte, 512)
					for {
						if _, err := far.Read(b); err != nil {
							far.Close()
							return
						}
					}
				}()
				return silentUpstream{near}, nil
			}
			server := dns.New(o)
			l := &oneConn{conns: make(chan net.Conn, 1), origin: vpc.Origin{VPC: vpctest.VPC, Interface: vpctest.Node}}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error)
			go func() { done <- server.Serve(ctx, nil, l) }()
			near, far := net.Pipe()
			l.conns <- far
			c := &wire.Conn{Conn: near}
			m := new(wire.Msg)
			m.SetQuestion("db.corp.example.", wire.TypeA)
			began := time.Now()
			if err := c.WriteMsg(m); err != nil {
				t.Fatal(err)
			}
			r, err := c.ReadMsg()
			if err != nil || r.Rcode != wire.RcodeServerFailure {
				t.Errorf("%v %v", r, err)
			}
			if took := time.Since(began); took != 4*time.Second {
				t.Errorf("%d targets took %v, want 4 s", len(targets), took)
			}
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
			near.Close()
		})
	}
}
