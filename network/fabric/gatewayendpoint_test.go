package fabric_test

import (
	"net"
	"net/netip"
	"testing"

	"postern/network/fabric"
	"postern/network/fabric/fabrictest"
	"postern/network/vpc"
	"postern/network/vpc/vpctest"
)

// gatewayed is the sample network with a gateway endpoint to S3 in the route table of subnet-a, and a second VPC with
// the same and with a node of the same address, peered with neither.
func gatewayed(t *testing.T) *harness {
	l := outside(t, fabric.Options{})
	s3 := netip.MustParsePrefix("52.216.0.0/15")
	l.apply(func(n *vpc.Network) {
		n.PrefixLists = append(n.PrefixLists, vpc.PrefixList{
			ID: "pl-s3", Name: "com.amazonaws.us-east-1.s3", CIDRs: []netip.Prefix{s3},
		})
		n.RouteTables = []vpc.RouteTable{
			{ID: "rtb-a", VPC: vpctest.VPC, Subnets: []string{vpctest.SubnetA}}, {ID: "rtb-main", VPC: vpctest.VPC, Main: true},
		}
		n.Endpoints = append(n.Endpoints, vpc.Endpoint{
			ID: "vpce-s3", VPC: vpctest.VPC, Kind: vpc.GatewayEndpoint, Service: "com.amazonaws.us-east-1.s3", Available: true,
			RouteTables: []string{"rtb-a"},
		})
		n.VPCs = append(n.VPCs, vpc.VPC{ID: "vpc-2", Account: "000000000000", Region: "us-east-1", CIDRs: []netip.Prefix{
			netip.MustParsePrefix("10.0.0.0/16"),
		}})
		n.Subnets = append(n.Subnets, vpc.Subnet{
			ID: "subnet-2", VPC: "vpc-2", Zone: "us-east-1a", CIDR: netip.MustParsePrefix("10.0.1.0/24"),
		})
		n.SecurityGroups = append(n.SecurityGroups, vpc.SecurityGroup{ID: "sg-2", VPC: "vpc-2", Rules: []vpc.Rule{
			{ID: "sgr-2", Egress: true, Protocol: vpc.AllProtocols, CIDR: toEverybody},
		}})
		n.Interfaces = append(n.Interfaces, vpc.Interface{
			ID: "eni-2", VPC: "vpc-2", Subnet: "subnet-2", Owner: "i-2", Groups: []string{"sg-2"},
			Addresses: []netip.Addr{nodeAddress},
		})
		n.RouteTables = append(n.RouteTables, vpc.RouteTable{ID: "rtb-2", VPC: "vpc-2", Main: true})
		n.Endpoints = append(n.Endpoints, vpc.Endpoint{
			ID: "vpce-s3-2", VPC: "vpc-2", Kind: vpc.GatewayEndpoint, Service: "com.amazonaws.us-east-1.s3", Available: true,
			RouteTables: []string{"rtb-2"},
		})
	})
	return l
}

// TestGatewayEndpoint: S3 is reached from subnets whose route table has the endpoint, by its own addresses and port,
// and knows from where; two VPCs with the same addresses do not meet there.
func TestGatewayEndpoint(t *testing.T) {
	l := gatewayed(t)
	node, second := l.node(), fabrictest.NewNode(t, l.Fabric, "eni-2", nodeAddress, 1500)
	s3 := netip.AddrPortFrom(vpctest.PublicS3, 443)
	for _, row := range []struct {
		node                    *fabrictest.Node
		vpc, endpoint, from, id string
	}{{node, vpctest.VPC, "vpce-s3", vpctest.Node, vpctest.Instance}, {second, "vpc-2", "vpce-s3-2", "eni-2", "i-2"}} {
		c := dial(t, row.node, s3)
		echoes(t, c)
		got := <-l.reached
		o := got.Origin()
		if o.VPC != row.vpc || o.Endpoint != row.endpoint || o.Service != "com.amazonaws.us-east-1.s3" ||
			o.Interface != row.from || o.Owner != row.id ||
			o.EndpointVPC != row.vpc || o.Source.Addr() != nodeAddress {
			t.Errorf("it comes from %+v", o)
		}
		if a := got.RemoteAddr().(*net.TCPAddr).AddrPort(); a != o.Source || a != c.LocalAddr().(*net.TCPAddr).AddrPort() {
			t.Errorf("the remote address is %s, the local one %s", a, c.LocalAddr())
		}
	}
	timesOut(t, node, netip.MustParseAddrPort("52.216.1.9:80"))
	timesOut(t, node, netip.MustParseAddrPort("52.216.1.10:443"))
	timesOut(t, l.far(), s3) // its route table has no endpoint

	open := dial(t, node, s3)
	echoes(t, open)
	other := dial(t, second, s3)
	l.apply(func(n *vpc.Network) { n.Endpoints[len(n.Endpoints)-2].RouteTables = nil })
	timesOut(t, node, s3)
	l.apply(func(n *vpc.Network) { n.Endpoints[len(n.Endpoints)-2].RouteTables = []string{"rtb-a"} })
	echoes(t, open) // it was held back only
	l.apply(func(n *vpc.Network) {
		i := len(n.Endpoints) - 2
		n.Endpoints = append(n.Endpoints[:i:i], n.Endpoints[i+1])
	})
	ends(t, open)
	echoes(t, other)
}

// TestGatewayEndpointOverPeering: a peered VPC does not reach it, whatever its routes say.
func TestGatewayEndpointOverPeering(t *testing.T) {
	l := gatewayed(t)
	s3 := netip.AddrPortFrom(vpctest.PublicS3, 443)
	far := netip.MustParseAddr("10.1.1.20")
	l.apply(func(n *vpc.Network) {
		via := vpc.Target{Kind: vpc.ViaPeering, ID: "pcx-1"}
		n.VPCs = append(n.VPCs, vpc.VPC{ID: "vpc-3", Account: "000000000000", Region: "us-east-1", CIDRs: []netip.Prefix{
			netip.MustParsePrefix("10.1.0.0/16"),
		}})
		n.Subnets = append(n.Subnets, vpc.Subnet{
			ID: "subnet-3", VPC: "vpc-3", Zone: "us-east-1a", CIDR: netip.MustParsePrefix("10.1.1.0/24"),
		})
		n.Peerings = append(n.Peerings, vpc.Peering{ID: "pcx-1", Requester: "vpc-3", Accepter: vpctest.VPC, Active: true})
		n.RouteTables = append(n.RouteTables, vpc.RouteTable{ID: "rtb-3", VPC: "vpc-3", Main: true, Routes: []vpc.Route{
			{Destination: netip.MustParsePrefix("10.0.0.0/16"), Target: via}, {PrefixList: "pl-s3", Target: via},
		}})
		n.RouteTables[0].Routes = []vpc.Route{{Destination: netip.MustParsePrefix("10.1.0.0/16"), Target: via}}
		n.SecurityGroups = append(n.SecurityGroups, vpc.SecurityGroup{ID: "sg-3", VPC: "vpc-3", Rules: []vpc.Rule{
			{ID: "sgr-3", Egress: true, Protocol: vpc.AllProtocols, CIDR: toEverybody},
		}})
		n.SecurityGroups[1].Rules = append(n.SecurityGroups[1].Rules[:1:1], vpc.Rule{
			ID: "sgr-far", Protocol: vpc.TCP, Ports: vpc.PortRange{From: 443, To: 443},
			CIDR: netip.MustParsePrefix("10.1.0.0/16"),
		})
		n.Interfaces = append(n.Interfaces, vpc.Interface{
			ID: "eni-3", VPC: "vpc-3", Subnet: "subnet-3", Owner: "i-3", Groups: []string{"sg-3"}, Addresses: []netip.Addr{far},
		})
	})
	third := fabrictest.NewNode(t, l.Fabric, "eni-3", far, 1500)
	echoes(t, dial(t, third, ssmA)) // the interface endpoint is reached
	timesOut(t, third, s3)
	echoes(t, dial(t, l.node(), s3))
}
