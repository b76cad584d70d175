package fabric_test

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"postern/aws/scope"
	"postern/network"
	"postern/network/fabric"
	"postern/network/link"
	"postern/network/vpc"
	"postern/record"
)

// BenchmarkRuleChange is the time from the change of a rule to its being in force at the filter, with 10,000 interfaces
// that have links and 1,000 groups, on a store that keeps nothing on disk. Meanwhile a conversation goes on, whose
// packets note how long the filter took for the slowest of them.
func BenchmarkRuleChange(b *testing.B) {
	here := scope.Scope{Account: "000000000000", Region: "us-east-1"}
	s, err := network.New(b.Context(), network.Config{Store: new(record.Memory)})
	if err != nil {
		b.Fatal(err)
	}
	nics, group := manyInterfaces(b, s, here)
	f := fabric.New(fabric.Options{})
	b.Cleanup(func() { f.Close() })
	b.Cleanup(s.Subscribe(f.Apply))
	links := make([]sink, len(nics))
	for i := range nics {
		f.Attach(nics[i].ID, &links[i])
	}
	// Both ends are in the group whose rule changes, so that their conversation is judged again each time.
	stop := converse(b, &links[0], &links[1000], nics[0].Addresses[0], nics[1000].Addresses[0])
	rules := []network.SecurityGroupRule{
		{Protocol: vpc.TCP, Ports: vpc.PortRange{From: 80, To: 80}, CIDR: netip.MustParsePrefix("10.0.0.0/8")},
	}
	b.ResetTimer()
	changes := 0
	for b.Loop() {
		if _, err := s.Authorize(b.Context(), here, group, false, rules, nil); err != nil {
			b.Fatal(err)
		}
		if _, err := s.Revoke(b.Context(), here, group, false, network.Revocation{Rules: rules}); err != nil {
			b.Fatal(err)
		}
		changes += 2
	}
	b.StopTimer()
	slowest, late, packets := stop()
	b.ReportMetric(float64(b.Elapsed().Microseconds())/1e3/float64(changes), "ms/change")
	b.ReportMetric(float64(slowest.Microseconds())/1e3, "ms-slowest-packet")
	b.ReportMetric(float64(late), "packets-over-5ms")
	b.ReportMetric(float64(packets), "packets")
	b.ReportMetric(0, "ns/op")
}

// manyInterfaces makes 10,000 interfaces, the Nth of them in group N modulo 1,000, of which the first allows TCP 443.
func manyInterfaces(b *testing.B, s *network.Service, here scope.Scope) (nics []*network.Interface, group string) {
	b.Helper()
	ctx := b.Context()
	v, err := s.CreateVpc(ctx, here, network.CreateVpcInput{CIDR: netip.MustParsePrefix("10.0.0.0/16")})
	if err != nil {
		b.Fatal(err)
	}
	n, err := s.CreateSubnet(ctx, here, network.CreateSubnetInput{VPC: v.ID, CIDR: netip.MustParsePrefix("10.0.0.0/17")})
	if err != nil {
		b.Fatal(err)
	}
	var groups []string
	for i := range 1000 {
		g, err := s.CreateSecurityGroup(ctx, here, network.CreateSecurityGroupInput{
			VPC: v.ID, Name: fmt.Sprint("g", i), Description: "x",
		})
		if err != nil {
			b.Fatal(err)
		}
		groups = append(groups, g.ID)
	}
	https := []network.SecurityGroupRule{
		{Protocol: vpc.TCP, Ports: vpc.PortRange{From: 443, To: 443}, CIDR: netip.MustParsePrefix("10.0.0.0/8")},
	}
	if _, err := s.Authorize(ctx, here, groups[0], false, https, nil); err != nil {
		b.Fatal(err)
	}
	var in []network.CreateInterfaceInput
	for i := range 10_000 {
		in = append(in, network.CreateInterfaceInput{
			Subnet: n.ID, Owner: fmt.Sprint("mi-", i), Kind: vpc.AttachedInterface, Groups: []string{groups[i%1000]},
		})
	}
	if nics, err = s.CreateInterfaces(ctx, here, in); err != nil {
		b.Fatal(err)
	}
	return nics, groups[0]
}

// converse opens a conversation and keeps sending on it, a packet every 100 µs, until stop is called.
func converse(
	b *testing.B, from, to *sink, source, destination netip.Addr,
) (stop func() (slowest time.Duration, late, packets int)) {
	b.Helper()
	a, z := netip.AddrPortFrom(source, 40000), netip.AddrPortFrom(destination, 443)
	from.receive([]link.Packet{tcpFrom(a, z, synFlag, 1, 0, "")})
	to.receive([]link.Packet{tcpFrom(z, a, synFlag|ack, 1, 2, "")})
	from.receive([]link.Packet{tcpFrom(a, z, ack, 2, 2, "")})
	p := tcpFrom(a, z, ack, 2, 2, "data")
	ended := make(chan struct{})
	var slowest time.Duration
	late, packets := 0, 0
	var running sync.WaitGroup
	running.Go(func() {
		tick := time.NewTicker(100 * time.Microsecond)
		defer tick.Stop()
		for {
			select {
			case <-ended:
				return
			case <-tick.C:
			}
			began := time.Now()
			from.receive([]link.Packet{p})
			took := time.Since(began)
			packets++
			slowest = max(slowest, took)
			if took > 5*time.Millisecond {
				late++
			}
		}
	})
	return func() (time.Duration, int, int) {
		close(ended)
		running.Wait()
		return slowest, late, packets
	}
}
