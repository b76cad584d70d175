package ec2_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// TestStatesOfAnswers: the answer to what makes, changes or ends something shows it under way, as the AWS CLI's
// recorded answers do, and what describes it shows it there.
func TestStatesOfAnswers(t *testing.T) {
	l := newHarness(t)
	row := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s is %q, want %q", what, got, want)
		}
	}
	v := must(l.CreateVpc(l.ctx, &sdk.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")}))(t).Vpc
	row("the VPC", string(v.State), "pending")
	row("its range", string(v.CidrBlockAssociationSet[0].CidrBlockState.State), "associated")
	seen := func() types.Vpc {
		return must(l.DescribeVpcs(l.ctx, &sdk.DescribeVpcsInput{VpcIds: []string{*v.VpcId}}))(t).Vpcs[0]
	}
	row("the VPC described", string(seen().State), "available")
	more := must(l.AssociateVpcCidrBlock(l.ctx, &sdk.AssociateVpcCidrBlockInput{
		VpcId: v.VpcId, CidrBlock: aws.String("10.1.0.0/16"),
	}))(t).CidrBlockAssociation
	row("another range", string(more.CidrBlockState.State), "associating")
	row("that range described", string(seen().CidrBlockAssociationSet[1].CidrBlockState.State), "associated")
	less := must(l.DisassociateVpcCidrBlock(l.ctx, &sdk.DisassociateVpcCidrBlockInput{
		AssociationId: more.AssociationId,
	}))(t).CidrBlockAssociation
	row("the range that goes", string(less.CidrBlockState.State), "disassociating")

	n := must(l.CreateSubnet(l.ctx, &sdk.CreateSubnetInput{
		VpcId: v.VpcId, CidrBlock: aws.String("10.0.1.0/24"),
	}))(t).Subnet
	row("the subnet", string(n.State), "available")
	nic := must(l.CreateNetworkInterface(l.ctx, &sdk.CreateNetworkInterfaceInput{
		SubnetId: n.SubnetId,
	}))(t).NetworkInterface
	row("the interface", string(nic.Status), "pending")
	found := must(l.DescribeNetworkInterfaces(l.ctx, &sdk.DescribeNetworkInterfacesInput{
		NetworkInterfaceIds: []string{*nic.NetworkInterfaceId},
	}))(t)
	row("the interface described", string(found.NetworkInterfaces[0].Status), "available")
	endpoint := must(l.CreateVpcEndpoint(l.ctx, &sdk.CreateVpcEndpointInput{
		VpcId: v.VpcId, ServiceName: aws.String("com.amazonaws.us-east-1.ssm"), VpcEndpointType: "Interface",
		SubnetIds: []string{*n.SubnetId}, PrivateDnsEnabled: aws.Bool(false),
	}))(t).VpcEndpoint
	row("the endpoint", string(endpoint.State), "pending")

	list := must(l.CreateManagedPrefixList(l.ctx, &sdk.CreateManagedPrefixListInput{
		PrefixListName: aws.String("office"), AddressFamily: aws.String("IPv4"), MaxEntries: aws.Int32(2),
	}))(t).PrefixList
	row("the prefix list", string(list.State), "create-in-progress")
	list = must(l.ModifyManagedPrefixList(l.ctx, &sdk.ModifyManagedPrefixListInput{
		PrefixListId: list.PrefixListId, CurrentVersion: aws.Int64(1),
		AddEntries: []types.AddPrefixListEntry{{Cidr: aws.String("192.0.2.0/24")}},
	}))(t).PrefixList
	row("the changed prefix list", string(list.State), "modify-in-progress")
	list = must(l.DeleteManagedPrefixList(l.ctx, &sdk.DeleteManagedPrefixListInput{
		PrefixListId: list.PrefixListId,
	}))(t).PrefixList
	row("the deleted prefix list", string(list.State), "delete-in-progress")
}
