package world_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"

	"postern/aws/sigv4"
	"postern/test/world"
)

// TestEndpointServiceOfAnotherAccount: an account finds the endpoint service of another one, and makes an endpoint of
// it, once the service's permissions name it; its node gets through when the owner accepts, and no longer when the
// owner rejects. Neither sees the other's resources.
func TestEndpointServiceOfAnotherAccount(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	ctx, p := t.Context(), newProvider(t, w)
	const account = "111122223333"
	other := w.ElsewhereAs(w.Account(account), "us-east-1", netip.MustParsePrefix("10.9.0.0/16"))
	ask := &ec2.CreateVpcEndpointInput{
		VpcId: &other.VPC, VpcEndpointType: ec2types.VpcEndpointTypeInterface, ServiceName: p.service.ServiceName,
		SubnetIds: []string{other.Subnet}, SecurityGroupIds: []string{other.Group}, PrivateDnsEnabled: aws.Bool(false),
	}
	var refused smithy.APIError
	if _, err := other.EC2.CreateVpcEndpoint(ctx, ask); !errors.As(err, &refused) ||
		refused.ErrorCode() != "InvalidServiceName" {
		t.Fatalf("without permission: %v", err)
	}
	ok[*ec2.ModifyVpcEndpointServicePermissionsOutput](t)(w.EC2.ModifyVpcEndpointServicePermissions(ctx,
		&ec2.ModifyVpcEndpointServicePermissionsInput{
			ServiceId: p.service.ServiceId, AddAllowedPrincipals: []string{"arn:aws:iam::" + account + ":root"},
		}))
	e := ok[*ec2.CreateVpcEndpointOutput](t)(other.EC2.CreateVpcEndpoint(ctx, ask)).VpcEndpoint
	if e.State != "pendingAcceptance" || *e.OwnerId != account {
		t.Errorf("%+v", e)
	}
	every := []ec2types.IpPermission{{IpProtocol: aws.String("-1"), IpRanges: []ec2types.IpRange{
		{CidrIp: aws.String("0.0.0.0/0")},
	}}}
	ok[*ec2.AuthorizeSecurityGroupIngressOutput](t)(other.EC2.AuthorizeSecurityGroupIngress(ctx,
		&ec2.AuthorizeSecurityGroupIngressInput{GroupId: &other.Group, IpPermissions: every}))
	allow(t, w, p.group, 8080, "0.0.0.0/0")
	n := other.Bare()
	p.answer(t, true, *e.VpcEndpointId)
	address := *e.DnsEntries[0].DnsName + ":5432"
	w.Until("the endpoint leads to the machine", func() bool { return try(t, n, address, connects) == connects })
	c := p.talk(t, n, address, *e.VpcEndpointId)
	for who, client := range map[string]*ec2.Client{*e.VpcEndpointId: w.EC2, w.VPC: other.EC2} {
		endpoints := ok[*ec2.DescribeVpcEndpointsOutput](t)(client.DescribeVpcEndpoints(ctx, nil)).VpcEndpoints
		vpcs := ok[*ec2.DescribeVpcsOutput](t)(client.DescribeVpcs(ctx, nil)).Vpcs
		for _, one := range endpoints {
			if *one.VpcEndpointId == who {
				t.Errorf("another account sees %s", who)
			}
		}
		for _, one := range vpcs {
			if *one.VpcId == who {
				t.Errorf("another account sees %s", who)
			}
		}
	}
	p.answer(t, false, *e.VpcEndpointId)
	endsByReset(t, c)
}

// TestEndpointOverPeeringOfAccounts: a node of another account, in a VPC that both accounts have peered, calls through
// the endpoint with its own account's key, and is told of its own account alone.
func TestEndpointOverPeeringOfAccounts(t *testing.T) {
	t.Parallel()
	w := world.New(t, world.Nodes(1))
	key := w.Account("111122223333")
	other := w.ElsewhereAs(key, "us-east-1", netip.MustParsePrefix("10.9.0.0/16"))
	w.Home().Peer(other, "10.9.0.0/16", "10.0.0.0/16")
	allow(t, w, w.EndpointGroup, 443, "10.9.0.0/16")
	found := ok[*ec2.DescribeVpcEndpointsOutput](t)(w.EC2.DescribeVpcEndpoints(t.Context(),
		&ec2.DescribeVpcEndpointsInput{VpcEndpointIds: []string{w.Endpoints["ssm"]}}))
	name, n := *found.VpcEndpoints[0].DnsEntries[0].DnsName, other.Bare()
	keys := map[string]sigv4.Credentials{"root": w.Root(), "other": key}
	for who, sees := range map[string]bool{"root": true, "other": false} {
		info := ask{service: "ssm", host: name, target: "AmazonSSM.DescribeInstanceInformation", body: "{}", keys: who}
		status, body := n.Ask(info.request(t, "https://"+name+"/", keys))
		if status != 200 || strings.Contains(body, w.Node(0).ID) != sees {
			t.Errorf("%s: %d %s", who, status, body)
		}
	}
}
