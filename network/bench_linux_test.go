package network_test

import (
	"fmt"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"time"

	"postern/network"
	"postern/network/vpc"
	"postern/record"
)

// wide is a service with interfaces in many VPCs.
type wide struct {
	*network.Service
	store   *record.Memory
	subnets []string // one of each VPC
	groups  []string
}

func newWide(b *testing.B, vpcs, each int) *wide {
	b.Helper()
	w := &wide{store: new(record.Memory), subnets: make([]string, vpcs), groups: make([]string, vpcs)}
	var err error
	if w.Service, err = network.New(b.Context(), network.Config{Store: w.store}); err != nil {
		b.Fatal(err)
	}
	for i := range vpcs {
		if err := w.fill(b, i, each); err != nil {
			b.Fatal(err)
		}
	}
	return w
}

func (w *wide) fill(b *testing.B, i, each int) error {
	v, err := w.CreateVpc(b.Context(), here, network.CreateVpcInput{CIDR: cidr("10.0.0.0/16")})
	if err != nil {
		return err
	}
	n, err := w.CreateSubnet(b.Context(), here, network.CreateSubnetInput{VPC: v.ID, CIDR: cidr("10.0.0.0/17")})
	if err != nil {
		return err
	}
	g, err := w.CreateSecurityGroup(b.Context(), here, network.CreateSecurityGroupInput{
		VPC: v.ID, Name: "g", Description: "g",
	})
	if err != nil {
		return err
	}
	w.subnets[i], w.groups[i] = n.ID, g.ID
	in := make([]network.CreateInterfaceInput, each)
	for j := range in {
		in[j] = network.CreateInterfaceInput{Subnet: n.ID, Owner: fmt.Sprintf("i-%d-%d", i, j), Groups: []string{g.ID}}
	}
	_, err = w.CreateInterfaces(b.Context(), here, in)
	return err
}

// rule puts a rule into the group of a VPC and takes it out again: two changes.
func (w *wide) rule(b *testing.B, i int) error {
	rules := []network.SecurityGroupRule{
		{Protocol: vpc.TCP, Ports: vpc.PortRange{From: 443, To: 443}, CIDR: cidr("10.0.0.0/8")},
	}
	if _, err := w.Authorize(b.Context(), here, w.groups[i], false, rules, nil); err != nil {
		return err
	}
	_, err := w.Revoke(b.Context(), here, w.groups[i], false, network.Revocation{Rules: rules})
	return err
}

// nic makes an interface in a VPC and takes it away again: two changes.
func (w *wide) nic(b *testing.B, i int) error {
	n, err := w.CreateInterface(b.Context(), here, network.CreateInterfaceInput{
		Subnet: w.subnets[i], Groups: w.groups[i : i+1],
	})
	if err != nil {
		return err
	}
	return w.DeleteInterface(b.Context(), here, n.ID)
}

// change changes a rule of the group of a VPC: one change.
func (w *wide) change(b *testing.B, n int) error {
	g, err := w.State().SecurityGroup(here, w.groups[n%len(w.groups)])
	if err != nil {
		return err
	}
	r := g.Rules[0]
	r.CIDR = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(n / len(w.groups)), 0, 0}), 16)
	return w.ModifyRules(b.Context(), here, g.ID, []network.SecurityGroupRule{r})
}

// processor returns the processor time that the process has used, which says more than the clock where others run
// beside.
func processor(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkChange is the time of one change until its snapshot is in force, on a store that keeps nothing on disk.
func BenchmarkChange(b *testing.B) {
	for _, vpcs := range []int{100, 1000} {
		b.Run(fmt.Sprintf("interfaces=%d/vpcs=%d", 100*vpcs, vpcs), func(b *testing.B) {
			w := newWide(b, vpcs, 100)
			for name, change := range map[string]func(*testing.B, int) error{"rule": w.rule, "interface": w.nic} {
				b.Run(name, func(b *testing.B) {
					changes, began := 0, processor(b)
					for b.Loop() {
						if err := change(b, changes%vpcs); err != nil {
							b.Fatal(err)
						}
						changes += 2
					}
					perChange := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 / float64(changes) }
					b.ReportMetric(perChange(b.Elapsed()), "ms/change")
					b.ReportMetric(perChange(processor(b)-began), "processor-ms/change")
					b.ReportMetric(0, "ns/op")
				})
			}
		})
	}
}

// BenchmarkWriters compares sixteen writers in sixteen VPCs of one account with one writer.
func BenchmarkWriters(b *testing.B) {
	w := newWide(b, 100, 100)
	rate := func(writers int) float64 {
		began := time.Now()
		var all sync.WaitGroup
		const each = 400
		for i := range writers {
			all.Go(func() {
				for range each / writers {
					if err := w.rule(b, i); err != nil {
						b.Error(err)
					}
				}
			})
		}
		all.Wait()
		return float64(each/writers*writers*2) / time.Since(began).Seconds()
	}
	var one, sixteen float64
	rounds := 0.0
	for b.Loop() {
		one, sixteen, rounds = one+rate(1), sixteen+rate(16), rounds+1
	}
	b.ReportMetric(one/rounds, "changes/s-one")
	b.ReportMetric(sixteen/rounds, "changes/s-sixteen")
	b.ReportMetric(sixteen/one, "times")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkRefresh is the time to take over one change of another server, with 32,000 interfaces.
func BenchmarkRefresh(b *testing.B) {
	w := newWide(b, 320, 100)
	other, err := network.New(b.Context(), network.Config{Store: w.store})
	if err != nil {
		b.Fatal(err)
	}
	var took, used time.Duration
	n := 0
	for b.Loop() {
		if err := w.change(b, n); err != nil {
			b.Fatal(err)
		}
		began, before := time.Now(), processor(b)
		if err := other.Refresh(b.Context()); err != nil {
			b.Fatal(err)
		}
		took, used = took+time.Since(began), used+processor(b)-before
		n++
	}
	b.ReportMetric(float64(took.Microseconds())/1e3/float64(n), "ms/refresh")
	b.ReportMetric(float64(used.Microseconds())/1e3/float64(n), "processor-ms/refresh")
	b.ReportMetric(0, "ns/op")
}
