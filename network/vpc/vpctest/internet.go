package vpctest

import (
	"net/netip"

	"postern/network/vpc"
)

// The public addresses of two services, and a range of the real Internet that random networks open now and then.
var (
	PublicSSM = netip.MustParseAddr("198.18.0.1")
	PublicEC2 = netip.MustParseAddr("198.18.0.2")
	PublicS3  = netip.MustParseAddr("52.216.1.9")

	everything = netip.MustParsePrefix("0.0.0.0/0")
)

// Internet is one with the public services of us-east-1 only.
func Internet() *vpc.Internet {
	return &vpc.Internet{Services: []vpc.PublicService{
		{Name: "ssm.us-east-1.amazonaws.com", Service: "com.amazonaws.us-east-1.ssm", Address: PublicSSM},
		{Name: "ec2.us-east-1.amazonaws.com", Service: "com.amazonaws.us-east-1.ec2", Address: PublicEC2},
		{Name: "s3.us-east-1.amazonaws.com", Service: "com.amazonaws.us-east-1.s3", Address: PublicS3},
	}}
}

func (d *drawer) internet() {
	if d.chance(30, "unknown internet") {
		return
	}
	d.n.Internet = Internet()
	if d.chance(30, "open") {
		d.n.Internet.Open = []netip.Prefix{everything}
	}
	if d.chance(50, "closed") {
		d.n.Internet.Closed = []netip.Prefix{netip.MustParsePrefix("1.0.0.0/8")}
	}
}

// natGateways puts one into most VPCs.
func (d *drawer) natGateways() {
	for i := range d.n.VPCs {
		v := d.n.VPCs[i].ID
		if !d.chance(75, "nat gateway") {
			continue
		}
		n := pick(d.T, "nat subnet", d.ofVPC(v))
		g := vpc.NATGateway{
			ID: "nat-" + v, VPC: v, Subnet: n.ID, Interface: "eni-nat-" + v, Private: d.chance(15, "private nat"),
			Available: d.chance(85, "nat available"),
		}
		if d.chance(80, "nat public") {
			g.Public = netip.AddrFrom4([4]byte{198, 51, 101, byte(i)})
		}
		d.n.NATGateways = append(d.n.NATGateways, g)
		d.n.Interfaces = append(d.n.Interfaces, vpc.Interface{
			ID: g.Interface, VPC: v, Subnet: n.ID, Kind: vpc.GatewayInterface, Owner: g.ID,
			Addresses: []netip.Addr{hostOf(n, 250)},
		})
	}
}

func (d *drawer) ofVPC(v string) (out []vpc.Subnet) {
	for _, n := range d.n.Subnets {
		if n.VPC == v {
			out = append(out, n)
		}
	}
	return out
}
