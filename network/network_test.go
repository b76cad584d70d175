package network_test

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/network"
	"postern/network/vpc"
	"postern/record"
)

var here = scope.Scope{Account: "000000000000", Region: "us-east-1"}

// harness is a service on a store in memory with a VPC of two subnets.
type harness struct {
	*network.Service
	t     *testing.T
	ctx   context.Context
	store *record.Memory
	clock time.Time

	vpc, a, b, nodes string
}

func newHarness(t *testing.T, limits network.Limits) *harness {
	t.Helper()
	l := &harness{t: t, ctx: t.Context(), store: new(record.Memory), clock: time.Unix(1_800_000_000, 0)}
	l.Service = l.open(limits)
	v := must(l.CreateVpc(l.ctx, here, network.CreateVpcInput{CIDR: netip.MustParsePrefix("10.0.0.0/16")}))(t)
	l.vpc = v.ID
	l.a = l.subnet("10.0.1.0/24", "us-east-1a").ID
	l.b = l.subnet("10.0.2.0/24", "us-east-1b").ID
	l.nodes = l.group("nodes").ID
	return l
}

// first has addresses given out from a subnet's first one on, so that a test can name others.
func first(int) int { return 0 }

func (l *harness) open(limits network.Limits) *network.Service {
	l.t.Helper()
	return must(network.New(l.ctx, network.Config{
		Store: l.store, Limits: limits, Draw: first, Now: func() time.Time { return l.clock },
	}))(l.t)
}

func (l *harness) subnet(cidr, zone string) *network.Subnet {
	l.t.Helper()
	return must(l.CreateSubnet(l.ctx, here, network.CreateSubnetInput{
		VPC: l.vpc, CIDR: netip.MustParsePrefix(cidr), Zone: zone,
	}))(l.t)
}

func (l *harness) group(name string) *network.SecurityGroup {
	l.t.Helper()
	return must(l.CreateSecurityGroup(l.ctx, here, network.CreateSecurityGroupInput{
		VPC: l.vpc, Name: name, Description: name,
	}))(l.t)
}

func (l *harness) node(owner string) *network.Interface {
	l.t.Helper()
	return must(l.CreateInterface(l.ctx, here, network.CreateInterfaceInput{
		Subnet: l.a, Owner: owner, Groups: []string{l.nodes}, DeleteOnTermination: true,
	}))(l.t)
}

// hostnames turns both DNS attributes on.
func (l *harness) hostnames() {
	l.t.Helper()
	if err := l.ModifyVpcAttribute(l.ctx, here, l.vpc, network.EnableDNSHostnames, true); err != nil {
		l.t.Fatal(err)
	}
}

func (l *harness) endpoint(short string, groups ...string) *network.VpcEndpoint {
	l.t.Helper()
	return must(l.CreateVpcEndpoint(l.ctx, here, network.CreateVpcEndpointInput{
		VPC: l.vpc, Service: "com.amazonaws.us-east-1." + short, Groups: groups,
		Subnets: []network.EndpointSubnet{{ID: l.a}, {ID: l.b}},
	}))(l.t)
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func wantCode(t *testing.T, what string, err error, code string) {
	t.Helper()
	got := ""
	if f := fault.Of(err); f != nil {
		got = f.Code
		if got == "" {
			got = f.Error()
		}
	}
	if got != code {
		t.Errorf("%s: error %q (%v), want %q", what, got, err, code)
	}
}

func https(from *network.Interface, to netip.Addr) vpc.Flow {
	return vpc.Flow{
		From: from.ID, Protocol: vpc.TCP,
		Source: netip.AddrPortFrom(from.Addresses[0], 40000), Destination: netip.AddrPortFrom(to, 443),
	}
}

func collect[T any](seq func(func(T) bool)) []T {
	var out []T
	for v := range seq {
		out = append(out, v)
	}
	return out
}
