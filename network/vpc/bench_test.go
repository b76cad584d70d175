package vpc_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"postern/network/vpc"
	"postern/network/vpc/vpctest"
)

// largeFlow is allowed by the last rules of both ends' groups.
func largeFlow(from, to int) vpc.Flow {
	a := netip.MustParseAddr("10.64.0.4").As4()
	address := func(i int) netip.Addr {
		return netip.AddrFrom4([4]byte{a[0], a[1], byte((i + 4) >> 8), byte(i + 4)})
	}
	return vpc.Flow{
		From: fmt.Sprintf("eni-%d", from), Protocol: vpc.TCP,
		Source: netip.AddrPortFrom(address(from), 40000), Destination: netip.AddrPortFrom(address(to), 443),
	}
}

// The budget is 2 µs for a new flow with 1,000 rules a group and 10,000 interfaces.
func BenchmarkDecide(b *testing.B) {
	for _, tt := range []struct {
		name  string
		scale vpctest.Scale
	}{
		{"rules=10", vpctest.Scale{Interfaces: 10000, Groups: 1000, Rules: 10}},
		{"rules=1000", vpctest.Scale{Interfaces: 10000, Groups: 100, Rules: 1000}},
	} {
		s := snapshot(b, vpctest.Large(tt.scale))
		flows := make([]vpc.Flow, 1024)
		for i := range flows {
			flows[i] = largeFlow(i*7%10000, i*13%10000)
			if v := s.Decide(flows[i]); !v.Allow {
				b.Fatal(s.Explain(flows[i]))
			}
		}
		b.Run(tt.name+"/new", func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				s.Decide(flows[i%len(flows)])
			}
		})
		b.Run(tt.name+"/tracked", func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				s.DecideTracked(flows[i%len(flows)])
			}
		})
	}
}

// The budget is 20 ms for a new snapshot of 10,000 interfaces and 1,000 groups after one rule changed.
func BenchmarkSnapshot(b *testing.B) {
	n := vpctest.Large(vpctest.Scale{Interfaces: 10000, Groups: 1000, Rules: 20})
	first := snapshot(b, n)
	b.Run("first", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			snapshot(b, n)
		}
	})
	b.Run("next", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			n.SecurityGroups[0].Rules = slices.Clone(n.SecurityGroups[0].Rules)
			n.SecurityGroups[0].Rules[0].Ports.To++
			if _, err := first.Next(2, vpc.Update{VPCs: []vpc.Content{vpctest.Contents(n)[vpctest.VPC]}}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkResolve(b *testing.B) {
	s := snapshot(b, vpctest.Sample())
	for _, name := range []string{"ssm.us-east-1.amazonaws.com.", "ip-10-0-1-20.ec2.internal.", "example.com."} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.Resolve(vpctest.VPC, name, vpc.TypeA)
			}
		})
	}
}
