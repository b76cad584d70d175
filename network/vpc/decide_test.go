package vpc_test

import (
	"net/netip"
	"slices"
	"testing"

	"postern/network/vpc"
	"postern/network/vpc/vpctest"
)

func tcp(from, source, destination string) vpc.Flow {
	return vpc.Flow{
		From: from, Protocol: vpc.TCP, Source: netip.MustParseAddrPort(source),
		Destination: netip.MustParseAddrPort(destination),
	}
}

func udp(from, source, destination string) vpc.Flow {
	f := tcp(from, source, destination)
	f.Protocol = vpc.UDP
	return f
}

func ping(from, source, destination string) vpc.Flow {
	f := tcp(from, source+":0", destination+":0")
	f.Protocol, f.ICMPType = vpc.ICMP, 8
	return f
}

func allowed(step vpc.Step, resource string, kind vpc.DestinationKind, to string) vpc.Verdict {
	return vpc.Verdict{Allow: true, Step: step, Resource: resource, Kind: kind, To: to}
}

func refused(step vpc.Step, reason vpc.Reason, resource string) vpc.Verdict {
	return vpc.Verdict{Step: step, Reason: reason, Resource: resource}
}

const (
	node     = vpctest.Node
	nodeHTTP = "10.0.1.20:40000"
	ssmA     = "10.0.1.10:443"
	ssmB     = "10.0.2.10:443"
)

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

// change returns the sample network with one change.
type change func(n *vpc.Network)

func none(*vpc.Network) {}

func sample(c change) vpc.Network {
	n := vpctest.Sample()
	c(&n)
	return n
}

func withRoutes(routes ...vpc.Route) change {
	return func(n *vpc.Network) { n.RouteTables[0].Routes = routes }
}

func withACL(entries ...vpc.ACLEntry) change {
	return func(n *vpc.Network) {
		n.ACLs = append(n.ACLs, vpc.ACL{ID: "acl-b", VPC: vpctest.VPC, Subnets: []string{vpctest.SubnetB}, Entries: entries})
	}
}

func both(cs ...change) change {
	return func(n *vpc.Network) {
		for _, c := range cs {
			c(n)
		}
	}
}

func withEgress(rules ...vpc.Rule) change {
	return func(n *vpc.Network) { n.SecurityGroups[0].Rules = rules }
}

// withPeer adds vpc-2 (10.1.0.0/16) with a node eni-far at 10.1.1.20 in group sg-far, peered by pcx-1, and routes both
// ways.
func withPeer(active bool, region string) change {
	return func(n *vpc.Network) {
		n.VPCs = append(n.VPCs, vpc.VPC{
			ID: "vpc-2", Region: region, CIDRs: []netip.Prefix{prefix("10.1.0.0/16")}, DNSSupport: true,
		})
		n.Subnets = append(n.Subnets, vpc.Subnet{
			ID: "subnet-far", VPC: "vpc-2", Zone: region + "a", CIDR: prefix("10.1.1.0/24"),
		})
		n.Peerings = append(n.Peerings, vpc.Peering{ID: "pcx-1", Requester: "vpc-2", Accepter: vpctest.VPC, Active: active})
		via := vpc.Target{Kind: vpc.ViaPeering, ID: "pcx-1"}
		n.RouteTables[0].Routes = append(n.RouteTables[0].Routes, vpc.Route{Destination: prefix("10.1.0.0/16"), Target: via})
		n.RouteTables = append(n.RouteTables, vpc.RouteTable{ID: "rtb-far", VPC: "vpc-2", Main: true, Routes: []vpc.Route{
			{Destination: prefix("10.0.0.0/16"), Target: via}, {Destination: prefix("52.216.0.0/15"), Target: via},
		}})
		n.SecurityGroups = append(n.SecurityGroups, vpc.SecurityGroup{ID: "sg-far", VPC: "vpc-2", Rules: []vpc.Rule{
			{ID: "sgr-far-out", Egress: true, Protocol: vpc.AllProtocols, CIDR: prefix("0.0.0.0/0")},
		}})
		n.Interfaces = append(n.Interfaces, vpc.Interface{
			ID: "eni-far", VPC: "vpc-2", Subnet: "subnet-far", Owner: "i-far", Groups: []string{"sg-far"},
			Addresses: []netip.Addr{netip.MustParseAddr("10.1.1.20")},
		})
		n.SecurityGroups[1].Rules = append(slices.Clone(n.SecurityGroups[1].Rules), vpc.Rule{
			ID: "sgr-from-far", Protocol: vpc.TCP, Ports: vpc.PortRange{From: 443, To: 443}, Group: "sg-far",
		})
	}
}

// withS3 adds a gateway endpoint with its prefix list to the route table.
func withS3(n *vpc.Network) {
	n.PrefixLists = []vpc.PrefixList{
		{ID: "pl-s3", Name: "com.amazonaws.us-east-1.s3", CIDRs: []netip.Prefix{prefix("52.216.0.0/15")}},
	}
	n.Endpoints = append(n.Endpoints, vpc.Endpoint{
		ID: "vpce-s3", VPC: vpctest.VPC, Kind: vpc.GatewayEndpoint, Service: "com.amazonaws.us-east-1.s3", Available: true,
		RouteTables: []string{vpctest.RouteTable},
	})
}

var (
	igw   = vpc.Route{Destination: prefix("0.0.0.0/0"), Target: vpc.Target{Kind: vpc.ViaInternetGateway, ID: "igw-1"}}
	nat   = vpc.Route{Destination: prefix("0.0.0.0/0"), Target: vpc.Target{Kind: vpc.ViaNATGateway, ID: "nat-1"}}
	https = vpc.PortRange{From: 443, To: 443}
)

// A flowCase is a flow in the sample network with a change, and its verdict.
type flowCase struct {
	name string
	change
	flow vpc.Flow
	want vpc.Verdict
}

// endpointFlows go to the endpoints of the sample and to its nodes.
var endpointFlows = []flowCase{
	{
		"endpoint in the same subnet", none, tcp(node, nodeHTTP, ssmA),
		allowed(vpc.StepIngress, "sgr-https", vpc.ToInterface, "eni-ssm-a"),
	},
	{
		"endpoint in the other zone", none, tcp(node, nodeHTTP, ssmB),
		allowed(vpc.StepIngress, "sgr-https", vpc.ToInterface, "eni-ssm-b"),
	},
	{"unknown sender", none, tcp("eni-x", nodeHTTP, ssmA), refused(vpc.StepSource, vpc.ReasonUnknownSender, "eni-x")},
	{"another's address", none, tcp(node, "10.0.2.30:40000", ssmA), refused(vpc.StepSource, vpc.ReasonSpoofed, node)},
	{
		"families mixed", none, tcp(node, nodeHTTP, "[2001:db8::1]:443"), refused(vpc.StepSource, vpc.ReasonMalformed, node),
	},
	{
		"any source", func(n *vpc.Network) { n.Interfaces[0].AnySource = true }, tcp(node, "10.0.2.30:40000", ssmA),
		refused(vpc.StepIngress, vpc.ReasonNoRule, "sg-endpoints"),
	},
	{
		"endpoint starts", none, tcp("eni-ssm-a", "10.0.1.10:443", "10.0.1.20:22"),
		refused(vpc.StepSource, vpc.ReasonEndpointStarts, "eni-ssm-a"),
	},
	{
		"plain HTTP", none, tcp(node, nodeHTTP, "10.0.1.10:80"), refused(vpc.StepTarget, vpc.ReasonEndpointPort, "vpce-ssm"),
	},
	{
		"ping an endpoint", none, ping(node, "10.0.1.20", "10.0.1.10"),
		refused(vpc.StepTarget, vpc.ReasonEndpointPort, "vpce-ssm"),
	},
	{
		"pending", func(n *vpc.Network) { n.Endpoints[0].Available = false }, tcp(node, nodeHTTP, ssmA),
		refused(vpc.StepTarget, vpc.ReasonEndpointUnavailable, "vpce-ssm"),
	},
	{
		"no rule", func(n *vpc.Network) { n.SecurityGroups[1].Rules = nil }, tcp(node, nodeHTTP, ssmA),
		refused(vpc.StepIngress, vpc.ReasonNoRule, "sg-endpoints"),
	},
	{"no egress", withEgress(), tcp(node, nodeHTTP, ssmA), refused(vpc.StepEgress, vpc.ReasonNoRule, "sg-nodes")},
	{"egress by group", withEgress(vpc.Rule{
		ID: "sgr-x", Egress: true, Protocol: vpc.TCP, Ports: https, Group: "sg-endpoints",
	}), tcp(node, nodeHTTP, ssmA), allowed(vpc.StepIngress, "sgr-https", vpc.ToInterface, "eni-ssm-a")},
	{"egress to another group", withEgress(vpc.Rule{
		ID: "sgr-x", Egress: true, Protocol: vpc.TCP, Ports: https, Group: "sg-nodes",
	}), tcp(node, nodeHTTP, ssmA), refused(vpc.StepEgress, vpc.ReasonNoRule, "sg-nodes")},
	{
		"no inbound rule on nodes", none, tcp(vpctest.Attached, "10.0.2.30:40000", "10.0.1.20:22"),
		refused(vpc.StepIngress, vpc.ReasonNoRule, "sg-nodes"),
	},
}

// serviceFlows go to the resolver and to metadata.
var serviceFlows = []flowCase{
	{
		"resolver base+2", withEgress(), udp(node, "10.0.1.20:5000", "10.0.0.2:53"),
		allowed(vpc.StepService, vpctest.VPC, vpc.ToResolver, vpctest.VPC),
	},
	{
		"resolver link-local", withACL(), udp(vpctest.Attached, "10.0.2.30:5000", "169.254.169.253:53"),
		allowed(vpc.StepService, vpctest.VPC, vpc.ToResolver, vpctest.VPC),
	},
	{
		"resolver off", func(n *vpc.Network) { n.VPCs[0].DNSSupport = false }, udp(node, "10.0.1.20:5000", "10.0.0.2:53"),
		refused(vpc.StepService, vpc.ReasonDNSOff, vpctest.VPC),
	},
	{
		"resolver's other ports", none, tcp(node, nodeHTTP, "10.0.0.2:443"),
		refused(vpc.StepService, vpc.ReasonServicePort, vpctest.VPC),
	},
	{
		"resolver from a peer", withPeer(true, "us-east-1"), udp("eni-far", "10.1.1.20:5000", "10.0.0.2:53"),
		refused(vpc.StepTarget, vpc.ReasonResolverOutside, vpctest.VPC),
	},
	{
		"metadata", withEgress(), tcp(node, nodeHTTP, "169.254.169.254:80"),
		allowed(vpc.StepService, node, vpc.ToMetadata, ""),
	},
	{
		"metadata for an attached machine", none, tcp(vpctest.Attached, "10.0.2.30:5000", "169.254.169.254:80"),
		refused(vpc.StepService, vpc.ReasonNotInstance, vpctest.Attached),
	},
	{
		"link-local otherwise", none, udp(node, "10.0.1.20:5000", "169.254.169.123:123"),
		refused(vpc.StepRoute, vpc.ReasonNoRoute, vpctest.RouteTable),
	},
}

// routedFlows go out of the VPC, or to nobody in it.
var routedFlows = []flowCase{
	{
		"no Internet", none, tcp(node, nodeHTTP, "1.1.1.1:443"),
		refused(vpc.StepRoute, vpc.ReasonNoRoute, vpctest.RouteTable),
	},
	{
		"Internet gateway, private sender", withRoutes(igw), tcp(node, nodeHTTP, "1.1.1.1:443"),
		refused(vpc.StepTarget, vpc.ReasonNoPublicAddress, node),
	},
	{
		"Internet gateway, public sender",
		both(withRoutes(igw), func(n *vpc.Network) { n.Interfaces[0].Public = netip.MustParseAddr("198.51.100.7") }),
		tcp(node, nodeHTTP, "1.1.1.1:443"), allowed(vpc.StepTarget, "igw-1", vpc.ToInternet, "igw-1"),
	},
	{
		"NAT gateway", withRoutes(nat), tcp(node, nodeHTTP, "1.1.1.1:443"),
		allowed(vpc.StepTarget, "nat-1", vpc.ToInternet, "nat-1"),
	},
	{
		"private address by NAT", withRoutes(nat), tcp(node, nodeHTTP, "192.168.1.1:443"),
		refused(vpc.StepTarget, vpc.ReasonNotPublic, "nat-1"),
	},
	{
		"multicast", withRoutes(nat), udp(node, "10.0.1.20:5353", "224.0.0.251:5353"),
		refused(vpc.StepRoute, vpc.ReasonNoRoute, vpctest.RouteTable),
	},
	{"blackhole", withRoutes(vpc.Route{
		Destination: prefix("0.0.0.0/0"), Target: vpc.Target{Kind: vpc.Blackhole, ID: "nat-gone"},
	}), tcp(node, nodeHTTP, "1.1.1.1:443"), refused(vpc.StepRoute, vpc.ReasonBlackhole, vpctest.RouteTable)},
	{
		"nobody there", none, tcp(node, nodeHTTP, "10.0.1.99:443"),
		refused(vpc.StepTarget, vpc.ReasonNoInterface, vpctest.VPC),
	},
	{
		"detached", func(n *vpc.Network) { n.Interfaces[1].Owner = "" }, tcp(node, nodeHTTP, "10.0.2.30:443"),
		refused(vpc.StepTarget, vpc.ReasonDetached, vpctest.Attached),
	},
}

// gatewayFlows go by a gateway endpoint.
var gatewayFlows = []flowCase{
	{
		"gateway endpoint", withS3, tcp(node, nodeHTTP, "52.216.1.1:443"),
		allowed(vpc.StepTarget, "vpce-s3", vpc.ToGateway, "vpce-s3"),
	},
	{
		"gateway endpoint beats the default route", both(withRoutes(nat), withS3), tcp(node, nodeHTTP, "52.216.1.1:443"),
		allowed(vpc.StepTarget, "vpce-s3", vpc.ToGateway, "vpce-s3"),
	},
	{
		"egress by prefix list",
		both(withS3, withEgress(vpc.Rule{ID: "sgr-x", Egress: true, Protocol: vpc.TCP, Ports: https, PrefixList: "pl-s3"})),
		tcp(node, nodeHTTP, "52.216.1.1:443"), allowed(vpc.StepTarget, "vpce-s3", vpc.ToGateway, "vpce-s3"),
	},
	{
		"egress lacks the prefix list",
		both(withS3, withEgress(vpc.Rule{
			ID: "sgr-x", Egress: true, Protocol: vpc.TCP, Ports: https, CIDR: prefix("10.0.0.0/16"),
		})), tcp(node, nodeHTTP, "52.216.1.1:443"), refused(vpc.StepEgress, vpc.ReasonNoRule, "sg-nodes"),
	},
	{
		"table without the endpoint", both(withS3, func(n *vpc.Network) { n.Endpoints[3].RouteTables = nil }),
		tcp(node, nodeHTTP, "52.216.1.1:443"), refused(vpc.StepRoute, vpc.ReasonNoRoute, vpctest.RouteTable),
	},
	{
		"gateway endpoint from a peer", both(withS3, withPeer(true, "us-east-1")),
		tcp("eni-far", "10.1.1.20:40000", "52.216.1.1:443"), refused(vpc.StepPeering, vpc.ReasonNotTransitive, "pcx-1"),
	},
}

// peeredFlows come from a peer.
var peeredFlows = []flowCase{
	{
		"interface endpoint from a peer", withPeer(true, "us-east-1"), tcp("eni-far", "10.1.1.20:40000", ssmA),
		allowed(vpc.StepIngress, "sgr-from-far", vpc.ToInterface, "eni-ssm-a"),
	},
	{
		"group reference across regions", withPeer(true, "eu-west-1"), tcp("eni-far", "10.1.1.20:40000", ssmA),
		refused(vpc.StepIngress, vpc.ReasonNoRule, "sg-endpoints"),
	},
	{
		"peering not accepted", withPeer(false, "us-east-1"), tcp("eni-far", "10.1.1.20:40000", ssmA),
		refused(vpc.StepPeering, vpc.ReasonPeeringInactive, "pcx-1"),
	},
	{
		"no route to the peer", both(withPeer(true, "us-east-1"), func(n *vpc.Network) { n.RouteTables[1].Routes = nil }),
		tcp("eni-far", "10.1.1.20:40000", ssmA), refused(vpc.StepRoute, vpc.ReasonNoRoute, "rtb-far"),
	},
}

var aclFlows = []flowCase{
	{"ACL denies in", withACL(vpc.ACLEntry{
		Number: 90, Protocol: vpc.TCP, Ports: https, CIDR: prefix("10.0.1.0/24"),
	}), tcp(node, nodeHTTP, ssmB), refused(vpc.StepACLIn, vpc.ReasonACLDenied, "acl-b")},
	{
		"ACL without entries", withACL(), tcp(vpctest.Attached, "10.0.2.30:40000", ssmA),
		refused(vpc.StepACLOut, vpc.ReasonACLDenied, "acl-b"),
	},
	{
		"ACL within the subnet", withACL(), tcp(vpctest.Attached, "10.0.2.30:40000", ssmB),
		allowed(vpc.StepIngress, "sgr-https", vpc.ToInterface, "eni-ssm-b"),
	},
}

func TestDecide(t *testing.T) {
	for _, tt := range slices.Concat(endpointFlows, serviceFlows, routedFlows, gatewayFlows, peeredFlows, aclFlows) {
		if tt.want.Kind == vpc.ToInternet && tt.want.To == "igw-1" {
			tt.want.Public = netip.MustParseAddr("198.51.100.7")
		}
		if got := snapshot(t, sample(tt.change)).Decide(tt.flow); got != tt.want {
			t.Errorf("%s: %v\n got %+v\nwant %+v", tt.name, tt.flow, got, tt.want)
		}
	}
}

// TestMappedAddressesAreIPv4: an IPv4 address in the form that IPv6 has for it is judged as what it is (RFC 4291,
// 2.5.5.2).
func TestMappedAddressesAreIPv4(t *testing.T) {
	s := snapshot(t, vpctest.Sample())
	want := allowed(vpc.StepIngress, "sgr-https", vpc.ToInterface, "eni-ssm-a")
	for _, f := range []vpc.Flow{
		tcp(node, nodeHTTP, "[::ffff:10.0.1.10]:443"), tcp(node, "[::ffff:10.0.1.20]:40000", ssmA),
	} {
		if got := s.Decide(f); got != want {
			t.Errorf("%v: %+v", f, got)
		}
	}
}

func TestDecideTracked(t *testing.T) {
	reply := tcp("eni-ssm-b", ssmB, nodeHTTP)
	ephemeral := vpc.ACLEntry{Number: 100, Egress: true, Allow: true, Protocol: vpc.TCP, Ports: vpc.PortRange{
		From: 1024, To: 65535,
	}, CIDR: prefix("10.0.0.0/16")}
	rows := []struct {
		name string
		change
		flow vpc.Flow
		want vpc.Verdict
	}{
		{
			"reply needs no rule", both(withEgress(), func(n *vpc.Network) { n.SecurityGroups[1].Rules = nil }), reply,
			allowed(vpc.StepACLIn, vpctest.ACL, vpc.ToInterface, node),
		},
		{
			"what follows needs no rule", func(n *vpc.Network) { n.SecurityGroups[1].Rules = nil }, tcp(node, nodeHTTP, ssmB),
			allowed(vpc.StepACLIn, vpctest.ACL, vpc.ToInterface, "eni-ssm-b"),
		},
		{
			"ACL lets ephemeral ports out", withACL(ephemeral), reply,
			allowed(vpc.StepACLIn, vpctest.ACL, vpc.ToInterface, node),
		},
		{
			"ACL forgets ephemeral ports",
			withACL(vpc.ACLEntry{Number: 100, Egress: true, Allow: true, Protocol: vpc.TCP, Ports: vpc.PortRange{
				From: 443, To: 443,
			}, CIDR: prefix("0.0.0.0/0")}), reply, refused(vpc.StepACLOut, vpc.ReasonACLDenied, "acl-b"),
		},
		{"endpoint deleted", func(n *vpc.Network) {
			n.Endpoints = n.Endpoints[1:]
			n.Interfaces = slices.DeleteFunc(n.Interfaces, func(c vpc.Interface) bool { return c.Owner == "vpce-ssm" })
		}, reply, refused(vpc.StepSource, vpc.ReasonUnknownSender, "eni-ssm-b")},
		{
			"endpoint deleting", func(n *vpc.Network) { n.Endpoints[0].Available = false }, reply,
			refused(vpc.StepSource, vpc.ReasonEndpointUnavailable, "vpce-ssm"),
		},
		{
			"back through the gateway endpoint", withS3, tcp("vpce-s3", "52.216.1.1:443", nodeHTTP),
			allowed(vpc.StepACLIn, vpctest.ACL, vpc.ToInterface, node),
		},
		{
			"no way back over the peering",
			both(withPeer(true, "us-east-1"), func(n *vpc.Network) { n.RouteTables[0].Routes = nil }),
			tcp("eni-ssm-a", ssmA, "10.1.1.20:40000"), refused(vpc.StepRoute, vpc.ReasonNoRoute, vpctest.RouteTable),
		},
	}
	for _, tt := range rows {
		if got := snapshot(t, sample(tt.change)).DecideTracked(tt.flow); got != tt.want {
			t.Errorf("%s: %v\n got %+v\nwant %+v", tt.name, tt.flow, got, tt.want)
		}
	}
}

// TestMiddlebox: a route through an interface delivers to it only where it forwards, and group references end there.
func TestMiddlebox(t *testing.T) {
	through := withRoutes(vpc.Route{
		Destination: prefix("0.0.0.0/0"), Target: vpc.Target{Kind: vpc.ViaInterface, ID: vpctest.Attached},
	})
	open := func(n *vpc.Network) {
		n.Interfaces[1].AnySource = true
		n.SecurityGroups[0].Rules = append(n.SecurityGroups[0].Rules, vpc.Rule{
			ID: "sgr-in", Protocol: vpc.TCP, Ports: vpc.PortRange{To: 65535}, Group: vpctest.NodeGroup,
		})
	}
	out := tcp(node, nodeHTTP, "1.1.1.1:443")
	onward := tcp(vpctest.Attached, nodeHTTP, ssmA)
	for _, tt := range []struct {
		name string
		change
		flow vpc.Flow
		want vpc.Verdict
	}{
		{"checks destinations", through, out, refused(vpc.StepTarget, vpc.ReasonNotForwarding, vpctest.Attached)},
		{"forwards", both(through, open), out, allowed(vpc.StepIngress, "sgr-in", vpc.ToInterface, vpctest.Attached)},
		{
			"sends on for another", both(through, open), onward,
			refused(vpc.StepIngress, vpc.ReasonNoRule, vpctest.EndpointGroup),
		},
		{
			"routes to itself", both(through, open), tcp(vpctest.Attached, "10.0.2.30:1024", "1.1.1.1:443"),
			refused(vpc.StepTarget, vpc.ReasonLoop, vpctest.Attached),
		},
	} {
		if got := snapshot(t, sample(tt.change)).Decide(tt.flow); got != tt.want {
			t.Errorf("%s: %v\n got %+v\nwant %+v", tt.name, tt.flow, got, tt.want)
		}
	}
}

func TestDecideDoesNotAllocate(t *testing.T) {
	s := snapshot(t, sample(withS3))
	for _, f := range []vpc.Flow{
		tcp(node, nodeHTTP, ssmB), tcp(node, nodeHTTP, "52.216.1.1:443"), tcp(node, nodeHTTP, "1.1.1.1:443"),
		udp(node, "10.0.1.20:5000", "10.0.0.2:53"),
	} {
		if n := testing.AllocsPerRun(100, func() { s.Decide(f); s.DecideTracked(f) }); n != 0 {
			t.Errorf("%v: %v allocations", f, n)
		}
	}
}
