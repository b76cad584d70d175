package world_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"postern/doctor"
	"postern/test/world"
)

// TestPathToS3 breaks the path through a gateway endpoint, each time in another way. The API's path stays good:
// only S3 is out of reach.
func TestPathToS3(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	w := world.New(t, world.Nodes(1))
	n, table := w.Node(0), mainTable(t, w, w.VPC)
	gateway := *ok[*ec2.CreateVpcEndpointOutput](t)(w.EC2.CreateVpcEndpoint(ctx, &ec2.CreateVpcEndpointInput{
		VpcId: &w.VPC, ServiceName: aws.String("com.amazonaws.us-east-1.s3"),
		VpcEndpointType: ec2types.VpcEndpointTypeGateway, RouteTableIds: []string{table},
	})).VpcEndpoint.VpcEndpointId
	everything := []ec2types.IpPermission{
		{IpProtocol: aws.String("-1"), IpRanges: []ec2types.IpRange{{CidrIp: aws.String("0.0.0.0/0")}}},
	}
	const name = "s3.us-east-1.amazonaws.com:443"
	reached := func() {
		t.Helper()
		if got := try(t, n, name, connects); got != connects {
			t.Fatalf("mended, the node %s", got)
		}
		if r := explain(t, w, n.ID, "s3"); !r.Works {
			t.Errorf("it works, and explain says %+v", r.Findings)
		}
	}
	reached()
	for _, c := range []struct {
		name          string
		breaks, mends func()
		finding       doctor.ID
		resource      string
	}{
		{"the nodes' route table has no route to it", func() {
			ok[*ec2.ModifyVpcEndpointOutput](t)(w.EC2.ModifyVpcEndpoint(ctx, &ec2.ModifyVpcEndpointInput{
				VpcEndpointId: &gateway, RemoveRouteTableIds: []string{table},
			}))
		}, func() {
			ok[*ec2.ModifyVpcEndpointOutput](t)(w.EC2.ModifyVpcEndpoint(ctx, &ec2.ModifyVpcEndpointInput{
				VpcEndpointId: &gateway, AddRouteTableIds: []string{table},
			}))
		}, "route/missing", table},
		{"the nodes' group lets nothing out to the prefix list", func() {
			ok[*ec2.AuthorizeSecurityGroupEgressOutput](t)(w.EC2.AuthorizeSecurityGroupEgress(ctx,
				&ec2.AuthorizeSecurityGroupEgressInput{GroupId: &w.NodeGroup, IpPermissions: permission(443, worldRange)}))
			ok[*ec2.RevokeSecurityGroupEgressOutput](t)(w.EC2.RevokeSecurityGroupEgress(ctx,
				&ec2.RevokeSecurityGroupEgressInput{GroupId: &w.NodeGroup, IpPermissions: everything}))
		}, func() {
			ok[*ec2.AuthorizeSecurityGroupEgressOutput](t)(w.EC2.AuthorizeSecurityGroupEgress(ctx,
				&ec2.AuthorizeSecurityGroupEgressInput{GroupId: &w.NodeGroup, IpPermissions: prefixListPermission(t, w)}))
		}, "egress/no-rule", w.NodeGroup},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.breaks()
			if got := try(t, n, name, timesOut); got != timesOut {
				t.Errorf("the node %s", got)
			}
			if got := try(t, n, ssmName, connects); got != connects {
				t.Errorf("of ssm the node %s", got)
			}
			explained(t, explain(t, w, n.ID, "s3"), c.finding, c.resource)
			c.mends()
			reached()
		})
	}
}

// prefixListPermission is TCP 443 to the prefix list of S3.
func prefixListPermission(t *testing.T, w *world.World) []ec2types.IpPermission {
	t.Helper()
	lists := ok[*ec2.DescribePrefixListsOutput](t)(w.EC2.DescribePrefixLists(t.Context(), &ec2.DescribePrefixListsInput{
		Filters: []ec2types.Filter{{Name: aws.String("prefix-list-name"), Values: []string{"com.amazonaws.us-east-1.s3"}}},
	})).PrefixLists
	return []ec2types.IpPermission{{
		IpProtocol: aws.String(
			"tcp",
		), FromPort: aws.Int32(443), ToPort: aws.Int32(443), PrefixListIds: []ec2types.PrefixListId{
			{PrefixListId: lists[0].PrefixListId},
		},
	}}
}
