package vpc_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"postern/network/vpc"
	"postern/network/vpc/vpctest"
)

// withService adds a service of one's own before the attached machine, with its own interface in subnet-b.
func withService(n *vpc.Network) {
	n.EndpointServices = []vpc.EndpointService{{
		ID: "vpce-svc-1", Name: "com.amazonaws.vpce.us-east-1.vpce-svc-1",
		Targets: []vpc.ServiceTarget{{Port: 443, TargetPort: 8443, Interface: vpctest.Attached, From: "eni-svc-b"}},
	}}
	n.Interfaces = append(n.Interfaces, vpc.Interface{
		ID: "eni-svc-b", VPC: vpctest.VPC, Subnet: vpctest.SubnetB, Kind: vpc.ServiceInterface, Owner: "vpce-svc-1",
		Addresses: []netip.Addr{netip.MustParseAddr("10.0.2.60")},
	})
}

// TestSharedValuesAreChecked: what is wrong with what several VPCs share is an error that names the resource.
func TestSharedValuesAreChecked(t *testing.T) {
	target := func(f func(*vpc.ServiceTarget)) change {
		return both(withService, func(n *vpc.Network) { f(&n.EndpointServices[0].Targets[0]) })
	}
	host := netip.MustParseAddr("192.0.2.1")
	peer := withPeer(true, "us-east-1")
	for _, tt := range []struct {
		name string
		change
		want string
	}{
		{"service", withService, ""},
		{"service without port", target(func(s *vpc.ServiceTarget) { s.Port = 0 }), "vpce-svc-1: a target has no port"},
		{"target without port", target(func(s *vpc.ServiceTarget) { s.TargetPort = 0 }), "vpce-svc-1: a target has no port"},
		{"interface and host", target(func(s *vpc.ServiceTarget) { s.Host = host }), "exactly one of interface and host"},
		{"neither", target(func(s *vpc.ServiceTarget) { s.Interface = "" }), "exactly one of interface and host"},
		{"host", target(func(s *vpc.ServiceTarget) { s.Interface, s.From, s.Host = "", "", host }), ""},
		{"target gone", target(func(s *vpc.ServiceTarget) { s.Interface = "eni-gone" }), ""},
		{"no own interface", target(func(s *vpc.ServiceTarget) { s.From = "eni-9" }), `vpce-svc-1: refers to "eni-9"`},
		{"another's", target(func(s *vpc.ServiceTarget) { s.From = node }),
			"vpce-svc-1: eni-node is not an interface of this service"},
		{"another service's", both(withService, func(n *vpc.Network) {
			n.Interfaces[len(n.Interfaces)-1].Owner = "vpce-svc-9"
		}), "vpce-svc-1: eni-svc-b is not an interface of this service"},
		{"two services of one name", both(withService, func(n *vpc.Network) {
			second := vpc.EndpointService{ID: "vpce-svc-2", Name: n.EndpointServices[0].Name}
			n.EndpointServices = append(n.EndpointServices, second)
		}), "vpce-svc-1: two resources have this id"},
		{"one service twice", both(withService, func(n *vpc.Network) {
			n.EndpointServices = append(n.EndpointServices, n.EndpointServices[0])
		}), "vpce-svc-1: two resources have this id"},
		{"prefix list's range", both(withS3, func(n *vpc.Network) { n.PrefixLists[0].CIDRs[0] = prefix("52.216.1.0/15") }),
			"pl-s3: 52.216.1.0/15 has host bits set"},
		{"two prefix lists", both(withS3, func(n *vpc.Network) {
			n.PrefixLists = append(n.PrefixLists, n.PrefixLists[0])
		}), "pl-s3: two resources have this id"},
		{"two peerings", both(peer, func(n *vpc.Network) { n.Peerings = append(n.Peerings, n.Peerings[0]) }),
			"pcx-1: two resources have this id"},
		{"two Resolver rules", both(withResolver, func(n *vpc.Network) { n.ResolverRules[1].ID = n.ResolverRules[0].ID }),
			"rslvr-rr-corp: two resources have this id"},
		{"rule's domain", both(withResolver, func(n *vpc.Network) { n.ResolverRules[0].Domain = "Corp.example" }),
			`rslvr-rr-corp: "Corp.example" is not in lower case`},
		{"two public services", func(n *vpc.Network) {
			n.Internet = vpctest.Internet()
			n.Internet.Services[1].Name = "SSM.us-east-1.amazonaws.com"
		}, "ssm.us-east-1.amazonaws.com: two resources have this id"},
		{"rule for no VPC", both(withResolver, func(n *vpc.Network) { n.ResolverRules[0].VPCs[0] = "vpc-9" }),
			`rslvr-rr-corp: refers to "vpc-9"`},
		{"two rules for a domain", both(withResolver, func(n *vpc.Network) { n.ResolverRules[1].Domain = "corp.example" }),
			`has the rule rslvr-rr-`},
	} {
		_, err := vpc.NewSnapshot(7, sample(tt.change))
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

// TestNextRefusesWhatNoLongerFits: an update that leaves a reference to what it takes away is refused, and one that
// takes the reference away as well is not.
func TestNextRefusesWhatNoLongerFits(t *testing.T) {
	peer := withPeer(true, "us-east-1")
	noPeerRoutes := func(n *vpc.Network) { n.RouteTables[0].Routes, n.RouteTables[1].Routes = nil, nil }
	byList := func(n *vpc.Network) {
		n.PrefixLists = []vpc.PrefixList{{ID: "pl-1", Name: "offices"}}
		n.RouteTables[0].Routes = []vpc.Route{{PrefixList: "pl-1", Target: vpc.Target{Kind: vpc.Blackhole}}}
	}
	without := func(id string) change {
		return func(n *vpc.Network) {
			n.VPCs = slices.DeleteFunc(n.VPCs, func(v vpc.VPC) bool { return v.ID == id })
			n.Subnets = slices.DeleteFunc(n.Subnets, func(v vpc.Subnet) bool { return v.VPC == id })
			n.RouteTables = slices.DeleteFunc(n.RouteTables, func(v vpc.RouteTable) bool { return v.VPC == id })
			n.SecurityGroups = slices.DeleteFunc(n.SecurityGroups, func(v vpc.SecurityGroup) bool { return v.VPC == id })
			n.Interfaces = slices.DeleteFunc(n.Interfaces, func(v vpc.Interface) bool { return v.VPC == id })
		}
	}
	noPeering := func(n *vpc.Network) { n.Peerings = nil }
	noOwn := func(n *vpc.Network) { n.Interfaces = n.Interfaces[:len(n.Interfaces)-1] }
	for _, tt := range []struct {
		name          string
		before, after change
		want          string
	}{
		{"a peering's VPC", peer, both(noPeerRoutes, without("vpc-2")), `pcx-1: refers to "vpc-2"`},
		{"the VPC and the peering", peer, both(noPeerRoutes, noPeering, without("vpc-2")), ""},
		{"the routes' peering", peer, noPeering, `refers to "pcx-1"`},
		{"the peering and the routes", peer, both(noPeering, noPeerRoutes), ""},
		{"a Resolver rule's VPC", both(peer, withResolver, func(n *vpc.Network) {
			n.ResolverRules = append(n.ResolverRules, vpc.ResolverRule{ID: "rslvr-rr-2", Domain: "a", VPCs: []string{"vpc-2"}})
		}), both(noPeerRoutes, noPeering, without("vpc-2")), `rslvr-rr-2: refers to "vpc-2"`},
		{"a route's prefix list", byList, func(n *vpc.Network) { n.PrefixLists = nil }, `rtb-1: refers to "pl-1"`},
		{"the prefix list and the route", byList, func(n *vpc.Network) {
			n.PrefixLists, n.RouteTables[0].Routes = nil, nil
		}, ""},
		{"a service's own interface", withService, noOwn, `vpce-svc-1: refers to "eni-svc-b"`},
		{"the service and its interface", withService, both(noOwn, func(n *vpc.Network) { n.EndpointServices = nil }), ""},
		{"a range that the peer has", peer, func(n *vpc.Network) {
			n.VPCs[1].CIDRs = append(slices.Clone(n.VPCs[1].CIDRs), prefix("10.0.128.0/20"))
		}, "pcx-1: 10.0.128.0/20 of vpc-2 overlaps 10.0.0.0/16 of vpc-1"},
		{"a range that the peer has, not active", withPeer(false, "us-east-1"), func(n *vpc.Network) {
			n.VPCs[1].CIDRs = append(slices.Clone(n.VPCs[1].CIDRs), prefix("10.0.128.0/20"))
		}, ""},
		{"a peering with itself", peer, func(n *vpc.Network) { n.Peerings[0].Requester = vpctest.VPC },
			"pcx-1: joins vpc-1 to itself"},
	} {
		before := sample(tt.before)
		after := vpctest.Copy(before)
		tt.after(&after)
		_, err := snapshot(t, before).Next(2, vpctest.Update(before, after))
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}
