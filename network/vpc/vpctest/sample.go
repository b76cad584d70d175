// Package vpctest is a supply of networks for tests: the sample network of the first story, large ones, and random
// ones with random flows for property tests.
package vpctest

import (
	"fmt"
	"net/netip"

	"postern/network/vpc"
)

// The ids and addresses of the sample network.
const (
	VPC           = "vpc-1"
	SubnetA       = "subnet-a"
	SubnetB       = "subnet-b"
	RouteTable    = "rtb-1"
	ACL           = "acl-1"
	NodeGroup     = "sg-nodes"
	EndpointGroup = "sg-endpoints"
	// HTTPSRule is the endpoint group's inbound rule for 443 from the nodes' group.
	HTTPSRule = "sgr-https"
	Instance  = "i-1"
	Node      = "eni-node"     // the instance's interface, 10.0.1.20
	Attached  = "eni-attached" // an attached machine's, 10.0.2.30
)

// Services are the services that the sample network has interface endpoints to. The endpoint to "ssm" is "vpce-ssm";
// its interface in subnet-a is "eni-ssm-a" and in subnet-b "eni-ssm-b", and so on.
var Services = []string{"ssm", "ssmmessages", "ec2messages"}

// Sample is the network of the first story: two private subnets in two zones without any Internet gateway, a group for
// nodes and one for endpoints with inbound 443 from the nodes' group, three interface endpoints with private DNS in
// both subnets, an instance in the first and an attached machine in the second.
func Sample() vpc.Network {
	all := netip.MustParsePrefix("0.0.0.0/0")
	n := vpc.Network{
		VPCs: []vpc.VPC{{
			ID: VPC, Account: "000000000000", Region: "us-east-1",
			CIDRs:      []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16")},
			DNSSupport: true, DNSHostnames: true,
		}},
		Subnets: []vpc.Subnet{
			{ID: SubnetA, VPC: VPC, Zone: "us-east-1a", CIDR: netip.MustParsePrefix("10.0.1.0/24")},
			{ID: SubnetB, VPC: VPC, Zone: "us-east-1b", CIDR: netip.MustParsePrefix("10.0.2.0/24")},
		},
		RouteTables: []vpc.RouteTable{{ID: RouteTable, VPC: VPC, Main: true}},
		ACLs: []vpc.ACL{{ID: ACL, VPC: VPC, Default: true, Entries: []vpc.ACLEntry{
			{Number: 100, Allow: true, Protocol: vpc.AllProtocols, CIDR: all},
			{Number: 100, Egress: true, Allow: true, Protocol: vpc.AllProtocols, CIDR: all},
		}}},
		SecurityGroups: []vpc.SecurityGroup{
			{ID: NodeGroup, VPC: VPC, Name: "nodes", Rules: []vpc.Rule{
				{ID: "sgr-nodes-out", Egress: true, Protocol: vpc.AllProtocols, CIDR: all},
			}},
			{ID: EndpointGroup, VPC: VPC, Name: "endpoints", Rules: []vpc.Rule{
				{ID: HTTPSRule, Protocol: vpc.TCP, Ports: vpc.PortRange{From: 443, To: 443}, Group: NodeGroup},
			}},
		},
		Interfaces: []vpc.Interface{
			node(Node, SubnetA, "10.0.1.20", vpc.InstanceInterface, Instance),
			node(Attached, SubnetB, "10.0.2.30", vpc.AttachedInterface, "mi-1"),
		},
	}
	for i, service := range Services {
		addEndpoint(&n, service, i)
	}
	return n
}

func node(id, subnet, address string, kind vpc.InterfaceKind, owner string) vpc.Interface {
	return vpc.Interface{
		ID: id, VPC: VPC, Subnet: subnet, Kind: kind, Owner: owner, Groups: []string{NodeGroup},
		Addresses: []netip.Addr{netip.MustParseAddr(address)},
	}
}

func addEndpoint(n *vpc.Network, service string, i int) {
	e := vpc.Endpoint{
		ID: "vpce-" + service, VPC: VPC, Service: "com.amazonaws.us-east-1." + service, Available: true, PrivateDNS: true,
		PrivateNames: []string{service + ".us-east-1.amazonaws.com"},
		Name:         fmt.Sprintf("vpce-%s-x.%s.us-east-1.vpce.amazonaws.com", service, service),
	}
	for j, subnet := range []string{SubnetA, SubnetB} {
		c := vpc.Interface{
			ID: fmt.Sprintf("eni-%s-%c", service, 'a'+j), VPC: VPC, Subnet: subnet, Kind: vpc.EndpointInterface, Owner: e.ID,
			Groups: []string{EndpointGroup}, Addresses: []netip.Addr{netip.AddrFrom4([4]byte{10, 0, byte(1 + j), byte(10 + i)})},
		}
		n.Interfaces = append(n.Interfaces, c)
		e.Interfaces = append(e.Interfaces, c.ID)
	}
	n.Endpoints = append(n.Endpoints, e)
}

// Scale says how large a network Large makes.
type Scale struct {
	Interfaces, Groups int
	// Rules is the number of rules of each group, half of them inbound.
	Rules int
}

// Large is one VPC with many interfaces: "eni-N" for N from 0 has the address 10.64.0.4 + N and is in group "sg-G" for
// G = N modulo Groups. Every group allows all outbound last and TCP 443 from 10.0.0.0/8 last, after rules of many
// ports, ranges and groups that match nothing of that.
func Large(s Scale) vpc.Network {
	n := vpc.Network{
		VPCs: []vpc.VPC{
			{ID: VPC, Region: "us-east-1", DNSSupport: true, CIDRs: []netip.Prefix{netip.MustParsePrefix("10.64.0.0/10")}},
		},
		Subnets: []vpc.Subnet{
			{ID: SubnetA, VPC: VPC, Zone: "us-east-1a", CIDR: netip.MustParsePrefix("10.64.0.0/12")},
		},
		RouteTables: []vpc.RouteTable{{ID: RouteTable, VPC: VPC, Main: true}},
	}
	for g := range s.Groups {
		n.SecurityGroups = append(n.SecurityGroups, largeGroup(g, s))
	}
	address := netip.MustParseAddr("10.64.0.4")
	for i := range s.Interfaces {
		n.Interfaces = append(n.Interfaces, vpc.Interface{
			ID: fmt.Sprintf("eni-%d", i), VPC: VPC, Subnet: SubnetA, Owner: fmt.Sprintf("i-%d", i),
			Groups: []string{fmt.Sprintf("sg-%d", i%s.Groups)}, Addresses: []netip.Addr{address},
		})
		address = address.Next()
	}
	return n
}

func largeGroup(g int, s Scale) vpc.SecurityGroup {
	group := vpc.SecurityGroup{ID: fmt.Sprintf("sg-%d", g), VPC: VPC}
	for i := range s.Rules {
		r := vpc.Rule{ID: fmt.Sprintf("sgr-%d-%d", g, i), Egress: i%2 == 0, Protocol: vpc.TCP}
		r.Ports = vpc.PortRange{From: int32(1000 + i), To: int32(1010 + i)}
		switch {
		case i >= s.Rules-2 && r.Egress:
			r.Protocol, r.CIDR = vpc.AllProtocols, netip.MustParsePrefix("0.0.0.0/0")
		case i >= s.Rules-2:
			r.Ports, r.CIDR = vpc.PortRange{From: 443, To: 443}, netip.MustParsePrefix("10.0.0.0/8")
		case i%4 < 2:
			r.Group = fmt.Sprintf("sg-%d", (g+i)%s.Groups)
		default:
			r.CIDR = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(64 + i%64), byte(i), 0}), 24)
		}
		group.Rules = append(group.Rules, r)
	}
	return group
}
