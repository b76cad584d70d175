package ec2_test

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// goodInputs has an input for every mutating call with which it succeeds on a fresh everything.
var goodInputs = []func(f *everything) any{
	// VPCs and subnets
	func(*everything) any {
		return &sdk.CreateVpcInput{CidrBlock: aws.String("10.20.0.0/16"), TagSpecifications: nameTag("vpc", "x")}
	},
	func(*everything) any { return &sdk.CreateDefaultVpcInput{} },
	func(f *everything) any {
		must(f.CreateDefaultVpc(f.ctx, &sdk.CreateDefaultVpcInput{}))(f.t)
		of := must(f.DescribeSubnets(f.ctx, &sdk.DescribeSubnetsInput{
			Filters: []types.Filter{filter("default-for-az", "true"), filter("availability-zone", "us-east-1b")},
		}))(f.t).Subnets[0]
		must(f.DeleteSubnet(f.ctx, &sdk.DeleteSubnetInput{SubnetId: of.SubnetId}))(f.t)
		return &sdk.CreateDefaultSubnetInput{AvailabilityZone: aws.String("us-east-1b")}
	},
	func(f *everything) any {
		return &sdk.DeleteVpcInput{VpcId: aws.String(newVpc(f.harness, "10.21.0.0/16"))}
	},
	func(f *everything) any {
		return &sdk.ModifyVpcAttributeInput{
			VpcId: &f.vpc, EnableDnsSupport: &types.AttributeBooleanValue{Value: aws.Bool(true)},
		}
	},
	func(f *everything) any {
		return &sdk.AssociateVpcCidrBlockInput{VpcId: &f.vpc, CidrBlock: aws.String("10.4.0.0/16")}
	},
	func(f *everything) any { return &sdk.DisassociateVpcCidrBlockInput{AssociationId: &f.block} },
	func(f *everything) any {
		return &sdk.CreateSubnetInput{
			VpcId: &f.vpc, CidrBlock: aws.String("10.0.30.0/24"), AvailabilityZone: aws.String("us-east-1a"),
			TagSpecifications: nameTag("subnet", "x"),
		}
	},
	func(f *everything) any { return &sdk.DeleteSubnetInput{SubnetId: &f.lonely} },
	func(f *everything) any {
		return &sdk.ModifySubnetAttributeInput{
			SubnetId: &f.a, MapPublicIpOnLaunch: &types.AttributeBooleanValue{Value: aws.Bool(true)},
		}
	},
	func(*everything) any { return dhcp() },
	func(f *everything) any {
		return &sdk.AssociateDhcpOptionsInput{DhcpOptionsId: &f.options, VpcId: &f.vpc}
	},
	func(f *everything) any { return &sdk.DeleteDhcpOptionsInput{DhcpOptionsId: &f.options} },

	// network ACLs
	func(f *everything) any {
		return &sdk.CreateNetworkAclInput{
			VpcId: &f.vpc, ClientToken: aws.String("t"), TagSpecifications: nameTag("network-acl", "x"),
		}
	},
	func(f *everything) any { return &sdk.DeleteNetworkAclInput{NetworkAclId: &f.aclFree} },
	func(f *everything) any { return entry(f.acl, 200) },
	func(f *everything) any { e := sdk.ReplaceNetworkAclEntryInput(*entry(f.acl, 100)); return &e },
	func(f *everything) any {
		return &sdk.DeleteNetworkAclEntryInput{NetworkAclId: &f.acl, RuleNumber: aws.Int32(100), Egress: aws.Bool(false)}
	},
	func(f *everything) any {
		return &sdk.ReplaceNetworkAclAssociationInput{AssociationId: &f.aclAssoc, NetworkAclId: &f.acl}
	},

	// routes and gateways
	func(f *everything) any {
		return &sdk.CreateRouteTableInput{
			VpcId: &f.vpc, ClientToken: aws.String("t"), TagSpecifications: nameTag("route-table", "x"),
		}
	},
	func(f *everything) any { return &sdk.DeleteRouteTableInput{RouteTableId: &f.spare} },
	func(f *everything) any {
		return &sdk.AssociateRouteTableInput{RouteTableId: &f.spare, SubnetId: &f.lonely}
	},
	func(f *everything) any { return &sdk.DisassociateRouteTableInput{AssociationId: &f.tableAssoc} },
	func(f *everything) any {
		return &sdk.ReplaceRouteTableAssociationInput{AssociationId: &f.tableAssoc, RouteTableId: &f.spare}
	},
	func(f *everything) any {
		return &sdk.CreateRouteInput{
			RouteTableId: &f.spare, DestinationCidrBlock: aws.String("10.8.0.0/16"), VpcPeeringConnectionId: &f.peered,
		}
	},
	func(f *everything) any {
		return &sdk.ReplaceRouteInput{
			RouteTableId: &f.table, DestinationCidrBlock: aws.String("0.0.0.0/0"), NetworkInterfaceId: &f.eniFree,
		}
	},
	func(f *everything) any {
		return &sdk.DeleteRouteInput{RouteTableId: &f.table, DestinationCidrBlock: aws.String("0.0.0.0/0")}
	},
	func(*everything) any {
		return &sdk.CreateInternetGatewayInput{TagSpecifications: nameTag("internet-gateway", "x")}
	},
	func(f *everything) any {
		return &sdk.AttachInternetGatewayInput{InternetGatewayId: &f.loose, VpcId: &f.empty}
	},
	func(f *everything) any {
		must(f.AttachInternetGateway(f.ctx, &sdk.AttachInternetGatewayInput{
			InternetGatewayId: &f.loose, VpcId: &f.empty,
		}))(f.t)
		return &sdk.DetachInternetGatewayInput{InternetGatewayId: &f.loose, VpcId: &f.empty}
	},
	func(f *everything) any { return &sdk.DeleteInternetGatewayInput{InternetGatewayId: &f.loose} },
	func(f *everything) any {
		return &sdk.AllocateAddressInput{TagSpecifications: nameTag("elastic-ip", "x")}
	},
	func(f *everything) any {
		return &sdk.AssociateAddressInput{AllocationId: &f.eip, NetworkInterfaceId: &f.eniFree}
	},
	func(f *everything) any { return &sdk.DisassociateAddressInput{AssociationId: &f.eipAssoc} },
	func(f *everything) any { return &sdk.ReleaseAddressInput{AllocationId: &f.eip} },
	func(f *everything) any {
		return &sdk.CreateNatGatewayInput{
			SubnetId: &f.b, AllocationId: &f.eip, ClientToken: aws.String("t"), TagSpecifications: nameTag("natgateway", "x"),
		}
	},
	func(f *everything) any { return &sdk.DeleteNatGatewayInput{NatGatewayId: &f.nat} },
	func(f *everything) any {
		in := flowLogs(f.b)
		in.ClientToken, in.TagSpecifications = aws.String("t"), nameTag("vpc-flow-log", "x")
		return in
	},
	func(f *everything) any { return &sdk.DeleteFlowLogsInput{FlowLogIds: []string{f.flowLog}} },

	// peering
	func(f *everything) any {
		return &sdk.CreateVpcPeeringConnectionInput{
			VpcId: &f.vpc, PeerVpcId: &f.empty, TagSpecifications: nameTag("vpc-peering-connection", "x"),
		}
	},
	func(f *everything) any { return &sdk.AcceptVpcPeeringConnectionInput{VpcPeeringConnectionId: &f.asked} },
	func(f *everything) any { return &sdk.RejectVpcPeeringConnectionInput{VpcPeeringConnectionId: &f.asked} },
	func(f *everything) any {
		return &sdk.DeleteVpcPeeringConnectionInput{VpcPeeringConnectionId: &f.peered}
	},
	func(f *everything) any {
		return &sdk.ModifyVpcPeeringConnectionOptionsInput{
			VpcPeeringConnectionId: &f.peered,
			RequesterPeeringConnectionOptions: &types.PeeringConnectionOptionsRequest{
				AllowDnsResolutionFromRemoteVpc: aws.Bool(true),
			},
		}
	},

	// security groups
	func(f *everything) any {
		return &sdk.CreateSecurityGroupInput{
			VpcId: &f.vpc, GroupName: aws.String("g"), Description: aws.String("g"),
			TagSpecifications: nameTag("security-group", "x"),
		}
	},
	func(f *everything) any {
		return &sdk.DeleteSecurityGroupInput{GroupId: aws.String(f.group(f.vpc, "unused"))}
	},
	func(f *everything) any {
		p := types.IpPermission{
			IpProtocol: aws.String("tcp"), FromPort: aws.Int32(22), ToPort: aws.Int32(22),
			PrefixListIds: []types.PrefixListId{{PrefixListId: &f.list}},
		}
		p.UserIdGroupPairs = []types.UserIdGroupPair{{GroupId: &f.nodes}}
		return &sdk.AuthorizeSecurityGroupIngressInput{
			GroupId: &f.listeners, IpPermissions: []types.IpPermission{p},
			TagSpecifications: nameTag("security-group-rule", "x"),
		}
	},
	func(f *everything) any {
		return &sdk.AuthorizeSecurityGroupEgressInput{GroupId: &f.nodes, IpPermissions: https("10.0.2.0/24")}
	},
	func(f *everything) any {
		return &sdk.RevokeSecurityGroupIngressInput{GroupId: &f.listeners, SecurityGroupRuleIds: []string{f.rule}}
	},
	func(f *everything) any {
		return &sdk.RevokeSecurityGroupEgressInput{GroupId: &f.listeners, SecurityGroupRuleIds: []string{f.egress}}
	},
	func(f *everything) any {
		return &sdk.ModifySecurityGroupRulesInput{GroupId: &f.listeners, SecurityGroupRules: []types.SecurityGroupRuleUpdate{{
			SecurityGroupRuleId: &f.rule, SecurityGroupRule: &types.SecurityGroupRuleRequest{
				IpProtocol: aws.String("tcp"), FromPort: aws.Int32(80), ToPort: aws.Int32(80), CidrIpv4: aws.String("10.0.1.0/24"),
			},
		}}}
	},
	func(f *everything) any {
		return &sdk.UpdateSecurityGroupRuleDescriptionsIngressInput{
			GroupId: &f.listeners, IpPermissions: described(https("10.0.1.0/24")),
		}
	},
	func(f *everything) any {
		return &sdk.UpdateSecurityGroupRuleDescriptionsEgressInput{
			GroupId: &f.listeners, IpPermissions: described(https("10.0.1.0/24")),
		}
	},

	// network interfaces
	func(f *everything) any {
		return &sdk.CreateNetworkInterfaceInput{
			SubnetId: &f.lonely, Groups: []string{f.nodes}, PrivateIpAddress: aws.String("10.0.9.200"),
			ClientToken: aws.String("t"), TagSpecifications: nameTag("network-interface", "x"),
		}
	},
	func(f *everything) any {
		return &sdk.DeleteNetworkInterfaceInput{
			NetworkInterfaceId: must(f.CreateNetworkInterface(f.ctx, &sdk.CreateNetworkInterfaceInput{
				SubnetId: &f.a,
			}))(f.t).NetworkInterface.NetworkInterfaceId,
		}
	},
	func(f *everything) any {
		return &sdk.ModifyNetworkInterfaceAttributeInput{NetworkInterfaceId: &f.eni, Groups: []string{f.listeners}}
	},
	func(f *everything) any {
		f.booted()
		return &sdk.AttachNetworkInterfaceInput{
			NetworkInterfaceId: &f.eniFree, InstanceId: &f.instance, DeviceIndex: aws.Int32(2),
		}
	},
	func(f *everything) any {
		f.booted()
		return &sdk.DetachNetworkInterfaceInput{AttachmentId: &f.attachment}
	},
	func(f *everything) any {
		made := must(f.CreateNetworkInterface(f.ctx, &sdk.CreateNetworkInterfaceInput{
			SubnetId: &f.lonely, PrivateIpAddress: aws.String("10.0.9.50"),
		}))(f.t)
		return &sdk.AssignPrivateIpAddressesInput{
			NetworkInterfaceId: made.NetworkInterface.NetworkInterfaceId, PrivateIpAddresses: []string{"10.0.9.51"},
		}
	},
	func(f *everything) any {
		second := must(f.DescribeNetworkInterfaces(f.ctx, &sdk.DescribeNetworkInterfacesInput{
			NetworkInterfaceIds: []string{f.eniFree},
		}))(f.t).NetworkInterfaces[0].PrivateIpAddresses[1]
		return &sdk.UnassignPrivateIpAddressesInput{
			NetworkInterfaceId: &f.eniFree, PrivateIpAddresses: []string{*second.PrivateIpAddress},
		}
	},

	// endpoints and prefix lists
	func(f *everything) any {
		return &sdk.CreateVpcEndpointInput{
			VpcId: &f.vpc, VpcEndpointType: types.VpcEndpointTypeInterface,
			ServiceName: aws.String("com.amazonaws.us-east-1.kms"),
			SubnetIds:   []string{f.a}, SecurityGroupIds: []string{f.listeners}, ClientToken: aws.String("t"),
			TagSpecifications: nameTag("vpc-endpoint", "x"),
		}
	},
	func(f *everything) any {
		return &sdk.ModifyVpcEndpointInput{
			VpcEndpointId: &f.endpoint, AddSubnetIds: []string{f.b}, AddSecurityGroupIds: []string{f.nodes},
		}
	},
	func(f *everything) any { return &sdk.DeleteVpcEndpointsInput{VpcEndpointIds: []string{f.endpoint}} },
	func(*everything) any {
		return &sdk.CreateManagedPrefixListInput{
			PrefixListName: aws.String("m"), AddressFamily: aws.String("IPv4"), MaxEntries: aws.Int32(5),
			Entries:     []types.AddPrefixListEntry{{Cidr: aws.String("10.0.1.0/24")}},
			ClientToken: aws.String("t"), TagSpecifications: nameTag("prefix-list", "x"),
		}
	},
	func(f *everything) any {
		return &sdk.ModifyManagedPrefixListInput{
			PrefixListId: &f.list, CurrentVersion: aws.Int64(1),
			AddEntries: []types.AddPrefixListEntry{{Cidr: aws.String("10.0.2.0/24")}},
		}
	},
	func(f *everything) any { return &sdk.DeleteManagedPrefixListInput{PrefixListId: &f.list} },

	// endpoint services
	func(f *everything) any {
		return &sdk.CreateVpcEndpointServiceConfigurationInput{
			NetworkLoadBalancerArns: []string{f.target}, ClientToken: aws.String("t"),
			TagSpecifications: nameTag("vpc-endpoint-service", "x"),
		}
	},
	func(f *everything) any {
		return &sdk.ModifyVpcEndpointServiceConfigurationInput{ServiceId: &f.service, AcceptanceRequired: aws.Bool(false)}
	},
	func(f *everything) any {
		must(f.DeleteVpcEndpoints(f.ctx, &sdk.DeleteVpcEndpointsInput{VpcEndpointIds: []string{f.waiting}}))(f.t)
		return &sdk.DeleteVpcEndpointServiceConfigurationsInput{ServiceIds: []string{f.service}}
	},
	func(f *everything) any {
		return &sdk.ModifyVpcEndpointServicePermissionsInput{ServiceId: &f.service, AddAllowedPrincipals: []string{"*"}}
	},
	func(f *everything) any {
		return &sdk.AcceptVpcEndpointConnectionsInput{ServiceId: &f.service, VpcEndpointIds: []string{f.waiting}}
	},
	func(f *everything) any {
		return &sdk.RejectVpcEndpointConnectionsInput{ServiceId: &f.service, VpcEndpointIds: []string{f.waiting}}
	},
	func(f *everything) any {
		return &sdk.CreateVpcEndpointConnectionNotificationInput{
			ServiceId: &f.service, ConnectionNotificationArn: aws.String(topic), ConnectionEvents: []string{"Accept"},
			ClientToken: aws.String("t"),
		}
	},
	func(f *everything) any {
		return &sdk.ModifyVpcEndpointConnectionNotificationInput{
			ConnectionNotificationId: &f.notification, ConnectionEvents: []string{"Reject"},
		}
	},
	func(f *everything) any {
		return &sdk.DeleteVpcEndpointConnectionNotificationsInput{ConnectionNotificationIds: []string{f.notification}}
	},
	func(f *everything) any {
		return &sdk.StartVpcEndpointServicePrivateDnsVerificationInput{ServiceId: &f.service}
	},

	// instances, images and tags
	func(f *everything) any {
		return &sdk.RunInstancesInput{
			MinCount: aws.Int32(1), MaxCount: aws.Int32(1), ImageId: &f.image, SubnetId: &f.a,
			SecurityGroupIds: []string{f.nodes},
			ClientToken:      aws.String("t"), TagSpecifications: nameTag("instance", "x"),
		}
	},
	func(f *everything) any {
		f.booted()
		must(f.StopInstances(f.ctx, &sdk.StopInstancesInput{InstanceIds: []string{f.instance}}))(f.t)
		f.reaches(f.instance, types.InstanceStateNameStopped)
		return &sdk.StartInstancesInput{InstanceIds: []string{f.instance}}
	},
	func(f *everything) any {
		f.booted()
		return &sdk.StopInstancesInput{InstanceIds: []string{f.instance}}
	},
	func(f *everything) any {
		f.booted()
		return &sdk.RebootInstancesInput{InstanceIds: []string{f.instance}}
	},
	func(f *everything) any {
		f.booted()
		return &sdk.TerminateInstancesInput{InstanceIds: []string{f.instance}}
	},
	func(f *everything) any {
		one := f.run(sdk.RunInstancesInput{SubnetId: &f.a}).Instances[0].InstanceId
		f.reaches(*one, types.InstanceStateNameRunning)
		return &sdk.ModifyInstanceAttributeInput{InstanceId: one, Groups: []string{f.listeners}}
	},
	func(f *everything) any {
		f.booted()
		return &sdk.ModifyInstanceMetadataOptionsInput{InstanceId: &f.instance, HttpTokens: types.HttpTokensStateOptional}
	},
	func(f *everything) any {
		f.booted()
		must(f.DisassociateIamInstanceProfile(f.ctx, &sdk.DisassociateIamInstanceProfileInput{
			AssociationId: &f.profile,
		}))(f.t)
		return &sdk.AssociateIamInstanceProfileInput{
			InstanceId: &f.instance, IamInstanceProfile: &types.IamInstanceProfileSpecification{Name: aws.String("nodes")},
		}
	},
	func(f *everything) any {
		f.booted()
		return &sdk.ReplaceIamInstanceProfileAssociationInput{
			AssociationId: &f.profile, IamInstanceProfile: &types.IamInstanceProfileSpecification{Name: aws.String("nodes")},
		}
	},
	func(f *everything) any {
		f.booted()
		return &sdk.DisassociateIamInstanceProfileInput{AssociationId: &f.profile}
	},
	func(f *everything) any {
		return &sdk.RegisterImageInput{Name: aws.String("one"), ImageLocation: aws.String(rootFileSystem(f.t))}
	},
	func(f *everything) any {
		return &sdk.DeregisterImageInput{ImageId: must(f.RegisterImage(f.ctx, &sdk.RegisterImageInput{
			Name: aws.String("two"), ImageLocation: aws.String(rootFileSystem(f.t)),
		}))(f.t).ImageId}
	},
	func(f *everything) any {
		f.booted()
		return &sdk.CreateTagsInput{Resources: []string{f.vpc, f.instance}, Tags: someTags("a")}
	},
	func(*everything) any {
		return &sdk.CreateKeyPairInput{
			KeyName: aws.String("k"), KeyType: types.KeyTypeEd25519, KeyFormat: types.KeyFormatPem,
			TagSpecifications: nameTag("key-pair", "x"),
		}
	},
	func(*everything) any {
		return &sdk.ImportKeyPairInput{
			KeyName: aws.String("k"), TagSpecifications: nameTag("key-pair", "x"),
			PublicKeyMaterial: []byte("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"),
		}
	},
	func(f *everything) any {
		return &sdk.DeleteKeyPairInput{KeyPairId: must(f.CreateKeyPair(f.ctx, &sdk.CreateKeyPairInput{
			KeyName: aws.String("k"), KeyType: types.KeyTypeEd25519,
		}))(f.t).KeyPairId}
	},
	func(f *everything) any { return &sdk.DeleteTagsInput{Resources: []string{f.vpc}, Tags: someTags("a")} },
}

func someTags(key string) []types.Tag { return []types.Tag{{Key: &key, Value: aws.String("v")}} }

func described(p []types.IpPermission) []types.IpPermission {
	p[0].IpRanges[0].Description = aws.String("web")
	return p
}
