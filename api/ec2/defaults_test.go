package ec2_test

import (
	"net/netip"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// inDefault makes calls that name no VPC and no subnet.
type inDefault struct{ *harness }

func (l inDefault) run(edit func(*sdk.RunInstancesInput)) error {
	in := &sdk.RunInstancesInput{MinCount: aws.Int32(1), MaxCount: aws.Int32(1)}
	edit(in)
	return second(l.RunInstances(l.ctx, in))
}

func (l inDefault) runIn(zone string) error {
	return l.run(func(in *sdk.RunInstancesInput) { in.Placement = &types.Placement{AvailabilityZone: &zone} })
}

func (l inDefault) group(name string) error {
	return second(l.CreateSecurityGroup(l.ctx, &sdk.CreateSecurityGroupInput{GroupName: &name, Description: &name}))
}

func (l inDefault) subnet(zone string) error {
	return second(l.CreateDefaultSubnet(l.ctx, &sdk.CreateDefaultSubnetInput{AvailabilityZone: &zone}))
}

// newDefault makes the default VPC.
func newDefault(t *testing.T) (inDefault, *types.Vpc) {
	t.Helper()
	l := inDefault{newHarness(t)}
	return l, must(l.CreateDefaultVpc(l.ctx, &sdk.CreateDefaultVpcInput{}))(t).Vpc
}

func TestWithoutDefaultVpc(t *testing.T) {
	l := inDefault{newHarness(t)}
	wantCodes(t, []outcome{
		{"run in none", l.run(func(*sdk.RunInstancesInput) {}), "VPCIdNotSpecified"},
		{"group in none", l.group("g"), "VPCIdNotSpecified"},
		{"subnet of none", l.subnet("us-east-1a"), "DefaultVpcDoesNotExist"},
		{
			"group by name in none", l.run(func(in *sdk.RunInstancesInput) { in.SecurityGroups = []string{"default"} }),
			"InvalidGroup.NotFound",
		},
	})
}

// TestDefaultVpc has a subnet in each zone and a way to the Internet.
func TestDefaultVpc(t *testing.T) {
	l, v := newDefault(t)
	if !*v.IsDefault || *v.CidrBlock != "172.31.0.0/16" {
		t.Errorf("made %+v", v)
	}
	names := must(l.DescribeVpcAttribute(l.ctx, &sdk.DescribeVpcAttributeInput{
		VpcId: v.VpcId, Attribute: types.VpcAttributeNameEnableDnsHostnames,
	}))(t)
	attribute := must(l.DescribeAccountAttributes(l.ctx, &sdk.DescribeAccountAttributesInput{
		AttributeNames: []types.AccountAttributeName{"default-vpc"},
	}))(t)
	if !*names.EnableDnsHostnames.Value || *attribute.AccountAttributes[0].AttributeValues[0].AttributeValue != *v.VpcId {
		t.Errorf("host names %v, account attribute %+v", *names.EnableDnsHostnames.Value, attribute.AccountAttributes)
	}
	own := filter("vpc-id", *v.VpcId)
	subnets := must(l.DescribeSubnets(l.ctx, &sdk.DescribeSubnetsInput{
		Filters: []types.Filter{own, filter("default-for-az", "true"), filter("map-public-ip-on-launch", "true")},
	}))(t).Subnets
	whole, seen := netip.MustParsePrefix("172.31.0.0/16"), map[string]bool{}
	for _, n := range subnets {
		cidr := netip.MustParsePrefix(*n.CidrBlock)
		if seen[*n.AvailabilityZone] || seen[*n.CidrBlock] || cidr.Bits() != 20 || !whole.Contains(cidr.Addr()) {
			t.Errorf("subnet %s in %s", cidr, *n.AvailabilityZone)
		}
		seen[*n.AvailabilityZone], seen[*n.CidrBlock] = true, true
	}
	if len(subnets) != 6 {
		t.Errorf("%d default subnets", len(subnets))
	}
	table := must(l.DescribeRouteTables(l.ctx, &sdk.DescribeRouteTablesInput{
		Filters: []types.Filter{own, filter("association.main", "true")},
	}))(t).RouteTables[0]
	gateway := must(l.DescribeInternetGateways(l.ctx, &sdk.DescribeInternetGatewaysInput{
		Filters: []types.Filter{filter("attachment.vpc-id", *v.VpcId)},
	}))(t).InternetGateways
	if len(gateway) != 1 || len(table.Routes) != 2 ||
		aws.ToString(table.Routes[1].GatewayId) != *gateway[0].InternetGatewayId ||
		*table.Routes[1].DestinationCidrBlock != "0.0.0.0/0" {
		t.Errorf("routes %+v to %+v", table.Routes, gateway)
	}
}

func TestCallsInTheDefaultVpc(t *testing.T) {
	l, v := newDefault(t)
	other := l.places()
	wantCodes(t, []outcome{
		{"a second one", second(l.CreateDefaultVpc(l.ctx, &sdk.CreateDefaultVpcInput{})), "DefaultVpcAlreadyExists"},
		{"a subnet that is there", l.subnet("us-east-1a"), "DefaultSubnetAlreadyExistsInAvailabilityZone"},
		{"a zone that is not", l.subnet("us-east-1z"), "InvalidParameterValue"},
		{"no zone", second(l.CreateDefaultSubnet(l.ctx, &sdk.CreateDefaultSubnetInput{})), "MissingParameter"},
		{"a group", l.group("web"), ""},
		{
			"a rule by names",
			second(l.AuthorizeSecurityGroupIngress(l.ctx, &sdk.AuthorizeSecurityGroupIngressInput{
				GroupName: aws.String("web"), SourceSecurityGroupName: aws.String("default"),
			})), "",
		},
		{
			"a rule of nobody",
			second(l.AuthorizeSecurityGroupIngress(l.ctx, &sdk.AuthorizeSecurityGroupIngressInput{
				GroupName: aws.String("nodes"),
			})), "InvalidGroup.NotFound",
		},
		{"run in a zone", l.runIn("us-east-1c"), ""},
		{
			"a group's name and a subnet",
			l.run(func(in *sdk.RunInstancesInput) { in.SecurityGroups, in.SubnetId = []string{"web"}, &other.a }),
			"InvalidParameterCombination",
		},
		{
			"another VPC's group by name", l.run(func(in *sdk.RunInstancesInput) { in.SecurityGroups = []string{"nodes"} }),
			"InvalidGroup.NotFound",
		},
	})
	web := must(l.DescribeSecurityGroups(l.ctx, &sdk.DescribeSecurityGroupsInput{
		GroupNames: []string{"web"},
	}))(t).SecurityGroups
	if len(web) != 1 || *web[0].VpcId != *v.VpcId || len(web[0].IpPermissions) != 1 ||
		len(web[0].IpPermissions[0].UserIdGroupPairs) != 1 {
		t.Fatalf("the group: %+v", web)
	}
	made := l.harness.run(sdk.RunInstancesInput{SecurityGroups: []string{"web"}}).Instances[0]
	if *made.VpcId != *v.VpcId || *made.SecurityGroups[0].GroupId != *web[0].GroupId ||
		*made.Placement.AvailabilityZone != "us-east-1a" {
		t.Errorf("it runs in %s of %s with %+v", *made.SubnetId, *made.VpcId, made.SecurityGroups)
	}
}

func TestDefaultSubnetIsMadeAgain(t *testing.T) {
	l, v := newDefault(t)
	own := filter("vpc-id", *v.VpcId)
	zone := "us-east-1f"
	last := must(l.DescribeSubnets(l.ctx, &sdk.DescribeSubnetsInput{
		Filters: []types.Filter{own, filter("availability-zone", zone)},
	}))(t).Subnets[0]
	must(l.DeleteSubnet(l.ctx, &sdk.DeleteSubnetInput{SubnetId: last.SubnetId}))(t)
	wantCode(t, "run where no default subnet is", l.runIn(zone), "MissingInput")
	again := must(l.CreateDefaultSubnet(l.ctx, &sdk.CreateDefaultSubnetInput{AvailabilityZone: &zone}))(t).Subnet
	if *again.CidrBlock != *last.CidrBlock || !*again.DefaultForAz || !*again.MapPublicIpOnLaunch {
		t.Errorf("made again: %+v", again)
	}
}
