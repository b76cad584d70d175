package vpc_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"postern/network/vpc"
	"postern/network/vpc/vpctest"
)

// withRule replaces the rules of the nodes' group.
func withRule(r vpc.Rule) change {
	return func(n *vpc.Network) { r.ID = "sgr-x"; n.SecurityGroups[0].Rules = []vpc.Rule{r} }
}

// A badNetwork is a change of the sample network, and why it is refused; no reason: it is taken.
type badNetwork struct {
	name string
	change
	want string
}

// badPlaces are VPCs and subnets.
var badPlaces = []badNetwork{
	{"no id", func(n *vpc.Network) { n.VPCs[0].ID = "" }, "a resource has no id"},
	{
		"two kinds of one id", func(n *vpc.Network) { n.RouteTables[0].ID = n.Subnets[0].ID },
		"subnet-a: two resources have this id",
	},
	{
		"two VPCs of one id", func(n *vpc.Network) { n.VPCs = append(n.VPCs, n.VPCs[0]) },
		"vpc-1: two resources have this id",
	},
	{"two of one id", func(n *vpc.Network) { n.Subnets[1].ID = n.Subnets[0].ID }, "subnet-a: two resources have this id"},
	{
		"host bits", func(n *vpc.Network) { n.VPCs[0].CIDRs[0] = prefix("10.0.0.1/16") },
		"vpc-1: 10.0.0.1/16 has host bits set; the range is 10.0.0.0/16",
	},
	{
		"no range", func(n *vpc.Network) { n.Subnets[0].CIDR = netip.Prefix{} },
		"subnet-a: \"invalid Prefix\" is not an address range",
	},
	{
		"VPC's ranges overlap", func(n *vpc.Network) { n.VPCs[0].CIDRs = append(n.VPCs[0].CIDRs, prefix("10.0.0.0/8")) },
		"vpc-1: 10.0.0.0/16 overlaps 10.0.0.0/8 of vpc-1",
	},
	{
		"subnets overlap", func(n *vpc.Network) { n.Subnets[1].CIDR = prefix("10.0.1.128/25") },
		"subnet-b: 10.0.1.128/25 overlaps 10.0.1.0/24 of subnet-a",
	},
	{
		"subnet outside", func(n *vpc.Network) { n.Subnets[1].CIDR = prefix("10.1.1.0/24") },
		"subnet-b: 10.1.1.0/24 is not inside a range of vpc-1",
	},
	{
		"subnet larger than its VPC",
		func(n *vpc.Network) { n.Subnets[0].CIDR = prefix("10.0.0.0/8") },
		"subnet-a: 10.0.0.0/8 is not inside a range of vpc-1",
	},
	{
		"subnet of nothing", func(n *vpc.Network) { n.Subnets[1].VPC = "vpc-9" },
		`subnet-b: refers to "vpc-9", which does not exist`,
	},
}

// badInterfaces are interfaces and the endpoints that they belong to.
var badInterfaces = []badNetwork{
	{
		"same address", func(n *vpc.Network) { n.Interfaces[1].Addresses[0] = netip.MustParseAddr("10.0.2.10") },
		"eni-ssm-b: eni-attached has the address 10.0.2.10 already",
	},
	{
		"address outside", func(n *vpc.Network) { n.Interfaces[0].Addresses[0] = netip.MustParseAddr("10.0.2.20") },
		"eni-node: 10.0.2.20 is not inside 10.0.1.0/24 of subnet-a",
	},
	{"resolver's address", func(n *vpc.Network) {
		n.Subnets = append(n.Subnets, vpc.Subnet{ID: "subnet-0", VPC: vpctest.VPC, CIDR: prefix("10.0.0.0/24")})
		n.Interfaces[0].Subnet, n.Interfaces[0].Addresses[0] = "subnet-0", netip.MustParseAddr("10.0.0.2")
	}, "eni-node: 10.0.0.2 is the resolver of vpc-1"},
	{"no address", func(n *vpc.Network) { n.Interfaces[0].Addresses = nil }, "eni-node: has no address"},
	{
		"unknown group", func(n *vpc.Network) { n.Interfaces[0].Groups[0] = "sg-9" },
		`eni-node: refers to "sg-9", which does not exist`,
	},
	{
		"another VPC's group",
		both(withPeer(true, "us-east-1"), func(n *vpc.Network) { n.Interfaces[0].Groups[0] = "sg-far" }),
		`eni-node: refers to "sg-far", which does not exist in vpc-1`,
	},
	{"unknown subnet", func(n *vpc.Network) { n.Interfaces[0].Subnet = "subnet-9" }, `eni-node: refers to "subnet-9"`},
	{
		"unknown endpoint interface", func(n *vpc.Network) { n.Endpoints[0].Interfaces[0] = "eni-9" },
		`vpce-ssm: refers to "eni-9"`,
	},
	{
		"another's endpoint interface", func(n *vpc.Network) { n.Endpoints[0].Interfaces[0] = node },
		"vpce-ssm: eni-node is not an interface of this endpoint in vpc-1",
	},
	{
		"endpoint interface without endpoint", func(n *vpc.Network) { n.Endpoints = n.Endpoints[1:] },
		`endpoint "vpce-ssm" does not list this interface`,
	},
	{
		"endpoint's name", func(n *vpc.Network) { n.Endpoints[0].Name = "ssm" }, `vpce-ssm: "ssm" is not a name of the form`,
	},
}

var badRules = []badNetwork{
	{"rule with two peers", withRule(vpc.Rule{
		Protocol: vpc.TCP, CIDR: prefix("10.0.0.0/8"), Group: "sg-1",
	}), "sg-nodes sgr-x: a rule has exactly one of range, group and prefix list, not 2"},
	{"rule without peer", withRule(vpc.Rule{
		Protocol: vpc.TCP,
	}), "sg-nodes sgr-x: a rule has exactly one of range, group and prefix list, not 0"},
	{"rule's ports", withRule(vpc.Rule{
		Protocol: vpc.TCP, Ports: vpc.PortRange{From: 443, To: 80}, CIDR: prefix("10.0.0.0/8"),
	}), "sg-nodes sgr-x: 443 to 80 is no port range of tcp"},
	{"rule's range", withRule(vpc.Rule{
		Protocol: vpc.AllProtocols, CIDR: prefix("10.0.0.1/8"),
	}), "sg-nodes sgr-x: 10.0.0.1/8 has host bits set"},
	{"rule's prefix list", withRule(vpc.Rule{
		Protocol: vpc.AllProtocols, PrefixList: "pl-9",
	}), `sg-nodes sgr-x: refers to "pl-9"`},
	{"stale group reference", withRule(vpc.Rule{Protocol: vpc.AllProtocols, Group: "sg-9"}), ""},
}

var badRoutes = []badNetwork{
	{"two main tables", func(n *vpc.Network) {
		n.RouteTables = append(n.RouteTables, vpc.RouteTable{ID: "rtb-2", VPC: vpctest.VPC, Main: true})
	}, "rtb-2: vpc-1 has the main route table rtb-1 already"},
	{"route to nothing", withRoutes(vpc.Route{
		Destination: prefix("10.9.0.0/16"), Target: vpc.Target{Kind: vpc.ViaPeering, ID: "pcx-9"},
	}), `rtb-1: refers to "pcx-9"`},
	{"route without destination", withRoutes(vpc.Route{
		Target: vpc.Target{Kind: vpc.ViaNATGateway, ID: "nat-1"},
	}), "rtb-1: a route has exactly one of range and prefix list"},
	{
		"route to an interface endpoint",
		withRoutes(vpc.Route{
			Destination: prefix("10.9.0.0/16"), Target: vpc.Target{Kind: vpc.ViaGatewayEndpoint, ID: "vpce-ssm"},
		}), "rtb-1: vpce-ssm is not a gateway endpoint of vpc-1",
	},
	{
		"gateway endpoint's table", both(withS3, func(n *vpc.Network) { n.Endpoints[3].RouteTables[0] = "rtb-9" }),
		`vpce-s3: refers to "rtb-9"`,
	},
}

// badACLs are ACLs and peerings.
var badACLs = []badNetwork{
	{
		"two ACLs", both(withACL(), func(n *vpc.Network) { n.ACLs[0].Subnets = []string{vpctest.SubnetB} }),
		"acl-b: subnet-b has the ACL acl-1 already",
	},
	{"ACL numbers", withACL(vpc.ACLEntry{
		Number: 1, CIDR: prefix("10.0.0.0/8"),
	}, vpc.ACLEntry{Number: 1, CIDR: prefix("10.0.0.0/8")}), "acl-b: two entries of one direction have number 1"},
	{
		"ACL's subnet", both(withACL(), func(n *vpc.Network) { n.ACLs[1].Subnets = []string{"subnet-9"} }),
		`acl-b: refers to "subnet-9"`,
	},
	{
		"ACL entry's range", withACL(vpc.ACLEntry{Number: 1, CIDR: prefix("10.0.0.1/8")}),
		"acl-b: 10.0.0.1/8 has host bits set",
	},
	{
		"ACL entry's ports",
		withACL(vpc.ACLEntry{
			Number: 1, Protocol: vpc.TCP, CIDR: prefix("10.0.0.0/8"), Ports: vpc.PortRange{From: 2, To: 1},
		}), "acl-b entry 1: 2 to 1 is no port range of tcp",
	},
	{
		"peering overlaps",
		both(withPeer(true, "us-east-1"), func(n *vpc.Network) { n.VPCs[1].CIDRs[0] = prefix("10.0.0.0/8") }),
		"pcx-1: 10.0.0.0/8 of vpc-2 overlaps 10.0.0.0/16 of vpc-1",
	},
}

// TestNewSnapshotRefuses: what is wrong is an error that names the resource.
func TestNewSnapshotRefuses(t *testing.T) {
	for _, tt := range slices.Concat(badPlaces, badInterfaces, badRules, badRoutes, badACLs) {
		_, err := vpc.NewSnapshot(7, sample(tt.change))
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s: %v", tt.name, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
}

func TestSnapshotFinds(t *testing.T) {
	s := snapshot(t, vpctest.Sample())
	if c, ok := s.InterfaceAt(vpctest.VPC, netip.MustParseAddr("::ffff:10.0.1.20")); !ok || c.ID != vpctest.Node {
		t.Errorf("InterfaceAt = %v %v", c.ID, ok)
	}
	if e, ok := s.Endpoint("vpce-ssm"); !ok || e.Service != "com.amazonaws.us-east-1.ssm" {
		t.Errorf("Endpoint = %v %v", e, ok)
	}
	if g, ok := s.SecurityGroup(vpctest.NodeGroup); !ok || g.Name != "nodes" {
		t.Errorf("SecurityGroup = %v %v", g, ok)
	}
	for _, missing := range []func() bool{
		func() bool { _, ok := s.VPC("vpc-9"); return ok },
		func() bool { _, ok := s.Subnet("subnet-9"); return ok },
		func() bool { _, ok := s.Interface("eni-9"); return ok },
		func() bool { _, ok := s.Endpoint("vpce-9"); return ok },
		func() bool { _, ok := s.InterfaceAt("vpc-9", netip.MustParseAddr("10.0.1.20")); return ok },
	} {
		if missing() {
			t.Error("found what is not there")
		}
	}
	count := 0
	for range s.Interfaces() {
		count++
	}
	if count != 8 || s.Version() != 1 {
		t.Errorf("%d interfaces in version %d", count, s.Version())
	}
}
