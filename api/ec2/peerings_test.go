package ec2_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// TestPeering asks for a peering connection, accepts it, sets its options and ends it.
func TestPeering(t *testing.T) {
	l := newHarness(t)
	a := *must(l.CreateVpc(l.ctx, &sdk.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")}))(t).Vpc.VpcId
	b := *must(l.CreateVpc(l.ctx, &sdk.CreateVpcInput{CidrBlock: aws.String("10.1.0.0/16")}))(t).Vpc.VpcId
	asked := must(l.CreateVpcPeeringConnection(l.ctx, &sdk.CreateVpcPeeringConnectionInput{
		VpcId: &a, PeerVpcId: &b, TagSpecifications: nameTag("vpc-peering-connection", "ab"),
	}))(t).VpcPeeringConnection
	id := asked.VpcPeeringConnectionId
	if asked.Status.Code != "initiating-request" || asked.ExpirationTime == nil ||
		*asked.RequesterVpcInfo.CidrBlock != "10.0.0.0/16" || asked.AccepterVpcInfo.CidrBlock != nil {
		t.Errorf("the request is %+v", asked)
	}
	options := func(o *types.PeeringConnectionOptionsRequest) error {
		return second(l.ModifyVpcPeeringConnectionOptions(l.ctx, &sdk.ModifyVpcPeeringConnectionOptionsInput{
			VpcPeeringConnectionId: id, RequesterPeeringConnectionOptions: o,
		}))
	}
	none := aws.String("pcx-0123456789abcdef0")
	on := &types.PeeringConnectionOptionsRequest{AllowDnsResolutionFromRemoteVpc: aws.Bool(true)}
	wantCodes(t, []outcome{
		{
			"no peer", second(l.CreateVpcPeeringConnection(l.ctx, &sdk.CreateVpcPeeringConnectionInput{VpcId: &a})),
			"MissingParameter",
		},
		{
			"again", second(l.CreateVpcPeeringConnection(l.ctx, &sdk.CreateVpcPeeringConnectionInput{VpcId: &b, PeerVpcId: &a})),
			"VpcPeeringConnectionAlreadyExists",
		},
		{"options too early", options(on), "OperationNotPermitted"},
		{
			"accept nothing",
			second(l.AcceptVpcPeeringConnection(l.ctx, &sdk.AcceptVpcPeeringConnectionInput{VpcPeeringConnectionId: none})),
			"InvalidVpcPeeringConnectionID.NotFound",
		},
		{"accept", provisioning(l, id), ""},
		{
			"accept again",
			second(l.AcceptVpcPeeringConnection(l.ctx, &sdk.AcceptVpcPeeringConnectionInput{VpcPeeringConnectionId: id})),
			"InvalidStateTransition",
		},
		{
			"reject what is active",
			second(l.RejectVpcPeeringConnection(l.ctx, &sdk.RejectVpcPeeringConnectionInput{VpcPeeringConnectionId: id})),
			"InvalidStateTransition",
		},
		{
			"ClassicLink",
			options(&types.PeeringConnectionOptionsRequest{AllowEgressFromLocalClassicLinkToRemoteVpc: aws.Bool(true)}),
			"InvalidParameterValue",
		},
		{"options", options(on), ""},
	})
	found := must(l.DescribeVpcPeeringConnections(l.ctx, &sdk.DescribeVpcPeeringConnectionsInput{Filters: []types.Filter{
		filter("tag:Name", "ab"), filter("status-code", "active"), filter("requester-vpc-info.vpc-id", a),
		filter("accepter-vpc-info.vpc-id", b),
	}}))(t).VpcPeeringConnections
	if len(found) != 1 || !*found[0].RequesterVpcInfo.PeeringOptions.AllowDnsResolutionFromRemoteVpc ||
		*found[0].AccepterVpcInfo.PeeringOptions.AllowDnsResolutionFromRemoteVpc {
		t.Errorf("found %+v", found)
	}
	must(l.DeleteVpcPeeringConnection(l.ctx, &sdk.DeleteVpcPeeringConnectionInput{VpcPeeringConnectionId: id}))(t)
	ended := must(l.DescribeVpcPeeringConnections(l.ctx, &sdk.DescribeVpcPeeringConnectionsInput{
		VpcPeeringConnectionIds: []string{*id},
	}))(t).VpcPeeringConnections
	if s := ended[0].Status; s.Code != "deleted" || *s.Message != "Deleted by "+account {
		t.Errorf("after its end %+v", s)
	}
	_, err := l.DeleteVpcPeeringConnection(l.ctx, &sdk.DeleteVpcPeeringConnectionInput{VpcPeeringConnectionId: id})
	wantCode(t, "deleting it again", err, "InvalidStateTransition")
}

// provisioning accepts a peering connection; the answer comes before it is active.
func provisioning(l *harness, id *string) error {
	out, err := l.AcceptVpcPeeringConnection(l.ctx, &sdk.AcceptVpcPeeringConnectionInput{VpcPeeringConnectionId: id})
	if err == nil && out.VpcPeeringConnection.Status.Code != "provisioning" {
		l.t.Errorf("accepted it is %+v", out.VpcPeeringConnection.Status)
	}
	return err
}
