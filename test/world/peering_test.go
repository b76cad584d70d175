package world_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"postern/aws/sigv4"
	"postern/test/world"
)

// TestPeeringAcrossRegions: an instance in another region reaches the ssm endpoint over a peering connection, by the
// endpoint's own names; the endpoint serves its own region only; what is peered with the other VPC alone does not
// reach it, since peering is not transitive.
func TestPeeringAcrossRegions(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	ctx, home := t.Context(), w.Home()
	west := w.Elsewhere("eu-west-1", netip.MustParsePrefix("10.1.0.0/16"))
	beyond := w.Elsewhere("eu-west-1", netip.MustParsePrefix("10.2.0.0/16"))
	pcx := home.Peer(west, "10.1.0.0/16", "10.0.0.0/16")
	onward := west.Peer(beyond, "10.2.0.0/16", "10.1.0.0/16")
	beyond.Route(onward, "10.0.0.0/16")
	n, third := west.Bare(), beyond.Bare()

	found, err := w.EC2.DescribeVpcEndpoints(ctx,
		&ec2.DescribeVpcEndpointsInput{VpcEndpointIds: []string{w.Endpoints["ssm"]}})
	if err != nil {
		t.Fatal(err)
	}
	name := *found.VpcEndpoints[0].DnsEntries[0].DnsName
	if got := try(t, n, name+":443", timesOut); got != timesOut || n.Drops()["no-rule"] == 0 {
		t.Errorf("while the endpoint's group lets nobody in: %s, dropped %v", got, n.Drops())
	}
	if _, err := w.EC2.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{
		GroupId: &w.EndpointGroup,
		IpPermissions: []types.IpPermission{{
			IpProtocol: aws.String("tcp"), FromPort: aws.Int32(443), ToPort: aws.Int32(443),
			IpRanges: []types.IpRange{{CidrIp: aws.String("10.1.0.0/16")}, {CidrIp: aws.String("10.2.0.0/16")}},
		}},
	}); err != nil {
		t.Fatal(err)
	}
	keys := map[string]sigv4.Credentials{"root": w.Root()}
	info := ask{service: "ssm", host: name, target: "AmazonSSM.DescribeInstanceInformation", body: "{}"}
	if status, body := n.Ask(info.request(t, "https://"+name+"/", keys)); status != 200 {
		t.Errorf("through the endpoint: %d %s", status, body)
	}
	info.region = "eu-west-1"
	if status, body := n.Ask(info.request(t, "https://"+name+"/", keys)); status != 400 ||
		!strings.Contains(body, w.Endpoints["ssm"]) {
		t.Errorf("for the other region: %d %s", status, body)
	}
	if got := try(t, third, name+":443", timesOut); got != timesOut || third.Drops()["not-transitive"] == 0 {
		t.Errorf("from the third VPC: %s, dropped %v", got, third.Drops())
	}

	// Each side lets the other resolve its host names to private addresses, or does not.
	node := w.Bare()
	host := "ip-" + strings.ReplaceAll(node.Address.String(), ".", "-") + ".ec2.internal"
	if _, err := n.Lookup(ctx, host); err == nil {
		t.Errorf("%s resolves without the option", host)
	}
	if _, err := w.EC2.ModifyVpcPeeringConnectionOptions(ctx, &ec2.ModifyVpcPeeringConnectionOptionsInput{
		VpcPeeringConnectionId: &pcx,
		RequesterPeeringConnectionOptions: &types.PeeringConnectionOptionsRequest{
			AllowDnsResolutionFromRemoteVpc: aws.Bool(true),
		},
	}); err != nil {
		t.Fatal(err)
	}
	if got, err := n.Lookup(ctx, host); err != nil || len(got) != 1 || got[0] != node.Address {
		t.Errorf("%s with the option: %v, %v", host, got, err)
	}
	if _, err := west.EC2.DeleteVpcPeeringConnection(ctx, &ec2.DeleteVpcPeeringConnectionInput{
		VpcPeeringConnectionId: &pcx,
	}); err != nil {
		t.Fatal(err)
	}
	if got := try(t, n, name+":443", timesOut); got != timesOut || n.Drops()["blackhole"] == 0 {
		t.Errorf("without the peering: %s, dropped %v", got, n.Drops())
	}
}
