package ec2_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"postern/network"
)

// conflict makes a call whose members are each well and that together, or with what is there already, cannot be.
func conflict(what string, in any, codes ...string) bad { return bad{what, nameOf(in), in, codes} }

// conflicts returns conflicting calls of every kind.
func conflicts(f *everything) []bad {
	return slices.Concat(
		missing(f), badRanges(f), badGroupRules(f), badEntries(f), badRoutes(f), badStates(f), badEndpoints(f), inUse(f),
	)
}

// mainTable returns the main route table of the VPC.
func (f *everything) mainTable() types.RouteTable {
	return must(f.DescribeRouteTables(f.ctx, &sdk.DescribeRouteTablesInput{
		Filters: []types.Filter{filter("vpc-id", f.vpc), filter("association.main", "true")},
	}))(f.t).RouteTables[0]
}

// missing are calls without what the model does not require and the call does.
func missing(f *everything) []bad {
	all := aws.String("0.0.0.0/0")
	return []bad{
		conflict("without a range", &sdk.CreateVpcInput{}, "MissingParameter"),
		conflict("without a range", &sdk.CreateSubnetInput{VpcId: &f.vpc}, "MissingParameter"),
		conflict("without a range", &sdk.AssociateVpcCidrBlockInput{VpcId: &f.vpc}, "MissingParameter"),
		conflict("without a destination", &sdk.CreateRouteInput{
			RouteTableId: &f.spare, GatewayId: &f.igw,
		}, "MissingParameter"),
		conflict("without a target", &sdk.CreateRouteInput{
			RouteTableId: &f.spare, DestinationCidrBlock: all,
		}, "MissingParameter"),
		conflict("with two targets", &sdk.CreateRouteInput{
			RouteTableId: &f.spare, DestinationCidrBlock: all, GatewayId: &f.igw, NetworkInterfaceId: &f.eni,
		}, "InvalidParameterCombination"),
		conflict("without a destination", &sdk.DeleteRouteInput{RouteTableId: &f.table}, "MissingParameter"),
		conflict("without a subnet", &sdk.AssociateRouteTableInput{RouteTableId: &f.table}, "MissingParameter"),
		conflict("of nothing", &sdk.AssociateAddressInput{AllocationId: &f.eip}, "MissingParameter"),
		conflict("of nothing", &sdk.ReleaseAddressInput{}, "MissingParameter"),
		conflict("without a group", &sdk.DeleteSecurityGroupInput{}, "MissingParameter"),
		conflict("without a rule", &sdk.AuthorizeSecurityGroupIngressInput{GroupId: &f.listeners}, "MissingParameter"),
		conflict("without a service", &sdk.CreateVpcEndpointInput{VpcId: &f.vpc}, "MissingParameter"),
		conflict("without a range", &sdk.CreateNetworkAclEntryInput{
			NetworkAclId: &f.acl, RuleNumber: aws.Int32(7), Egress: aws.Bool(true), Protocol: aws.String("-1"),
			RuleAction: "allow",
		}, "MissingParameter"),
		conflict("without targets", &sdk.CreateVpcEndpointServiceConfigurationInput{}, "MissingParameter"),
		conflict("without a peer", &sdk.CreateVpcPeeringConnectionInput{VpcId: &f.vpc}, "MissingParameter"),
	}
}

func badRanges(f *everything) []bad {
	peer := "10.8.0.0/16"
	return []bad{
		conflict("too wide", &sdk.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/8")}, "InvalidVpc.Range"),
		conflict("too narrow", &sdk.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/30")}, "InvalidVpc.Range"),
		conflict("overlapping", &sdk.CreateSubnetInput{
			VpcId: &f.vpc, CidrBlock: aws.String("10.0.1.128/25"),
		}, "InvalidSubnet.Conflict"),
		conflict("the same", &sdk.CreateSubnetInput{
			VpcId: &f.vpc, CidrBlock: aws.String("10.0.1.0/24"),
		}, "InvalidSubnet.Conflict"),
		conflict("outside", &sdk.CreateSubnetInput{
			VpcId: &f.vpc, CidrBlock: aws.String("192.168.0.0/24"),
		}, "InvalidSubnet.Range"),
		conflict("in no zone", &sdk.CreateSubnetInput{
			VpcId: &f.vpc, CidrBlock: aws.String("10.0.77.0/24"), AvailabilityZone: aws.String("eu-west-1a"),
		}, "InvalidParameterValue"),
		conflict("overlapping", &sdk.AssociateVpcCidrBlockInput{
			VpcId: &f.vpc, CidrBlock: aws.String("10.0.128.0/20"),
		}, "CidrConflict"),
		conflict("a peer's", &sdk.AssociateVpcCidrBlockInput{VpcId: &f.vpc, CidrBlock: &peer}, "CidrConflict"),
	}
}

// badGroupRules are groups and rules that are there already, or not.
func badGroupRules(f *everything) []bad {
	ping, upside := https("10.0.1.0/24"), https("10.0.1.0/24")
	ping[0].IpProtocol, ping[0].FromPort, ping[0].ToPort = aws.String("icmp"), aws.Int32(300), aws.Int32(-1)
	upside[0].FromPort = aws.Int32(500)
	noRange := https("10.0.1.0/24")
	noRange[0].IpRanges = nil
	host := https("10.0.1.7/24")
	return []bad{
		conflict("the same name", &sdk.CreateSecurityGroupInput{
			VpcId: &f.vpc, GroupName: aws.String("nodes"), Description: aws.String("x"),
		}, "InvalidGroup.Duplicate"),
		conflict("a reserved name", &sdk.CreateSecurityGroupInput{
			VpcId: &f.vpc, GroupName: aws.String("default"), Description: aws.String("x"),
		}, "InvalidParameterValue"),
		conflict("a name like an id", &sdk.CreateSecurityGroupInput{
			VpcId: &f.vpc, GroupName: aws.String("sg-x"), Description: aws.String("x"),
		}, "InvalidParameterValue"),
		conflict("a long name", &sdk.CreateSecurityGroupInput{
			VpcId: &f.vpc, GroupName: aws.String(strings.Repeat("x", 256)), Description: aws.String("x"),
		}, "InvalidParameterValue"),
		conflict("the same rule", &sdk.AuthorizeSecurityGroupIngressInput{
			GroupId: &f.listeners, IpPermissions: https("10.0.1.0/24"),
		}, "InvalidPermission.Duplicate"),
		conflict("one rule twice", &sdk.AuthorizeSecurityGroupIngressInput{
			GroupId: &f.nodes, IpPermissions: append(https("10.0.1.0/24"), https("10.0.1.0/24")...),
		}, "InvalidPermission.Duplicate", "InvalidParameterValue"),
		conflict("a type of ICMP that is none", &sdk.AuthorizeSecurityGroupIngressInput{
			GroupId: &f.listeners, IpPermissions: ping,
		}, "InvalidParameterValue"),
		conflict("ports upside down", &sdk.AuthorizeSecurityGroupIngressInput{
			GroupId: &f.listeners, IpPermissions: upside,
		}, "InvalidParameterValue"),
		conflict("a rule for nobody", &sdk.AuthorizeSecurityGroupIngressInput{
			GroupId: &f.listeners, IpPermissions: noRange,
		}, "InvalidPermission.Malformed"),
		conflict("a range in its other form", &sdk.AuthorizeSecurityGroupIngressInput{
			GroupId: &f.listeners, IpPermissions: host,
		}, "InvalidPermission.Duplicate"),
		conflict("a rule that is not there", &sdk.RevokeSecurityGroupIngressInput{
			GroupId: &f.listeners, IpPermissions: https("10.99.0.0/24"),
		}, "InvalidPermission.NotFound"),
		conflict("a rule the other way", &sdk.RevokeSecurityGroupEgressInput{
			GroupId: &f.listeners, SecurityGroupRuleIds: []string{f.rule},
		}, "InvalidSecurityGroupRuleId.NotFound"),
	}
}

func badEntries(f *everything) []bad {
	wrongNumber := entry(f.acl, 40000)
	return []bad{
		conflict("the same number", entry(f.acl, 100), "NetworkAclEntryAlreadyExists"),
		conflict("a number that is none", wrongNumber, "InvalidParameterValue"),
		conflict("a number that is not there", &sdk.DeleteNetworkAclEntryInput{
			NetworkAclId: &f.acl, RuleNumber: aws.Int32(7), Egress: aws.Bool(true),
		}, "InvalidNetworkAclEntry.NotFound"),
	}
}

func badRoutes(f *everything) []bad {
	all, main := aws.String("0.0.0.0/0"), f.mainTable()
	return []bad{
		conflict("the same destination", &sdk.CreateRouteInput{
			RouteTableId: &f.table, DestinationCidrBlock: all, NetworkInterfaceId: &f.eni,
		}, "RouteAlreadyExists"),
		conflict("a route that is not there", &sdk.DeleteRouteInput{
			RouteTableId: &f.spare, DestinationCidrBlock: all,
		}, "InvalidRoute.NotFound"),
		conflict("a route that is not there", &sdk.ReplaceRouteInput{
			RouteTableId: &f.spare, DestinationCidrBlock: all, GatewayId: &f.igw,
		}, "InvalidParameterValue"),
		conflict("another VPC's gateway", &sdk.CreateRouteInput{
			RouteTableId: &f.spare, DestinationCidrBlock: all, GatewayId: &f.loose,
		}, "InvalidParameterValue"),
		conflict("an association more", &sdk.AssociateRouteTableInput{
			RouteTableId: &f.spare, SubnetId: &f.b,
		}, "Resource.AlreadyAssociated"),
		conflict("the main one's", &sdk.DisassociateRouteTableInput{
			AssociationId: main.Associations[0].RouteTableAssociationId,
		}, "InvalidParameterValue"),
	}
}

// badStates are calls for gateways, peerings and addresses that are in another state.
func badStates(f *everything) []bad {
	return []bad{
		conflict("attached", &sdk.AttachInternetGatewayInput{
			InternetGatewayId: &f.igw, VpcId: &f.empty,
		}, "Resource.AlreadyAssociated"),
		conflict("a second one", &sdk.AttachInternetGatewayInput{
			InternetGatewayId: &f.loose, VpcId: &f.vpc,
		}, "InvalidParameterValue"),
		conflict("not attached", &sdk.DetachInternetGatewayInput{
			InternetGatewayId: &f.loose, VpcId: &f.vpc,
		}, "Gateway.NotAttached"),
		conflict("the same", &sdk.CreateVpcPeeringConnectionInput{
			VpcId: &f.vpc, PeerVpcId: &f.peer,
		}, "VpcPeeringConnectionAlreadyExists"),
		conflict("with itself", &sdk.CreateVpcPeeringConnectionInput{
			VpcId: &f.vpc, PeerVpcId: &f.vpc,
		}, "InvalidParameter", "InvalidParameterValue", "OperationNotPermitted"),
		conflict("active", &sdk.AcceptVpcPeeringConnectionInput{VpcPeeringConnectionId: &f.peered}, "InvalidStateTransition"),
		conflict("active", &sdk.RejectVpcPeeringConnectionInput{VpcPeeringConnectionId: &f.peered}, "InvalidStateTransition"),
		conflict("an address in use", &sdk.AssociateAddressInput{
			AllocationId: &f.eipUsed, NetworkInterfaceId: &f.eniFree, AllowReassociation: aws.Bool(false),
		}, "Resource.AlreadyAssociated"),
		conflict("in use", &sdk.ReleaseAddressInput{AllocationId: &f.eipUsed}, "InvalidIPAddress.InUse"),
	}
}

// badEndpoints are endpoints that are there already, and lists of another version.
func badEndpoints(f *everything) []bad {
	return []bad{
		conflict("the same name", &sdk.CreateVpcEndpointInput{
			VpcId: &f.vpc, VpcEndpointType: "Interface", ServiceName: aws.String("com.amazonaws.us-east-1.ssm"),
			PrivateDnsEnabled: aws.Bool(true),
		}, "InvalidParameter"),
		conflict("two in a zone", &sdk.ModifyVpcEndpointInput{
			VpcEndpointId: &f.endpoint, AddSubnetIds: []string{f.a},
		}, "DuplicateSubnetsInSameZone"),
		conflict("the same route", &sdk.CreateVpcEndpointInput{
			VpcId: &f.vpc, ServiceName: aws.String("com.amazonaws.us-east-1.s3"), RouteTableIds: []string{f.table},
		}, "RouteAlreadyExists"),
		conflict("another kind of endpoint", &sdk.ModifyVpcEndpointInput{
			VpcEndpointId: &f.endpoint, AddRouteTableIds: []string{f.table},
		}, "InvalidParameter"),
		conflict("a policy that is none", &sdk.ModifyVpcEndpointInput{
			VpcEndpointId: &f.endpoint, PolicyDocument: aws.String("{}x"),
		}, "InvalidPolicyDocument"),
		conflict("another region's service", &sdk.CreateVpcEndpointInput{
			VpcId: &f.vpc, VpcEndpointType: "Interface", ServiceName: aws.String("com.amazonaws.eu-west-1.ssm"),
		}, "InvalidServiceName"),
		conflict("an old version", &sdk.ModifyManagedPrefixListInput{
			PrefixListId: &f.list, CurrentVersion: aws.Int64(9),
			AddEntries: []types.AddPrefixListEntry{{Cidr: aws.String("10.0.2.0/24")}},
		}, "PrefixListVersionMismatch", "IncorrectState", "InvalidParameterValue"),
	}
}

// inUse are deletions of what others use.
func inUse(f *everything) []bad {
	main := f.mainTable()
	defaultGroup := must(f.DescribeSecurityGroups(f.ctx, &sdk.DescribeSecurityGroupsInput{
		Filters: []types.Filter{filter("vpc-id", f.vpc), filter("group-name", "default")},
	}))(f.t).SecurityGroups[0].GroupId
	defaultACL := must(f.DescribeNetworkAcls(f.ctx, &sdk.DescribeNetworkAclsInput{
		Filters: []types.Filter{filter("vpc-id", f.vpc), filter("default", "true")},
	}))(f.t).NetworkAcls[0].NetworkAclId
	return []bad{
		conflict("in use", &sdk.DeleteVpcInput{VpcId: &f.vpc}, "DependencyViolation"),
		conflict("in use", &sdk.DeleteSubnetInput{SubnetId: &f.a}, "DependencyViolation"),
		conflict("in use", &sdk.DeleteSecurityGroupInput{GroupId: &f.nodes}, "DependencyViolation"),
		conflict("the default one", &sdk.DeleteSecurityGroupInput{GroupId: defaultGroup}, "CannotDelete"),
		conflict("in use", &sdk.DeleteRouteTableInput{RouteTableId: &f.table}, "DependencyViolation"),
		conflict("the main one", &sdk.DeleteRouteTableInput{RouteTableId: main.RouteTableId}, "DependencyViolation"),
		conflict("the default one", &sdk.DeleteNetworkAclInput{NetworkAclId: defaultACL}, "InvalidParameterValue"),
		conflict("attached", &sdk.DeleteInternetGatewayInput{InternetGatewayId: &f.igw}, "DependencyViolation"),
		conflict("with public addresses", &sdk.DetachInternetGatewayInput{
			InternetGatewayId: &f.igw, VpcId: &f.vpc,
		}, "DependencyViolation"),
		conflict("the primary range", &sdk.DisassociateVpcCidrBlockInput{
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

// tightLimits let each noun be made once or twice.
var tightLimits = network.Limits{
	VPCs: 2, CIDRsPerVPC: 2, SubnetsPerVPC: 2, TablesPerVPC: 2, RoutesPerTable: 2, ACLsPerVPC: 2, EntriesPerACL: 3,
	Gateways: 1, Groups: 3, RulesPerGroup: 2, GroupsPerNIC: 1,
	Interfaces: 1, AddressesPerNIC: 2, EndpointsPerVPC: 1, TagsPerResource: 2, ElasticIPs: 1, NATGateways: 1,
	DhcpOptions: 1, EntriesPerList: 1,
	EndpointServices: 1, TargetsPerService: 1, Notifications: 1,
}

// TestLimits reaches each limit and goes one beyond.
func TestLimits(t *testing.T) {
	l := newLimitedHarness(t, tightLimits)
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
