package network_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/network"
	"postern/network/vpc"
)

var stranger = scope.Scope{Account: "111111111111", Region: here.Region}

// target names an interface as a service's target.
func target(n *network.Interface, ports string) string {
	return "arn:aws:postern:us-east-1:000000000000:target/" + ports[:4] + "/network-interface/" + n.ID + "/" + ports[5:]
}

func (l *harness) service(targets ...string) *network.VpcEndpointService {
	l.t.Helper()
	return must(l.CreateEndpointService(l.ctx, here, network.CreateEndpointServiceInput{Targets: targets}))(l.t)
}

// consumer is a VPC of another account with a subnet in each of two zones, and a machine.
func (l *harness) consumer() (vpcID string, subnets []string, node *network.Interface) {
	l.t.Helper()
	vpcID = must(l.CreateVpc(l.ctx, stranger, network.CreateVpcInput{CIDR: cidr("10.0.0.0/16")}))(l.t).ID
	for _, c := range []struct{ cidr, zone string }{{"10.0.1.0/24", "us-east-1a"}, {"10.0.3.0/24", "us-east-1c"}} {
		subnets = append(subnets,
			must(l.CreateSubnet(l.ctx, stranger, network.CreateSubnetInput{
				VPC: vpcID, CIDR: cidr(c.cidr), Zone: c.zone,
			}))(l.t).ID)
	}
	return vpcID, subnets, must(l.CreateInterface(l.ctx, stranger, network.CreateInterfaceInput{
		Subnet: subnets[0], Owner: "i-far",
	}))(l.t)
}

func failure(ids map[string]error, err error) error {
	for _, e := range ids {
		err = errors.Join(err, e)
	}
	return err
}

// connecting is a service whose connections must be accepted, and a consumer of another account that asks for one: made
// is the endpoint that it got.
type connecting struct {
	*harness
	node    *network.Interface
	v       *network.VpcEndpointService
	vpcID   string
	subnets []string
	far     *network.Interface
	made    *network.VpcEndpoint
}

const consumerRole = "arn:aws:iam::111111111111:role/r"

func newConnecting(t *testing.T) *connecting {
	t.Helper()
	l := &connecting{harness: newHarness(t, network.Limits{})}
	l.node = l.harness.node("i-1")
	l.v = l.service(target(l.node, "5432/8080"))
	yes := true
	change := network.EndpointServiceChange{AcceptanceRequired: &yes}
	if err := l.ModifyEndpointService(l.ctx, here, l.v.ID, change); err != nil {
		t.Fatal(err)
	}
	l.vpcID, l.subnets, l.far = l.consumer()
	return l
}

func (l *connecting) ask(subnet string, change func(*network.CreateVpcEndpointInput)) func() error {
	return func() (err error) {
		in := network.CreateVpcEndpointInput{
			VPC: l.vpcID, Service: l.v.Name(), Subnets: []network.EndpointSubnet{{ID: subnet}}, Principals: []string{
				"arn:aws:iam::111111111111:user/u", consumerRole,
			},
		}
		if change != nil {
			change(&in)
		}
		l.made, err = l.CreateVpcEndpoint(l.ctx, stranger, in)
		return err
	}
}

func (l *connecting) allow(add, remove string) func() error {
	return func() error {
		return second(l.ModifyServicePrincipals(l.ctx, here, l.v.ID, slices.DeleteFunc([]string{add}, empty),
			slices.DeleteFunc([]string{remove}, empty)))
	}
}

func (l *connecting) answer(
	how func(context.Context, scope.Scope, string, []string) (map[string]error, error), c scope.Scope,
) func() error {
	return func() error { return failure(how(l.ctx, c, l.v.ID, []string{l.made.ID})) }
}

func (l *connecting) judged(reason vpc.Reason) func() error {
	return func() error {
		nic := must(l.State().Interface(stranger, l.made.Interfaces[0]))(l.t).Addresses[0]
		f := https(l.far, nic)
		f.Destination = netip.AddrPortFrom(nic, 5432)
		if got := l.Snapshot().Decide(f); got.Reason != reason {
			l.t.Errorf("decided %+v, want %v", got, reason)
		}
		return nil
	}
}

func TestWhoMayConnect(t *testing.T) {
	l := newConnecting(t)
	v, subnets, yes := l.v, l.subnets, true
	check(t, []row{
		{"nobody may", l.ask(l.subnets[0], nil), "InvalidServiceName"},
		{"somebody else may", l.allow("arn:aws:iam::222222222222:root", ""), ""},
		{"still not", l.ask(l.subnets[0], nil), "InvalidServiceName"},
		{"the role may", l.allow(consumerRole, ""), ""},
		{"a zone without target", l.ask(subnets[1], nil), "InvalidParameter"},
		{
			"a policy", l.ask(subnets[0], func(in *network.CreateVpcEndpointInput) { in.Policy = network.FullAccess }),
			"InvalidParameter",
		},
		{
			"private DNS too early", l.ask(subnets[0], func(in *network.CreateVpcEndpointInput) { in.PrivateDNS = &yes }),
			"InvalidParameter",
		},
		{
			"a gateway endpoint", l.ask(subnets[0], func(in *network.CreateVpcEndpointInput) { in.Kind = vpc.GatewayEndpoint }),
			"InvalidParameter",
		},
		{"in another region", func() error {
			return second(l.CreateVpcEndpoint(l.ctx, here, network.CreateVpcEndpointInput{
				VPC: l.vpc, Service: "com.amazonaws.vpce.eu-west-1." + v.ID,
			}))
		}, "InvalidServiceName"},
	})
}

// TestServiceConnections follows an endpoint of another account: who may, who accepts, which zones, and what the judge
// makes of each state.
func TestServiceConnections(t *testing.T) {
	l := newConnecting(t)
	v := l.v
	check(t, []row{
		{"the role may", l.allow(consumerRole, ""), ""},
		{"the role", l.ask(l.subnets[0], nil), ""},
		{"it waits", l.judged(vpc.ReasonEndpointUnavailable), ""},
		{"the consumer accepts", l.answer(l.AcceptConnections, stranger), "InvalidVpcEndpointServiceId.NotFound"},
		{"accept", l.answer(l.AcceptConnections, here), ""},
		{"it is in", l.judged(vpc.ReasonNone), ""},
		{"accept again", l.answer(l.AcceptConnections, here), "InvalidState"},
		{"remove what it is connected to", func() error {
			return l.ModifyEndpointService(l.ctx, here, v.ID, network.EndpointServiceChange{
				RemoveTargets: v.TargetARNs(), AddTargets: []string{target(l.node, "5433/8080")},
			})
		}, "ExistingVpcEndpointConnections"},
		{
			"delete what it is connected to",
			func() error { return failure(l.DeleteEndpointServices(l.ctx, here, []string{v.ID})) },
			"ExistingVpcEndpointConnections",
		},
		{"the role no longer may", l.allow("", consumerRole), ""},
		{"what is there stays", l.judged(vpc.ReasonNone), ""},
		{"reject", l.answer(l.RejectConnections, here), ""},
		{"it is out", l.judged(vpc.ReasonEndpointUnavailable), ""},
		{"reject again", l.answer(l.RejectConnections, here), "InvalidState"},
		{"accept after all", l.answer(l.AcceptConnections, here), ""},
		{"it is in again", l.judged(vpc.ReasonNone), ""},
		{"reject once more", l.answer(l.RejectConnections, here), ""},
		{"delete the service", func() error { return failure(l.DeleteEndpointServices(l.ctx, here, []string{v.ID})) }, ""},
		{
			"delete the endpoint",
			func() error { return failure(l.DeleteVpcEndpoints(l.ctx, stranger, []string{l.made.ID})) }, "",
		},
	})
}

func empty(s string) bool { return s == "" }

// TestServiceName verifies a private name by its TXT record, and sees what the consumer's resolver makes of it.
func TestServiceName(t *testing.T) {
	l := newHarness(t, network.Limits{})
	texts := map[string][]string{}
	l.Service = must(network.New(l.ctx, network.Config{Store: l.store, LookupTXT: func(_ context.Context,
		name string) ([]string, error) {
		if found := texts[name]; found != nil {
			return found, nil
		}
		return nil, errors.New("no such name")
	}}))(t)
	l.hostnames()
	name := "db.internal.example.com"
	v := must(l.CreateEndpointService(l.ctx, here, network.CreateEndpointServiceInput{
		Targets: []string{target(l.node("i-1"), "5432/5432")}, PrivateName: name,
	}))(t)
	endpoint := func(private *bool) (*network.VpcEndpoint, error) {
		return l.CreateVpcEndpoint(l.ctx, here, network.CreateVpcEndpointInput{
			VPC: l.vpc, Service: v.Name(), Subnets: []network.EndpointSubnet{{ID: l.a}}, PrivateDNS: private,
		})
	}
	state := func(want string) {
		t.Helper()
		if err := l.VerifyServiceName(l.ctx, here, v.ID); err != nil {
			t.Fatal(err)
		}
		if got := must(l.State().VpcEndpointService(here, v.ID))(t).PrivateDNS.State; got != want {
			t.Errorf("the name is %s, want %s", got, want)
		}
	}
	resolves := func(want bool) {
		t.Helper()
		if got := l.Snapshot().Resolve(l.vpc, name, vpc.TypeA).Status == vpc.NameFound; got != want {
			t.Errorf("%s resolves: %v, want %v", name, got, want)
		}
	}
	yes := true
	wantCode(t, "private DNS before it is verified", second(endpoint(&yes)), "InvalidParameter")
	state(network.NameFailed)
	texts["example.com"] = []string{"something else", v.PrivateDNS.Value + "x"}
	state(network.NameFailed)
	texts[v.PrivateDNS.Record+".example.com"] = []string{v.PrivateDNS.Value}
	state(network.NameVerified)
	resolves(false)
	e := must(endpoint(nil))(t)
	if !e.PrivateDNS {
		t.Error("an endpoint to a service with a private name does not have it")
	}
	resolves(true)
	entries := l.State().DNSEntries(must(l.State().VpcEndpoint(here, e.ID))(t), []string{"us-east-1a"})
	base := v.ID + ".us-east-1.vpce.amazonaws.com"
	var names []string
	for _, d := range entries {
		names = append(names, d.Name)
	}
	want := []string{e.ID + "-" + e.Suffix + "." + base, e.ID + "-" + e.Suffix + "-us-east-1a." + base, name}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("names, -want +got:\n%s", diff)
	}
	clear(texts)
	state(network.NameFailed)
	resolves(false)
	other := "*.example.net"
	if err := l.ModifyEndpointService(l.ctx, here, v.ID, network.EndpointServiceChange{PrivateName: &other}); err != nil {
		t.Fatal(err)
	}
	if d := must(l.State().VpcEndpointService(here, v.ID))(t).PrivateDNS; d.State != network.NamePending ||
		d.Value == v.PrivateDNS.Value {
		t.Errorf("a new name is %+v", d)
	}
}

// TestNobodyVerifies: a server that asks no name server verifies nothing.
func TestNobodyVerifies(t *testing.T) {
	l := newHarness(t, network.Limits{})
	v := must(l.CreateEndpointService(l.ctx, here, network.CreateEndpointServiceInput{
		Targets: []string{target(l.node("i-1"), "5432/5432")}, PrivateName: "db.example.com",
	}))(t)
	wantCode(t, "verify", l.VerifyServiceName(l.ctx, here, v.ID), "UnsupportedOperation")
}

// TestServiceTargets sees one own side a subnet, zones, the way to the host, and idempotency.
func TestServiceTargets(t *testing.T) {
	l := newHarness(t, network.Limits{})
	allowed := netip.MustParseAddrPort("127.0.0.1:8080")
	l.Service = must(network.New(l.ctx, network.Config{
		Store: l.store, HostTargets: func(a netip.AddrPort) bool { return a == allowed },
	}))(t)
	one, two := l.node("i-1"), l.node("i-2")
	far := must(l.CreateInterface(l.ctx, here, network.CreateInterfaceInput{
		Subnet: l.b, Owner: "i-3", Groups: []string{l.nodes},
	}))(t)
	in := network.CreateEndpointServiceInput{
		Targets: []string{target(one, "5432/5432"), target(two, "5432/5432") + "/proxy-protocol-v2"}, Token: "once",
	}
	v := must(l.CreateEndpointService(l.ctx, here, in))(t)
	if again := must(l.CreateEndpointService(l.ctx, here, in))(t); again.ID != v.ID {
		t.Errorf("the same request made %s and %s", v.ID, again.ID)
	}
	in.AcceptanceRequired = true
	wantCode(t, "the same token", second(l.CreateEndpointService(l.ctx, here, in)), "IdempotentParameterMismatch")
	if v.Targets[0].From != v.Targets[1].From || !v.Targets[1].ProxyProtocol {
		t.Errorf("two targets of a subnet: %+v", v.Targets)
	}
	if diff := cmp.Diff(in.Targets, v.TargetARNs()); diff != "" {
		t.Errorf("targets, -want +got:\n%s", diff)
	}
	zones := func(want ...string) {
		t.Helper()
		if got := l.State().ServiceZones(must(l.State().VpcEndpointService(here, v.ID))(t)); !slices.Equal(got, want) {
			t.Errorf("zones %v, want %v", got, want)
		}
	}
	modify := func(change network.EndpointServiceChange) {
		t.Helper()
		if err := l.ModifyEndpointService(l.ctx, here, v.ID, change); err != nil {
			t.Fatal(err)
		}
	}
	zones("us-east-1a")
	modify(network.EndpointServiceChange{AddTargets: []string{target(far, "5432/5432")}})
	zones("us-east-1a", "us-east-1b")
	modify(network.EndpointServiceChange{RemoveTargets: in.Targets})
	zones("us-east-1b")
	if _, err := l.State().Interface(here, v.Targets[0].From); !fault.Is(err, fault.NotFound) {
		t.Errorf("the own side of a subnet without target: %v", err)
	}
	modify(network.EndpointServiceChange{
		AddTargets: []string{"arn:aws:postern:us-east-1:000000000000:target/443/host/127.0.0.1/8080"},
	})
	zones("us-east-1a", "us-east-1b", "us-east-1c", "us-east-1d", "us-east-1e", "us-east-1f")
	wantCode(t, "subnet of a service", l.DeleteSubnet(l.ctx, here, l.b), "DependencyViolation")
}

func TestConnectionNotifications(t *testing.T) {
	l := newHarness(t, network.Limits{Notifications: 1})
	v := l.service(target(l.node("i-1"), "5432/5432"))
	const topic = "arn:aws:sns:us-east-1:000000000000:t"
	create := func(in network.CreateNotificationInput) func() error {
		return func() error { return second(l.CreateConnectionNotification(l.ctx, here, in)) }
	}
	all := []string{"Reject", "Accept"}
	check(t, []row{
		{"of nothing", create(network.CreateNotificationInput{Topic: topic, Events: all}), "MissingParameter"},
		{
			"of two", create(network.CreateNotificationInput{Service: v.ID, Endpoint: "vpce-1", Topic: topic, Events: all}),
			"InvalidParameterCombination",
		},
		{
			"of no service", create(network.CreateNotificationInput{Service: "vpce-svc" + noSuch, Topic: topic, Events: all}),
			"InvalidVpcEndpointServiceId.NotFound",
		},
		{
			"of no endpoint", create(network.CreateNotificationInput{Endpoint: "vpce" + noSuch, Topic: topic, Events: all}),
			"InvalidVpcEndpointId.NotFound",
		},
		{"no topic", create(network.CreateNotificationInput{Service: v.ID, Topic: "t", Events: all}), "InvalidParameter"},
		{
			"a queue",
			create(network.CreateNotificationInput{Service: v.ID, Topic: "arn:aws:sqs:us-east-1:000000000000:t", Events: all}),
			"InvalidParameter",
		},
		{"no event", create(network.CreateNotificationInput{Service: v.ID, Topic: topic}), "MissingParameter"},
		{
			"an event that is none",
			create(network.CreateNotificationInput{Service: v.ID, Topic: topic, Events: []string{"accept"}}), "InvalidParameter",
		},
		{"good", create(network.CreateNotificationInput{Service: v.ID, Topic: topic, Events: all, Token: "x"}), ""},
		{"the same again", create(network.CreateNotificationInput{Service: v.ID, Topic: topic, Events: all, Token: "x"}), ""},
		{
			"one too many", create(network.CreateNotificationInput{Service: v.ID, Topic: topic, Events: all}),
			"ConnectionNotificationLimitExceeded",
		},
	})
	n := collect(l.State().ConnectionNotifications(here))[0]
	if !slices.Equal(n.Events, []string{"Accept", "Reject"}) {
		t.Errorf("events %v", n.Events)
	}
	check(t, []row{
		{
			"modify nothing", func() error { return l.ModifyConnectionNotification(l.ctx, here, "vpce-nfn"+noSuch, topic, nil) },
			"InvalidConnectionNotification",
		},
		{
			"modify to no topic", func() error { return l.ModifyConnectionNotification(l.ctx, here, n.ID, "t", nil) },
			"InvalidParameter",
		},
		{"modify", func() error { return l.ModifyConnectionNotification(l.ctx, here, n.ID, "", []string{"Delete"}) }, ""},
		{
			"delete another's",
			func() error { return failure(l.DeleteConnectionNotifications(l.ctx, stranger, []string{n.ID})) },
			"InvalidConnectionNotification",
		},
		{"delete the service", func() error { return failure(l.DeleteEndpointServices(l.ctx, here, []string{v.ID})) }, ""},
		{
			"gone with it", func() error { return failure(l.DeleteConnectionNotifications(l.ctx, here, []string{n.ID})) },
			"InvalidConnectionNotification",
		},
	})
}
