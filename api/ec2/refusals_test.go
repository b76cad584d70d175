package ec2_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// These are requests that the skin itself refuses, or whose refusal a client must be able to read.

func TestVpcRefusals(t *testing.T) {
	l := newHarness(t)
	p := l.places()
	wantCodes(t, []outcome{
		{"no CIDR", second(l.CreateVpc(l.ctx, &sdk.CreateVpcInput{})), "MissingParameter"},
		{
			"bad CIDR", second(l.CreateVpc(l.ctx, &sdk.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/33")})),
			"InvalidParameterValue",
		},
		{"range", second(l.CreateVpc(l.ctx, &sdk.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/8")})), "InvalidVpc.Range"},
		{
			"IPv6",
			second(l.CreateVpc(l.ctx, &sdk.CreateVpcInput{
				CidrBlock: aws.String("10.0.0.0/16"), AmazonProvidedIpv6CidrBlock: aws.Bool(true),
			})), "UnsupportedOperation",
		},
		{
			"what is not taken",
			second(l.CreateVpc(l.ctx, &sdk.CreateVpcInput{
				CidrBlock: aws.String("10.0.0.0/16"), Ipv4IpamPoolId: aws.String("ipam-1"),
			})), "UnsupportedOperation",
		},
		{
			"tag of another kind",
			second(l.CreateVpc(l.ctx, &sdk.CreateVpcInput{
				CidrBlock: aws.String("10.0.0.0/16"), TagSpecifications: nameTag("subnet", "x"),
			})), "InvalidParameterValue",
		},
		{
			"dry run",
			second(l.CreateVpc(l.ctx, &sdk.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16"), DryRun: aws.Bool(true)})),
			"DryRunOperation",
		},
		{"two attributes", second(l.ModifyVpcAttribute(l.ctx, &sdk.ModifyVpcAttributeInput{VpcId: &p.vpc,
			EnableDnsSupport: &types.AttributeBooleanValue{}, EnableDnsHostnames: &types.AttributeBooleanValue{}})),
			"InvalidParameterCombination"},
		{
			"no attribute", second(l.ModifyVpcAttribute(l.ctx, &sdk.ModifyVpcAttributeInput{VpcId: &p.vpc})),
			"InvalidParameterCombination",
		},
		{
			"attribute", second(l.DescribeVpcAttribute(l.ctx, &sdk.DescribeVpcAttributeInput{VpcId: &p.vpc, Attribute: "x"})),
			"InvalidParameterValue",
		},
	})
}

// TestReaderMayRead and nothing else, not even try.
func TestReaderMayRead(t *testing.T) {
	l := newHarness(t)
	wantCodes(t, []outcome{
		{
			"dry run of one who may not",
			second(l.as(reader).CreateVpc(l.ctx, &sdk.CreateVpcInput{
				CidrBlock: aws.String("10.0.0.0/16"), DryRun: aws.Bool(true),
			})), "UnauthorizedOperation",
		},
		{
			"reader creates", second(l.as(reader).CreateVpc(l.ctx, &sdk.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})),
			"UnauthorizedOperation",
		},
		{"reader reads", second(l.as(reader).DescribeVpcs(l.ctx, &sdk.DescribeVpcsInput{})), ""},
	})
}

func TestDescribeRefusals(t *testing.T) {
	l := newHarness(t)
	vpcs := func(in sdk.DescribeVpcsInput) error { return second(l.DescribeVpcs(l.ctx, &in)) }
	wantCodes(t, []outcome{
		{"unknown filter", vpcs(sdk.DescribeVpcsInput{
			Filters: []types.Filter{filter("colour", "red")},
		}), "InvalidParameterValue"},
		{"filter without values", vpcs(sdk.DescribeVpcsInput{
			Filters: []types.Filter{filter("vpc-id")},
		}), "InvalidParameterValue"},
		{"too many values", vpcs(sdk.DescribeVpcsInput{
			Filters: []types.Filter{filter("vpc-id", make([]string, 201)...)},
		}), "FilterLimitExceeded"},
		{"page too small", vpcs(sdk.DescribeVpcsInput{MaxResults: aws.Int32(4)}), "InvalidParameterValue"},
		{"page too large", vpcs(sdk.DescribeVpcsInput{MaxResults: aws.Int32(1001)}), "InvalidParameterValue"},
		{"token", vpcs(sdk.DescribeVpcsInput{NextToken: aws.String("???")}), "InvalidNextToken"},
		{"no such VPC", vpcs(sdk.DescribeVpcsInput{VpcIds: []string{"vpc-0123456789abcdef0"}}), "InvalidVpcID.NotFound"},
		{"malformed VPC", vpcs(sdk.DescribeVpcsInput{VpcIds: []string{"vpc-x"}}), "InvalidVpcID.Malformed"},
		{
			"zone",
			second(l.DescribeAvailabilityZones(l.ctx, &sdk.DescribeAvailabilityZonesInput{ZoneNames: []string{"us-east-1z"}})),
			"InvalidParameterValue",
		},
	})
}

func TestSubnetRefusals(t *testing.T) {
	l := newHarness(t)
	p := l.places()
	wantCodes(t, []outcome{
		{
			"conflict",
			second(l.CreateSubnet(l.ctx, &sdk.CreateSubnetInput{VpcId: &p.vpc, CidrBlock: aws.String("10.0.1.0/25")})),
			"InvalidSubnet.Conflict",
		},
		{"two zones", second(l.CreateSubnet(l.ctx, &sdk.CreateSubnetInput{VpcId: &p.vpc, CidrBlock: aws.String("10.0.3.0/24"),
			AvailabilityZone: aws.String("us-east-1a"), AvailabilityZoneId: aws.String("use1-az1")})),
			"InvalidParameterCombination"},
		{
			"address",
			second(l.CreateNetworkInterface(l.ctx, &sdk.CreateNetworkInterfaceInput{
				SubnetId: &p.a, PrivateIpAddress: aws.String("10.0.1"),
			})), "InvalidParameterValue",
		},
	})
}

func TestSecurityGroupRefusals(t *testing.T) {
	l := newHarness(t)
	p := l.places()
	tcp, any := aws.String("tcp"), aws.String("0.0.0.0/0")
	port := aws.Int32(443)
	authorize := func(perms ...types.IpPermission) error {
		return second(l.AuthorizeSecurityGroupIngress(l.ctx, &sdk.AuthorizeSecurityGroupIngressInput{
			GroupId: &p.listeners, IpPermissions: perms,
		}))
	}
	wantCodes(t, []outcome{
		{
			"group without VPC",
			second(l.CreateSecurityGroup(l.ctx, &sdk.CreateSecurityGroupInput{
				GroupName: aws.String("x"), Description: aws.String("x"),
			})), "VPCIdNotSpecified",
		},
		{
			"group twice",
			second(l.CreateSecurityGroup(l.ctx, &sdk.CreateSecurityGroupInput{
				VpcId: &p.vpc, GroupName: aws.String("nodes"), Description: aws.String("x"),
			})), "InvalidGroup.Duplicate",
		},
		{
			"group by name",
			second(l.DescribeSecurityGroups(l.ctx, &sdk.DescribeSecurityGroupsInput{GroupNames: []string{"nodes"}})),
			"InvalidGroup.NotFound",
		},
		{
			"permission without peer", authorize(types.IpPermission{IpProtocol: tcp, FromPort: port, ToPort: port}),
			"InvalidPermission.Malformed",
		},
		{
			"permission without ports", authorize(types.IpPermission{IpProtocol: tcp, IpRanges: []types.IpRange{{CidrIp: any}}}),
			"InvalidParameterValue",
		},
		{
			"permission without protocol", authorize(types.IpPermission{IpRanges: []types.IpRange{{CidrIp: any}}}),
			"MissingParameter",
		},
		{"protocol", authorize(types.IpPermission{
			IpProtocol: aws.String("quic"), IpRanges: []types.IpRange{{CidrIp: any}},
		}), "InvalidParameterValue"},
		{"malformed range", authorize(types.IpPermission{
			IpProtocol: tcp, FromPort: port, ToPort: port, IpRanges: []types.IpRange{{CidrIp: aws.String("10.0.0.0")}},
		}), "InvalidParameterValue"},
		{"IPv6 as IPv4", authorize(types.IpPermission{
			IpProtocol: tcp, FromPort: port, ToPort: port, IpRanges: []types.IpRange{{CidrIp: aws.String("::/0")}},
		}), "InvalidParameterValue"},
		{
			"group by name in a rule",
			authorize(types.IpPermission{
				IpProtocol: tcp, FromPort: port, ToPort: port,
				UserIdGroupPairs: []types.UserIdGroupPair{{GroupName: aws.String("nodes")}},
			}), "InvalidGroup.NotFound",
		},
		{"a good rule", authorize(types.IpPermission{
			IpProtocol: tcp, FromPort: port, ToPort: port, IpRanges: []types.IpRange{{CidrIp: any}},
		}), ""},
		{"again", authorize(types.IpPermission{
			IpProtocol: tcp, FromPort: port, ToPort: port, IpRanges: []types.IpRange{{CidrIp: any}},
		}), "InvalidPermission.Duplicate"},
		{"older form, twice", second(l.AuthorizeSecurityGroupIngress(l.ctx,
			&sdk.AuthorizeSecurityGroupIngressInput{GroupId: &p.listeners,
				IpProtocol: tcp, FromPort: port, ToPort: port, CidrIp: any})), "InvalidPermission.Duplicate"},
	})
}

func TestEndpointRefusals(t *testing.T) {
	l := newHarness(t)
	p := l.places()
	endpoint := func(in sdk.CreateVpcEndpointInput) error {
		if in.ServiceName == nil {
			in.ServiceName = aws.String("com.amazonaws.us-east-1.kms")
		}
		in.VpcId = &p.vpc
		return second(l.CreateVpcEndpoint(l.ctx, &in))
	}
	wantCodes(t, []outcome{
		{"gateway endpoint to another service", endpoint(sdk.CreateVpcEndpointInput{}), "InvalidParameter"},
		{
			"gateway endpoint with subnets",
			endpoint(sdk.CreateVpcEndpointInput{
				ServiceName: aws.String("com.amazonaws.us-east-1.s3"), SubnetIds: []string{p.a},
			}), "InvalidParameter",
		},
		{"endpoint's private DNS", endpoint(sdk.CreateVpcEndpointInput{VpcEndpointType: "Interface"}), "InvalidParameter"},
		{
			"endpoint of another region",
			endpoint(sdk.CreateVpcEndpointInput{VpcEndpointType: "Interface", ServiceRegion: aws.String("us-west-2")}),
			"UnsupportedOperation",
		},
		{"dual stack", endpoint(sdk.CreateVpcEndpointInput{
			VpcEndpointType: "Interface", IpAddressType: "dualstack",
		}), "UnsupportedOperation"},
		{"policy", endpoint(sdk.CreateVpcEndpointInput{
			VpcEndpointType: "Interface", PrivateDnsEnabled: aws.Bool(false), PolicyDocument: aws.String("no"),
		}), "InvalidPolicyDocument"},
		{
			"endpoint service",
			second(l.DescribeVpcEndpointServices(l.ctx, &sdk.DescribeVpcEndpointServicesInput{
				ServiceNames: []string{"com.amazonaws.us-east-1.x"},
			})), "InvalidServiceName",
		},
	})
}

func TestRouteRefusals(t *testing.T) {
	l := newHarness(t)
	any := aws.String("0.0.0.0/0")
	wantCodes(t, []outcome{
		{
			"route without target",
			second(l.CreateRoute(l.ctx, &sdk.CreateRouteInput{RouteTableId: aws.String("rtb-1"), DestinationCidrBlock: any})),
			"MissingParameter",
		},
		{
			"route to a NAT gateway",
			second(l.CreateRoute(l.ctx, &sdk.CreateRouteInput{
				RouteTableId: aws.String("rtb-1"), DestinationCidrBlock: any, NatGatewayId: aws.String("nat-1"),
			})), "InvalidRouteTableId.Malformed",
		},
		{
			"route to nothing",
			second(l.CreateRoute(l.ctx, &sdk.CreateRouteInput{
				RouteTableId: aws.String("rtb-1"), DestinationCidrBlock: any, GatewayId: aws.String("x"),
			})), "InvalidGatewayID.NotFound",
		},
	})
}

func TestTagRefusals(t *testing.T) {
	l := newHarness(t)
	p := l.places()
	any := aws.String("0.0.0.0/0")
	wantCodes(t, []outcome{
		{
			"tags of nothing",
			second(l.CreateTags(l.ctx, &sdk.CreateTagsInput{Resources: []string{p.vpc, "x-1"}, Tags: []types.Tag{{Key: any}}})),
			"InvalidID",
		},
		{
			"tags of an image",
			second(l.CreateTags(l.ctx, &sdk.CreateTagsInput{
				Resources: []string{"ami-0123456789abcdef0"}, Tags: []types.Tag{{Key: any}},
			})), "UnsupportedOperation",
		},
	})
}

func TestOperationThatIsNotBuilt(t *testing.T) {
	l := newHarness(t)
	wantCodes(t, []outcome{
		{
			"an operation not built", second(l.CreateVpnGateway(l.ctx, &sdk.CreateVpnGatewayInput{Type: "ipsec.1"})),
			"UnsupportedOperation",
		},
	})
}
