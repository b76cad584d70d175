package world_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"postern/api"
	"postern/aws/transport"
	"postern/network/vpc"
	"postern/test/world"
)

// fromPublic fits good answers to requests from a public address that came through no endpoint and from no VPC.
func fromPublic(address string) func(r *api.Record) bool {
	return func(r *api.Record) bool {
		return r.Status < 400 && r.SourceIP == address && r.Origin == (vpc.Origin{Source: r.Origin.Source})
	}
}

// TestSystemsManagerThroughANATGateway: without any endpoint a node is Online by the public names, the requests come
// from the Elastic IP address, and the node is lost when the path goes.
func TestSystemsManagerThroughANATGateway(t *testing.T) {
	t.Parallel()
	var seen witness
	w := world.New(t, world.Audit(seen.audit))
	for _, service := range w.Services() {
		w.DeleteEndpoint(service)
	}
	stranded := w.Bare()
	if got := try(t, stranded, ssmName, timesOut); got != timesOut {
		t.Fatalf("without any gateway: %s, want the name to resolve and the connection to time out", got)
	}
	g := w.NATGateway()
	if got := try(t, stranded, ssmName, connects); got != connects {
		t.Fatalf("through %s: %s", g.NAT, got)
	}
	n := w.Instance()
	if got := n.Says("echo by the other path"); got != "by the other path\n" {
		t.Errorf("it says %q", got)
	}
	if seen.saw(fromPublic(g.Public.String())) == 0 {
		t.Errorf("no request came from %s", g.Public)
	}
	if r := explain(t, w, n.ID, "ssm"); !r.Works {
		t.Errorf("it works, and the explanation says:\n%s", r)
	}
	if _, err := w.EC2.DeleteRoute(t.Context(), &ec2.DeleteRouteInput{
		RouteTableId: &g.Outside, DestinationCidrBlock: aws.String("0.0.0.0/0"),
	}); err != nil {
		t.Fatal(err)
	}
	explained(t, explain(t, w, n.ID, "ssm"), "nat/no-route", g.Outside)
	w.Route(&ec2.CreateRouteInput{RouteTableId: &g.Outside, GatewayId: &g.Internet})
	if _, err := w.EC2.DeleteNatGateway(t.Context(), &ec2.DeleteNatGatewayInput{NatGatewayId: &g.NAT}); err != nil {
		t.Fatal(err)
	}
	explained(t, explain(t, w, n.ID, "ssm"), "route/blackhole", g.Private)
	n.Await(world.ConnectionLost)
	if got := try(t, stranded, ssmName, timesOut); got != timesOut {
		t.Errorf("after the gateway's end: %s", got)
	}
	w.CreateEndpoint("ssm")
	w.CreateEndpoint("ssmmessages")
	n.Await(world.Online)
}

// TestSystemsManagerThroughAnInternetGateway: an instance in a public subnet has a public address and is Online by it.
func TestSystemsManagerThroughAnInternetGateway(t *testing.T) {
	t.Parallel()
	var seen witness
	w := world.New(t, world.Audit(seen.audit))
	for _, service := range w.Services() {
		w.DeleteEndpoint(service)
	}
	w.PublicSubnet()
	n := w.Instance()
	out, err := w.EC2.DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{InstanceIds: []string{n.ID}})
	if err != nil {
		t.Fatal(err)
	}
	i := out.Reservations[0].Instances[0]
	if i.PublicIpAddress == nil || *i.NetworkInterfaces[0].Association.PublicIp != *i.PublicIpAddress ||
		*i.PublicDnsName == "" {
		t.Fatalf("it has no public address: %+v", i)
	}
	if seen.saw(fromPublic(*i.PublicIpAddress)) == 0 {
		t.Errorf("no request came from %s", *i.PublicIpAddress)
	}
	if got := n.Metadata("public-ipv4"); got != *i.PublicIpAddress {
		t.Errorf("instance metadata says %q, want %s", got, *i.PublicIpAddress)
	}
	if got := n.Metadata("public-hostname"); got != *i.PublicDnsName {
		t.Errorf("instance metadata says %q, want %s", got, *i.PublicDnsName)
	}
	if got, err := n.Lookup(t.Context(), *i.PublicDnsName); err != nil || len(got) != 1 || got[0] != n.Address {
		t.Errorf("%s is %v (%v), want the private address inside the VPC", *i.PublicDnsName, got, err)
	}
}

// TestPoliciesKnowThePath: what is allowed through one endpoint only is refused by the public path, under the same
// name.
func TestPoliciesKnowThePath(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	policy := fmt.Sprintf(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ssm:DescribeInstanceInformation","Resource":"*",`+
			`"Condition":{"StringEquals":{"aws:SourceVpce":%q}}}]}`,
		w.Endpoints["ssm"],
	)
	if _, err := w.IAM.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{
		RoleName: &w.Role, PolicyName: aws.String("by-endpoint"), PolicyDocument: &policy,
	}); err != nil {
		t.Fatal(err)
	}
	w.NATGateway()
	n := w.Bare()
	key := n.Credentials()
	client := ssm.New(ssm.Options{
		Region: "us-east-1", HTTPClient: transport.Client(n.Client()), Retryer: aws.NopRetryer{},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: key.AccessKey, SecretAccessKey: key.Secret, SessionToken: key.Token}, nil
		}),
	})
	ask := func() error {
		_, err := client.DescribeInstanceInformation(t.Context(), &ssm.DescribeInstanceInformationInput{})
		return err
	}
	if err := ask(); err != nil {
		t.Errorf("through the endpoint: %v", err)
	}
	w.PrivateDNS("ssm", false)
	client = ssm.New(client.Options(), func(o *ssm.Options) { o.HTTPClient = transport.Client(n.Client()) })
	if err := ask(); err == nil || !strings.Contains(err.Error(), "AccessDenied") {
		t.Errorf("through the NAT gateway: %v, want AccessDenied", err)
	}
}
