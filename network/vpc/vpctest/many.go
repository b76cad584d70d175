package vpctest

import (
	"fmt"
	"net/netip"

	"postern/network/vpc"
)

// Many is a network of VPCs with as many network interfaces in each, for tests of what a change of one VPC costs. VPC V
// is "vpc-V", with the subnet "subnet-V", the ACL "acl-V", the group "sg-V" and the interfaces "eni-V-N", of which
// ManyAddress tells the addresses. Groups and ACLs allow TCP and UDP from 10.0.0.0/8. Every even VPC is peered with the
// next, by "pcx-V", and has routes there and back.
func Many(vpcs, interfaces int) vpc.Network {
	var n vpc.Network
	for v := range vpcs {
		addMany(&n, v, interfaces)
	}
	for v := 0; v+1 < vpcs; v += 2 {
		id := fmt.Sprint("pcx-", v)
		n.Peerings = append(n.Peerings, vpc.Peering{ID: id, Requester: n.VPCs[v].ID, Accepter: n.VPCs[v+1].ID, Active: true})
		for side := range 2 {
			n.RouteTables[v+side].Routes = []vpc.Route{
				{Destination: n.VPCs[v+1-side].CIDRs[0], Target: vpc.Target{Kind: vpc.ViaPeering, ID: id}},
			}
		}
	}
	return n
}

func addMany(n *vpc.Network, v, interfaces int) {
	id, all := fmt.Sprint("vpc-", v), netip.MustParsePrefix("10.0.0.0/8")
	base, _ := ManyAddress(v, 0).Prefix(10)
	n.VPCs = append(n.VPCs, vpc.VPC{ID: id, Region: "us-east-1", CIDRs: []netip.Prefix{base}, DNSSupport: true})
	subnet, group := fmt.Sprint("subnet-", v), fmt.Sprint("sg-", v)
	n.Subnets = append(n.Subnets, vpc.Subnet{ID: subnet, VPC: id, CIDR: netip.PrefixFrom(base.Addr(), 12)})
	n.RouteTables = append(n.RouteTables, vpc.RouteTable{ID: fmt.Sprint("rtb-", v), VPC: id, Main: true})
	n.ACLs = append(n.ACLs, vpc.ACL{ID: fmt.Sprint("acl-", v), VPC: id, Default: true, Entries: []vpc.ACLEntry{
		{Number: 100, Allow: true, Protocol: vpc.AllProtocols, CIDR: all},
		{Number: 100, Egress: true, Allow: true, Protocol: vpc.AllProtocols, CIDR: all},
	}})
	rule := vpc.Rule{ID: fmt.Sprint("sgr-in-", v), Protocol: vpc.AllProtocols, CIDR: all}
	out := vpc.Rule{ID: fmt.Sprint("sgr-out-", v), Egress: true, Protocol: vpc.AllProtocols, CIDR: all}
	n.SecurityGroups = append(n.SecurityGroups, vpc.SecurityGroup{ID: group, VPC: id, Rules: []vpc.Rule{rule, out}})
	for i := range interfaces {
		n.Interfaces = append(n.Interfaces, vpc.Interface{
			ID: fmt.Sprintf("eni-%d-%d", v, i), VPC: id, Subnet: subnet, Owner: fmt.Sprintf("i-%d-%d", v, i),
			Groups: []string{group}, Addresses: []netip.Addr{ManyAddress(v, i)},
		})
	}
}

// ManyAddress is the address of the interface N of the VPC V in Many.
func ManyAddress(v, n int) netip.Addr {
	n += 4
	return netip.AddrFrom4([4]byte{10, byte(64 + v%2*64), byte(n >> 8), byte(n)})
}
