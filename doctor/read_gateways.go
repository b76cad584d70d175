package doctor

import (
	"net/netip"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/network/vpc"
)

// natGateways reads the NAT gateways that routes lead to. Of one that cannot be read nothing is known, and it is
// taken to work.
func (r *reader) natGateways() error {
	wanted := map[string]bool{}
	for _, t := range r.Network.RouteTables {
		for _, route := range t.Routes {
			if route.Target.Kind == vpc.ViaNATGateway {
				wanted[route.Target.ID] = true
			}
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	err := each(r, ec2.NewDescribeNatGatewaysPaginator(r.EC2, &ec2.DescribeNatGatewaysInput{Filter: r.byVPC()}),
		func(o *ec2.DescribeNatGatewaysOutput) []types.NatGateway { return o.NatGateways },
		func(g *types.NatGateway) {
			if wanted[aws.ToString(g.NatGatewayId)] && r.hasSubnet(aws.ToString(g.SubnetId)) {
				r.natGateway(g)
			}
		})
	if err != nil {
		r.skip("NAT gateways", err)
	}
	return nil
}

func (r *reader) natGateway(g *types.NatGateway) {
	out := vpc.NATGateway{
		ID: aws.ToString(g.NatGatewayId), VPC: aws.ToString(g.VpcId), Subnet: aws.ToString(g.SubnetId),
		Private: g.ConnectivityType == types.ConnectivityTypePrivate, Available: g.State == types.NatGatewayStateAvailable,
	}
	for _, a := range g.NatGatewayAddresses {
		if aws.ToBool(a.IsPrimary) || len(g.NatGatewayAddresses) == 1 {
			out.Interface = aws.ToString(a.NetworkInterfaceId)
			out.Public, _ = netip.ParseAddr(aws.ToString(a.PublicIp))
		}
	}
	r.Network.NATGateways = append(r.Network.NATGateways, out)
	for i := range r.Network.Interfaces {
		if c := &r.Network.Interfaces[i]; c.ID == out.Interface && c.ID != "" {
			c.Kind, c.Owner = vpc.GatewayInterface, out.ID
		}
	}
}
