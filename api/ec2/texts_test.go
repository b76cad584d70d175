package ec2_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"
)

// An errorText is an error and what it begins with: A and B stand for the ids of what is not there.
type errorText struct {
	err        error
	code, want string
}

const idA, idB = "0bbbbbbbbbbbbbbbb", "0aaaaaaaaaaaaaaaa" // not in the order of their names

func two(prefix string) []string { return []string{prefix + idA, prefix + idB} }

func wantTexts(t *testing.T, all []errorText) {
	t.Helper()
	for _, tt := range all {
		text := strings.NewReplacer("A", idA, "B", idB).Replace(tt.want)
		if !strings.Contains(tt.want, "-A") {
			text = tt.want
		}
		var got smithy.APIError
		if !errors.As(tt.err, &got) || got.ErrorCode() != tt.code || !strings.HasPrefix(got.ErrorMessage(), text) {
			t.Errorf("%v\nwant %s: %s", tt.err, tt.code, text)
		}
	}
}

// TestTextsOfSeveral: programs look for Amazon's sentences. Each error begins with the one that is publicly known for
// it; ids that name nothing are named together, in the request's order.
func TestTextsOfSeveral(t *testing.T) {
	l := newHarness(t)
	p := l.places()
	wantTexts(t, []errorText{
		{
			second(l.DescribeInstances(l.ctx, &sdk.DescribeInstancesInput{InstanceIds: two("i-")})),
			"InvalidInstanceID.NotFound", "The instance IDs 'i-A, i-B' do not exist",
		},
		{
			second(l.StopInstances(l.ctx, &sdk.StopInstancesInput{InstanceIds: two("i-")})), "InvalidInstanceID.NotFound",
			"The instance IDs 'i-A, i-B' do not exist",
		},
		{
			second(l.TerminateInstances(l.ctx, &sdk.TerminateInstancesInput{InstanceIds: two("i-")})),
			"InvalidInstanceID.NotFound", "The instance IDs 'i-A, i-B' do not exist",
		},
		{
			second(l.DescribeImages(l.ctx, &sdk.DescribeImagesInput{ImageIds: two("ami-")})), "InvalidAMIID.NotFound",
			"The image ids '[ami-A, ami-B]' do not exist",
		},
		{second(l.DescribeVpcs(l.ctx, &sdk.DescribeVpcsInput{
			VpcIds: two("vpc-"),
		})), "InvalidVpcID.NotFound", "The vpc IDs 'vpc-A, vpc-B' do not exist"},
		{
			second(l.DescribeSubnets(l.ctx, &sdk.DescribeSubnetsInput{SubnetIds: two("subnet-")})), "InvalidSubnetID.NotFound",
			"The subnet IDs 'subnet-A, subnet-B' do not exist",
		},
		{
			second(l.DescribeSecurityGroups(l.ctx, &sdk.DescribeSecurityGroupsInput{GroupIds: two("sg-")})),
			"InvalidGroup.NotFound", "The security groups 'sg-A, sg-B' do not exist",
		},
		{
			second(l.DescribeNetworkInterfaces(l.ctx, &sdk.DescribeNetworkInterfacesInput{NetworkInterfaceIds: two("eni-")})),
			"InvalidNetworkInterfaceID.NotFound", "The networkInterface IDs 'eni-A, eni-B' do not exist",
		},
		{
			second(l.DescribeRouteTables(l.ctx, &sdk.DescribeRouteTablesInput{RouteTableIds: two("rtb-")})),
			"InvalidRouteTableID.NotFound", "The routeTable IDs 'rtb-A, rtb-B' do not exist",
		},
		{
			second(l.DescribeVolumes(l.ctx, &sdk.DescribeVolumesInput{VolumeIds: two("vol-")})), "InvalidVolume.NotFound",
			"The volumes 'vol-A, vol-B' do not exist.",
		},
		{
			second(l.DescribeAddresses(l.ctx, &sdk.DescribeAddressesInput{AllocationIds: two("eipalloc-")})),
			"InvalidAllocationID.NotFound", "The allocation IDs 'eipalloc-A, eipalloc-B' do not exist",
		},
		{
			second(l.CreateNetworkInterface(l.ctx, &sdk.CreateNetworkInterfaceInput{SubnetId: &p.a, Groups: two("sg-")})),
			"InvalidGroup.NotFound", "The security groups 'sg-A, sg-B' do not exist",
		},
		{second(l.CreateVpcEndpoint(l.ctx, &sdk.CreateVpcEndpointInput{
			VpcId: &p.vpc, VpcEndpointType: "Interface", ServiceName: aws.String("com.amazonaws.us-east-1.ssm"),
			SubnetIds: two("subnet-"), PrivateDnsEnabled: aws.Bool(false),
		})), "InvalidSubnetID.NotFound", "The subnet IDs 'subnet-A, subnet-B' do not exist"},
		{
			second(l.DescribeFlowLogs(l.ctx, &sdk.DescribeFlowLogsInput{FlowLogIds: two("fl-")})), "InvalidFlowLogId.NotFound",
			"These flow log ids in the input list are not found: [TotalCount: 2] fl-A, fl-B",
		},
	})
}

func TestTextsOfOne(t *testing.T) {
	l := newHarness(t)
	p := l.places()
	table := *must(l.CreateRouteTable(l.ctx, &sdk.CreateRouteTableInput{VpcId: &p.vpc}))(t).RouteTable.RouteTableId
	wantTexts(t, []errorText{
		{
			second(l.DescribeInstances(l.ctx, &sdk.DescribeInstancesInput{InstanceIds: []string{"i-" + idA}})),
			"InvalidInstanceID.NotFound", "The instance ID 'i-A' does not exist",
		},
		{
			second(l.DescribeImages(l.ctx, &sdk.DescribeImagesInput{ImageIds: []string{"ami-x"}})), "InvalidAMIID.Malformed",
			`Invalid id: "ami-x" (expecting "ami-...")`,
		},
		{
			second(l.DescribeSubnets(l.ctx, &sdk.DescribeSubnetsInput{SubnetIds: []string{p.a, "subnet-" + idA, "x"}})),
			"InvalidSubnetID.Malformed", `Invalid id: "x" (expecting "subnet-...")`,
		},
		{second(l.DeleteRoute(l.ctx, &sdk.DeleteRouteInput{
			RouteTableId: &table, DestinationCidrBlock: aws.String("10.9.0.0/16"),
		})), "InvalidRoute.NotFound", "no route with destination-cidr-block 10.9.0.0/16 in route table " + table},
		{
			second(l.DescribeSecurityGroups(l.ctx, &sdk.DescribeSecurityGroupsInput{GroupNames: []string{"x"}})),
			"InvalidGroup.NotFound", "The security group 'x' does not exist",
		},
	})
}

func TestTextsOfWhatIsInUse(t *testing.T) {
	l := newHarness(t)
	p := l.places()
	l.newInterface(p.a)
	wantTexts(t, []errorText{
		{
			second(l.DeleteVpc(l.ctx, &sdk.DeleteVpcInput{VpcId: &p.vpc})), "DependencyViolation",
			"The vpc '" + p.vpc + "' has dependencies and cannot be deleted.",
		},
		{second(l.DeleteSubnet(l.ctx, &sdk.DeleteSubnetInput{
			SubnetId: &p.a,
		})), "DependencyViolation", "The subnet '" + p.a + "' has dependencies and cannot be deleted."},
	})
}

// TestProtocolInCapitals: a protocol's name is taken in letters of either case, as Amazon takes it, and shown in small
// ones.
func TestProtocolInCapitals(t *testing.T) {
	l := newHarness(t)
	v := *must(l.CreateVpc(l.ctx, &sdk.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")}))(t).Vpc.VpcId
	g := *must(l.CreateSecurityGroup(l.ctx, &sdk.CreateSecurityGroupInput{
		VpcId: &v, GroupName: aws.String("g"), Description: aws.String("g"),
	}))(t).GroupId
	for _, name := range []string{"TCP", "Udp"} {
		rules := must(l.AuthorizeSecurityGroupIngress(l.ctx, &sdk.AuthorizeSecurityGroupIngressInput{GroupId: &g,
			IpPermissions: []types.IpPermission{{
				IpProtocol: &name, FromPort: aws.Int32(53), ToPort: aws.Int32(53),
				IpRanges: []types.IpRange{{CidrIp: aws.String("10.0.0.0/16")}},
			}}}))(t).SecurityGroupRules
		if got := *rules[0].IpProtocol; got != strings.ToLower(name) {
			t.Errorf("%s became %s", name, got)
		}
	}
	must(l.RevokeSecurityGroupIngress(l.ctx, &sdk.RevokeSecurityGroupIngressInput{
		GroupId: &g, IpProtocol: aws.String("TCP"), FromPort: aws.Int32(53), ToPort: aws.Int32(53),
		CidrIp: aws.String("10.0.0.0/16"),
	}))(t)
}
