package world

import (
	"net/netip"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// Gateways are the ids of what leads out of a world's network.
type Gateways struct {
	Internet, NAT, Allocation string
	// Public is the NAT gateway's public address.
	Public netip.Addr
	// Private and Outside are the route tables of the first subnet and of the second.
	Private, Outside string
}

// NATGateway makes the alternative path: an Internet gateway, a NAT gateway in the second subnet, which has a route to
// it, and a route to the NAT gateway in the first.
func (n *Network) NATGateway() *Gateways {
	n.w.t.Helper()
	ctx := n.w.t.Context()
	g := &Gateways{Internet: n.InternetGateway()}
	g.Outside, g.Private = n.table(n.Subnets[1]), n.table(n.Subnets[0])
	n.Route(&ec2.CreateRouteInput{RouteTableId: &g.Outside, GatewayId: &g.Internet})
	eip := must[ec2.AllocateAddressOutput](n.w)(n.w.EC2.AllocateAddress(ctx, &ec2.AllocateAddressInput{}))
	g.Allocation, g.Public = *eip.AllocationId, netip.MustParseAddr(*eip.PublicIp)
	made := must[ec2.CreateNatGatewayOutput](n.w)(
		n.w.EC2.CreateNatGateway(ctx, &ec2.CreateNatGatewayInput{SubnetId: &n.Subnets[1], AllocationId: eip.AllocationId}),
	)
	g.NAT = *made.NatGateway.NatGatewayId
	n.Route(&ec2.CreateRouteInput{RouteTableId: &g.Private, NatGatewayId: &g.NAT})
	return g
}

// InternetGateway attaches a new one.
func (n *Network) InternetGateway() string {
	n.w.t.Helper()
	made := must[ec2.CreateInternetGatewayOutput](n.w)(
		n.w.EC2.CreateInternetGateway(n.w.t.Context(), &ec2.CreateInternetGatewayInput{}),
	)
	id := made.InternetGateway.InternetGatewayId
	must[ec2.AttachInternetGatewayOutput](n.w)(
		n.w.EC2.AttachInternetGateway(n.w.t.Context(), &ec2.AttachInternetGatewayInput{InternetGatewayId: id, VpcId: &n.VPC}),
	)
	return *id
}

// table makes a route table for a subnet.
func (n *Network) table(subnet string) string {
	n.w.t.Helper()
	made := must[ec2.CreateRouteTableOutput](n.w)(
		n.w.EC2.CreateRouteTable(n.w.t.Context(), &ec2.CreateRouteTableInput{VpcId: &n.VPC}),
	)
	id := made.RouteTable.RouteTableId
	must[ec2.AssociateRouteTableOutput](n.w)(
		n.w.EC2.AssociateRouteTable(n.w.t.Context(), &ec2.AssociateRouteTableInput{RouteTableId: id, SubnetId: &subnet}),
	)
	return *id
}

// Route adds a route for everything.
func (n *Network) Route(in *ec2.CreateRouteInput) {
	n.w.t.Helper()
	in.DestinationCidrBlock = aws.String("0.0.0.0/0")
	must[ec2.CreateRouteOutput](n.w)(n.w.EC2.CreateRoute(n.w.t.Context(), in))
}

// PublicSubnet gives the first subnet a route to an Internet gateway, and its new instances public addresses.
func (n *Network) PublicSubnet() {
	n.w.t.Helper()
	table, gateway := n.table(n.Subnets[0]), n.InternetGateway()
	n.Route(&ec2.CreateRouteInput{RouteTableId: &table, GatewayId: &gateway})
	must[ec2.ModifySubnetAttributeOutput](n.w)(
		n.w.EC2.ModifySubnetAttribute(n.w.t.Context(), &ec2.ModifySubnetAttributeInput{
			SubnetId: &n.Subnets[0], MapPublicIpOnLaunch: &ec2types.AttributeBooleanValue{Value: aws.Bool(true)},
		}),
	)
}

// DataDir is where the servers of the world keep everything.
func (w *World) DataDir() string { return w.config.DataDir }
