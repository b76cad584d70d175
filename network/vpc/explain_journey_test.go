package vpc_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/network/vpc"
	"postern/network/vpc/vpctest"
)

// checkJourney compares an explanation as it is drawn, line by line.
func checkJourney(t *testing.T, n vpc.Network, f vpc.Flow, want string) {
	t.Helper()
	got := "\n" + snapshot(t, n).Explain(f).String()
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestJourneyThroughANATGateway(t *testing.T) {
	checkJourney(t, withInternet(func(*vpc.Network) {}), out(node, "10.0.1.20", "198.18.0.1", 443), `
tcp 10.0.1.20:40000 → 198.18.0.1:443: allowed to the internet nat-1
  ✓ source   10.0.1.20 is an address of eni-node of i-1
  – service  198.18.0.1 is not a link-local service of the sender's VPC
  ✓ egress   rule sgr-nodes-out of sg-nodes (nodes) allows outbound all to 0.0.0.0/0
  ✓ acl-out  entry 100 of acl-1 allows outbound all of 0.0.0.0/0
  ✓ route    rtb-private sends 0.0.0.0/0 to nat-1
  – peering  no peering is on the way
  ✓ nat      nat-1 translates it in subnet-b, whose route table rtb-public sends 0.0.0.0/0 to igw-1
  ✓ target   nat-1 takes it to the Internet, from 198.19.0.1
  – acl-in   it leaves the VPC through nat-1
  – ingress  it leaves the VPC through nat-1
what comes back: tcp 198.18.0.1:443 → 10.0.1.20:40000: allowed to the interface eni-node
  ✓ source   it comes back through nat-1
  – service  10.0.1.20 is not a link-local service of the sender's VPC
  – egress   security groups are stateful: they let an allowed conversation pass both ways
  – acl-out  it comes in through nat-1
  ✓ route    10.0.1.20 is in vpc-1
  – peering  no peering is on the way
  ✓ nat      nat-1 translates it back in subnet-b
  ✓ target   10.0.1.20 is eni-node of i-1
  ✓ acl-in   entry 100 of acl-1 allows inbound all of 0.0.0.0/0
  – ingress  security groups are stateful: they let an allowed conversation pass both ways
`)
}

func TestJourneyOverAPeering(t *testing.T) {
	unnamed := func(n *vpc.Network) {
		n.SecurityGroups[1].Rules[len(n.SecurityGroups[1].Rules)-1].ID = ""
		n.ACLs = nil
	}
	checkJourney(t, sample(both(withPeer(true, "us-east-1"), unnamed)), tcp("eni-far", "10.1.1.20:40000", ssmA), `
tcp 10.1.1.20:40000 → 10.0.1.10:443: allowed to the interface eni-ssm-a
  ✓ source   10.1.1.20 is an address of eni-far of i-far
  – service  10.0.1.10 is not a link-local service of the sender's VPC
  ✓ egress   rule sgr-far-out of sg-far allows outbound all to 0.0.0.0/0
  – acl-out  no network ACL serves subnet-far
  ✓ route    rtb-far sends 10.0.0.0/16 to pcx-1
  ✓ peering  pcx-1 is active and joins vpc-2 and vpc-1
  ✓ target   10.0.1.10 is eni-ssm-a of endpoint vpce-ssm (com.amazonaws.us-east-1.ssm)
  – acl-in   no network ACL serves subnet-a
  ✓ ingress  a rule of sg-endpoints (endpoints) allows inbound tcp 443 from sg-far
what comes back: tcp 10.0.1.10:443 → 10.1.1.20:40000: allowed to the interface eni-far
  ✓ source   10.0.1.10 is an address of eni-ssm-a of endpoint vpce-ssm (com.amazonaws.us-east-1.ssm)
  – service  10.1.1.20 is not a link-local service of the sender's VPC
  – egress   security groups are stateful: they let an allowed conversation pass both ways
  – acl-out  no network ACL serves subnet-a
  ✓ route    rtb-1 sends 10.1.0.0/16 to pcx-1
  ✓ peering  pcx-1 is active and joins vpc-2 and vpc-1
  ✓ target   10.1.1.20 is eni-far of i-far
  – acl-in   no network ACL serves subnet-far
  – ingress  security groups are stateful: they let an allowed conversation pass both ways
`)
}

func TestJourneyToAGatewayEndpoint(t *testing.T) {
	checkJourney(t, sample(withS3), tcp(node, nodeHTTP, "52.216.1.1:443"), `
tcp 10.0.1.20:40000 → 52.216.1.1:443: allowed to the gateway vpce-s3
  ✓ source   10.0.1.20 is an address of eni-node of i-1
  – service  52.216.1.1 is not a link-local service of the sender's VPC
  ✓ egress   rule sgr-nodes-out of sg-nodes (nodes) allows outbound all to 0.0.0.0/0
  ✓ acl-out  entry 100 of acl-1 allows outbound all of 0.0.0.0/0
  ✓ route    rtb-1 sends 52.216.0.0/15 to vpce-s3
  – peering  no peering is on the way
  ✓ target   gateway endpoint vpce-s3 takes it for com.amazonaws.us-east-1.s3
  – acl-in   it leaves the VPC through vpce-s3
  – ingress  it leaves the VPC through vpce-s3
what comes back: tcp 52.216.1.1:443 → 10.0.1.20:40000: allowed to the interface eni-node
  ✓ source   it comes back through vpce-s3
  – service  10.0.1.20 is not a link-local service of the sender's VPC
  – egress   security groups are stateful: they let an allowed conversation pass both ways
  – acl-out  it comes in through vpce-s3
  ✓ route    10.0.1.20 is in vpc-1
  – peering  no peering is on the way
  ✓ target   10.0.1.20 is eni-node of i-1
  ✓ acl-in   entry 100 of acl-1 allows inbound all of 0.0.0.0/0
  – ingress  security groups are stateful: they let an allowed conversation pass both ways
`)
}

func TestJourneyByAManagedPrefixList(t *testing.T) {
	list := func(n *vpc.Network) {
		n.PrefixLists = []vpc.PrefixList{{ID: "pl-1", Name: "offices", CIDRs: []netip.Prefix{prefix("203.0.113.0/24")}}}
		n.RouteTables[0].Routes = []vpc.Route{
			{PrefixList: "pl-1", Target: vpc.Target{Kind: vpc.ViaNATGateway, ID: "nat-1"}},
		}
		n.SecurityGroups[0].Rules = []vpc.Rule{{Egress: true, Protocol: vpc.TCP, Ports: vpc.PortRange{From: 80, To: 443},
			PrefixList: "pl-1"}}
	}
	checkJourney(t, sample(list), tcp(node, nodeHTTP, "203.0.113.9:443"), `
tcp 10.0.1.20:40000 → 203.0.113.9:443: allowed to the internet nat-1
  ✓ source   10.0.1.20 is an address of eni-node of i-1
  – service  203.0.113.9 is not a link-local service of the sender's VPC
  ✓ egress   a rule of sg-nodes (nodes) allows outbound tcp 80-443 to pl-1
  ✓ acl-out  entry 100 of acl-1 allows outbound all of 0.0.0.0/0
  ✓ route    rtb-1 sends 203.0.113.0/24 of pl-1 to nat-1
  – peering  no peering is on the way
  ✓ target   nat-1 takes it to the Internet
  – acl-in   it leaves the VPC through nat-1
  – ingress  it leaves the VPC through nat-1
what comes back: tcp 203.0.113.9:443 → 10.0.1.20:40000: allowed to the interface eni-node
  ✓ source   it comes back through nat-1
  – service  10.0.1.20 is not a link-local service of the sender's VPC
  – egress   security groups are stateful: they let an allowed conversation pass both ways
  – acl-out  it comes in through nat-1
  ✓ route    10.0.1.20 is in vpc-1
  – peering  no peering is on the way
  ✓ target   10.0.1.20 is eni-node of i-1
  ✓ acl-in   entry 100 of acl-1 allows inbound all of 0.0.0.0/0
  – ingress  security groups are stateful: they let an allowed conversation pass both ways
`)
}

func TestJourneyThroughAnInterface(t *testing.T) {
	middle := func(n *vpc.Network) {
		n.Interfaces[1].AnySource = true
		n.SecurityGroups[0].Rules = append(slices.Clone(n.SecurityGroups[0].Rules), vpc.Rule{
			ID: "sgr-in", Protocol: vpc.ICMP, Ports: vpc.PortRange{From: 8, To: -1}, Group: vpctest.NodeGroup,
		})
		n.RouteTables[0].Routes = []vpc.Route{
			{Destination: prefix("0.0.0.0/0"), Target: vpc.Target{Kind: vpc.ViaInterface, ID: vpctest.Attached}},
		}
	}
	checkJourney(t, sample(middle), ping(node, "10.0.1.20", "1.1.1.1"), `
icmp type 8 10.0.1.20 → 1.1.1.1: allowed to the interface eni-attached
  ✓ source   10.0.1.20 is an address of eni-node of i-1
  – service  1.1.1.1 is not a link-local service of the sender's VPC
  ✓ egress   rule sgr-nodes-out of sg-nodes (nodes) allows outbound all to 0.0.0.0/0
  ✓ acl-out  entry 100 of acl-1 allows outbound all of 0.0.0.0/0
  ✓ route    rtb-1 sends 0.0.0.0/0 to eni-attached
  – peering  no peering is on the way
  ✓ target   eni-attached of mi-1 takes it and sends on what is not its own: it checks no destinations
  ✓ acl-in   entry 100 of acl-1 allows inbound all of 0.0.0.0/0
  ✓ ingress  rule sgr-in of sg-nodes (nodes) allows inbound icmp type 8 from sg-nodes
`)
}

// TestRuleInWords: a rule says its protocol, its ports as that protocol has them, and its peer.
func TestRuleInWords(t *testing.T) {
	all, any := prefix("0.0.0.0/0"), vpc.PortRange{From: -1, To: -1}
	for _, tt := range []struct {
		rule vpc.Rule
		want string
	}{
		{vpc.Rule{Protocol: vpc.AllProtocols, CIDR: all}, "all from 0.0.0.0/0"},
		{vpc.Rule{Protocol: vpc.AllProtocols, CIDR: all, Egress: true}, "all to 0.0.0.0/0"},
		{vpc.Rule{Protocol: vpc.TCP, Ports: vpc.PortRange{From: 443, To: 443}, Group: "sg-1"}, "tcp 443 from sg-1"},
		{vpc.Rule{Protocol: vpc.UDP, Ports: vpc.PortRange{To: 53}, PrefixList: "pl-1", Egress: true}, "udp 0-53 to pl-1"},
		{vpc.Rule{Protocol: vpc.ICMP, Ports: any, CIDR: all}, "icmp from 0.0.0.0/0"},
		{vpc.Rule{Protocol: vpc.ICMP, Ports: vpc.PortRange{From: 0, To: -1}, CIDR: all}, "icmp type 0 from 0.0.0.0/0"},
		{vpc.Rule{Protocol: vpc.ICMP, Ports: vpc.PortRange{From: 0, To: 0}, CIDR: all}, "icmp type 0 code 0 from 0.0.0.0/0"},
		{vpc.Rule{Protocol: vpc.ICMPv6, Ports: vpc.PortRange{From: 128, To: -1}, CIDR: prefix("::/0")},
			"icmpv6 type 128 from ::/0"},
		{vpc.Rule{Protocol: vpc.ICMPv6, Ports: vpc.PortRange{From: 3, To: 1}, CIDR: prefix("::/0")},
			"icmpv6 type 3 code 1 from ::/0"},
		{vpc.Rule{Protocol: 47, CIDR: all}, "protocol 47 from 0.0.0.0/0"},
	} {
		if got := tt.rule.String(); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

// TestWhatComesBack: the answer to a flow is explained where the protocol has one, as that protocol has it.
func TestWhatComesBack(t *testing.T) {
	inward := func(n *vpc.Network) {
		n.SecurityGroups[0].Rules = append(slices.Clone(n.SecurityGroups[0].Rules),
			vpc.Rule{ID: "sgr-in", Protocol: vpc.AllProtocols, CIDR: prefix("0.0.0.0/0")},
			vpc.Rule{ID: "sgr-six", Protocol: vpc.AllProtocols, CIDR: prefix("::/0")},
			vpc.Rule{ID: "sgr-out-six", Egress: true, Protocol: vpc.AllProtocols, CIDR: prefix("::/0")})
		n.Subnets[0].IPv6 = prefix("2001:db8:1:1::/64")
		n.Interfaces[0].Addresses = append(n.Interfaces[0].Addresses, netip.MustParseAddr("2001:db8:1:1::20"))
	}
	s := snapshot(t, sample(both(withIPv6, inward, func(n *vpc.Network) { n.ACLs = nil })))
	four := func(protocol vpc.Protocol, kind uint8) vpc.Flow {
		f := ping(node, "10.0.1.20", "10.0.2.30")
		f.Protocol, f.ICMPType = protocol, kind
		return f
	}
	six := func(kind uint8) vpc.Flow {
		f := tcp(node, "[2001:db8:1:1::20]:0", "[2001:db8:1:2::30]:0")
		f.Protocol, f.ICMPType = vpc.ICMPv6, kind
		return f
	}
	for _, tt := range []struct {
		name string
		flow vpc.Flow
		want string
	}{
		{"a segment", tcp(node, nodeHTTP, "10.0.2.30:22"), "tcp 10.0.2.30:22 → 10.0.1.20:40000"},
		{"an echo", four(vpc.ICMP, 8), "icmp type 0 10.0.2.30 → 10.0.1.20"},
		{"an error", four(vpc.ICMP, 3), ""},
		{"an echo over IPv6", six(128), "icmpv6 type 129 2001:db8:1:2::30 → 2001:db8:1:1::20"},
		{"an error over IPv6", six(1), ""},
		{"another protocol", four(47, 0), "protocol 47 10.0.2.30:0 → 10.0.1.20:0"},
		{"a question to the resolver", udp(node, "10.0.1.20:5000", "10.0.0.2:53"), ""},
	} {
		e, got := s.Explain(tt.flow), ""
		if e.Reply != nil {
			got = e.Reply.Flow.String()
		}
		if got != tt.want || !e.Works() {
			t.Errorf("%s: %q, want %q\n%v", tt.name, got, tt.want, e)
		}
	}
}

// TestJourneyBehindAnEndpoint: a connection to an endpoint of one's own service is followed to the first target that
// works, those in the endpoint's zone first.
func TestJourneyBehindAnEndpoint(t *testing.T) {
	mine := both(withService, func(n *vpc.Network) {
		n.Endpoints[0].Service = n.EndpointServices[0].Name
		n.SecurityGroups[0].Rules = append(slices.Clone(n.SecurityGroups[0].Rules), vpc.Rule{
			ID: "sgr-8443", Protocol: vpc.TCP, Ports: vpc.PortRange{From: 8443, To: 8443}, CIDR: prefix("10.0.0.0/16"),
		})
	})
	target := func(f func(*vpc.EndpointService)) change {
		return both(mine, func(n *vpc.Network) { f(&n.EndpointServices[0]) })
	}
	second := vpc.ServiceTarget{Port: 443, TargetPort: 9443, Interface: node, From: "eni-svc-b"}
	for _, tt := range []struct {
		name string
		change
		to, behind, why string
	}{
		{"Amazon's", none, ssmA, "", ""},
		{"a target", mine, ssmA, "tcp 10.0.2.60:40000 → 10.0.2.30:8443", ""},
		{"another port", mine, "10.0.1.10:80", "", "endpoint vpce-ssm takes tcp 443 only, not tcp 80"},
		{"the target is gone", target(func(v *vpc.EndpointService) { v.Targets[0].Interface = "eni-gone" }), ssmA,
			"nowhere", "eni-gone, where vpce-svc-1 leads, is gone"},
		{"the target refuses", target(func(v *vpc.EndpointService) { v.Targets[0].TargetPort = 22 }), ssmA,
			"tcp 10.0.2.60:40000 → 10.0.2.30:22", "no rule of sg-nodes (nodes) allows inbound tcp 22 from 10.0.2.60"},
		{"the first refuses", target(func(v *vpc.EndpointService) {
			v.Targets = append([]vpc.ServiceTarget{second}, v.Targets...)
		}), ssmA, "tcp 10.0.2.60:40000 → 10.0.2.30:8443", ""},
		{"both refuse", target(func(v *vpc.EndpointService) {
			v.Targets = append(v.Targets, second)
			v.Targets[0].TargetPort = 22
		}), ssmA, "tcp 10.0.2.60:40000 → 10.0.2.30:22", "no rule of sg-nodes (nodes) allows inbound tcp 22 from 10.0.2.60"},
		{"a host address", target(func(v *vpc.EndpointService) {
			v.Targets[0] = vpc.ServiceTarget{Port: 443, TargetPort: 80, Host: netip.MustParseAddr("192.0.2.1")}
		}), ssmA, "", ""},
	} {
		e, behind, why := snapshot(t, sample(tt.change)).Explain(tcp(node, nodeHTTP, tt.to)), "", ""
		switch {
		case e.Behind != nil && e.Behind.Flow.Destination.IsValid():
			behind = e.Behind.Flow.String()
		case e.Behind != nil:
			behind = "nowhere"
		}
		if r := e.Refusal(); r != nil {
			why = r.Why
		}
		if behind != tt.behind || why != tt.why || e.Works() != (why == "") {
			t.Errorf("%s: behind %q, %q\n%v", tt.name, behind, why, e)
		}
	}
}
