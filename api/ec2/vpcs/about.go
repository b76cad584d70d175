package vpcs

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api/ec2/internal/query"
	sdk "postern/aws/service/ec2"
	"postern/network"
)

// addTableOf finds the route table of an association and what it is associated with.
func addTableOf(a *query.About, id *string) {
	for t := range a.RouteTables(a.Scope) {
		for _, x := range t.Associations {
			if x.ID == aws.ToString(id) {
				a.Add("route-table", t.ID)
				if x.Subnet != "" {
					a.Add("subnet", x.Subnet)
				}
				return
			}
		}
	}
	a.Add("route-table", "")
	a.Add("subnet", "")
}

func aboutTableAssociation(a *query.About, in *sdk.DisassociateRouteTableInput) {
	addTableOf(a, in.AssociationId)
}

func aboutTableReplacement(a *query.About, in *sdk.ReplaceRouteTableAssociationInput) {
	a.Add("route-table", aws.ToString(in.RouteTableId))
	addTableOf(a, in.AssociationId)
}

func aboutACLReplacement(a *query.About, in *sdk.ReplaceNetworkAclAssociationInput) {
	a.Add("network-acl", aws.ToString(in.NetworkAclId))
	for acl := range a.NetworkACLs(a.Scope) {
		for _, x := range acl.Associations {
			if x.ID == aws.ToString(in.AssociationId) {
				a.Add("network-acl", acl.ID)
				a.Add("subnet", x.Subnet)
				return
			}
		}
	}
	a.Add("subnet", "")
}

func aboutBlock(a *query.About, in *sdk.DisassociateVpcCidrBlockInput) {
	for v := range a.VPCs(a.Scope) {
		if slices.ContainsFunc(v.Blocks, func(b network.Block) bool { return b.ID == aws.ToString(in.AssociationId) }) {
			a.Add("vpc", v.ID)
			return
		}
	}
	a.Add("vpc", "")
}

func aboutPeeringRequest(a *query.About, in *sdk.CreateVpcPeeringConnectionInput) {
	a.Add("vpc-peering-connection", "")
	a.Add("vpc", a.VPCID(in.VpcId))
}

// aboutPeeringAnswer is about the accepter's VPC too: it is the caller's that is opened to the other.
func aboutPeeringAnswer(a *query.About, in *sdk.AcceptVpcPeeringConnectionInput) {
	a.Add("vpc-peering-connection", aws.ToString(in.VpcPeeringConnectionId))
	if p, err := a.PeeringOf(a.Scope, aws.ToString(in.VpcPeeringConnectionId)); err == nil {
		a.Add("vpc", p.Accepter)
		return
	}
	a.Add("vpc", "")
}

func aboutNewGroup(a *query.About, in *sdk.CreateSecurityGroupInput) {
	a.Add("security-group", "")
	a.Add("vpc", a.VPCID(in.VpcId))
}

func aboutRuleChanges(a *query.About, in *sdk.ModifySecurityGroupRulesInput) {
	a.Add("security-group", aws.ToString(in.GroupId))
	for _, x := range in.SecurityGroupRules {
		a.Add("security-group-rule", aws.ToString(x.SecurityGroupRuleId))
		if x.SecurityGroupRule != nil && x.SecurityGroupRule.PrefixListId != nil {
			a.Add("prefix-list", *x.SecurityGroupRule.PrefixListId)
		}
	}
}

func aboutNewInterface(a *query.About, in *sdk.CreateNetworkInterfaceInput) {
	a.Add("network-interface", "")
	a.AddPlace(aws.ToString(in.SubnetId), in.Groups)
}

func aboutInterfaceChange(a *query.About, in *sdk.ModifyNetworkInterfaceAttributeInput) {
	a.Add("network-interface", aws.ToString(in.NetworkInterfaceId))
	a.Add("security-group", in.Groups...)
	if n, err := a.Interface(a.Scope, aws.ToString(in.NetworkInterfaceId)); err == nil && in.Attachment != nil {
		a.AddOwner(n)
	}
}

// addAddress names an Elastic IP address and the interface that it is associated with.
func addAddress(a *query.About, allocation, public *string) {
	e, err := elasticIP(a.View, allocation, public)
	if err != nil {
		a.Add("elastic-ip", aws.ToString(allocation))
		return
	}
	a.Add("elastic-ip", e.ID)
	if e.Interface != "" {
		a.Add("network-interface", e.Interface)
	}
}

func aboutAddressAssociation(a *query.About, in *sdk.AssociateAddressInput) {
	addAddress(a, in.AllocationId, in.PublicIp)
	var onto []*network.Interface
	if in.InstanceId != nil {
		a.Add("instance", *in.InstanceId)
		onto = a.Attached(*in.InstanceId)
	}
	if in.NetworkInterfaceId != nil {
		a.Add("network-interface", *in.NetworkInterfaceId)
		if n, err := a.Interface(a.Scope, *in.NetworkInterfaceId); err == nil {
			onto = append(onto, n)
		}
	}
	for _, n := range onto {
		a.Add("network-interface", n.ID)
		if n.Public != nil && n.Public.Allocation != "" { // this one makes room
			a.Add("elastic-ip", n.Public.Allocation)
		}
	}
}

func aboutAddressDissociation(a *query.About, in *sdk.DisassociateAddressInput) {
	if in.AssociationId == nil {
		addAddress(a, nil, in.PublicIp)
		return
	}
	for e := range a.ElasticIPs(a.Scope) {
		if e.Association == *in.AssociationId {
			addAddress(a, &e.ID, nil)
			return
		}
	}
	a.Add("elastic-ip", "")
	a.Add("network-interface", "")
}

func aboutAddressRelease(a *query.About, in *sdk.ReleaseAddressInput) {
	addAddress(a, in.AllocationId, in.PublicIp)
}
