package server

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"postern/aws/scope"
	"postern/network"
	"postern/network/link/userstack"
	"postern/network/vpc"
	"postern/store/postgres/postgrestest"
)

const testMTU = 1400

// pair is two machines in one subnet, made on one server and plugged in at another.
type pair struct {
	group    string
	from, to *userstack.Stack
	address  netip.Addr // of to
}

func newPair(t testing.TB, made, plugged *Server) pair {
	t.Helper()
	in := scope.Scope{Account: DefaultAccount, Region: DefaultRegion}
	v, err := made.network.CreateVpc(t.Context(), in, network.CreateVpcInput{CIDR: netip.MustParsePrefix("10.0.0.0/16")})
	if err != nil {
		t.Fatal(err)
	}
	subnet, err := made.network.CreateSubnet(t.Context(), in,
		network.CreateSubnetInput{VPC: v.ID, CIDR: netip.MustParsePrefix("10.0.1.0/24")})
	if err != nil {
		t.Fatal(err)
	}
	group, err := made.network.CreateSecurityGroup(t.Context(), in,
		network.CreateSecurityGroupInput{VPC: v.ID, Name: "group", Description: "group"})
	if err != nil {
		t.Fatal(err)
	}
	p := pair{group: group.ID}
	plug := func(owner string) (*userstack.Stack, netip.Addr) {
		eni, err := made.Interface(t.Context(), subnet.ID, owner, group.ID)
		if err != nil {
			t.Fatal(err)
		}
		eventually(
			t, "the interface", func() bool { _, err := plugged.network.State().Interface(in, eni.ID); return err == nil },
		)
		stack, err := userstack.New(testMTU, eni.Addresses[0])
		if err != nil {
			t.Fatal(err)
		}
		detach := plugged.Attach(eni.ID, stack)
		t.Cleanup(func() {
			detach()
			if err := stack.Close(); err != nil {
				t.Error(err)
			}
		})
		return stack, eni.Addresses[0]
	}
	p.from, _ = plug("mi-00000000000000001")
	p.to, p.address = plug("mi-00000000000000002")
	return p
}

// arrives reports whether one of the datagrams that are sent to a port, each half millisecond, arrives in time.
func (p pair) arrives(t testing.TB, port uint16, within time.Duration) bool {
	t.Helper()
	to := netip.AddrPortFrom(p.address, port)
	hears, err := p.to.DialUDP(to, netip.AddrPort{})
	if err != nil {
		t.Fatal(err)
	}
	defer hears.Close()
	says, err := p.from.DialUDP(netip.AddrPort{}, to)
	if err != nil {
		t.Fatal(err)
	}
	defer says.Close()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		tick := time.NewTicker(time.Millisecond / 2)
		defer tick.Stop()
		for ctx.Err() == nil {
			_, _ = says.Write([]byte("hello")) // whether it arrives is what is asked
			<-tick.C
		}
	}()
	defer func() { cancel(); <-sent }()
	deadline, _ := ctx.Deadline()
	if err := hears.SetReadDeadline(deadline); err != nil {
		t.Fatal(err)
	}
	_, _, err = hears.ReadFrom(make([]byte, 100))
	return err == nil
}

// TestARuleIsInForceOnTheOthersPackets: servers share a database; a rule that one of them makes lets packets pass at
// the other, and the group's end of it stops them.
func TestARuleIsInForceOnTheOthersPackets(t *testing.T) {
	url, dir := postgrestest.URL(t), t.TempDir()
	one, _ := openWithNotes(t, Config{DataDir: dir, Database: url})
	two, _ := openWithNotes(t, Config{DataDir: second(t, dir), Database: url})
	p := newPair(t, one, two)
	in := scope.Scope{Account: DefaultAccount, Region: DefaultRegion}
	if p.arrives(t, 6999, 20*time.Millisecond) {
		t.Fatal("a datagram arrives that no rule allows")
	}
	var longest time.Duration
	const rules = 10
	for n := range uint16(rules) {
		port := 7000 + n
		rule := network.SecurityGroupRule{
			Protocol: vpc.UDP, Ports: onePort(port), CIDR: netip.MustParsePrefix("10.0.0.0/16"),
		}
		made, err := one.network.Authorize(t.Context(), in, p.group, false, []network.SecurityGroupRule{rule}, nil)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if !p.arrives(t, port, 20*time.Second) {
			t.Fatalf("rule %d: no datagram arrives", n)
		}
		longest = max(longest, time.Since(began))
		if _, err := one.network.Revoke(t.Context(), in, p.group, false, network.Revocation{
			IDs: []string{made[0].ID},
		}); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the end of the rule", func() bool { return !p.arrives(t, port, 20*time.Millisecond) })
	}
	t.Logf("a rule let packets pass at the other server after %v at the most", longest)
	if longest > slow {
		t.Errorf("it took %v, as if there were no hints", longest)
	}
}

// BenchmarkRuleAtAnotherServer measures from the end of a call that makes a rule at one server until a packet passes at
// the other one.
func BenchmarkRuleAtAnotherServer(b *testing.B) {
	url, dir := postgrestest.URL(b), b.TempDir()
	one, _ := openWithNotes(b, Config{DataDir: dir, Database: url})
	two, _ := openWithNotes(b, Config{DataDir: second(b, dir), Database: url})
	p := newPair(b, one, two)
	in := scope.Scope{Account: DefaultAccount, Region: DefaultRegion}
	var took time.Duration
	port := uint16(10_000)
	for b.Loop() {
		rule := network.SecurityGroupRule{
			Protocol: vpc.UDP, Ports: onePort(port), CIDR: netip.MustParsePrefix("10.0.0.0/16"),
		}
		made, err := one.network.Authorize(b.Context(), in, p.group, false, []network.SecurityGroupRule{rule}, nil)
		if err != nil {
			b.Fatal(err)
		}
		began := time.Now()
		if !p.arrives(b, port, 20*time.Second) {
			b.Fatal("no datagram arrives")
		}
		took += time.Since(began)
		gone := network.Revocation{IDs: []string{made[0].ID}}
		if _, err := one.network.Revoke(b.Context(), in, p.group, false, gone); err != nil {
			b.Fatal(err)
		}
		port++
	}
	b.ReportMetric(float64(took.Nanoseconds())/float64(b.N), "ns/rule")
}

// TestServersMayWriteTheSameGroup: what several servers add to one group at the same time is all there, on each.
func TestServersMayWriteTheSameGroup(t *testing.T) {
	url, dir := postgrestest.URL(t), t.TempDir()
	one, _ := openWithNotes(t, Config{DataDir: dir, Database: url})
	two, _ := openWithNotes(t, Config{DataDir: second(t, dir), Database: url})
	p := newPair(t, one, two)
	in := scope.Scope{Account: DefaultAccount, Region: DefaultRegion}
	const each = 15
	done := make(chan error, 2)
	for i, s := range []*Server{one, two} {
		go func() {
			var err error
			for n := range each {
				port := uint16(8000 + each*i + n)
				rule := network.SecurityGroupRule{
					Protocol: vpc.TCP, Ports: onePort(port), CIDR: netip.MustParsePrefix("10.0.0.0/16"),
				}
				if _, err = s.network.Authorize(
					t.Context(), in, p.group, false, []network.SecurityGroupRule{rule}, nil,
				); err != nil {
					break
				}
			}
			done <- err
		}()
	}
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	for _, s := range []*Server{one, two} {
		eventually(t, "all rules", func() bool {
			g, err := s.network.State().SecurityGroup(in, p.group)
			return err == nil && len(g.Rules) == 2*each+1 // and the one that lets everything out
		})
	}
}

func onePort(port uint16) vpc.PortRange { return vpc.PortRange{From: int32(port), To: int32(port)} }
