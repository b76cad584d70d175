package vpcs

import (
	"cmp"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/ec2/internal/query"
	"postern/aws/arn"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/network"
)

// ResourceTypes are the types of the network's resources, with what tells policies about them.
func ResourceTypes(c Config) map[string]api.ResourceType {
	n := c.Network
	keys := map[string]query.Keys{
		"dhcp-options":     {},
		"elastic-ip":       elasticIPKeys(n),
		"internet-gateway": {},
		"natgateway": query.Of(n, (*network.State).NATGateway, query.KeyValues[*network.NATGateway]{
			"ec2:Vpc": func(r api.Resource, g *network.NATGateway) string { return query.Beside(r, "vpc", g.VPC) },
		}),
		"network-acl": query.Of(n, (*network.State).NetworkACL, query.KeyValues[*network.NetworkACL]{
			"ec2:Vpc": func(r api.Resource, a *network.NetworkACL) string { return query.Beside(r, "vpc", a.VPC) },
		}),
		"network-interface": interfaceKeys(n),
		"prefix-list":       {},
		"route-table": query.Of(n, (*network.State).RouteTable, query.KeyValues[*network.RouteTable]{
			"ec2:Vpc": func(r api.Resource, t *network.RouteTable) string { return query.Beside(r, "vpc", t.VPC) },
		}),
		"security-group": query.Of(n, (*network.State).SecurityGroup, query.KeyValues[*network.SecurityGroup]{
			"ec2:Vpc": func(r api.Resource, g *network.SecurityGroup) string { return query.Beside(r, "vpc", g.VPC) },
		}),
		"security-group-rule": {},
		"subnet":              subnetKeys(n),
		"vpc": query.Of(n, (*network.State).VPC, query.KeyValues[*network.VPC]{
			"ec2:Tenancy": func(api.Resource, *network.VPC) string { return string(types.TenancyDefault) },
		}),
		"vpc-flow-log":           {},
		"vpc-peering-connection": peeringKeys(n),
	}
	ids := map[string]string{
		"dhcp-options": "ec2:DhcpOptionsID", "elastic-ip": "ec2:AllocationId", "internet-gateway": "ec2:InternetGatewayID",
		"network-acl": "ec2:NetworkAclID", "network-interface": "ec2:NetworkInterfaceID", "route-table": "ec2:RouteTableID",
		"security-group": "ec2:SecurityGroupID", "subnet": "ec2:SubnetID", "vpc": "ec2:VpcID",
		"vpc-peering-connection": "ec2:VpcPeeringConnectionID",
	}
	all := map[string]api.ResourceType{}
	for kind, k := range keys {
		all[kind] = api.ResourceType{Tags: query.Tags(n), IDKey: ids[kind], Keys: k}
	}
	return all
}

func elasticIPKeys(n *network.Service) query.Keys {
	return query.Of(n, (*network.State).ElasticIP, query.KeyValues[*network.ElasticIP]{
		"ec2:Domain":          func(api.Resource, *network.ElasticIP) string { return string(types.DomainTypeVpc) },
		"ec2:PublicIpAddress": func(_ api.Resource, e *network.ElasticIP) string { return e.Address.String() },
	})
}

func interfaceKeys(n *network.Service) query.Keys {
	return query.Of(n, (*network.State).Interface, query.KeyValues[*network.Interface]{
		"ec2:AvailabilityZone": func(_ api.Resource, i *network.Interface) string { return i.Zone },
		"ec2:Subnet": func(r api.Resource, i *network.Interface) string {
			return query.Beside(r, "subnet", i.Subnet)
		},
		"ec2:Vpc": func(r api.Resource, i *network.Interface) string { return query.Beside(r, "vpc", i.VPC) },
	})
}

func subnetKeys(n *network.Service) query.Keys {
	return query.Of(n, (*network.State).Subnet, query.KeyValues[*network.Subnet]{
		"ec2:AvailabilityZone":   func(_ api.Resource, s *network.Subnet) string { return s.Zone },
		"ec2:AvailabilityZoneId": func(_ api.Resource, s *network.Subnet) string { return network.ZoneID(s.Zone) },
		"ec2:Vpc":                func(r api.Resource, s *network.Subnet) string { return query.Beside(r, "vpc", s.VPC) },
	})
}

// The condition keys of the two sides of a peering connection.
const (
	requesterVPC = "ec2:RequesterVpc"
	accepterVPC  = "ec2:AccepterVpc"
)

// newPeeringKeys are the condition keys of a peering connection that is asked for.
func newPeeringKeys(c *api.Call, in *sdk.CreateVpcPeeringConnectionInput) map[string][]string {
	side := func(region, account *string, id string) []string {
		name := arn.New("ec2", cmp.Or(aws.ToString(region), c.Region), cmp.Or(aws.ToString(account), c.Account), "vpc/"+id)
		return []string{name.String()}
	}
	return map[string][]string{
		requesterVPC: side(nil, nil, aws.ToString(in.VpcId)),
		accepterVPC:  side(in.PeerRegion, in.PeerOwnerId, aws.ToString(in.PeerVpcId)),
	}
}

func peeringKeys(n *network.Service) query.Keys {
	return query.Of(n, (*network.State).PeeringOf, query.KeyValues[*network.Peering]{
		requesterVPC: func(_ api.Resource, p *network.Peering) string {
			return arn.New("ec2", p.Region, p.Account, "vpc/"+p.Requester).String()
		},
		accepterVPC: func(_ api.Resource, p *network.Peering) string {
			return arn.New("ec2", p.AccepterRegion, p.AccepterAccount, "vpc/"+p.Accepter).String()
		},
	})
}
