package reach

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"postern/aws/scope"
	"postern/network"
	"postern/network/fabric"
	"postern/network/vpc"
	"postern/record"
	"postern/store"
	"postern/store/postgres/postgrestest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	postgrestest.Stop()
	os.Exit(code)
}

// region is an account with ten VPCs at the most.
func region(n int) scope.Scope {
	return scope.Scope{Account: fmt.Sprintf("%012d", n/10+1), Region: "us-east-1"}
}

// site is one VPC with its interfaces.
type site struct {
	in            scope.Scope
	subnet, group string
}

// service opens the network of a store, with a fabric that takes each snapshot.
func service(b *testing.B, s record.Store) *network.Service {
	b.Helper()
	n, err := network.New(b.Context(), network.Config{Store: s, Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	f := fabric.New(fabric.Options{})
	cancel := n.Subscribe(f.Apply)
	b.Cleanup(func() {
		cancel()
		if err := f.Close(); err != nil {
			b.Error(err)
		}
	})
	return n
}

// fill makes VPCs with a hundred interfaces each.
func fill(b *testing.B, n *network.Service, vpcs int) []site {
	b.Helper()
	sites := make([]site, vpcs)
	for i := range sites {
		in := region(i)
		v, err := n.CreateVpc(b.Context(), in, network.CreateVpcInput{CIDR: netip.MustParsePrefix("10.0.0.0/16")})
		if err != nil {
			b.Fatal(err)
		}
		subnet, err := n.CreateSubnet(b.Context(), in,
			network.CreateSubnetInput{VPC: v.ID, CIDR: netip.MustParsePrefix("10.0.0.0/20")})
		if err != nil {
			b.Fatal(err)
		}
		group, err := n.CreateSecurityGroup(b.Context(), in,
			network.CreateSecurityGroupInput{VPC: v.ID, Name: "group", Description: "group"})
		if err != nil {
			b.Fatal(err)
		}
		inputs := make([]network.CreateInterfaceInput, 100)
		for j := range inputs {
			inputs[j] = network.CreateInterfaceInput{
				Subnet: subnet.ID, Kind: vpc.InstanceInterface, Groups: []string{group.ID},
			}
		}
		if _, err := n.CreateInterfaces(b.Context(), in, inputs); err != nil {
			b.Fatal(err)
		}
		sites[i] = site{in, subnet.ID, group.ID}
	}
	return sites
}

// change makes a rule of a group and takes it away again: two changes.
func (s site) change(b *testing.B, n *network.Service) {
	rule := network.SecurityGroupRule{
		Protocol: vpc.TCP, Ports: vpc.PortRange{From: 443, To: 443}, CIDR: netip.MustParsePrefix("10.9.0.0/16"),
	}
	made, err := n.Authorize(b.Context(), s.in, s.group, false, []network.SecurityGroupRule{rule}, nil)
	if err == nil {
		_, err = n.Revoke(b.Context(), s.in, s.group, false, network.Revocation{IDs: []string{made[0].ID}})
	}
	if err != nil {
		b.Error(err)
	}
}

// perChange reports the time of one change, of which each turn of the loop has several.
func perChange(b *testing.B, each int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*each), "ns/change")
}

// BenchmarkChange measures from a verb's call until what it changed is in force. The store is in memory.
func BenchmarkChange(b *testing.B) {
	for _, vpcs := range []int{100, 1000} {
		n := service(b, new(record.Memory))
		sites := fill(b, n, vpcs)
		b.Run(fmt.Sprintf("rule/interfaces=%d", vpcs*100), func(b *testing.B) {
			i := 0
			for b.Loop() {
				sites[i%vpcs].change(b, n)
				i += 7
			}
			perChange(b, 2)
		})
		b.Run(fmt.Sprintf("interface/interfaces=%d", vpcs*100), func(b *testing.B) {
			i := 0
			for b.Loop() {
				s := sites[i%vpcs]
				made, err := n.CreateInterface(b.Context(), s.in,
					network.CreateInterfaceInput{Subnet: s.subnet, Kind: vpc.InstanceInterface, Groups: []string{s.group}})
				if err == nil {
					err = n.DeleteInterface(b.Context(), s.in, made.ID)
				}
				if err != nil {
					b.Fatal(err)
				}
				i += 7
			}
			perChange(b, 2)
		})
	}
}

// BenchmarkWriters measures what writers reach together, each in a VPC of its own.
func BenchmarkWriters(b *testing.B) {
	n := service(b, new(record.Memory))
	sites := fill(b, n, 100)
	for _, writers := range []int{1, 16} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			began := processorTime(b)
			for b.Loop() {
				var writing sync.WaitGroup
				for w := range writers {
					writing.Go(func() {
						for range 32 / writers {
							sites[w*6].change(b, n)
						}
					})
				}
				writing.Wait()
			}
			b.ReportMetric(float64((processorTime(b)-began).Nanoseconds())/float64(b.N*64), "cpu-ns/change")
			perChange(b, 64)
		})
	}
}

// processorTime returns what the process has used so far, with what the garbage collector did beside it.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkTakeOver measures how long a server takes over another one's change, from the hint until it is in force.
func BenchmarkTakeOver(b *testing.B) {
	s := new(record.Memory)
	writer := service(b, s)
	sites := fill(b, writer, 320)
	reader := service(b, s)
	b.Run("interfaces=32000", func(b *testing.B) {
		var took time.Duration
		i := 0
		for b.Loop() {
			sites[i%len(sites)].change(b, writer)
			began := time.Now()
			if err := reader.Refresh(b.Context()); err != nil {
				b.Fatal(err)
			}
			took += time.Since(began)
			i += 7
		}
		b.ReportMetric(float64(took.Nanoseconds())/float64(b.N), "ns/refresh")
	})
}

// BenchmarkCommit measures a rule's change with a durable store: alone, and of sixteen writers in VPCs of their own.
func BenchmarkCommit(b *testing.B) {
	for _, engine := range []struct {
		name    string
		options func(b *testing.B) store.Options
	}{
		{"sqlite", func(b *testing.B) store.Options { return store.Options{Path: filepath.Join(b.TempDir(), "state.db")} }},
		{"postgres", func(b *testing.B) store.Options { return store.Options{URL: postgrestest.URL(b)} }},
	} {
		b.Run(engine.name, func(b *testing.B) {
			db, err := store.Open(b.Context(), engine.options(b))
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { db.Close() })
			n := service(b, db.Set("network"))
			sites := fill(b, n, 16)
			for _, writers := range []int{1, 16} {
				b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
					for b.Loop() {
						var writing sync.WaitGroup
						for w := range writers {
							writing.Go(func() { sites[w].change(b, n) })
						}
						writing.Wait()
					}
					perChange(b, 2*writers)
				})
			}
		})
	}
}
