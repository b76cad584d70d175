package vpc_test

import (
	"net/netip"
	"slices"
	"testing"

	"postern/network/vpc"
	"postern/network/vpc/vpctest"
)

// refusalRow is a flow that is refused, with what the step says and would have changed.
type refusalRow struct {
	name string
	change
	flow        vpc.Flow
	why, remedy string
}

func checkRefusals(t *testing.T, rows []refusalRow) {
	t.Helper()
	for _, tt := range rows {
		e := snapshot(t, sample(tt.change)).Explain(tt.flow)
		r := e.Refusal()
		if r == nil {
			t.Errorf("%s: works:\n%v", tt.name, e)
			continue
		}
		if r.Why != tt.why || r.Remedy != tt.remedy {
			t.Errorf("%s:\n got %q,\n     %q\nwant %q,\n     %q", tt.name, r.Why, r.Remedy, tt.why, tt.remedy)
		}
	}
}

// withDynamoDB adds a second gateway endpoint, to another service, that is in no route table, before that to S3.
func withDynamoDB(n *vpc.Network) {
	n.PrefixLists = append(n.PrefixLists, vpc.PrefixList{
		ID: "pl-ddb", Name: "com.amazonaws.us-east-1.dynamodb", CIDRs: []netip.Prefix{prefix("3.218.180.0/22")},
	})
	n.Endpoints = append([]vpc.Endpoint{{
		ID: "vpce-ddb", VPC: vpctest.VPC, Kind: vpc.GatewayEndpoint, Service: "com.amazonaws.us-east-1.dynamodb",
		Available: true,
	}}, n.Endpoints...)
}

// TestRefusedAtTheSender: what a sender, its groups or its subnet refuse is said in words.
func TestRefusedAtTheSender(t *testing.T) {
	groupless := func(i int) change { return func(n *vpc.Network) { n.Interfaces[i].Groups = nil } }
	ntp := udp(node, "10.0.1.20:5000", "10.0.0.2:123")
	icmp := ping(node, "10.0.1.20", "10.0.2.30")
	icmp.ICMPType, icmp.ICMPCode = 3, 1
	six := tcp(node, nodeHTTP, "[2001:db8::1]:443")
	checkRefusals(t, []refusalRow{
		{"unknown", none, tcp("eni-x", nodeHTTP, ssmA),
			`no network interface has the id "eni-x"`,
			"attach the node to a network interface"},
		{"families mixed", none, six,
			"10.0.1.20 and 2001:db8::1 are not two unicast addresses of one family",
			"send from the interface's own address to a unicast address"},
		{"spoofed", none, tcp(node, "10.0.2.30:40000", ssmB),
			"10.0.2.30 is not an address of eni-node of i-1, which has 10.0.1.20",
			"send from 10.0.1.20, or turn eni-node's source/destination check off"},
		{"endpoint starts", none, tcp("eni-ssm-a", ssmA, nodeHTTP),
			"eni-ssm-a belongs to an endpoint, which answers and never starts a connection",
			"start the connection at the node"},
		{"DNS off", func(n *vpc.Network) { n.VPCs[0].DNSSupport = false }, ntp,
			"DNS support is off in vpc-1, so its resolver does not answer",
			"set enableDnsSupport of vpc-1 to true"},
		{"resolver's other port", none, ntp,
			"the resolver does not take udp 123",
			"use udp 53 or tcp 53"},
		{"metadata's other port", none, tcp(node, nodeHTTP, "169.254.169.254:443"),
			"the instance metadata service does not take tcp 443",
			"use tcp 80"},
		{"metadata of a machine", none, tcp(vpctest.Attached, "10.0.2.30:1024", "169.254.169.254:80"),
			"eni-attached of mi-1 is not an instance's interface and has no instance metadata",
			"give the node its identity by activation"},
		{"the sender has no group", groupless(0), tcp(node, nodeHTTP, ssmA),
			"eni-node of i-1 has no security group, so nothing is allowed",
			"give eni-node a group with outbound tcp 443 to sg-endpoints or 10.0.1.0/24"},
		{"no egress to an address", withEgress(), tcp(node, nodeHTTP, "10.0.1.99:443"),
			"no rule of sg-nodes (nodes) allows outbound tcp 443 to 10.0.1.99",
			"authorize outbound tcp 443 on sg-nodes to 10.0.1.99/32"},
		{"no egress to a group", withEgress(), tcp(node, nodeHTTP, ssmA),
			"no rule of sg-nodes (nodes) allows outbound tcp 443 to 10.0.1.10 (sg-endpoints (endpoints))",
			"authorize outbound tcp 443 on sg-nodes to sg-endpoints or 10.0.1.0/24"},
		{"no egress to what has no group", both(withEgress(), groupless(1)), tcp(node, nodeHTTP, "10.0.2.30:22"),
			"no rule of sg-nodes (nodes) allows outbound tcp 22 to 10.0.2.30",
			"authorize outbound tcp 22 on sg-nodes to 10.0.2.30/32"},
		{"no egress of ICMP", withEgress(), icmp,
			"no rule of sg-nodes (nodes) allows outbound icmp type 3 code 1 to 10.0.2.30 (sg-nodes (nodes))",
			"authorize outbound icmp type 3 code 1 on sg-nodes to sg-nodes or 10.0.2.0/24"},
		{"no egress to a prefix list", both(withS3, withEgress()), tcp(node, nodeHTTP, "52.216.1.1:443"),
			"no rule of sg-nodes (nodes) allows outbound tcp 443 to 52.216.1.1",
			"authorize outbound tcp 443 on sg-nodes to prefix list pl-s3"},
		{"ACL out", withACL(), tcp(vpctest.Attached, "10.0.2.30:40000", "10.0.1.20:22"),
			"no entry of acl-b allows outbound tcp 22 to 10.0.1.20, so its last one (*) denies it",
			"add an entry to acl-b that allows outbound tcp 22 to 10.0.1.0/24"},
	})
}

// TestRefusedByTheRoute: a missing route is said by what the destination is.
func TestRefusedByTheRoute(t *testing.T) {
	route := func(kind vpc.TargetKind, id string) change {
		return withRoutes(vpc.Route{Destination: prefix("0.0.0.0/0"), Target: vpc.Target{Kind: kind, ID: id}})
	}
	away := tcp(node, nodeHTTP, "1.1.1.1:443")
	unassociated := func(n *vpc.Network) { n.Endpoints[len(n.Endpoints)-1].RouteTables = nil }
	implied := func(n *vpc.Network) { n.RouteTables = nil }
	checkRefusals(t, []refusalRow{
		{"no Internet", none, away,
			"no route of rtb-1 leads to 1.1.1.1: subnet-a has no path to the Internet",
			"use a VPC endpoint, or add a route to an Internet or NAT gateway in rtb-1"},
		{"no route table", implied, away,
			"no route of vpc-1 leads to 1.1.1.1: subnet-a has no path to the Internet",
			"use a VPC endpoint, or add a route to an Internet or NAT gateway in vpc-1"},
		{"private", none, tcp(node, nodeHTTP, "192.168.7.7:443"),
			"no route of rtb-1 leads to 192.168.7.7",
			"add a route to 192.168.7.7/32 in rtb-1, through a peering for an address of another VPC"},
		{"multicast", none, udp(node, "10.0.1.20:5353", "224.0.0.251:5353"),
			"224.0.0.251 is not carried: it is no unicast address beyond the link",
			"send to a unicast address"},
		{"blackhole", route(vpc.Blackhole, "nat-gone"), away,
			"rtb-1 sends 0.0.0.0/0 to nat-gone, which is gone (blackhole)",
			"replace the route to 0.0.0.0/0 in rtb-1"},
		{"transit gateway", route(vpc.ViaOther, "tgw-1"), away,
			"rtb-1 sends 0.0.0.0/0 to tgw-1, and what lies behind it is not judged here",
			"look at the routes and rules behind tgw-1"},
		{"gateway endpoint without the table", both(withS3, withDynamoDB, unassociated),
			tcp(node, nodeHTTP, "52.216.1.1:443"),
			"gateway endpoint vpce-s3 leads to 52.216.1.1, but rtb-1 is not among its route tables",
			"associate vpce-s3 with rtb-1"},
		{"the other endpoint's list", both(withS3, withDynamoDB), tcp(node, nodeHTTP, "3.218.180.1:443"),
			"gateway endpoint vpce-ddb leads to 3.218.180.1, but rtb-1 is not among its route tables",
			"associate vpce-ddb with rtb-1"},
	})
}

// TestRefusedAtThePeering: what a peering does not carry is said with the two VPCs that it joins.
func TestRefusedAtThePeering(t *testing.T) {
	through := func(n *vpc.Network) {
		n.RouteTables[1].Routes[0].Destination = prefix("10.0.0.0/8")
	}
	far := func(to string) vpc.Flow { return tcp("eni-far", "10.1.1.20:40000", to) }
	checkRefusals(t, []refusalRow{
		{"inactive", withPeer(false, "us-east-1"), far(ssmA),
			"peering pcx-1 is not active",
			"accept pcx-1, or request a new peering"},
		{"beyond", both(withPeer(true, "us-east-1"), through), far("10.9.0.1:443"),
			"peering pcx-1 carries only what goes between vpc-2 and vpc-1; 10.1.1.20 → 10.9.0.1 goes beyond them",
			"peer the two VPCs directly: a peering is not transitive"},
		{"gateway endpoint", both(withS3, withDynamoDB, withPeer(true, "us-east-1")), far("52.216.1.1:443"),
			"gateway endpoint vpce-s3 serves only vpc-1 itself and is never reached over a peering",
			"create a gateway endpoint for com.amazonaws.us-east-1.s3 in vpc-2"},
		{"no endpoint for that", withPeer(true, "us-east-1"), far("52.216.1.1:443"),
			"peering pcx-1 carries only what goes between vpc-2 and vpc-1; 10.1.1.20 → 52.216.1.1 goes beyond them",
			"peer the two VPCs directly: a peering is not transitive"},
		{"across regions", withPeer(true, "eu-west-1"), far(ssmA),
			"no rule of sg-endpoints (endpoints) allows inbound tcp 443 from 10.1.1.20 (sg-far)",
			"authorize inbound tcp 443 on sg-endpoints from 10.1.1.0/24"},
		{"resolver", withPeer(true, "us-east-1"), udp("eni-far", "10.1.1.20:5000", "10.0.0.2:53"),
			"10.0.0.2 is the resolver of vpc-1 and answers only inside that VPC",
			"ask the sender's own resolver, or a Resolver inbound endpoint"},
	})
}

// TestRefusedAtTheTarget: what the route leads to and takes nothing is named, with its owner.
func TestRefusedAtTheTarget(t *testing.T) {
	endpoint := func(f func(*vpc.Endpoint)) change { return func(n *vpc.Network) { f(&n.Endpoints[0]) } }
	pending := func(a vpc.Acceptance) change {
		return endpoint(func(e *vpc.Endpoint) { e.Available, e.Acceptance = false, a })
	}
	through := withRoutes(vpc.Route{
		Destination: prefix("0.0.0.0/0"), Target: vpc.Target{Kind: vpc.ViaInterface, ID: vpctest.Attached},
	})
	forwarding := func(n *vpc.Network) { n.Interfaces[1].AnySource = true }
	away := tcp(node, nodeHTTP, "1.1.1.1:443")
	checkRefusals(t, []refusalRow{
		{"nobody", none, tcp(node, nodeHTTP, "10.0.1.99:443"),
			"no network interface of vpc-1 has the address 10.0.1.99",
			"use the address of an interface; an endpoint's addresses are what its names resolve to"},
		{"detached", func(n *vpc.Network) { n.Interfaces[1].Owner = "" }, tcp(node, nodeHTTP, "10.0.2.30:443"),
			"eni-attached has the address but is attached to nothing",
			"attach eni-attached to an instance"},
		{"pending", pending(vpc.Accepted), tcp(node, nodeHTTP, ssmA),
			"endpoint vpce-ssm is not available",
			"wait until vpce-ssm is available, or create the endpoint again"},
		{"awaits acceptance", pending(vpc.AwaitsAcceptance), tcp(node, nodeHTTP, ssmA),
			"endpoint vpce-ssm awaits acceptance by the owner of com.amazonaws.us-east-1.ssm",
			"let the owner accept vpce-ssm (AcceptVpcEndpointConnections)"},
		{"rejected", pending(vpc.AcceptanceRejected), tcp(node, nodeHTTP, ssmA),
			"endpoint vpce-ssm was rejected by the owner of com.amazonaws.us-east-1.ssm",
			"let the owner accept vpce-ssm (AcceptVpcEndpointConnections), or create the endpoint again"},
		{"gateway endpoint pending", both(withS3, func(n *vpc.Network) { n.Endpoints[3].Available = false }),
			tcp(node, nodeHTTP, "52.216.1.1:443"),
			"endpoint vpce-s3 is not available",
			"wait until vpce-s3 is available, or create the endpoint again"},
		{"endpoint's port", none, tcp(node, nodeHTTP, "10.0.1.10:80"),
			"endpoint vpce-ssm takes tcp 443 only, not tcp 80",
			"use tcp 443"},
		{"endpoint's protocol", none, udp(node, nodeHTTP, ssmA),
			"endpoint vpce-ssm takes tcp 443 only, not udp 443",
			"use tcp 443"},
		{"does not forward", through, away,
			"the route leads to eni-attached of mi-1, which checks destinations and forwards nothing",
			"turn eni-attached's source/destination check off"},
		{"loop", both(through, forwarding), tcp(vpctest.Attached, "10.0.2.30:1024", "1.1.1.1:443"),
			"the route leads back to eni-attached itself",
			"give subnet-b a route table without that route"},
	})
}

// TestRefusedAtTheInternetGateway: who has no public address is told which address has one.
func TestRefusedAtTheInternetGateway(t *testing.T) {
	igw := withRoutes(vpc.Route{
		Destination: prefix("0.0.0.0/0"), Target: vpc.Target{Kind: vpc.ViaInternetGateway, ID: "igw-1"},
	})
	away := tcp(node, nodeHTTP, "1.1.1.1:443")
	second := func(n *vpc.Network) {
		n.Interfaces[0].Addresses = append(n.Interfaces[0].Addresses, netip.MustParseAddr("10.0.1.21"))
		n.Interfaces[0].Public = netip.MustParseAddr("198.51.100.7")
	}
	checkRefusals(t, []refusalRow{
		{"no public address", igw, away,
			"eni-node of i-1 has no public address, so Internet gateway igw-1 does not carry it",
			"use a VPC endpoint or a NAT gateway, or associate a public address"},
		{"public address of another", both(igw, second), tcp(node, "10.0.1.21:40000", "1.1.1.1:443"),
			"10.0.1.21 has no public address, so Internet gateway igw-1 does not carry it; 198.51.100.7 belongs " +
				"to 10.0.1.20",
			"send from 10.0.1.20"},
		{"private beyond the gateway", igw, tcp(node, nodeHTTP, "192.168.1.1:443"),
			"192.168.1.1 is no address of the Internet, and igw-1 leads nowhere else",
			"add a route to where the address is"},
	})
}

// TestRefusedAtTheReceiver: what the receiver's groups or its subnet's ACL refuse is said in words.
func TestRefusedAtTheReceiver(t *testing.T) {
	unnamed := func(n *vpc.Network) {
		n.SecurityGroups[1].Name = ""
		n.SecurityGroups[1].Rules = nil
	}
	two := func(n *vpc.Network) {
		n.SecurityGroups[1].Rules = nil
		n.Interfaces[0].Groups = append(slices.Clone(n.Interfaces[0].Groups), vpctest.EndpointGroup)
	}
	groupless := func(n *vpc.Network) { n.Interfaces[2].Groups = nil }
	low := vpc.PortRange{From: 1, To: 1023}
	entry := vpc.ACLEntry{Number: 9, Protocol: vpc.TCP, CIDR: prefix("10.0.0.0/8"), Ports: low}
	checkRefusals(t, []refusalRow{
		{"no rule", unnamed, tcp(node, nodeHTTP, ssmA),
			"no rule of sg-endpoints allows inbound tcp 443 from 10.0.1.20 (sg-nodes (nodes))",
			"authorize inbound tcp 443 on sg-endpoints from sg-nodes or 10.0.1.0/24"},
		{"no rule for two groups", two, tcp(node, nodeHTTP, ssmA),
			"no rule of sg-endpoints (endpoints) allows inbound tcp 443 from 10.0.1.20 (sg-nodes (nodes), " +
				"sg-endpoints (endpoints))",
			"authorize inbound tcp 443 on sg-endpoints from sg-nodes or 10.0.1.0/24"},
		{"the receiver has no group", groupless, tcp(node, nodeHTTP, ssmA),
			"eni-ssm-a of endpoint vpce-ssm (com.amazonaws.us-east-1.ssm) has no security group, so nothing is allowed",
			"give eni-ssm-a a group with inbound tcp 443 from sg-nodes or 10.0.1.0/24"},
		{"from what has no group", func(n *vpc.Network) {
			n.Interfaces[1].Groups, n.Interfaces[1].AnySource = nil, true
		}, tcp(node, nodeHTTP, "10.0.2.30:22"),
			"eni-attached of mi-1 has no security group, so nothing is allowed",
			"give eni-attached a group with inbound tcp 22 from sg-nodes or 10.0.1.0/24"},
		{"no entry", withACL(), tcp(node, nodeHTTP, ssmB),
			"no entry of acl-b allows inbound tcp 443 from 10.0.1.20, so its last one (*) denies it",
			"add an entry to acl-b that allows inbound tcp 443 from 10.0.1.0/24"},
		{"an entry", withACL(entry), tcp(node, nodeHTTP, ssmB),
			"entry 9 of acl-b denies inbound tcp 1-1023 of 10.0.0.0/8",
			"delete entry 9 of acl-b, or add one with a lower number that allows inbound tcp 443 from 10.0.1.0/24"},
	})
}
