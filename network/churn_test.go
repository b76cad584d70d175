package network_test

import (
	"fmt"
	"net/netip"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"

	"postern/network"
	"postern/network/vpc"
)

// A churn is what concurrent changes are made of: one of each noun.
type churn struct {
	*harness
	endpoint, group, service, table, nic, acl string
}

// changes returns one change of each kind, the k-th of its kind.
func (l *churn) changes(s *network.Service, k int) []func() error {
	return []func() error{
		func() error {
			return second(s.Authorize(l.ctx, here, l.group, false, []network.SecurityGroupRule{{
				Protocol: vpc.TCP, Ports: vpc.PortRange{From: int32(1000 + k), To: int32(1000 + k)}, CIDR: cidr("10.0.0.0/16"),
			}}, nil))
		},
		func() error {
			return s.CreateTags(l.ctx, here, []string{l.vpc, l.endpoint}, []network.Tag{{Key: strconv.Itoa(k), Value: "x"}})
		},
		func() error {
			principals := []string{fmt.Sprintf("arn:aws:iam::%012d:root", k)}
			return second(s.ModifyServicePrincipals(l.ctx, here, l.service, principals, nil))
		},
		func() error {
			return s.CreateRoute(l.ctx, here, l.table, network.Route{
				Destination: netip.PrefixFrom(netip.AddrFrom4([4]byte{172, 16, byte(k), 0}),
					24), Target: vpc.Target{Kind: vpc.ViaInterface, ID: l.nic},
			})
		},
		func() error {
			return s.CreateACLEntry(l.ctx, here, l.acl, network.ACLEntry{
				Number: 200 + k, Protocol: vpc.AllProtocols, CIDR: cidr("10.0.0.0/8"), Allow: true,
			})
		},
		func() error {
			return second(s.CreateSubnet(l.ctx, here, network.CreateSubnetInput{
				VPC: l.vpc, CIDR: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(100 + k), 0}), 24),
			}))
		},
	}
}

// counts returns how many changes of each kind a server has kept.
func (l *churn) counts(t *testing.T, st *network.State) map[string]int {
	t.Helper()
	g, box := must(st.SecurityGroup(here, l.group))(t), must(st.VPC(here, l.vpc))(t)
	ingress := slices.DeleteFunc(slices.Clone(g.Rules), func(r network.SecurityGroupRule) bool { return r.Egress })
	entries := slices.DeleteFunc(slices.Clone(must(st.NetworkACL(here, l.acl))(t).Entries), func(x network.ACLEntry) bool {
		return x.Number < 200 || x.Number > 300
	})
	return map[string]int{
		"rules": len(ingress), "tags": len(box.Tags),
		"tags of the endpoint": len(must(st.VpcEndpoint(here, l.endpoint))(t).Tags),
		"principals":           len(must(st.VpcEndpointService(here, l.service))(t).Principals),
		"routes":               len(must(st.RouteTable(here, l.table))(t).Routes),
		"entries":              len(entries), "subnets": len(collect(st.Subnets(here))) - 2,
	}
}

// TestConcurrentChanges has two servers on one store change the same resources at once: no change is lost.
func TestConcurrentChanges(t *testing.T) {
	l := &churn{harness: newHarness(t, network.Limits{})}
	l.hostnames()
	l.endpoint, l.group = l.harness.endpoint("ssm").ID, l.harness.group("busy").ID
	l.service = l.harness.service(target(l.node("i-1"), "5432/5432")).ID
	l.table, l.nic = collect(l.State().RouteTables(here))[0].ID, l.node("i-2").ID
	l.acl = collect(l.State().NetworkACLs(here))[0].ID
	servers := []*network.Service{l.Service, l.open(network.Limits{})}
	const each = 12
	var running sync.WaitGroup
	errs := make(chan error, 1000)
	for n, s := range servers {
		for i := range each {
			for _, change := range l.changes(s, n*each+i) {
				running.Go(func() { errs <- change() })
			}
		}
	}
	running.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	for n, s := range servers {
		if err := s.Refresh(l.ctx); err != nil {
			t.Fatal(err)
		}
		for what, got := range l.counts(t, s.State()) {
			if got != 2*each {
				t.Errorf("server %d has %d %s, want %d", n, got, what, 2*each)
			}
		}
	}
}

// TestConcurrentConflicts: of many who want the same, one gets it.
func TestConcurrentConflicts(t *testing.T) {
	l := newHarness(t, network.Limits{})
	other := l.open(network.Limits{})
	for what, change := range map[string]func(*network.Service) error{
		"a range": func(s *network.Service) error {
			return second(s.CreateSubnet(l.ctx, here, network.CreateSubnetInput{VPC: l.vpc, CIDR: cidr("10.0.50.0/24")}))
		},
		"a name": func(s *network.Service) error {
			return second(s.CreateSecurityGroup(l.ctx, here, network.CreateSecurityGroupInput{
				VPC: l.vpc, Name: "same", Description: "same",
			}))
		},
		"a rule": func(s *network.Service) error {
			return second(s.Authorize(l.ctx, here, l.nodes, false,
				[]network.SecurityGroupRule{
					{Protocol: vpc.TCP, Ports: vpc.PortRange{From: 1, To: 1}, CIDR: cidr("10.0.0.0/16")},
				}, nil))
		},
		"an address": func(s *network.Service) error {
			return second(s.CreateInterface(l.ctx, here, network.CreateInterfaceInput{
				Subnet: l.a, Addresses: []netip.Addr{netip.MustParseAddr("10.0.1.77")},
			}))
		},
	} {
		const n = 16
		var running sync.WaitGroup
		results := make(chan error, n)
		for i := range n {
			s := []*network.Service{l.Service, other}[i%2]
			running.Go(func() { results <- change(s) })
		}
		running.Wait()
		close(results)
		won := 0
		for err := range results {
			if err == nil {
				won++
			}
		}
		if won != 1 {
			t.Errorf("%s: %d of %d got it", what, won, n)
		}
	}
}

// A thousand networks are made and deleted, a hundred at a time: what a verb costs grows with what there is. Verbs that
// come together share snapshots, so all of a round are made at once.
const (
	rounds   = 10
	networks = 100
)

// small is a VPC with what usually is in one.
type small struct{ vpc, endpoint, service, nic, a, b, group string }

func (m *small) make(l *harness) error {
	var steps []func() error
	step := func(id *string, do func() (string, error)) {
		steps = append(steps, func() (err error) { *id, err = do(); return err })
	}
	step(&m.vpc, func() (string, error) {
		return idOf(l.CreateVpc(l.ctx, here, network.CreateVpcInput{CIDR: cidr("10.0.0.0/16")}))
	})
	step(&m.a, func() (string, error) {
		return idOf(l.CreateSubnet(l.ctx, here, network.CreateSubnetInput{
			VPC: m.vpc, CIDR: cidr("10.0.1.0/24"), Zone: "us-east-1a",
		}))
	})
	step(&m.b, func() (string, error) {
		return idOf(l.CreateSubnet(l.ctx, here, network.CreateSubnetInput{
			VPC: m.vpc, CIDR: cidr("10.0.2.0/24"), Zone: "us-east-1b",
		}))
	})
	step(&m.group, func() (string, error) {
		return idOf(l.CreateSecurityGroup(l.ctx, here, network.CreateSecurityGroupInput{
			VPC: m.vpc, Name: "g", Description: "g",
		}))
	})
	step(&m.endpoint, func() (string, error) {
		return idOf(l.CreateVpcEndpoint(l.ctx, here, network.CreateVpcEndpointInput{
			VPC: m.vpc, Service: "com.amazonaws.us-east-1.ssm", Groups: []string{m.group}, PrivateDNS: new(bool),
			Subnets: []network.EndpointSubnet{{ID: m.a}, {ID: m.b}},
		}))
	})
	step(&m.nic, func() (string, error) {
		return idOf(l.CreateInterface(l.ctx, here, network.CreateInterfaceInput{Subnet: m.a}))
	})
	step(&m.service, func() (string, error) {
		arn := "arn:aws:postern:us-east-1:000000000000:target/1/network-interface/" + m.nic + "/1"
		return idOf(l.CreateEndpointService(l.ctx, here, network.CreateEndpointServiceInput{Targets: []string{arn}}))
	})
	for _, do := range steps {
		if err := do(); err != nil {
			return err
		}
	}
	return nil
}

func (m *small) delete(l *harness) error {
	for _, do := range []func() error{
		func() error { return failure(l.DeleteVpcEndpoints(l.ctx, here, []string{m.endpoint})) },
		func() error { return failure(l.DeleteEndpointServices(l.ctx, here, []string{m.service})) },
		func() error { return l.DeleteInterface(l.ctx, here, m.nic) },
		func() error { return l.DeleteSubnet(l.ctx, here, m.a) },
		func() error { return l.DeleteSubnet(l.ctx, here, m.b) },
		func() error { return l.DeleteSecurityGroup(l.ctx, here, m.group) },
		func() error { return l.DeleteVpc(l.ctx, here, m.vpc) },
	} {
		if err := do(); err != nil {
			return err
		}
	}
	return nil
}

// idOf is the id of what was made.
func idOf[T any](made *T, err error) (string, error) {
	if err != nil {
		return "", err
	}
	return reflect.ValueOf(made).Elem().FieldByName("ID").String(), nil
}

// TestManyNetworks makes VPCs with subnets, endpoints, an endpoint service and what goes with them, and deletes them:
// nothing is left in the store or before the judge, and the memory comes back.
func TestManyNetworks(t *testing.T) {
	l := newHarness(t, network.Limits{})
	empty := l.store.Len()
	before := heap()
	for range rounds {
		all := make([]small, networks)
		each := func(what string, do func(*small) error) {
			t.Helper()
			var running sync.WaitGroup
			for i := range all {
				running.Go(func() {
					if err := do(&all[i]); err != nil {
						t.Errorf("%s: %v", what, err)
					}
				})
			}
			running.Wait()
		}
		each("make", func(m *small) error { return m.make(l) })
		if got := len(l.Snapshot().Network().VPCs); got != networks+1 {
			t.Errorf("%d VPCs", got)
		}
		each("delete", func(m *small) error { return m.delete(l) })
		if got := l.store.Len(); got != empty {
			t.Errorf("%d records are in the store, %d were before", got, empty)
		}
	}
	if n := l.Snapshot().Network(); len(n.VPCs) != 1 || len(n.Subnets) != 2 || len(n.Interfaces) != 0 ||
		len(n.Endpoints) != 0 || len(n.EndpointServices) != 0 || len(n.SecurityGroups) != 2 {
		t.Errorf("the judge still sees %d VPCs, %d subnets, %d interfaces, %d endpoints, %d services, %d groups",
			len(n.VPCs), len(n.Subnets), len(n.Interfaces), len(n.Endpoints), len(n.EndpointServices), len(n.SecurityGroups))
	}
	if after := heap(); after > before+4<<20 {
		t.Errorf("%d KiB of memory were in use before, %d KiB after", before>>10, after>>10)
	}
}

// heap is the memory in use after what is garbage is gone.
func heap() uint64 {
	runtime.GC()
	runtime.GC() // what finalizers and pools held
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
