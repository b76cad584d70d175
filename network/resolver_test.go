package network_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/aws/scope"
	"postern/network"
	"postern/network/vpc"
)

// resolverEndpoint makes a Resolver endpoint in both subnets.
func (l *harness) resolverEndpoint(request string, way vpc.ResolverDirection) *network.ResolverEndpoint {
	l.t.Helper()
	return must(l.CreateResolverEndpoint(l.ctx, here, network.CreateResolverEndpointInput{
		Direction: way, Groups: []string{l.nodes}, Addresses: []network.ResolverSubnet{
			{ID: l.a}, {ID: l.b, Address: netip.MustParseAddr("10.0.2.53")},
		},
		CreatorRequest: request,
	}))(l.t)
}

func (l *harness) forward(domain, endpoint string) network.CreateResolverRuleInput {
	return network.CreateResolverRuleInput{
		Domain: domain, Forward: true, Endpoint: endpoint, Targets: []netip.AddrPort{
			netip.MustParseAddrPort("192.0.2.53:53"),
		},
		CreatorRequest: "rule " + domain + " " + endpoint,
	}
}

func TestResolverEndpoint(t *testing.T) {
	l := newHarness(t, network.Limits{})
	made := l.resolverEndpoint("one", vpc.Inbound)
	if made.State != network.ResolverCreating || !strings.HasPrefix(made.ID, "rslvr-in-0") || made.VPC != l.vpc ||
		len(made.Addresses) != 2 {
		t.Fatalf("%+v", made)
	}
	e := must(l.State().ResolverEndpoint(here, made.ID))(t)
	if e.State != network.ResolverOperational {
		t.Errorf("it is %s", e.State)
	}
	for _, a := range e.Addresses {
		n := must(l.State().Interface(here, a.Interface))(t)
		if n.Kind != vpc.ResolverInterface || n.Owner() != e.ID || n.Addresses[0] != a.Address || n.Subnet != a.Subnet ||
			n.Description != "Route 53 Resolver: "+e.ID+":"+a.ID || !slices.Equal(n.Groups, e.Groups) {
			t.Errorf("%+v", n)
		}
		wantCode(t, "delete its interface", l.DeleteInterface(l.ctx, here, n.ID), "OperationNotPermitted")
	}
	if e.Addresses[1].Address.String() != "10.0.2.53" {
		t.Errorf("%v", e.Addresses)
	}
	asked := vpc.Flow{From: l.node("i-1").ID, Protocol: vpc.UDP, Destination: netip.MustParseAddrPort("10.0.2.53:53")}
	asked.Source = netip.AddrPortFrom(l.State().InterfacesOf("i-1")[0].Addresses[0], 4000)
	if v := l.Snapshot().Decide(asked); v.Reason != vpc.ReasonNoRule || v.Resource != l.nodes {
		t.Errorf("%+v", v)
	}
	if again := l.resolverEndpoint("one", vpc.Inbound); again.ID != e.ID {
		t.Errorf("the same request made %s", again.ID)
	}
	_, err := l.CreateResolverEndpoint(l.ctx, here, network.CreateResolverEndpointInput{
		Name: "other", CreatorRequest: "one",
	})
	wantCode(t, "another request of that id", err, "ResourceExistsException")

	l.clock = l.clock.Add(time.Minute)
	more := must(l.AddResolverAddress(l.ctx, here, e.ID, network.ResolverSubnet{ID: l.b}))(t)
	if len(more.Addresses) != 3 || !more.Modified.After(more.Created) || len(l.State().InterfacesOf(e.ID)) != 3 {
		t.Errorf("%+v", more)
	}
	_, err = l.AddResolverAddress(l.ctx, here, e.ID, network.ResolverSubnet{
		ID: l.b, Address: netip.MustParseAddr("10.0.2.53"),
	})
	wantCode(t, "an address that is taken", err, "ResourceExistsException")
	must(l.RemoveResolverAddress(l.ctx, here, e.ID, network.ResolverAddressName{ID: more.Addresses[0].ID}))(t)
	_, err = l.RemoveResolverAddress(l.ctx, here, e.ID, network.ResolverAddressName{
		ResolverSubnet: network.ResolverSubnet{ID: l.b, Address: netip.MustParseAddr("10.0.2.53")},
	})
	wantCode(t, "the last but one", err, "InvalidRequestException")
	_, err = l.RemoveResolverAddress(l.ctx, here, e.ID, network.ResolverAddressName{ID: "rni-1"})
	wantCode(t, "no such address", err, "ResourceNotFoundException")
	if got := must(l.RenameResolverEndpoint(l.ctx, here, e.ID, "dns"))(t); got.Name != "dns" {
		t.Errorf("%+v", got)
	}
	if got := must(l.open(network.Limits{}).State().ResolverEndpoint(here, e.ID))(t); got.Name != "dns" ||
		len(got.Addresses) != 2 || got.Direction != vpc.Inbound {
		t.Errorf("after a restart: %+v", got)
	}
	wantCode(t, "delete its group", l.DeleteSecurityGroup(l.ctx, here, l.nodes), "DependencyViolation")
	must(l.DeleteResolverEndpoint(l.ctx, here, e.ID))(t)
	if got := l.State().InterfacesOf(e.ID); len(got) > 0 {
		t.Errorf("%d interfaces are left", len(got))
	}
	_, err = l.DeleteResolverEndpoint(l.ctx, here, e.ID)
	wantCode(t, "delete again", err, "ResourceNotFoundException")
}

// A badResolver is a change of a good request for a Resolver endpoint, and the code of its refusal.
type badResolver struct {
	name   string
	change func(*network.CreateResolverEndpointInput)
	code   string
}

var badResolvers = []badResolver{
	{
		"one address", func(in *network.CreateResolverEndpointInput) { in.Addresses = in.Addresses[:1] },
		"InvalidRequestException",
	},
	{"no group", func(in *network.CreateResolverEndpointInput) { in.Groups = nil }, "InvalidParameterException"},
	{
		"eleven groups", func(in *network.CreateResolverEndpointInput) { in.Groups = make([]string, 11) },
		"InvalidParameterException",
	},
	{
		"unknown group", func(in *network.CreateResolverEndpointInput) { in.Groups = []string{"sg-00000000000000000"} },
		"ResourceNotFoundException",
	},
	{
		"malformed group", func(in *network.CreateResolverEndpointInput) { in.Groups = []string{"group"} },
		"InvalidParameterException",
	},
	{
		"unknown subnet", func(in *network.CreateResolverEndpointInput) { in.Addresses[1].ID = "subnet-00000000000000000" },
		"InvalidParameterException",
	},
	{"an address outside its subnet", func(in *network.CreateResolverEndpointInput) {
		in.Addresses[0].Address = netip.MustParseAddr("10.0.2.9")
	}, "InvalidRequestException"},
	{"a reserved address", func(in *network.CreateResolverEndpointInput) {
		in.Addresses[0].Address = netip.MustParseAddr("10.0.1.2")
	}, "InvalidRequestException"},
	{"an address twice", func(in *network.CreateResolverEndpointInput) {
		in.Addresses[0].Address = netip.MustParseAddr("10.0.1.9")
		in.Addresses[1] = in.Addresses[0]
	}, "ResourceExistsException"},
	{"a name of digits", func(in *network.CreateResolverEndpointInput) { in.Name = "123" }, "InvalidParameterException"},
	{"a name with a dot", func(in *network.CreateResolverEndpointInput) { in.Name = "a.b" }, "InvalidParameterException"},
	{
		"no request id", func(in *network.CreateResolverEndpointInput) { in.CreatorRequest = "" },
		"InvalidParameterException",
	},
	{
		"a tag of Amazon's", func(in *network.CreateResolverEndpointInput) { in.Tags = []network.Tag{{Key: "aws:x"}} },
		"InvalidTagException",
	},
	{
		"21 addresses", func(in *network.CreateResolverEndpointInput) { in.Addresses = slices.Repeat(in.Addresses[:1], 21) },
		"LimitExceededException",
	},
}

func (l *harness) refusesResolvers(t *testing.T, cases []badResolver) {
	t.Helper()
	for _, tt := range cases {
		in := network.CreateResolverEndpointInput{
			Groups: []string{l.nodes}, Addresses: []network.ResolverSubnet{{ID: l.a}, {ID: l.b}}, CreatorRequest: "x",
		}
		tt.change(&in)
		before := l.State()
		_, err := l.CreateResolverEndpoint(l.ctx, here, in)
		wantCode(t, tt.name, err, tt.code)
		if l.State() != before {
			t.Errorf("%s: it left something", tt.name)
		}
	}
}

func TestResolverEndpointRefuses(t *testing.T) {
	newHarness(t, network.Limits{}).refusesResolvers(t, badResolvers)
}

func TestResolverEndpointRefusesAnotherVPC(t *testing.T) {
	l := newHarness(t, network.Limits{})
	other := must(l.CreateVpc(l.ctx, here, network.CreateVpcInput{CIDR: netip.MustParsePrefix("10.9.0.0/16")}))(t)
	far := must(l.CreateSubnet(l.ctx, here, network.CreateSubnetInput{
		VPC: other.ID, CIDR: netip.MustParsePrefix("10.9.1.0/24"), Zone: "us-east-1a",
	}))(t)
	l.refusesResolvers(t, []badResolver{
		{
			"another VPC's group",
			func(in *network.CreateResolverEndpointInput) { in.Addresses[0].ID, in.Addresses[1].ID = far.ID, far.ID },
			"InvalidRequestException",
		},
		{
			"subnets of two VPCs", func(in *network.CreateResolverEndpointInput) { in.Addresses[1].ID = far.ID },
			"InvalidRequestException",
		},
	})
}

func TestResolverRules(t *testing.T) {
	l := newHarness(t, network.Limits{})
	out := l.resolverEndpoint("out", vpc.Outbound)
	rule := must(l.CreateResolverRule(l.ctx, here, l.forward("Corp.Example.", out.ID)))(t)
	if rule.Domain != "corp.example" || !strings.HasPrefix(rule.ID, "rslvr-rr-0") {
		t.Errorf("%+v", rule)
	}
	if again := must(l.CreateResolverRule(l.ctx, here, l.forward("Corp.Example.", out.ID)))(t); again.ID != rule.ID {
		t.Errorf("the same request made %s", again.ID)
	}
	resolve := func() string {
		a := l.Snapshot().Resolve(l.vpc, "db.corp.example", vpc.TypeA)
		if a.Rule == nil {
			return ""
		}
		return a.Rule.ID + " " + a.Rule.Targets[0].String()
	}
	if got := resolve(); got != "" {
		t.Errorf("before it is associated: %s", got)
	}
	hold := must(l.AssociateResolverRule(l.ctx, here, rule.ID, l.vpc, "mine"))(t)
	if got := resolve(); got != rule.ID+" 192.0.2.53:53" || !strings.HasPrefix(hold.ID, "rslvr-rrassoc-0") {
		t.Errorf("%s, %+v", got, hold)
	}
	must(l.ModifyResolverRule(l.ctx, here, rule.ID, network.ResolverRuleChange{
		Targets: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.54:5353")},
	}))(t)
	if got := resolve(); got != rule.ID+" 192.0.2.54:5353" {
		t.Errorf("after a change: %s", got)
	}
	second := must(l.CreateResolverRule(l.ctx, here, network.CreateResolverRuleInput{
		Domain: "corp.example", CreatorRequest: "system",
	}))(t)
	_, err := l.AssociateResolverRule(l.ctx, here, second.ID, l.vpc, "")
	wantCode(t, "a second rule for the domain", err, "InvalidRequestException")
	_, err = l.AssociateResolverRule(l.ctx, here, rule.ID, l.vpc, "")
	wantCode(t, "the same rule", err, "ResourceExistsException")
	_, err = l.AssociateResolverRule(l.ctx, here, rule.ID, "vpc-00000000000000000", "")
	wantCode(t, "an unknown VPC", err, "ResourceNotFoundException")
	_, err = l.DeleteResolverRule(l.ctx, here, rule.ID)
	wantCode(t, "delete a rule that holds", err, "ResourceInUseException")
	_, err = l.DeleteResolverEndpoint(l.ctx, here, out.ID)
	wantCode(t, "delete an endpoint that rules go out by", err, "InvalidRequestException")

	if err := l.TagResolver(l.ctx, here, rule.ID, []network.Tag{{Key: "a", Value: "1"}, {Key: "b", Value: "2"}},
		[]string{"a"}); err != nil {
		t.Error(err)
	}
	if got := must(l.open(network.Limits{}).State().ResolverRule(here, rule.ID))(t); len(got.Associations) != 1 ||
		len(got.Tags) != 1 || got.Tags[0].Key != "b" {
		t.Errorf("after a restart: %+v", got)
	}
	_, err = l.State().ResolverRule(scope.Scope{Account: "111111111111", Region: "us-east-1"}, rule.ID)
	wantCode(t, "from another account", err, "ResourceNotFoundException")
	must(l.DisassociateResolverRule(l.ctx, here, rule.ID, l.vpc))(t)
	if got := resolve(); got != "" {
		t.Errorf("afterwards: %s", got)
	}
	_, err = l.DisassociateResolverRule(l.ctx, here, rule.ID, l.vpc)
	wantCode(t, "again", err, "ResourceNotFoundException")
	for _, id := range []string{rule.ID, second.ID} {
		must(l.DeleteResolverRule(l.ctx, here, id))(t)
	}
	must(l.DeleteResolverEndpoint(l.ctx, here, out.ID))(t)
}

func TestResolverRuleRefuses(t *testing.T) {
	l := newHarness(t, network.Limits{})
	in := l.resolverEndpoint("in", vpc.Inbound)
	out := must(l.CreateResolverEndpoint(l.ctx, here, network.CreateResolverEndpointInput{
		Direction: vpc.Outbound, Groups: []string{l.nodes}, CreatorRequest: "out",
		Addresses: []network.ResolverSubnet{{ID: l.a}, {ID: l.b}},
	}))(t)
	for _, tt := range []struct {
		name   string
		change func(*network.CreateResolverRuleInput)
		code   string
	}{
		{"no domain", func(r *network.CreateResolverRuleInput) { r.Domain = "" }, "InvalidParameterException"},
		{
			"a domain with an empty label", func(r *network.CreateResolverRuleInput) { r.Domain = "a..b" },
			"InvalidParameterException",
		},
		{
			"a long label", func(r *network.CreateResolverRuleInput) { r.Domain = strings.Repeat("a", 64) + ".example" },
			"InvalidParameterException",
		},
		{"a wildcard", func(r *network.CreateResolverRuleInput) { r.Domain = "*.example" }, "InvalidParameterException"},
		{"no endpoint", func(r *network.CreateResolverRuleInput) { r.Endpoint = "" }, "InvalidRequestException"},
		{"no target", func(r *network.CreateResolverRuleInput) { r.Targets = nil }, "InvalidRequestException"},
		{"an inbound endpoint", func(r *network.CreateResolverRuleInput) { r.Endpoint = in.ID }, "InvalidRequestException"},
		{
			"an unknown endpoint", func(r *network.CreateResolverRuleInput) { r.Endpoint = "rslvr-out-1" },
			"ResourceNotFoundException",
		},
		{
			"loopback", func(r *network.CreateResolverRuleInput) { r.Targets[0] = netip.MustParseAddrPort("127.0.0.1:53") },
			"InvalidParameterException",
		},
		{
			"port 0", func(r *network.CreateResolverRuleInput) { r.Targets[0] = netip.MustParseAddrPort("192.0.2.1:0") },
			"InvalidParameterException",
		},
		{
			"21 targets", func(r *network.CreateResolverRuleInput) { r.Targets = slices.Repeat(r.Targets, 21) },
			"LimitExceededException",
		},
		{
			"a system rule with targets", func(r *network.CreateResolverRuleInput) { r.Forward, r.Endpoint = false, "" },
			"InvalidRequestException",
		},
		{"a bad name", func(r *network.CreateResolverRuleInput) { r.Name = "7" }, "InvalidParameterException"},
	} {
		r := l.forward("corp.example", out.ID)
		tt.change(&r)
		_, err := l.CreateResolverRule(l.ctx, here, r)
		wantCode(t, tt.name, err, tt.code)
	}
	root := must(l.CreateResolverRule(l.ctx, here, l.forward(".", out.ID)))(t)
	if root.Domain != "" {
		t.Errorf("the root is %q", root.Domain)
	}
	_, err := l.CreateResolverRule(l.ctx, here, network.CreateResolverRuleInput{
		Domain: "x.example", CreatorRequest: root.CreatorRequest,
	})
	wantCode(t, "another request of that id", err, "ResourceExistsException")
	_, err = l.ModifyResolverRule(l.ctx, here, root.ID, network.ResolverRuleChange{Endpoint: in.ID})
	wantCode(t, "change to an inbound endpoint", err, "InvalidRequestException")
}

// TestRulesLetGoOfVPCs: a VPC that is deleted takes its associations along.
func TestRulesLetGoOfVPCs(t *testing.T) {
	l := newHarness(t, network.Limits{})
	v := must(l.CreateVpc(l.ctx, here, network.CreateVpcInput{CIDR: netip.MustParsePrefix("10.9.0.0/16")}))(t)
	r := must(l.CreateResolverRule(l.ctx, here, network.CreateResolverRuleInput{
		Domain: "corp.example", CreatorRequest: "system",
	}))(t)
	must(l.AssociateResolverRule(l.ctx, here, r.ID, v.ID, ""))(t)
	if err := l.DeleteVpc(l.ctx, here, v.ID); err != nil {
		t.Fatal(err)
	}
	if got := must(l.State().ResolverRule(here, r.ID))(t); len(got.Associations) > 0 {
		t.Errorf("%+v", got)
	}
	must(l.DeleteResolverRule(l.ctx, here, r.ID))(t)
}
