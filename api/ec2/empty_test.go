package ec2_test

import (
	"reflect"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// Clients index these lists without asking whether they are there; and they ask for the others as things that may be
// missing. The SDK makes an empty slice of an empty element and nil of none.
func TestEmptyLists(t *testing.T) {
	l := newHarness(t)
	p := l.places()
	must(l.AuthorizeSecurityGroupIngress(l.ctx, &sdk.AuthorizeSecurityGroupIngressInput{
		GroupId: &p.listeners, IpPermissions: []types.IpPermission{{
			IpProtocol: aws.String("tcp"), FromPort: aws.Int32(443), ToPort: aws.Int32(443),
			IpRanges: []types.IpRange{{CidrIp: aws.String("10.0.0.0/8")}},
		}},
	}))(t)
	group := must(l.DescribeSecurityGroups(l.ctx, &sdk.DescribeSecurityGroupsInput{
		GroupIds: []string{p.listeners},
	}))(t).SecurityGroups[0]
	bare := must(l.DescribeSecurityGroups(l.ctx, &sdk.DescribeSecurityGroupsInput{
		GroupIds: []string{p.nodes},
	}))(t).SecurityGroups[0]
	table := must(l.CreateRouteTable(l.ctx, &sdk.CreateRouteTableInput{VpcId: &p.vpc}))(t).RouteTable
	acl := must(l.CreateNetworkAcl(l.ctx, &sdk.CreateNetworkAclInput{VpcId: &p.vpc}))(t).NetworkAcl
	endpoint := must(l.CreateVpcEndpoint(l.ctx, &sdk.CreateVpcEndpointInput{
		VpcId: &p.vpc, ServiceName: aws.String("com.amazonaws.us-east-1.ssm"),
		VpcEndpointType: types.VpcEndpointTypeInterface,
		SubnetIds:       []string{p.a}, PrivateDnsEnabled: aws.Bool(false),
	}))(t).VpcEndpoint
	nic := must(l.CreateNetworkInterface(l.ctx, &sdk.CreateNetworkInterfaceInput{SubnetId: &p.a}))(t).NetworkInterface
	internet := must(l.CreateInternetGateway(l.ctx, &sdk.CreateInternetGatewayInput{}))(t).InternetGateway
	subnet := must(l.DescribeSubnets(l.ctx, &sdk.DescribeSubnetsInput{SubnetIds: []string{p.a}}))(t).Subnets[0]
	vpc := must(l.CreateVpc(l.ctx, &sdk.CreateVpcInput{CidrBlock: aws.String("10.9.0.0/16")}))(t).Vpc
	there, missing := true, false
	for _, tt := range []struct {
		of     any
		member string
		want   bool
	}{
		{group.IpPermissions[0], "IpRanges", there},
		{group.IpPermissions[0], "Ipv6Ranges", there},
		{group.IpPermissions[0], "PrefixListIds", there},
		{group.IpPermissions[0], "UserIdGroupPairs", there},
		{bare, "IpPermissions", there},
		{bare, "Tags", missing},
		{*table, "Associations", there},
		{*table, "PropagatingVgws", there},
		{*table, "Tags", there},
		{*acl, "Associations", there},
		{*acl, "Tags", there},
		{*endpoint, "RouteTableIds", there},
		{*endpoint, "Tags", there},
		{*endpoint, "Ipv4Prefixes", missing},
		{*nic, "Ipv6Addresses", there},
		{*nic, "TagSet", there},
		{*nic, "Ipv6Prefixes", missing},
		{*internet, "Attachments", there},
		{*internet, "Tags", there},
		{subnet, "Ipv6CidrBlockAssociationSet", there},
		{subnet, "Tags", missing},
		{*vpc, "Tags", missing},
	} {
		list := reflect.ValueOf(tt.of).FieldByName(tt.member)
		if list.IsNil() == tt.want {
			t.Errorf("%T.%s is there: %v, want %v", tt.of, tt.member, !list.IsNil(), tt.want)
		}
	}
}
