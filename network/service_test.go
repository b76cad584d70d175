package network_test

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"postern/aws/fault"
	"postern/network"
	"postern/network/vpc"
)

// TestStory is the private path from nothing to a flow that passes, and back by a rule that is revoked.
func TestStory(t *testing.T) {
	l := newHarness(t, network.Limits{})
	l.hostnames()
	endpoints := l.group("endpoints")
	e := l.endpoint("ssm", endpoints.ID)
	if e.State != network.Pending {
		t.Errorf("a new endpoint is %s", e.State)
	}
	node := l.node("i-1")
	e = must(l.State().VpcEndpoint(here, e.ID))(t)
	if e.State != network.Available {
		t.Errorf("after its creation the endpoint is %s", e.State)
	}
	nic := must(l.State().Interface(here, e.Interfaces[0]))(t)
	flow := https(node, nic.Addresses[0])
	want := func(allow bool, step vpc.Step) {
		t.Helper()
		if v := l.Snapshot().Decide(flow); v.Allow != allow || v.Step != step {
			t.Errorf("%v: allow %v at %v (%s), want %v at %v", flow, v.Allow, v.Step, v.Resource, allow, step)
		}
	}
	want(false, vpc.StepIngress)
	rule := network.SecurityGroupRule{Protocol: vpc.TCP, Ports: vpc.PortRange{From: 443, To: 443}, Group: l.nodes}
	made := must(l.Authorize(l.ctx, here, endpoints.ID, false, []network.SecurityGroupRule{rule}, nil))(t)
	want(true, vpc.StepIngress)
	answer := l.Snapshot().Resolve(l.vpc, "ssm.us-east-1.amazonaws.com.", 1)
	if len(answer.Addresses) != 2 {
		t.Errorf("the private name resolves to %v", answer)
	}
	revocation := network.Revocation{Rules: []network.SecurityGroupRule{rule}}
	gone := must(l.Revoke(l.ctx, here, endpoints.ID, false, revocation))(t)
	if diff := cmp.Diff(made, gone, cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
		t.Errorf("revoked (-made +gone):\n%s", diff)
	}
	want(false, vpc.StepIngress)
	must(l.Authorize(l.ctx, here, endpoints.ID, false, []network.SecurityGroupRule{rule}, nil))(t)
	want(true, vpc.StepIngress)
	if failed := must(l.DeleteVpcEndpoints(l.ctx, here, []string{e.ID}))(t); len(failed) > 0 {
		t.Errorf("delete endpoint: %v", failed)
	}
	want(false, vpc.StepTarget)
}

// TestReopen checks that what was done is what is read again.
func TestReopen(t *testing.T) {
	l := newHarness(t, network.Limits{})
	l.hostnames()
	l.endpoint("ssm")
	l.node("i-1")
	before := l.Snapshot().Network()
	again := l.open(network.Limits{})
	if diff := cmp.Diff(before, again.Snapshot().Network(), cmpopts.EquateComparable(netip.Prefix{}, netip.Addr{}),
		cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("network (-before +again):\n%s", diff)
	}
	subnet := must(again.State().Subnet(here, l.a))(t)
	if got := again.State().AvailableAddresses(subnet); got != 256-5-2 {
		t.Errorf("%d addresses are free", got)
	}
}

// TestPendingEndsAfterCrash stops between the two commits of an endpoint's creation.
func TestPendingEndsAfterCrash(t *testing.T) {
	l := newHarness(t, network.Limits{})
	e := l.endpointState(t, func() { l.store.FailAfter(1, fault.New(fault.Unavailable, "store", "the disk is full")) })
	if e.State != network.Pending {
		t.Fatalf("the endpoint is %s", e.State)
	}
	l.store.Fail(nil)
	again := l.open(network.Limits{})
	for e := range again.State().VpcEndpoints(here) {
		if e.State != network.Available {
			t.Errorf("after the restart the endpoint is %s", e.State)
		}
	}
}

func (l *harness) endpointState(t *testing.T, before func()) *network.VpcEndpoint {
	t.Helper()
	l.hostnames()
	before()
	_, err := l.CreateVpcEndpoint(l.ctx, here, network.CreateVpcEndpointInput{
		VPC: l.vpc, Service: "com.amazonaws.us-east-1.ssm", Subnets: []network.EndpointSubnet{{ID: l.a}},
	})
	if !fault.Is(err, fault.Unavailable) {
		t.Errorf("create endpoint: %v", err)
	}
	for e := range l.State().VpcEndpoints(here) {
		return e
	}
	t.Fatal("no endpoint")
	return nil
}

// TestFullDisk: a change that the store does not take is not to be seen, and the service goes on.
func TestFullDisk(t *testing.T) {
	l := newHarness(t, network.Limits{})
	full := fault.New(fault.Unavailable, "store", "the disk is full")
	l.store.Fail(full)
	version := l.Snapshot().Version()
	if _, err := l.CreateVpc(l.ctx, here, network.CreateVpcInput{
		CIDR: netip.MustParsePrefix("10.1.0.0/16"),
	}); !errors.Is(err, full) {
		t.Errorf("create: %v, want %v", err, full)
	}
	if n := len(collect(l.State().VPCs(here))); n != 1 || l.Snapshot().Version() != version {
		t.Errorf("%d VPCs at version %d after the failure, want 1 at %d", n, l.Snapshot().Version(), version)
	}
	l.store.Fail(nil)
	must(l.CreateVpc(l.ctx, here, network.CreateVpcInput{CIDR: netip.MustParsePrefix("10.1.0.0/16")}))(t)
}

// TestConcurrent has many writers, on two servers with one store, change one group and one subnet: nothing is lost and
// no address is given twice.
func TestConcurrent(t *testing.T) {
	l := newHarness(t, network.Limits{})
	other := l.open(network.Limits{})
	const writers, each = 8, 10
	var all sync.WaitGroup
	for w := range writers {
		s := []*network.Service{l.Service, other}[w%2]
		all.Go(func() {
			for i := range each {
				rule := network.SecurityGroupRule{Protocol: vpc.TCP, Ports: vpc.PortRange{From: int32(w), To: int32(i + 100)},
					CIDR: netip.MustParsePrefix("10.0.0.0/8")}
				if _, err := s.Authorize(l.ctx, here, l.nodes, false, []network.SecurityGroupRule{rule}, nil); err != nil {
					t.Errorf("authorize %d %d: %v", w, i, err)
				}
				in := network.CreateInterfaceInput{Subnet: l.a, Owner: fmt.Sprintf("i-%d-%d", w, i)}
				if _, err := s.CreateInterface(l.ctx, here, in); err != nil {
					t.Errorf("interface %d %d: %v", w, i, err)
				}
			}
		})
	}
	all.Wait()
	if err := l.Refresh(l.ctx); err != nil {
		t.Fatal(err)
	}
	group := must(l.State().SecurityGroup(here, l.nodes))(t)
	if got := len(group.Rules); got != writers*each+1 {
		t.Errorf("%d rules, want %d", got, writers*each+1)
	}
	seen := map[netip.Addr]bool{}
	for n := range l.State().Interfaces(here) {
		seen[n.Addresses[0]] = true
	}
	if len(seen) != writers*each {
		t.Errorf("%d different addresses, want %d", len(seen), writers*each)
	}
}

// TestToken: the same request with the same client token makes one thing, also after a restart.
func TestToken(t *testing.T) {
	l := newHarness(t, network.Limits{})
	in := network.CreateInterfaceInput{Subnet: l.a, Token: "t-1"}
	first := must(l.CreateInterface(l.ctx, here, in))(t)
	again := must(l.open(network.Limits{}).CreateInterface(l.ctx, here, in))(t)
	if first.ID != again.ID {
		t.Errorf("made %s and %s", first.ID, again.ID)
	}
	if err := l.Refresh(l.ctx); err != nil {
		t.Fatal(err)
	}
	other := in
	other.Subnet = l.b
	_, err := l.CreateInterface(l.ctx, here, other)
	wantCode(t, "another request with the token", err, "IdempotentParameterMismatch")
	l.clock = l.clock.Add(25 * time.Hour)
	if later := must(l.CreateInterface(l.ctx, here, other))(t); later.ID == first.ID {
		t.Error("the token is remembered for more than a day")
	}
}

func TestSubscribe(t *testing.T) {
	l := newHarness(t, network.Limits{})
	var versions []uint64
	cancel := l.Subscribe(func(s *vpc.Snapshot) { versions = append(versions, s.Version()) })
	l.node("i-1")
	if err := l.CreateTags(l.ctx, here, []string{l.vpc}, []network.Tag{{Key: "Name", Value: "x"}}); err != nil {
		t.Fatal(err)
	}
	cancel()
	l.node("i-2")
	if len(versions) != 2 || versions[1] <= versions[0] {
		t.Errorf("saw versions %v, want the one in force and one more (tags make none)", versions)
	}
}
