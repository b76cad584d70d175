package vpc_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"postern/network/vpc"
	"postern/network/vpc/vpctest"
)

// road is the sample network whose node, in subnet-a, goes out by a NAT gateway in subnet-b, which has a route to an
// Internet gateway; and the attached machine in subnet-b with a public address.
func withInternet(change func(*vpc.Network)) vpc.Network {
	n := vpctest.Sample()
	everything := netip.MustParsePrefix("0.0.0.0/0")
	n.Internet = vpctest.Internet()
	n.RouteTables = []vpc.RouteTable{
		{
			ID: "rtb-private", VPC: vpctest.VPC, Main: true,
			Routes: []vpc.Route{{Destination: everything, Target: vpc.Target{Kind: vpc.ViaNATGateway, ID: "nat-1"}}},
		},
		{ID: "rtb-public", VPC: vpctest.VPC, Subnets: []string{vpctest.SubnetB}, Routes: []vpc.Route{
			{Destination: everything, Target: vpc.Target{Kind: vpc.ViaInternetGateway, ID: "igw-1"}},
		}},
	}
	n.NATGateways = []vpc.NATGateway{{
		ID: "nat-1", VPC: vpctest.VPC, Subnet: vpctest.SubnetB, Interface: "eni-nat", Available: true,
		Public: netip.MustParseAddr("198.19.0.1"),
	}}
	n.Interfaces = append(n.Interfaces, vpc.Interface{
		ID: "eni-nat", VPC: vpctest.VPC, Subnet: vpctest.SubnetB, Kind: vpc.GatewayInterface, Owner: "nat-1",
		Addresses: []netip.Addr{netip.MustParseAddr("10.0.2.250")}, Public: netip.MustParseAddr("198.19.0.1"),
	})
	for i := range n.Interfaces {
		if n.Interfaces[i].ID == vpctest.Attached {
			n.Interfaces[i].Public = netip.MustParseAddr("198.19.0.2")
		}
	}
	change(&n)
	return n
}

func out(from, source, to string, port uint16) vpc.Flow {
	return vpc.Flow{
		From: from, Protocol: vpc.TCP, Source: netip.AddrPortFrom(netip.MustParseAddr(source), 40000),
		Destination: netip.AddrPortFrom(netip.MustParseAddr(to), port),
	}
}

var (
	byNAT = out(vpctest.Node, "10.0.1.20", "198.18.0.1", 443)
	byIGW = out(vpctest.Attached, "10.0.2.30", "198.18.0.1", 443)
)

// tcpEntry returns an entry of an ACL for every port.
func tcpEntry(number int, egress bool, cidr string) vpc.ACLEntry {
	return vpc.ACLEntry{Number: number, Egress: egress, Protocol: vpc.TCP, Ports: vpc.PortRange{
		From: 0, To: 65535,
	}, CIDR: netip.MustParsePrefix(cidr)}
}

// refusing gives subnet-b an ACL of its own that refuses one thing.
func refusing(e vpc.ACLEntry) func(*vpc.Network) {
	return func(n *vpc.Network) {
		acl := n.ACLs[0]
		acl.ID, acl.Default, acl.Subnets = "acl-b", false, []string{vpctest.SubnetB}
		acl.Entries = append([]vpc.ACLEntry{e}, acl.Entries...)
		n.ACLs = append(n.ACLs, acl)
	}
}

// A pathCase is a flow to the Internet with a change of the network. A refusal names the step, the reason and the
// resource, and its remedy says something.
type pathCase struct {
	name         string
	change       func(*vpc.Network)
	flow         vpc.Flow
	step         vpc.Step
	reason       vpc.Reason
	blamed, says string
}

// pathsByGateway depend on the gateways and their addresses and routes.
var pathsByGateway = []pathCase{
	{"NAT gateway", none, byNAT, 0, 0, "", ""},
	{"Internet gateway", none, byIGW, 0, 0, "", ""},
	{"nothing known of the NAT gateway", func(n *vpc.Network) { n.NATGateways = nil }, byNAT, 0, 0, "", ""},
	{"no public address", func(n *vpc.Network) { n.Interfaces[1].Public = netip.Addr{} }, byIGW,
		vpc.StepTarget, vpc.ReasonNoPublicAddress, vpctest.Attached, "associate a public address"},
	{"NAT gateway without address", func(n *vpc.Network) { n.NATGateways[0].Public = netip.Addr{} }, byNAT,
		vpc.StepTarget, vpc.ReasonNoPublicAddress, "nat-1", "Elastic IP"},
	{"NAT gateway without Internet gateway", func(n *vpc.Network) { n.RouteTables[1].Routes = nil }, byNAT,
		vpc.StepNAT, vpc.ReasonNATRoute, "rtb-public", "Internet gateway in rtb-public"},
	{"Internet gateway gone", func(n *vpc.Network) { n.RouteTables[1].Routes[0].Target.Kind = vpc.Blackhole }, byNAT,
		vpc.StepNAT, vpc.ReasonNATRoute, "rtb-public", "Internet gateway in rtb-public"},
	{"NAT gateway in a subnet that goes out by it",
		func(n *vpc.Network) { n.RouteTables[1].Routes[0] = n.RouteTables[0].Routes[0] }, byNAT,
		vpc.StepNAT, vpc.ReasonNATRoute, "rtb-public", "Internet gateway in rtb-public"},
	{
		"private NAT gateway", func(n *vpc.Network) { n.NATGateways[0].Private = true }, byNAT, vpc.StepNAT,
		vpc.ReasonNATPrivate, "nat-1", "public",
	},
	{
		"NAT gateway pending", func(n *vpc.Network) { n.NATGateways[0].Available = false }, byNAT, vpc.StepNAT,
		vpc.ReasonNATUnavailable, "nat-1", "NAT gateway again",
	},
	{"NAT gateway deleted", func(n *vpc.Network) { n.RouteTables[0].Routes[0].Target.Kind = vpc.Blackhole }, byNAT,
		vpc.StepRoute, vpc.ReasonBlackhole, "rtb-private", "replace the route"},
	{
		"no route", func(n *vpc.Network) { n.RouteTables[0].Routes = nil }, byNAT, vpc.StepRoute, vpc.ReasonNoRoute,
		"rtb-private", "VPC endpoint",
	},
}

var pathsPastACLs = []pathCase{
	{
		"ACL before the NAT gateway", refusing(tcpEntry(50, false, "10.0.1.0/24")), byNAT, vpc.StepNAT, vpc.ReasonACLDenied,
		"acl-b", "entry 50",
	},
	{
		"ACL behind the NAT gateway", refusing(tcpEntry(50, true, "198.18.0.0/15")), byNAT, vpc.StepNAT, vpc.ReasonACLDenied,
		"acl-b", "entry 50",
	},
	{
		"ACL of the public subnet", refusing(tcpEntry(50, true, "198.18.0.0/15")), byIGW, vpc.StepACLOut, vpc.ReasonACLDenied,
		"acl-b", "entry 50",
	},
}

// pathsToOthers lead to what is not behind the gateways, or to the gateways themselves.
var pathsToOthers = []pathCase{
	{
		"another port", none, out(vpctest.Node, "10.0.1.20", "198.18.0.1", 80), vpc.StepTarget, vpc.ReasonNothingThere,
		"nat-1", "443",
	},
	{
		"another address", none, out(vpctest.Node, "10.0.1.20", "203.0.113.9", 443), vpc.StepTarget, vpc.ReasonNothingThere,
		"nat-1", "public name",
	},
	{"another address that is opened", func(n *vpc.Network) {
		n.Internet.Open = []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}
	}, out(vpctest.Node, "10.0.1.20", "203.0.113.9", 80), 0, 0, "", ""},
	{"opened and closed", func(n *vpc.Network) {
		n.Internet.Open, n.Internet.Closed = []netip.Prefix{
			netip.MustParsePrefix("0.0.0.0/0"),
		}, []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}
	}, out(vpctest.Node, "10.0.1.20", "203.0.113.9", 80), vpc.StepTarget, vpc.ReasonNothingThere, "nat-1", ""},
	{
		"the NAT gateway itself", none, out(vpctest.Node, "10.0.1.20", "10.0.2.250", 443), vpc.StepTarget,
		vpc.ReasonGatewayInterface, "nat-1", "route leads",
	},
	{
		"from the NAT gateway itself", none, out("eni-nat", "10.0.2.250", "10.0.1.20", 443), vpc.StepSource,
		vpc.ReasonGatewayInterface, "nat-1", "at the node",
	},
}

// TestPathToTheInternet breaks the path to the Internet in each way, and wants the reason and the remedy.
func TestPathToTheInternet(t *testing.T) {
	for _, row := range slices.Concat(pathsByGateway, pathsPastACLs, pathsToOthers) {
		s := snapshot(t, withInternet(row.change))
		v, e := s.Decide(row.flow), s.Explain(row.flow)
		if row.reason == 0 {
			if !v.Allow || v.Kind != vpc.ToInternet || !e.Works() {
				t.Errorf("%s: %v\n%s", row.name, v, e)
			}
			continue
		}
		r := e.Refusal()
		if v.Allow || v.Step != row.step || v.Reason != row.reason || v.Resource != row.blamed || r == nil ||
			!strings.Contains(r.Remedy, row.says) && !strings.Contains(r.Why, row.says) {
			t.Errorf("%s: %v\n%s", row.name, v, e)
		}
	}
}

// TestTheWayBackFromTheInternet: what comes back passes the ACL of the NAT gateway's subnet twice, and the node's.
func TestTheWayBackFromTheInternet(t *testing.T) {
	flow := out(vpctest.Node, "10.0.1.20", "198.18.0.1", 443)
	s := snapshot(t, withInternet(func(*vpc.Network) {}))
	v := s.Decide(flow)
	if want := netip.MustParseAddr("198.19.0.1"); v.Public != want || v.To != "nat-1" {
		t.Errorf("allowed %+v, want from %s", v, want)
	}
	for _, row := range []struct {
		subnet string
		step   vpc.Step
		egress bool
		far    string
	}{
		{vpctest.SubnetB, vpc.StepNAT, false, "198.18.0.1/32"}, {vpctest.SubnetB, vpc.StepNAT, true, "10.0.1.20/32"},
		{vpctest.SubnetA, vpc.StepACLIn, false, "198.18.0.1/32"},
	} {
		s := snapshot(t, withInternet(func(n *vpc.Network) {
			all := n.ACLs[0]
			all.ID, all.Default, all.Subnets = "acl-own", false, []string{row.subnet}
			all.Entries = append([]vpc.ACLEntry{{
				Number: 10, Egress: row.egress, Protocol: vpc.TCP, Ports: vpc.PortRange{From: 1024, To: 65535},
				CIDR: netip.MustParsePrefix(row.far),
			}}, all.Entries...)
			n.ACLs = append(n.ACLs, all)
		}))
		e := s.Explain(flow)
		if !e.Verdict.Allow || e.Reply == nil || e.Reply.Verdict.Allow || e.Reply.Verdict.Step != row.step ||
			e.Refusal().Resource != "acl-own" {
			t.Errorf("%+v:\n%s", row, e)
		}
	}
}

func TestPublicNames(t *testing.T) {
	for _, row := range []struct{ name, want string }{
		{"ec2.us-east-1.amazonaws.com", "198.18.0.2"},            // no endpoint takes it
		{"ssm.us-east-1.amazonaws.com", "10.0.1.10"},             // the endpoint does
		{"ec2-198-19-0-2.compute-1.amazonaws.com.", "10.0.2.30"}, // its own VPC knows it by its private address
		{"ec2-198-19-0-9.compute-1.amazonaws.com", ""},           // nobody's
		{"ec2-198-19-0-2.eu-west-1.compute.amazonaws.com", ""},   // not in that region
		{"s3.us-east-1.amazonaws.com", "52.216.1.9"}, {"s3.dualstack.us-east-1.amazonaws.com", "52.216.1.9"},
		{"s3-us-east-1.amazonaws.com", "52.216.1.9"}, {"s3.amazonaws.com", "52.216.1.9"},
		{"my.bucket.s3.us-east-1.amazonaws.com", "52.216.1.9"}, {"bucket.s3.amazonaws.com", "52.216.1.9"},
		{"bucket.s3-us-east-1.amazonaws.com", "52.216.1.9"}, {"b.s3.dualstack.us-east-1.amazonaws.com", "52.216.1.9"},
		{"s3.eu-west-1.amazonaws.com", ""}, {"dualstack.us-east-1.amazonaws.com", ""}, {"s3.us-east-1.example.com", ""},
		{"other.us-east-1.amazonaws.com", ""}, {"amazonaws.com", ""}, {"x.ec2.us-east-1.amazonaws.com", ""},
	} {
		got := ""
		if a := snapshot(
			t, withInternet(func(*vpc.Network) {}),
		).Resolve(vpctest.VPC, row.name, vpc.TypeA); a.Status == vpc.NameFound {
			got = a.Addresses[0].String()
		}
		if got != row.want {
			t.Errorf("%s is %q, want %q", row.name, got, row.want)
		}
	}
}
