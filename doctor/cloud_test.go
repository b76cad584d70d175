package doctor_test

import (
	"context"
	"net/url"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"

	"postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/aws/service/iam"
	iamtypes "postern/aws/service/iam/types"
	"postern/aws/service/ssm"
	ssmtypes "postern/aws/service/ssm/types"
	"postern/aws/service/sts"
	"postern/doctor"
)

// cloud answers as Amazon's APIs do, with what Postern's do not have yet: a transit gateway, a peering, DHCP options,
// IPv6, rules by number.
type cloud struct {
	doctor.EC2
	doctor.IAM
	doctor.SSM
	profile bool
	denied  bool
	// peers adds a rule that names a group of the peered VPC, seen the groups of that VPC.
	peers, seen bool
}

func (c *cloud) clients() doctor.Clients { return doctor.Clients{EC2: c, IAM: c, SSM: c, STS: c} }

func (*cloud) GetCallerIdentity(context.Context, *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
	return &sts.GetCallerIdentityOutput{Account: aws.String("111122223333")}, nil
}

func (c *cloud) DescribeInstances(
	_ context.Context, in *ec2.DescribeInstancesInput,
) (*ec2.DescribeInstancesOutput, error) {
	if in.Filters[0].Values[0] != "i-1" {
		return &ec2.DescribeInstancesOutput{}, nil
	}
	i := types.Instance{
		MetadataOptions: &types.InstanceMetadataOptionsResponse{
			HttpEndpoint: types.InstanceMetadataEndpointStateDisabled, HttpPutResponseHopLimit: aws.Int32(1),
		},
		InstanceId: aws.String("i-1"),
		VpcId:      aws.String("vpc-1"),
		State:      &types.InstanceState{Name: types.InstanceStateNameRunning},
		NetworkInterfaces: []types.InstanceNetworkInterface{
			{
				NetworkInterfaceId: aws.String("eni-2"),
				Attachment:         &types.InstanceNetworkInterfaceAttachment{DeviceIndex: aws.Int32(1)},
			},
			{
				NetworkInterfaceId: aws.String("eni-1"),
				Attachment:         &types.InstanceNetworkInterfaceAttachment{DeviceIndex: aws.Int32(0)},
			},
		},
	}
	if c.profile {
		i.IamInstanceProfile = &types.IamInstanceProfile{
			Arn: aws.String("arn:aws:iam::111122223333:instance-profile/path/nodes"),
		}
	}
	return &ec2.DescribeInstancesOutput{
		Reservations: []types.Reservation{{OwnerId: aws.String("111122223333"), Instances: []types.Instance{i}}},
	}, nil
}

func nic(id, subnet, address string) types.NetworkInterface {
	return types.NetworkInterface{
		NetworkInterfaceId: aws.String(id),
		VpcId:              aws.String("vpc-1"),
		SubnetId:           aws.String(subnet),
		PrivateIpAddress:   aws.String(address),
		OwnerId:            aws.String("111122223333"),
		SourceDestCheck:    aws.Bool(true),
		Groups:             []types.GroupIdentifier{{GroupId: aws.String("sg-1")}},
		Status:             types.NetworkInterfaceStatusInUse, InterfaceType: types.NetworkInterfaceTypeInterface,
	}
}

func (*cloud) DescribeNetworkInterfaces(
	_ context.Context, in *ec2.DescribeNetworkInterfacesInput,
) (*ec2.DescribeNetworkInterfacesOutput, error) {
	node := nic("eni-1", "subnet-1", "10.0.1.20")
	node.Attachment = &types.NetworkInterfaceAttachment{InstanceId: aws.String("i-1")}
	node.PrivateIpAddresses = []types.NetworkInterfacePrivateIpAddress{{
		PrivateIpAddress: aws.String("10.0.1.20"), Primary: aws.Bool(true),
		Association: &types.NetworkInterfaceAssociation{PublicIp: aws.String("198.51.100.7")},
	}}
	node.Ipv6Addresses = []types.NetworkInterfaceIpv6Address{{Ipv6Address: aws.String("2001:db8:1:1::20")}}
	balancer := nic("eni-lb", "subnet-1", "10.0.1.30")
	balancer.InterfaceType = types.NetworkInterfaceTypeNetworkLoadBalancer
	managed := nic("eni-mi", "subnet-1", "10.0.1.40")
	managed.Attachment = &types.NetworkInterfaceAttachment{InstanceId: aws.String("mi-1")}
	switch aws.ToString(in.Filters[0].Name) {
	case "network-interface-id":
		if in.Filters[0].Values[0] != "eni-1" {
			return &ec2.DescribeNetworkInterfacesOutput{}, nil
		}
		return &ec2.DescribeNetworkInterfacesOutput{NetworkInterfaces: []types.NetworkInterface{node}}, nil
	case "attachment.instance-id":
		return &ec2.DescribeNetworkInterfacesOutput{NetworkInterfaces: []types.NetworkInterface{managed}}, nil
	}
	if in.NextToken == nil { // two pages
		return &ec2.DescribeNetworkInterfacesOutput{
			NextToken: aws.String("2"), NetworkInterfaces: []types.NetworkInterface{node, balancer, managed},
		}, nil
	}
	return &ec2.DescribeNetworkInterfacesOutput{
		NetworkInterfaces: []types.NetworkInterface{nic("eni-e", "subnet-1", "10.0.1.10")},
	}, nil
}

func (*cloud) DescribeVpcs(_ context.Context, in *ec2.DescribeVpcsInput) (*ec2.DescribeVpcsOutput, error) {
	return &ec2.DescribeVpcsOutput{Vpcs: []types.Vpc{{
		VpcId:         aws.String("vpc-1"),
		OwnerId:       aws.String("111122223333"),
		CidrBlock:     aws.String("10.0.0.0/16"),
		DhcpOptionsId: aws.String("dopt-1"),
		CidrBlockAssociationSet: []types.VpcCidrBlockAssociation{
			{
				CidrBlock:      aws.String("10.0.0.0/16"),
				CidrBlockState: &types.VpcCidrBlockState{State: types.VpcCidrBlockStateCodeAssociated},
			},
			{
				CidrBlock:      aws.String("10.9.0.0/16"),
				CidrBlockState: &types.VpcCidrBlockState{State: types.VpcCidrBlockStateCodeDisassociated},
			},
		},
		Ipv6CidrBlockAssociationSet: []types.VpcIpv6CidrBlockAssociation{{Ipv6CidrBlock: aws.String("2001:db8:1::/56")}},
	}}}, nil
}

func (*cloud) DescribeVpcAttribute(
	_ context.Context, in *ec2.DescribeVpcAttributeInput,
) (*ec2.DescribeVpcAttributeOutput, error) {
	if aws.ToString(in.VpcId) != "vpc-1" {
		return nil, &smithy.GenericAPIError{Code: "InvalidVpcID.NotFound"}
	}
	on := &types.AttributeBooleanValue{Value: aws.Bool(true)}
	if in.Attribute == types.VpcAttributeNameEnableDnsSupport {
		return &ec2.DescribeVpcAttributeOutput{EnableDnsSupport: on}, nil
	}
	return &ec2.DescribeVpcAttributeOutput{EnableDnsHostnames: on}, nil
}

func (*cloud) DescribeDhcpOptions(
	context.Context, *ec2.DescribeDhcpOptionsInput,
) (*ec2.DescribeDhcpOptionsOutput, error) {
	return &ec2.DescribeDhcpOptionsOutput{DhcpOptions: []types.DhcpOptions{{DhcpConfigurations: []types.DhcpConfiguration{
		{Key: aws.String("domain-name"), Values: []types.AttributeValue{{Value: aws.String("corp.example")}}},
		{Key: aws.String("domain-name-servers"), Values: []types.AttributeValue{{Value: aws.String("AmazonProvidedDNS")}}},
	}}}}, nil
}

func (*cloud) DescribeNatGateways(
	context.Context, *ec2.DescribeNatGatewaysInput,
) (*ec2.DescribeNatGatewaysOutput, error) {
	return &ec2.DescribeNatGatewaysOutput{}, nil
}

func (*cloud) DescribeSubnets(context.Context, *ec2.DescribeSubnetsInput) (*ec2.DescribeSubnetsOutput, error) {
	return &ec2.DescribeSubnetsOutput{Subnets: []types.Subnet{{
		SubnetId:                    aws.String("subnet-1"),
		VpcId:                       aws.String("vpc-1"),
		AvailabilityZone:            aws.String("us-east-1a"),
		CidrBlock:                   aws.String("10.0.1.0/24"),
		Ipv6CidrBlockAssociationSet: []types.SubnetIpv6CidrBlockAssociation{{Ipv6CidrBlock: aws.String("2001:db8:1:1::/64")}},
	}}}, nil
}

func (*cloud) DescribeRouteTables(
	context.Context, *ec2.DescribeRouteTablesInput,
) (*ec2.DescribeRouteTablesOutput, error) {
	return &ec2.DescribeRouteTablesOutput{RouteTables: []types.RouteTable{{
		RouteTableId: aws.String("rtb-1"), VpcId: aws.String("vpc-1"),
		Associations: []types.RouteTableAssociation{{Main: aws.Bool(true)}, {SubnetId: aws.String("subnet-1")}},
		Routes: []types.Route{
			{DestinationCidrBlock: aws.String("10.0.0.0/16"), GatewayId: aws.String("local")},
			{DestinationCidrBlock: aws.String("172.16.0.0/12"), TransitGatewayId: aws.String("tgw-1")},
			{DestinationCidrBlock: aws.String("192.168.0.0/16"), GatewayId: aws.String("vgw-1")},
			{DestinationCidrBlock: aws.String("10.7.0.0/16"), VpcPeeringConnectionId: aws.String("pcx-1")},
			{
				DestinationCidrBlock:   aws.String("10.8.0.0/16"),
				VpcPeeringConnectionId: aws.String("pcx-gone"),
				State:                  types.RouteStateBlackhole,
			},
			{DestinationPrefixListId: aws.String("pl-s3"), GatewayId: aws.String("vpce-s3")},
			{DestinationCidrBlock: aws.String("10.6.0.0/16"), NetworkInterfaceId: aws.String("eni-unseen")},
			{DestinationIpv6CidrBlock: aws.String("::/0"), EgressOnlyInternetGatewayId: aws.String("eigw-1")},
			{DestinationCidrBlock: aws.String("0.0.0.0/0"), GatewayId: aws.String("igw-1")},
		},
	}}}, nil
}

func (*cloud) DescribeVpcPeeringConnections(
	context.Context, *ec2.DescribeVpcPeeringConnectionsInput,
) (*ec2.DescribeVpcPeeringConnectionsOutput, error) {
	return &ec2.DescribeVpcPeeringConnectionsOutput{VpcPeeringConnections: []types.VpcPeeringConnection{{
		VpcPeeringConnectionId: aws.String("pcx-1"),
		Status:                 &types.VpcPeeringConnectionStateReason{Code: types.VpcPeeringConnectionStateReasonCodeActive},
		RequesterVpcInfo: &types.VpcPeeringConnectionVpcInfo{
			VpcId: aws.String("vpc-1"), CidrBlock: aws.String("10.0.0.0/16"), Region: aws.String("us-east-1"),
			PeeringOptions: &types.VpcPeeringConnectionOptionsDescription{AllowDnsResolutionFromRemoteVpc: aws.Bool(true)},
		},
		AccepterVpcInfo: &types.VpcPeeringConnectionVpcInfo{
			VpcId:     aws.String("vpc-7"),
			CidrBlock: aws.String("10.7.0.0/16"),
			Region:    aws.String("eu-west-1"),
			OwnerId:   aws.String("444455556666"),
		},
	}}}, nil
}

func (*cloud) DescribeNetworkAcls(
	context.Context, *ec2.DescribeNetworkAclsInput,
) (*ec2.DescribeNetworkAclsOutput, error) {
	all := aws.String("0.0.0.0/0")
	return &ec2.DescribeNetworkAclsOutput{NetworkAcls: []types.NetworkAcl{{
		NetworkAclId: aws.String("acl-1"),
		VpcId:        aws.String("vpc-1"),
		IsDefault:    aws.Bool(true),
		Associations: []types.NetworkAclAssociation{{SubnetId: aws.String("subnet-1")}},
		Entries: []types.NetworkAclEntry{
			{
				RuleNumber: aws.Int32(100),
				Egress:     aws.Bool(false),
				Protocol:   aws.String("6"),
				RuleAction: types.RuleActionAllow,
				CidrBlock:  all,
				PortRange:  &types.PortRange{From: aws.Int32(443), To: aws.Int32(443)},
			},
			{
				RuleNumber:   aws.Int32(110),
				Egress:       aws.Bool(false),
				Protocol:     aws.String("1"),
				RuleAction:   types.RuleActionDeny,
				CidrBlock:    all,
				IcmpTypeCode: &types.IcmpTypeCode{Type: aws.Int32(8), Code: aws.Int32(-1)},
			},
			{
				RuleNumber:    aws.Int32(120),
				Egress:        aws.Bool(false),
				Protocol:      aws.String("-1"),
				RuleAction:    types.RuleActionAllow,
				Ipv6CidrBlock: aws.String("::/0"),
			},
			{
				RuleNumber: aws.Int32(32767),
				Egress:     aws.Bool(false),
				Protocol:   aws.String("-1"),
				RuleAction: types.RuleActionDeny,
				CidrBlock:  all,
			},
		},
	}}}, nil
}

func (c *cloud) DescribeSecurityGroups(
	context.Context, *ec2.DescribeSecurityGroupsInput,
) (*ec2.DescribeSecurityGroupsOutput, error) {
	groups := []types.SecurityGroup{
		{GroupId: aws.String("sg-1"), VpcId: aws.String("vpc-1"), GroupName: aws.String("nodes")},
	}
	if c.seen {
		groups = append(groups,
			types.SecurityGroup{GroupId: aws.String("sg-7"), VpcId: aws.String("vpc-7"), GroupName: aws.String("default")})
	}
	return &ec2.DescribeSecurityGroupsOutput{SecurityGroups: groups}, nil
}

func (c *cloud) DescribeSecurityGroupRules(
	context.Context, *ec2.DescribeSecurityGroupRulesInput,
) (*ec2.DescribeSecurityGroupRulesOutput, error) {
	rule := func(id, protocol string, from, to int32) types.SecurityGroupRule {
		return types.SecurityGroupRule{
			SecurityGroupRuleId: aws.String(id),
			GroupId:             aws.String("sg-1"),
			IsEgress:            aws.Bool(false),
			IpProtocol:          aws.String(protocol),
			FromPort:            aws.Int32(from),
			ToPort:              aws.Int32(to),
		}
	}
	https, ping, esp, list := rule("sgr-1", "tcp", 443,
		443), rule("sgr-2", "icmp", 8, -1), rule("sgr-3", "50", -1, -1), rule("sgr-4", "-1", -1, -1)
	https.ReferencedGroupInfo = &types.ReferencedSecurityGroup{GroupId: aws.String("sg-1")}
	ping.CidrIpv4, esp.CidrIpv6 = aws.String("10.0.0.0/8"), aws.String("::/0")
	list.PrefixListId, list.IsEgress = aws.String("pl-shared"), aws.Bool(true)
	rules := []types.SecurityGroupRule{https, ping, esp, list}
	if c.peers {
		peer := rule("sgr-5", "tcp", 443, 443)
		peer.ReferencedGroupInfo = &types.ReferencedSecurityGroup{
			GroupId: aws.String("sg-gone"), VpcId: aws.String("vpc-7"), VpcPeeringConnectionId: aws.String("pcx-1"),
		}
		rules = append(rules, peer)
	}
	return &ec2.DescribeSecurityGroupRulesOutput{SecurityGroupRules: rules}, nil
}

func (*cloud) DescribeVpcEndpoints(
	context.Context, *ec2.DescribeVpcEndpointsInput,
) (*ec2.DescribeVpcEndpointsOutput, error) {
	return &ec2.DescribeVpcEndpointsOutput{VpcEndpoints: []types.VpcEndpoint{
		{
			VpcEndpointId:       aws.String("vpce-1"),
			VpcId:               aws.String("vpc-1"),
			VpcEndpointType:     types.VpcEndpointTypeInterface,
			State:               "available",
			ServiceName:         aws.String("com.amazonaws.us-east-1.ssm"),
			PrivateDnsEnabled:   aws.Bool(true),
			NetworkInterfaceIds: []string{"eni-e", "eni-unseen"},
			DnsEntries: []types.DnsEntry{{DnsName: aws.String("vpce-1-x.ssm.us-east-1.vpce.amazonaws.com")},
				{DnsName: aws.String("ssm.us-east-1.amazonaws.com")}},
		},
		{
			VpcEndpointId:   aws.String("vpce-s3"),
			VpcId:           aws.String("vpc-1"),
			VpcEndpointType: types.VpcEndpointTypeGateway,
			State:           "available",
			ServiceName:     aws.String("com.amazonaws.us-east-1.s3"), RouteTableIds: []string{"rtb-1"},
		},
		{
			VpcEndpointId:   aws.String("vpce-lb"),
			VpcId:           aws.String("vpc-1"),
			VpcEndpointType: types.VpcEndpointTypeGatewayLoadBalancer,
			State:           "available",
		},
	}}, nil
}

func (*cloud) DescribeVpcEndpointServices(
	context.Context, *ec2.DescribeVpcEndpointServicesInput,
) (*ec2.DescribeVpcEndpointServicesOutput, error) {
	names := []types.PrivateDnsDetails{
		{PrivateDnsName: aws.String("ssm.us-east-1.amazonaws.com")},
		{PrivateDnsName: aws.String("ssm.us-east-1.api.aws")},
	}
	return &ec2.DescribeVpcEndpointServicesOutput{ServiceDetails: []types.ServiceDetail{{PrivateDnsNames: names}}}, nil
}

func (*cloud) DescribeManagedPrefixLists(
	context.Context, *ec2.DescribeManagedPrefixListsInput,
) (*ec2.DescribeManagedPrefixListsOutput, error) {
	return &ec2.DescribeManagedPrefixListsOutput{PrefixLists: []types.ManagedPrefixList{
		{PrefixListId: aws.String("pl-s3"), PrefixListName: aws.String("com.amazonaws.us-east-1.s3")},
		{PrefixListId: aws.String("pl-other"), PrefixListName: aws.String("com.amazonaws.us-east-1.dynamodb")},
	}}, nil
}

func (*cloud) GetManagedPrefixListEntries(
	_ context.Context, in *ec2.GetManagedPrefixListEntriesInput,
) (*ec2.GetManagedPrefixListEntriesOutput, error) {
	if aws.ToString(in.PrefixListId) != "pl-s3" {
		return nil, &smithy.GenericAPIError{Code: "InvalidPrefixListID.NotFound"}
	}
	return &ec2.GetManagedPrefixListEntriesOutput{
		Entries: []types.PrefixListEntry{{Cidr: aws.String("52.216.0.0/15")}},
	}, nil
}

func (*cloud) DescribeInstanceInformation(
	_ context.Context, in *ssm.DescribeInstanceInformationInput,
) (*ssm.DescribeInstanceInformationOutput, error) {
	i := ssmtypes.InstanceInformation{
		InstanceId: aws.String(in.Filters[0].Values[0]), PingStatus: ssmtypes.PingStatusOnline,
		AgentVersion: aws.String("3.3.0.0"),
	}
	if in.Filters[0].Values[0] == "mi-1" {
		i.IamRole = aws.String("service-role/hybrid")
	}
	return &ssm.DescribeInstanceInformationOutput{InstanceInformationList: []ssmtypes.InstanceInformation{i}}, nil
}

func (*cloud) GetServiceSetting(context.Context, *ssm.GetServiceSettingInput) (*ssm.GetServiceSettingOutput, error) {
	return &ssm.GetServiceSettingOutput{
		ServiceSetting: &ssmtypes.ServiceSetting{SettingValue: aws.String("service-role/host-management")},
	}, nil
}

func (c *cloud) GetInstanceProfile(
	_ context.Context, in *iam.GetInstanceProfileInput,
) (*iam.GetInstanceProfileOutput, error) {
	if c.denied {
		return nil, &smithy.GenericAPIError{Code: "AccessDenied", Message: "no"}
	}
	if aws.ToString(in.InstanceProfileName) != "nodes" {
		return nil, &smithy.GenericAPIError{Code: "NoSuchEntity"}
	}
	return &iam.GetInstanceProfileOutput{
		InstanceProfile: &iamtypes.InstanceProfile{Roles: []iamtypes.Role{{RoleName: aws.String("node-role")}}},
	}, nil
}

func (*cloud) GetRole(_ context.Context, in *iam.GetRoleInput) (*iam.GetRoleOutput, error) {
	return &iam.GetRoleOutput{Role: &iamtypes.Role{
		Arn: aws.String("arn:aws:iam::111122223333:role/" +
			aws.ToString(in.RoleName)), AssumeRolePolicyDocument: aws.String(url.PathEscape(trustEC2)),
		PermissionsBoundary: &iamtypes.AttachedPermissionsBoundary{
			PermissionsBoundaryArn: aws.String("arn:aws:iam::111122223333:policy/limit"),
		},
	}}, nil
}

func (*cloud) ListAttachedRolePolicies(
	context.Context, *iam.ListAttachedRolePoliciesInput,
) (*iam.ListAttachedRolePoliciesOutput, error) {
	return &iam.ListAttachedRolePoliciesOutput{
		AttachedPolicies: []iamtypes.AttachedPolicy{{PolicyArn: aws.String("arn:aws:iam::aws:policy/Core")}},
	}, nil
}

func (*cloud) ListRolePolicies(context.Context, *iam.ListRolePoliciesInput) (*iam.ListRolePoliciesOutput, error) {
	return &iam.ListRolePoliciesOutput{PolicyNames: []string{"inline"}}, nil
}

func (*cloud) GetRolePolicy(context.Context, *iam.GetRolePolicyInput) (*iam.GetRolePolicyOutput, error) {
	return &iam.GetRolePolicyOutput{PolicyDocument: aws.String("%7B%22a%22%3A%22%2B%22%7D")}, nil
}

func (*cloud) GetPolicy(context.Context, *iam.GetPolicyInput) (*iam.GetPolicyOutput, error) {
	return &iam.GetPolicyOutput{Policy: &iamtypes.Policy{DefaultVersionId: aws.String("v2")}}, nil
}

func (*cloud) GetPolicyVersion(_ context.Context, in *iam.GetPolicyVersionInput) (*iam.GetPolicyVersionOutput, error) {
	return &iam.GetPolicyVersionOutput{PolicyVersion: &iamtypes.PolicyVersion{
		Document: aws.String("%7B%22v%22%3A%22" + aws.ToString(in.VersionId) + "%22%7D"),
	}}, nil
}

func read(t *testing.T, c *cloud, from string) doctor.Facts {
	t.Helper()
	f, err := doctor.Read(t.Context(), c.clients(), "us-east-1", from, "ssm")
	if err != nil {
		t.Fatal(err)
	}
	return f
}
