package network_test

import (
	"cmp"
	"net/netip"
	"strings"
	"testing"

	"postern/network"
	"postern/network/vpc"
)

// interfaceEndpoint asks for an endpoint to a service in the first subnet, with a change.
func (l *harness) interfaceEndpoint(service string, change func(*network.CreateVpcEndpointInput)) func() error {
	return func() error {
		in := network.CreateVpcEndpointInput{
			VPC: l.vpc, Service: "com.amazonaws." + service, Subnets: []network.EndpointSubnet{{ID: l.a}},
		}
		if change != nil {
			change(&in)
		}
		return second(l.CreateVpcEndpoint(l.ctx, here, in))
	}
}

func TestRefuseEndpoint(t *testing.T) {
	l := newHarness(t, network.Limits{EndpointsPerVPC: 3})
	other := must(l.CreateVpc(l.ctx, here, network.CreateVpcInput{CIDR: cidr("10.1.0.0/16")}))(t)
	theirs := must(l.State().GroupNamed(here, other.ID, "default"))(t).ID
	sibling := l.subnet("10.0.8.0/24", "us-east-1a").ID
	yes, no := true, false
	in := l.interfaceEndpoint
	type input = *network.CreateVpcEndpointInput
	check(t, []row{
		{"private DNS without hostnames", in("us-east-1.ssm", nil), "InvalidParameter"},
		{"hostnames", func() error { l.hostnames(); return nil }, ""},
		{"no service", func() error {
			return second(l.CreateVpcEndpoint(l.ctx, here, network.CreateVpcEndpointInput{VPC: l.vpc}))
		}, "MissingParameter"},
		{"unknown service", in("us-east-1.telepathy", nil), "InvalidServiceName"},
		{"another region's service", in("us-west-2.ssm", nil), "InvalidServiceName"},
		{"gateway to ssm", in("us-east-1.ssm", func(in input) { in.Kind = vpc.GatewayEndpoint }), "InvalidParameter"},
		{
			"two in one zone",
			in("us-east-1.ssm", func(in input) { in.Subnets = append(in.Subnets, network.EndpointSubnet{ID: sibling}) }),
			"DuplicateSubnetsInSameZone",
		},
		{
			"no such subnet", in("us-east-1.ssm", func(in input) { in.Subnets[0].ID = "subnet" + noSuch }),
			"InvalidSubnetID.NotFound",
		},
		{
			"subnet of another VPC",
			in("us-east-1.ssm", func(in input) { in.VPC, in.Groups = other.ID, []string{theirs}; in.PrivateDNS = &no }),
			"InvalidParameter",
		},
		{"group of another VPC", in("us-east-1.ssm", func(in input) { in.Groups = []string{theirs} }), "InvalidParameter"},
		{
			"reserved address", in("us-east-1.ssm", func(in input) { in.Subnets[0].Address = netip.MustParseAddr("10.0.1.2") }),
			"InvalidParameterValue",
		},
		{"private DNS of s3", in("us-east-1.s3", func(in input) { in.PrivateDNS = &yes }), "InvalidParameter"},
		{"ssm", in("us-east-1.ssm", nil), ""},
		{"second ssm", in("us-east-1.ssm", nil), "InvalidParameter"},
		{"second ssm without private DNS", in("us-east-1.ssm", func(in input) { in.PrivateDNS = &no }), ""},
		{"s3", in("us-east-1.s3", nil), ""},
		{"one too many", in("us-east-1.kms", nil), "VpcEndpointLimitExceeded"},
	})
}

// TestRefuseInboundOnly: private names for inbound Resolver endpoints only are for services that a gateway endpoint
// leads to as well, and need one for as long as they are asked for.
func TestRefuseInboundOnly(t *testing.T) {
	l := newHarness(t, network.Limits{})
	l.hostnames()
	yes, no := true, false
	in := l.interfaceEndpoint
	type input = *network.CreateVpcEndpointInput
	gateway := network.CreateVpcEndpointInput{VPC: l.vpc, Service: "com.amazonaws.us-east-1.s3", Kind: vpc.GatewayEndpoint}
	var first, made *network.VpcEndpoint
	remove := func(e **network.VpcEndpoint) func() error {
		return func() error {
			failed, err := l.DeleteVpcEndpoints(l.ctx, here, []string{(*e).ID})
			return cmp.Or(err, failed[(*e).ID])
		}
	}
	change := func(c network.EndpointChange) func() error {
		return func() error { return l.ModifyVpcEndpoint(l.ctx, here, made.ID, c) }
	}
	check(t, []row{
		{"of ssm", in("us-east-1.ssm", func(in input) { in.InboundOnly = &no }), "InvalidParameter"},
		{"without a gateway endpoint", in("us-east-1.s3", func(in input) { in.PrivateDNS = &yes }), "InvalidParameter"},
		{"of a gateway endpoint", func() error {
			g := gateway
			g.InboundOnly = &no
			return second(l.CreateVpcEndpoint(l.ctx, here, g))
		}, "InvalidParameter"},
		{"a gateway endpoint", func() (err error) {
			first, err = l.CreateVpcEndpoint(l.ctx, here, gateway)
			return err
		}, ""},
		{"without private DNS", in("us-east-1.s3", func(in input) { in.PrivateDNS, in.InboundOnly = &no, &yes }),
			"InvalidParameter"},
		{"as it is meant", func() (err error) {
			made, err = l.CreateVpcEndpoint(l.ctx, here, network.CreateVpcEndpointInput{
				VPC: l.vpc, Service: gateway.Service, Subnets: []network.EndpointSubnet{{ID: l.a}}, PrivateDNS: &yes,
			})
			return err
		}, ""},
		{"the gateway endpoint is needed", remove(&first), "InvalidParameter"},
		{"for everybody", change(network.EndpointChange{InboundOnly: &no}), ""},
		{"the gateway endpoint is not needed", remove(&first), ""},
		{"and is missing", change(network.EndpointChange{InboundOnly: &yes}), "InvalidParameter"},
		{"a policy says nothing of names", change(network.EndpointChange{Policy: new(string)}), ""},
		{"off", change(network.EndpointChange{PrivateDNS: &no}), ""},
		{"on again", change(network.EndpointChange{PrivateDNS: &yes}), "InvalidParameter"},
	})
}

func TestRefuseEndpointPolicy(t *testing.T) {
	l := newHarness(t, network.Limits{})
	l.hostnames()
	in := l.interfaceEndpoint
	type input = *network.CreateVpcEndpointInput
	check(t, []row{
		{"policy no JSON", in("us-east-1.ssm", func(in input) { in.Policy = "{" }), "InvalidPolicyDocument"},
		{"policy without statement", in("us-east-1.ssm", func(in input) { in.Policy = "{}" }), "InvalidPolicyDocument"},
		{"policy that grants to nobody", in("us-east-1.ssm", func(in input) {
			in.Policy = `{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
		}), "InvalidPolicyDocument"},
		{
			"policy too long", in("us-east-1.ssm", func(in input) { in.Policy = strings.Repeat(" ", 20_481) }),
			"PolicyLimitExceeded",
		},
	})
}

func TestRefuseEndpointChange(t *testing.T) {
	l := newHarness(t, network.Limits{})
	l.hostnames()
	sibling := l.subnet("10.0.8.0/24", "us-east-1a").ID
	yes, no := true, false
	named := l.endpoint("ssm")
	plain := must(l.CreateVpcEndpoint(l.ctx, here, network.CreateVpcEndpointInput{
		VPC: l.vpc, Service: named.Service, Subnets: []network.EndpointSubnet{{ID: l.a}}, PrivateDNS: &no,
	}))(t)
	change := func(id string, c network.EndpointChange) func() error {
		return func() error { return l.ModifyVpcEndpoint(l.ctx, here, id, c) }
	}
	check(t, []row{
		{"private DNS that another has", change(plain.ID, network.EndpointChange{PrivateDNS: &yes}), "InvalidParameter"},
		{"give it up", change(named.ID, network.EndpointChange{PrivateDNS: &no}), ""},
		{"take it", change(plain.ID, network.EndpointChange{PrivateDNS: &yes}), ""},
		{"no group left", change(plain.ID, network.EndpointChange{RemoveGroups: plain.Groups}), "InvalidParameter"},
		{
			"remove a strange group", change(plain.ID, network.EndpointChange{RemoveGroups: []string{l.nodes}}),
			"InvalidParameter",
		},
		{
			"remove a strange subnet", change(plain.ID, network.EndpointChange{RemoveSubnets: []string{l.b}}),
			"InvalidParameter",
		},
		{
			"other groups", change(plain.ID, network.EndpointChange{RemoveGroups: plain.Groups, AddGroups: []string{l.nodes}}),
			"",
		},
		{
			"move to a sibling",
			change(plain.ID, network.EndpointChange{
				RemoveSubnets: []string{l.a}, AddSubnets: []network.EndpointSubnet{{ID: sibling}, {ID: l.b}},
			}),
			"",
		},
		{"of nothing", change("vpce"+noSuch, network.EndpointChange{}), "InvalidVpcEndpointId.NotFound"},
	})
	plain = must(l.State().VpcEndpoint(here, plain.ID))(t)
	for _, id := range plain.Interfaces {
		if n := must(l.State().Interface(here, id))(t); len(n.Groups) != 1 || n.Groups[0] != l.nodes {
			t.Errorf("%s has groups %v", id, n.Groups)
		}
	}
	failed := must(l.DeleteVpcEndpoints(l.ctx, here, []string{plain.ID, "vpce" + noSuch}))(t)
	wantCode(t, "delete nothing", failed["vpce"+noSuch], "InvalidVpcEndpointId.NotFound")
	if len(failed) != 1 || len(l.State().InterfacesOf(plain.ID)) != 0 {
		t.Errorf("failed %v, interfaces left %v", failed, l.State().InterfacesOf(plain.ID))
	}
}

func TestRefuseGatewayEndpoint(t *testing.T) {
	l := newHarness(t, network.Limits{})
	other := must(l.CreateVpc(l.ctx, here, network.CreateVpcInput{CIDR: cidr("10.1.0.0/16")}))(t)
	table := must(l.CreateRouteTable(l.ctx, here, network.CreateRouteTableInput{VPC: l.vpc}))(t).ID
	other2 := must(l.CreateRouteTable(l.ctx, here, network.CreateRouteTableInput{VPC: l.vpc}))(t).ID
	far := must(l.CreateRouteTable(l.ctx, here, network.CreateRouteTableInput{VPC: other.ID}))(t).ID
	nic := l.node("i-1").ID
	yes := true
	type input = *network.CreateVpcEndpointInput
	var made *network.VpcEndpoint
	in := func(change func(input)) func() error {
		return func() (err error) {
			in := network.CreateVpcEndpointInput{
				VPC: l.vpc, Service: "com.amazonaws.us-east-1.s3", Kind: vpc.GatewayEndpoint, RouteTables: []string{table},
			}
			change(&in)
			e, err := l.CreateVpcEndpoint(l.ctx, here, in)
			if err == nil && made == nil {
				made = e
			}
			return err
		}
	}
	s3 := network.Route{PrefixList: "pl-63a5400a", Target: vpc.Target{Kind: vpc.ViaInterface, ID: nic}}
	check(t, []row{
		{"tables of an interface endpoint", in(func(in input) { in.Kind = vpc.InterfaceEndpoint }), "InvalidParameter"},
		{"subnets", in(func(in input) { in.Subnets = []network.EndpointSubnet{{ID: l.a}} }), "InvalidParameter"},
		{"groups", in(func(in input) { in.Groups = []string{l.nodes} }), "InvalidParameter"},
		{"private DNS", in(func(in input) { in.PrivateDNS = &yes }), "InvalidParameter"},
		{"no such table", in(func(in input) { in.RouteTables[0] = "rtb" + noSuch }), "InvalidRouteTableID.NotFound"},
		{"table of another VPC", in(func(in input) { in.RouteTables[0] = far }), "InvalidParameter"},
		{"one table twice", in(func(in input) { in.RouteTables = []string{table, table} }), "RouteAlreadyExists"},
		{"good", in(func(input) {}), ""},
		{"second in the same table", in(func(input) {}), "RouteAlreadyExists"},
		{"second without tables", in(func(in input) { in.RouteTables = nil }), ""},
		{"route in its place", func() error { return l.CreateRoute(l.ctx, here, table, s3) }, "RouteAlreadyExists"},
		{"delete its route", func() error { return l.DeleteRoute(l.ctx, here, table, s3) }, "InvalidParameterValue"},
		{"delete its table", func() error { return l.DeleteRouteTable(l.ctx, here, table) }, "DependencyViolation"},
		{"a route elsewhere", func() error { return l.CreateRoute(l.ctx, here, other2, s3) }, ""},
	})
	change := func(c network.EndpointChange) func() error {
		return func() error { return l.ModifyVpcEndpoint(l.ctx, here, made.ID, c) }
	}
	check(t, []row{
		{"add a subnet", change(network.EndpointChange{AddSubnets: []network.EndpointSubnet{{ID: l.a}}}), "InvalidParameter"},
		{"add a group", change(network.EndpointChange{AddGroups: []string{l.nodes}}), "InvalidParameter"},
		{"add a table with such a route", change(network.EndpointChange{AddTables: []string{other2}}), "RouteAlreadyExists"},
		{"add a table it has", change(network.EndpointChange{AddTables: []string{table}}), "RouteAlreadyExists"},
		{"remove a strange table", change(network.EndpointChange{RemoveTables: []string{other2}}), "InvalidParameter"},
		{
			"remove what is not", change(network.EndpointChange{RemoveTables: []string{"rtb" + noSuch}}),
			"InvalidRouteTableID.NotFound",
		},
		{"remove and add", change(network.EndpointChange{RemoveTables: []string{table}, AddTables: []string{table}}), ""},
		{"remove", change(network.EndpointChange{RemoveTables: []string{table}}), ""},
		{"delete the table", func() error { return l.DeleteRouteTable(l.ctx, here, table) }, ""},
	})
}

// TestGatewayRoute sees the judge send flows to S3 to the gateway endpoint: from subnets on its route tables only.
func TestGatewayRoute(t *testing.T) {
	l := newHarness(t, network.Limits{})
	table := must(l.CreateRouteTable(l.ctx, here, network.CreateRouteTableInput{VPC: l.vpc}))(t).ID
	must(l.AssociateRouteTable(l.ctx, here, table, l.a))(t)
	e := must(l.CreateVpcEndpoint(l.ctx, here, network.CreateVpcEndpointInput{
		VPC: l.vpc, Service: "com.amazonaws.us-east-1.s3", Kind: vpc.GatewayEndpoint, RouteTables: []string{table},
	}))(t)
	in, out := l.node("i-1"), must(l.CreateInterface(l.ctx, here, network.CreateInterfaceInput{
		Subnet: l.b, Owner: "i-2", Groups: []string{l.nodes},
	}))(t)
	s3 := netip.MustParseAddr("52.216.240.1")
	if v := l.Snapshot().Decide(https(in, s3)); !v.Allow || v.Kind != vpc.ToGateway || v.To != e.ID {
		t.Errorf("from the table's subnet: %+v", v)
	}
	if v := l.Snapshot().Decide(https(out, s3)); v.Allow || v.Reason != vpc.ReasonNoRoute {
		t.Errorf("from another subnet: %+v", v)
	}
	must(l.DeleteVpcEndpoints(l.ctx, here, []string{e.ID}))(t)
	if v := l.Snapshot().Decide(https(in, s3)); v.Allow || v.Reason != vpc.ReasonNoRoute {
		t.Errorf("without the endpoint: %+v", v)
	}
}

func TestRefuseTag(t *testing.T) {
	l := newHarness(t, network.Limits{TagsPerResource: 2})
	tag := func(id string, tags ...network.Tag) func() error {
		return func() error { return l.CreateTags(l.ctx, here, []string{l.a, id}, tags) }
	}
	check(t, []row{
		{"no key", tag(l.vpc, network.Tag{}), "InvalidParameterValue"},
		{"reserved", tag(l.vpc, network.Tag{Key: "AWS:x"}), "InvalidParameterValue"},
		{"long key", tag(l.vpc, network.Tag{Key: strings.Repeat("k", 129)}), "InvalidParameterValue"},
		{"long value", tag(l.vpc, network.Tag{Key: "k", Value: strings.Repeat("v", 257)}), "InvalidParameterValue"},
		{"no such kind", tag("cat"+noSuch, network.Tag{Key: "k"}), "InvalidID"},
		{"no such VPC", tag("vpc"+noSuch, network.Tag{Key: "k"}), "InvalidVpcID.NotFound"},
		{"too many", tag(l.vpc, network.Tag{Key: "a"}, network.Tag{Key: "b"}, network.Tag{Key: "c"}), "TagLimitExceeded"},
		{"tags", tag(l.vpc, network.Tag{Key: "b", Value: "1"}, network.Tag{Key: "a"}), ""},
		{"over them", tag(l.vpc, network.Tag{Key: "b", Value: "2"}), ""},
		{"one more", tag(l.vpc, network.Tag{Key: "c"}), "TagLimitExceeded"},
		{"twice in a specification", func() error {
			_, err := l.CreateRouteTable(l.ctx, here, network.CreateRouteTableInput{
				VPC: l.vpc, Tags: []network.Tag{{Key: "a"}, {Key: "a"}},
			})
			return err
		}, "InvalidParameterValue"},
	})
	one := "1"
	if err := l.DeleteTags(l.ctx, here, []string{l.vpc}, []network.TagRemoval{
		{Key: "a"}, {Key: "b", Value: &one}, {Key: "z"},
	}); err != nil {
		t.Fatal(err)
	}
	v := must(l.State().VPC(here, l.vpc))(t)
	if value, ok := v.Tag("b"); len(v.Tags) != 1 || !ok || value != "2" {
		t.Errorf("tags are %v", v.Tags)
	}
}
