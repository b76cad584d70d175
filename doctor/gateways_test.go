package doctor

import (
	"net/netip"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/aws/service/ec2/types"
	"postern/network/vpc"
)

// TestNATGateway: a gateway's primary address, or its only one, is what it translates to, and its interface is marked.
func TestNATGateway(t *testing.T) {
	address := func(nic, public string, primary bool) types.NatGatewayAddress {
		return types.NatGatewayAddress{
			NetworkInterfaceId: aws.String(nic), PublicIp: aws.String(public), IsPrimary: aws.Bool(primary),
		}
	}
	for name, tt := range map[string]struct {
		gateway types.NatGateway
		want    vpc.NATGateway
		marked  string
	}{
		"public, with a second address": {
			types.NatGateway{
				State: types.NatGatewayStateAvailable,
				NatGatewayAddresses: []types.NatGatewayAddress{
					address("eni-2", "198.51.100.2", false), address("eni-1", "198.51.100.1", true),
				},
			},
			vpc.NATGateway{Available: true, Interface: "eni-1", Public: netip.MustParseAddr("198.51.100.1")}, "eni-1",
		},
		"its only address, not said to be primary": {
			types.NatGateway{
				State:               types.NatGatewayStatePending,
				NatGatewayAddresses: []types.NatGatewayAddress{address("eni-2", "198.51.100.2", false)},
			},
			vpc.NATGateway{Interface: "eni-2", Public: netip.MustParseAddr("198.51.100.2")}, "eni-2",
		},
		"private": {
			types.NatGateway{
				State: types.NatGatewayStateAvailable, ConnectivityType: types.ConnectivityTypePrivate,
				NatGatewayAddresses: []types.NatGatewayAddress{
					{NetworkInterfaceId: aws.String("eni-1"), IsPrimary: aws.Bool(true)},
				},
			},
			vpc.NATGateway{Private: true, Available: true, Interface: "eni-1"}, "eni-1",
		},
		"failed, without an address": {
			types.NatGateway{State: types.NatGatewayStateFailed}, vpc.NATGateway{}, "",
		},
	} {
		r := &reader{}
		r.Network.Interfaces = []vpc.Interface{{ID: "eni-1"}, {ID: "eni-2"}, {ID: ""}}
		g := &tt.gateway
		g.NatGatewayId, g.VpcId, g.SubnetId = aws.String("nat-1"), aws.String("vpc-1"), aws.String("s")
		r.natGateway(g)
		tt.want.ID, tt.want.VPC, tt.want.Subnet = "nat-1", "vpc-1", "s"
		if len(r.Network.NATGateways) != 1 || r.Network.NATGateways[0] != tt.want {
			t.Errorf("%s: %+v, want %+v", name, r.Network.NATGateways, tt.want)
		}
		for _, i := range r.Network.Interfaces {
			if marked := i.Kind == vpc.GatewayInterface && i.Owner == "nat-1"; marked != (i.ID == tt.marked && i.ID != "") {
				t.Errorf("%s: %+v", name, i)
			}
		}
	}
}
