package ec2_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"postern/network"
)

// conflicts are calls whose members are each well and that together, or with what is there already, cannot be.
func conflicts(f *everything) []bad {
	row := func(what string, in any, codes ...string) bad { return bad{what, nameOf(in), in, codes} }
	all := aws.String("0.0.0.0/0")
	peer := "10.8.0.0/16"
	defaultGroup := must(f.DescribeSecurityGroups(f.ctx, &sdk.DescribeSecurityGroupsInput{
		Filters: []types.Filter{filter("vpc-id", f.vpc), filter("group-name", "default")},
	}))(f.t).SecurityGroups[0].GroupId
	defaultACL := must(f.DescribeNetworkAcls(f.ctx, &sdk.DescribeNetworkAclsInput{
		Filters: []types.Filter{filter("vpc-id", f.vpc), filter("default", "true")},
	}))(f.t).NetworkAcls[0].NetworkAclId
	main := must(f.DescribeRouteTables(f.ctx, &sdk.DescribeRouteTablesInput{
		Filters: []types.Filter{filter("vpc-id", f.vpc), filter("association.main", "true")},
	}))(f.t).RouteTables[0]
	wrongNumber, ping, upside := entry(f.acl, 40000), https("10.0.1.0/24"), https("10.0.1.0/24")
	ping[0].IpProtocol, ping[0].FromPort, ping[0].ToPort = aws.String("icmp"), aws.Int32(300), aws.Int32(-1)
	upside[0].FromPort = aws.Int32(500)
	noRange := https("10.0.1.0/24")
	noRange[0].IpRanges = nil
	host := https("10.0.1.7/24")
	return []bad{
		// what the model does not require and the call does
		row("without a range", &sdk.CreateVpcInput{}, "MissingParameter"),
		row("without a range", &sdk.CreateSubnetInput{VpcId: &f.vpc}, "MissingParameter"),
		row("without a range", &sdk.AssociateVpcCidrBlockInput{VpcId: &f.vpc}, "MissingParameter"),
		row("without a destination", &sdk.CreateRouteInput{RouteTableId: &f.spare, GatewayId: &f.igw}, "MissingParameter"),
		row("without a target", &sdk.CreateRouteInput{RouteTableId: &f.spare, DestinationCidrBlock: all}, "MissingParameter"),
		row("with two targets", &sdk.CreateRouteInput{
			RouteTableId: &f.spare, DestinationCidrBlock: all, GatewayId: &f.igw, NetworkInterfaceId: &f.eni,
		}, "InvalidParameterCombination"),
		row("without a destination", &sdk.DeleteRouteInput{RouteTableId: &f.table}, "MissingParameter"),
		row("without a subnet", &sdk.AssociateRouteTableInput{RouteTableId: &f.table}, "MissingParameter"),
		row("of nothing", &sdk.AssociateAddressInput{AllocationId: &f.eip}, "MissingParameter"),
		row("of nothing", &sdk.ReleaseAddressInput{}, "MissingParameter"),
		row("without a group", &sdk.DeleteSecurityGroupInput{}, "MissingParameter"),
		row("without a rule", &sdk.AuthorizeSecurityGroupIngressInput{GroupId: &f.listeners}, "MissingParameter"),
		row("without a service", &sdk.CreateVpcEndpointInput{VpcId: &f.vpc}, "MissingParameter"),
		row("without a range", &sdk.CreateNetworkAclEntryInput{
			NetworkAclId: &f.acl, RuleNumber: aws.Int32(7), Egress: aws.Bool(true), Protocol: aws.String("-1"),
			RuleAction: "allow",
		}, "MissingParameter"),
		row("without targets", &sdk.CreateVpcEndpointServiceConfigurationInput{}, "MissingParameter"),
		row("without a peer", &sdk.CreateVpcPeeringConnectionInput{VpcId: &f.vpc}, "MissingParameter"),

		// ranges
		row("too wide", &sdk.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/8")}, "InvalidVpc.Range"),
		row("too narrow", &sdk.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/30")}, "InvalidVpc.Range"),
		row("overlapping", &sdk.CreateSubnetInput{
			VpcId: &f.vpc, CidrBlock: aws.String("10.0.1.128/25"),
		}, "InvalidSubnet.Conflict"),
		row("the same", &sdk.CreateSubnetInput{
			VpcId: &f.vpc, CidrBlock: aws.String("10.0.1.0/24"),
		}, "InvalidSubnet.Conflict"),
		row("outside", &sdk.CreateSubnetInput{VpcId: &f.vpc, CidrBlock: aws.String("192.168.0.0/24")}, "InvalidSubnet.Range"),
		row("in no zone", &sdk.CreateSubnetInput{
			VpcId: &f.vpc, CidrBlock: aws.String("10.0.77.0/24"), AvailabilityZone: aws.String("eu-west-1a"),
		}, "InvalidParameterValue"),
		row("overlapping", &sdk.AssociateVpcCidrBlockInput{
			VpcId: &f.vpc, CidrBlock: aws.String("10.0.128.0/20"),
		}, "CidrConflict"),
		row("a peer's", &sdk.AssociateVpcCidrBlockInput{VpcId: &f.vpc, CidrBlock: &peer}, "CidrConflict"),

		// duplicates
		row("the same name", &sdk.CreateSecurityGroupInput{
			VpcId: &f.vpc, GroupName: aws.String("nodes"), Description: aws.String("x"),
		}, "InvalidGroup.Duplicate"),
		row("a reserved name", &sdk.CreateSecurityGroupInput{
			VpcId: &f.vpc, GroupName: aws.String("default"), Description: aws.String("x"),
		}, "InvalidParameterValue"),
		row("a name like an id", &sdk.CreateSecurityGroupInput{
			VpcId: &f.vpc, GroupName: aws.String("sg-x"), Description: aws.String("x"),
		}, "InvalidParameterValue"),
		row("a long name", &sdk.CreateSecurityGroupInput{
			VpcId: &f.vpc, GroupName: aws.String(strings.Repeat("x", 256)), Description: aws.String("x"),
		}, "InvalidParameterValue"),
		row("the same rule", &sdk.AuthorizeSecurityGroupIngressInput{
			GroupId: &f.listeners, IpPermissions: https("10.0.1.0/24"),
		}, "InvalidPermission.Duplicate"),
		row("one rule twice", &sdk.AuthorizeSecurityGroupIngressInput{
			GroupId: &f.nodes, IpPermissions: append(https("10.0.1.0/24"), https("10.0.1.0/24")...),
		}, "InvalidPermission.Duplicate", "InvalidParameterValue"),
		row("a type of ICMP that is none", &sdk.AuthorizeSecurityGroupIngressInput{
			GroupId: &f.listeners, IpPermissions: ping,
		}, "InvalidParameterValue"),
		row("ports upside down", &sdk.AuthorizeSecurityGroupIngressInput{
			GroupId: &f.listeners, IpPermissions: upside,
		}, "InvalidParameterValue"),
		row("a rule for nobody", &sdk.AuthorizeSecurityGroupIngressInput{
			GroupId: &f.listeners, IpPermissions: noRange,
		}, "InvalidPermission.Malformed"),
		row("a range in its other form", &sdk.AuthorizeSecurityGroupIngressInput{
			GroupId: &f.listeners, IpPermissions: host,
		}, "InvalidPermission.Duplicate"),
		row("a rule that is not there", &sdk.RevokeSecurityGroupIngressInput{
			GroupId: &f.listeners, IpPermissions: https("10.99.0.0/24"),
		}, "InvalidPermission.NotFound"),
		row("a rule the other way", &sdk.RevokeSecurityGroupEgressInput{
			GroupId: &f.listeners, SecurityGroupRuleIds: []string{f.rule},
		}, "InvalidSecurityGroupRuleId.NotFound"),
		row("the same number", entry(f.acl, 100), "NetworkAclEntryAlreadyExists"),
		row("a number that is none", wrongNumber, "InvalidParameterValue"),
		row("a number that is not there", &sdk.DeleteNetworkAclEntryInput{
			NetworkAclId: &f.acl, RuleNumber: aws.Int32(7), Egress: aws.Bool(true),
		}, "InvalidNetworkAclEntry.NotFound"),
		row("the same destination", &sdk.CreateRouteInput{
			RouteTableId: &f.table, DestinationCidrBlock: all, NetworkInterfaceId: &f.eni,
		}, "RouteAlreadyExists"),
		row("a route that is not there", &sdk.DeleteRouteInput{
			RouteTableId: &f.spare, DestinationCidrBlock: all,
		}, "InvalidRoute.NotFound"),
		row("a route that is not there", &sdk.ReplaceRouteInput{
			RouteTableId: &f.spare, DestinationCidrBlock: all, GatewayId: &f.igw,
		}, "InvalidParameterValue"),
		row("another VPC's gateway", &sdk.CreateRouteInput{
			RouteTableId: &f.spare, DestinationCidrBlock: all, GatewayId: &f.loose,
		}, "InvalidParameterValue"),
		row("an association more", &sdk.AssociateRouteTableInput{
			RouteTableId: &f.spare, SubnetId: &f.b,
		}, "Resource.AlreadyAssociated"),
		row("the main one's", &sdk.DisassociateRouteTableInput{
			AssociationId: main.Associations[0].RouteTableAssociationId,
		}, "InvalidParameterValue"),
		row("attached", &sdk.AttachInternetGatewayInput{
			InternetGatewayId: &f.igw, VpcId: &f.empty,
		}, "Resource.AlreadyAssociated"),
		row("a second one", &sdk.AttachInternetGatewayInput{
			InternetGatewayId: &f.loose, VpcId: &f.vpc,
		}, "InvalidParameterValue"),
		row("not attached", &sdk.DetachInternetGatewayInput{
			InternetGatewayId: &f.loose, VpcId: &f.vpc,
		}, "Gateway.NotAttached"),
		row("the same", &sdk.CreateVpcPeeringConnectionInput{
			VpcId: &f.vpc, PeerVpcId: &f.peer,
		}, "VpcPeeringConnectionAlreadyExists"),
		row("with itself", &sdk.CreateVpcPeeringConnectionInput{
			VpcId: &f.vpc, PeerVpcId: &f.vpc,
		}, "InvalidParameter", "InvalidParameterValue", "OperationNotPermitted"),
		row("active", &sdk.AcceptVpcPeeringConnectionInput{VpcPeeringConnectionId: &f.peered}, "InvalidStateTransition"),
		row("active", &sdk.RejectVpcPeeringConnectionInput{VpcPeeringConnectionId: &f.peered}, "InvalidStateTransition"),
		row("an address in use", &sdk.AssociateAddressInput{
			AllocationId: &f.eipUsed, NetworkInterfaceId: &f.eniFree, AllowReassociation: aws.Bool(false),
		}, "Resource.AlreadyAssociated"),
		row("in use", &sdk.ReleaseAddressInput{AllocationId: &f.eipUsed}, "InvalidIPAddress.InUse"),
		row("the same name", &sdk.CreateVpcEndpointInput{
			VpcId: &f.vpc, VpcEndpointType: "Interface", ServiceName: aws.String("com.amazonaws.us-east-1.ssm"),
			PrivateDnsEnabled: aws.Bool(true),
		}, "InvalidParameter"),
		row("two in a zone", &sdk.ModifyVpcEndpointInput{
			VpcEndpointId: &f.endpoint, AddSubnetIds: []string{f.a},
		}, "DuplicateSubnetsInSameZone"),
		row("the same route", &sdk.CreateVpcEndpointInput{
			VpcId: &f.vpc, ServiceName: aws.String("com.amazonaws.us-east-1.s3"), RouteTableIds: []string{f.table},
		}, "RouteAlreadyExists"),
		row("another kind of endpoint", &sdk.ModifyVpcEndpointInput{
			VpcEndpointId: &f.endpoint, AddRouteTableIds: []string{f.table},
		}, "InvalidParameter"),
		row("a policy that is none", &sdk.ModifyVpcEndpointInput{
			VpcEndpointId: &f.endpoint, PolicyDocument: aws.String("{}x"),
		}, "InvalidPolicyDocument"),
		row("another region's service", &sdk.CreateVpcEndpointInput{
			VpcId: &f.vpc, VpcEndpointType: "Interface", ServiceName: aws.String("com.amazonaws.eu-west-1.ssm"),
		}, "InvalidServiceName"),
		row("an old version", &sdk.ModifyManagedPrefixListInput{
			PrefixListId: &f.list, CurrentVersion: aws.Int64(9),
			AddEntries: []types.AddPrefixListEntry{{Cidr: aws.String("10.0.2.0/24")}},
		}, "PrefixListVersionMismatch", "IncorrectState", "InvalidParameterValue"),

		// in use
		row("in use", &sdk.DeleteVpcInput{VpcId: &f.vpc}, "DependencyViolation"),
		row("in use", &sdk.DeleteSubnetInput{SubnetId: &f.a}, "DependencyViolation"),
		row("in use", &sdk.DeleteSecurityGroupInput{GroupId: &f.nodes}, "DependencyViolation"),
		row("the default one", &sdk.DeleteSecurityGroupInput{GroupId: defaultGroup}, "CannotDelete"),
		row("in use", &sdk.DeleteRouteTableInput{RouteTableId: &f.table}, "DependencyViolation"),
		row("the main one", &sdk.DeleteRouteTableInput{RouteTableId: main.RouteTableId}, "DependencyViolation"),
		row("the default one", &sdk.DeleteNetworkAclInput{NetworkAclId: defaultACL}, "InvalidParameterValue"),
		row("attached", &sdk.DeleteInternetGatewayInput{InternetGatewayId: &f.igw}, "DependencyViolation"),
		row("with public addresses", &sdk.DetachInternetGatewayInput{
			InternetGatewayId: &f.igw, VpcId: &f.vpc,
		}, "DependencyViolation"),
		row("the primary range", &sdk.DisassociateVpcCidrBlockInput{
			AssociationId: must(f.DescribeVpcs(f.ctx, &sdk.DescribeVpcsInput{
				VpcIds: []string{f.vpc},
			}))(f.t).Vpcs[0].CidrBlockAssociationSet[0].AssociationId,
		}, "OperationNotPermitted"),
	}
}

// TestConflicts calls with what cannot be beside what is there. Each call is refused and has changed nothing.
func TestConflicts(t *testing.T) {
	f := newEverything(t)
	before := f.standing()
	for _, b := range conflicts(f) {
		_, err := f.do(b.in, unchecked)
		ok := false
		for _, want := range b.codes {
			ok = ok || code(err) == want
		}
		if !ok {
			t.Errorf("%s %s: code %q (%v), want %q", b.member, b.what, code(err), err, b.codes)
		}
		if now := f.standing(); now != before {
			t.Errorf("%s %s: it was refused, and changed", b.member, b.what)
			before = now
		}
	}
}

// TestLimits reaches each limit and goes one beyond.
func TestLimits(t *testing.T) {
	l := newLimitedHarness(t, network.Limits{
		VPCs: 2, CIDRsPerVPC: 2, SubnetsPerVPC: 2, TablesPerVPC: 2, RoutesPerTable: 2, ACLsPerVPC: 2, EntriesPerACL: 3,
		Gateways: 1, Groups: 3, RulesPerGroup: 2, GroupsPerNIC: 1,
		Interfaces: 1, AddressesPerNIC: 2, EndpointsPerVPC: 1, TagsPerResource: 2, ElasticIPs: 1, NATGateways: 1,
		DhcpOptions: 1, EntriesPerList: 1,
		EndpointServices: 1, TargetsPerService: 1, Notifications: 1,
	})
	v := newVpc(l, "10.0.0.0/16")
	a := l.subnet(v, "10.0.1.0/24", "us-east-1a")
	g := l.group(v, "g")
	table := must(l.CreateRouteTable(l.ctx, &sdk.CreateRouteTableInput{VpcId: &v}))(t).RouteTable.RouteTableId
	acl := *must(l.CreateNetworkAcl(l.ctx, &sdk.CreateNetworkAclInput{VpcId: &v}))(t).NetworkAcl.NetworkAclId
	nic := *must(l.CreateNetworkInterface(l.ctx, &sdk.CreateNetworkInterfaceInput{
		SubnetId: &a, Groups: []string{g},
	}))(t).NetworkInterface.NetworkInterfaceId
	more := func(n int) (p []types.IpPermission) {
		for i := range n {
			one := https("10.0.1.0/24")
			one[0].FromPort, one[0].ToPort = aws.Int32(int32(1000+i)), aws.Int32(int32(1000+i))
			p = append(p, one...)
		}
		return p
	}
	var many []types.Tag
	for _, k := range []string{"a", "b", "c"} {
		many = append(many, someTags(k)...)
	}
	for _, tt := range []struct {
		in   any
		code string
	}{
		{&sdk.CreateVpcInput{CidrBlock: aws.String("10.1.0.0/16")}, ""},
		{&sdk.CreateVpcInput{CidrBlock: aws.String("10.2.0.0/16")}, "VpcLimitExceeded"},
		{&sdk.AssociateVpcCidrBlockInput{VpcId: &v, CidrBlock: aws.String("10.3.0.0/16")}, ""},
		{&sdk.AssociateVpcCidrBlockInput{VpcId: &v, CidrBlock: aws.String("10.4.0.0/16")}, "CidrLimitExceeded"},
		{&sdk.CreateSubnetInput{VpcId: &v, CidrBlock: aws.String("10.0.2.0/24")}, ""},
		{&sdk.CreateSubnetInput{VpcId: &v, CidrBlock: aws.String("10.0.3.0/24")}, "SubnetLimitExceeded"},
		{&sdk.CreateRouteTableInput{VpcId: &v}, "RouteTableLimitExceeded"},
		{&sdk.CreateNetworkAclInput{VpcId: &v}, "NetworkAclLimitExceeded"},
		{entry(acl, 1), ""}, {entry(acl, 2), ""}, {entry(acl, 3), ""},
		{entry(acl, 4), "NetworkAclEntryLimitExceeded"},
		{&sdk.CreateInternetGatewayInput{}, ""},
		{&sdk.CreateInternetGatewayInput{}, "InternetGatewayLimitExceeded"},
		{&sdk.CreateSecurityGroupInput{
			VpcId: &v, GroupName: aws.String("h"), Description: aws.String("h"),
		}, "SecurityGroupLimitExceeded"},
		{&sdk.AuthorizeSecurityGroupIngressInput{GroupId: &g, IpPermissions: more(3)}, "RulesPerSecurityGroupLimitExceeded"},
		{&sdk.AuthorizeSecurityGroupIngressInput{GroupId: &g, IpPermissions: more(2)}, ""},
		{&sdk.AuthorizeSecurityGroupIngressInput{
			GroupId: &g, IpPermissions: https("10.0.9.0/24"),
		}, "RulesPerSecurityGroupLimitExceeded"},
		{&sdk.CreateNetworkInterfaceInput{SubnetId: &a}, "NetworkInterfaceLimitExceeded"},
		{&sdk.AssignPrivateIpAddressesInput{
			NetworkInterfaceId: &nic, SecondaryPrivateIpAddressCount: aws.Int32(2),
		}, "PrivateIpAddressLimitExceeded"},
		{&sdk.AllocateAddressInput{}, ""},
		{&sdk.AllocateAddressInput{}, "AddressLimitExceeded"},
		{dhcp(), ""}, {dhcp(), "DhcpOptionsLimitExceeded"},
		{&sdk.CreateTagsInput{Resources: []string{v}, Tags: many}, "TagLimitExceeded"},
		{&sdk.CreateVpcEndpointInput{
			VpcId: &v, ServiceName: aws.String("com.amazonaws.us-east-1.s3"), RouteTableIds: []string{*table},
		}, ""},
		{&sdk.CreateVpcEndpointInput{
			VpcId: &v, ServiceName: aws.String("com.amazonaws.us-east-1.s3"),
		}, "VpcEndpointLimitExceeded"},
	} {
		before := l.network.State().Version()
		_, err := l.do(tt.in)
		wantCode(t, nameOf(tt.in), err, tt.code)
		if err != nil && l.network.State().Version() != before {
			t.Errorf("%s: it was refused, and changed", nameOf(tt.in))
		}
	}
}
