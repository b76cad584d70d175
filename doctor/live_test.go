package doctor_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	ec2api "postern/api/ec2"
	"postern/aws/fault"
	"postern/aws/iam"
	"postern/aws/scope"
	"postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/doctor"
	"postern/network"
	"postern/record"
)

// rootKey looks up the one key there is.
type rootKey struct{}

func (rootKey) AccessKey(context.Context, string, string) (api.Key, error) {
	return api.Key{Secret: "secret", Policies: &iam.Policies{}, Principal: &iam.Principal{
		Kind: iam.Root, ARN: "arn:aws:iam::000000000000:root", Account: "000000000000", UserID: "000000000000",
	}}, nil
}

func (rootKey) NodeKeys(context.Context, string) (api.NodeKeys, error) {
	return api.NodeKeys{}, fault.New(fault.NotFound, "test", "no node")
}

// startEC2 is Postern's own EC2 API, asked by the doctor's client.
func startEC2(t *testing.T) (*ec2.Client, *network.Service) {
	t.Helper()
	heart, err := network.New(t.Context(), network.Config{Store: new(record.Memory)})
	if err != nil {
		t.Fatal(err)
	}
	handler, err := api.New(api.Config{
		Services:   []api.Service{ec2api.New(ec2api.Config{Network: heart})},
		Region:     "us-east-1",
		Identities: rootKey{},
		Now:        time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return ec2.NewFromConfig(aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String(server.URL),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIAROOT", SecretAccessKey: "secret"}, nil
		}),
	}), heart
}

// must is for calls that the story needs.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// story is a VPC with a machine's interface and an endpoint to ssm.
type story struct {
	*ec2.Client
	heart                                    *network.Service
	vpc, subnet, nodes, endpoints, eni, vpce *string
}

func newStory(t *testing.T) story {
	t.Helper()
	ctx := t.Context()
	client, heart := startEC2(t)
	s := story{Client: client, heart: heart}
	on := &types.AttributeBooleanValue{Value: aws.Bool(true)}
	s.vpc = must(s.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")}))(t).Vpc.VpcId
	must(s.ModifyVpcAttribute(ctx, &ec2.ModifyVpcAttributeInput{VpcId: s.vpc, EnableDnsHostnames: on}))(t)
	s.subnet = must(s.CreateSubnet(ctx,
		&ec2.CreateSubnetInput{VpcId: s.vpc, CidrBlock: aws.String("10.0.1.0/24")}))(t).Subnet.SubnetId
	group := func(name string) *string {
		return must(s.CreateSecurityGroup(ctx,
			&ec2.CreateSecurityGroupInput{VpcId: s.vpc, GroupName: aws.String(name), Description: aws.String(name)}))(t).GroupId
	}
	s.nodes, s.endpoints = group("nodes"), group("endpoints")
	s.authorize(t)
	s.eni = must(s.CreateNetworkInterface(ctx, &ec2.CreateNetworkInterfaceInput{
		SubnetId: s.subnet, Groups: []string{*s.nodes},
	}))(t).NetworkInterface.NetworkInterfaceId
	must(heart.AttachInterface(ctx, scope.Scope{Account: "000000000000", Region: "us-east-1"},
		network.AttachInput{Interface: *s.eni, Owner: "mi-1"}))(t)
	s.vpce = must(s.CreateVpcEndpoint(ctx, &ec2.CreateVpcEndpointInput{
		VpcId: s.vpc, VpcEndpointType: types.VpcEndpointTypeInterface, ServiceName: aws.String("com.amazonaws.us-east-1.ssm"),
		SubnetIds: []string{*s.subnet}, SecurityGroupIds: []string{*s.endpoints}, PrivateDnsEnabled: aws.Bool(true),
	}))(t).VpcEndpoint.VpcEndpointId
	return s
}

func (s *story) rule() []types.IpPermission {
	return []types.IpPermission{{
		IpProtocol:       aws.String("tcp"),
		FromPort:         aws.Int32(443),
		ToPort:           aws.Int32(443),
		UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: s.nodes}},
	}}
}

func (s *story) authorize(t *testing.T) {
	must(s.AuthorizeSecurityGroupIngress(t.Context(),
		&ec2.AuthorizeSecurityGroupIngressInput{GroupId: s.endpoints, IpPermissions: s.rule()}))(t)
}

// TestOnPostern breaks the path through Postern's own EC2 API, one cause after the other, and mends it.
func TestOnPostern(t *testing.T) {
	s := newStory(t)
	explain := func() doctor.Report {
		t.Helper()
		return must(doctor.Explain(t.Context(), doctor.Clients{EC2: s.Client, STS: &cloud{}}, "us-east-1", *s.eni, "ssm"))(t)
	}
	expect := func(step, want string) {
		t.Helper()
		r := explain()
		got := ""
		for _, f := range r.Findings {
			got += string(f.ID) + " " + f.Resource + ";"
		}
		if got != want || r.Works != (want == "") || len(r.Unchecked) > 0 {
			t.Errorf("%s: %q, want %q\n%v", step, got, want, r)
		}
	}
	ctx := t.Context()
	expect("healthy", "")
	must(s.RevokeSecurityGroupIngress(ctx,
		&ec2.RevokeSecurityGroupIngressInput{GroupId: s.endpoints, IpPermissions: s.rule()}))(t)
	expect("rule revoked", "ingress/no-rule "+*s.endpoints+";")
	if said := explain().String(); !strings.Contains(said, "authorize inbound tcp 443 on "+*s.endpoints+" from "+
		*s.nodes) {
		t.Errorf("the rule is not named:\n%s", said)
	}
	s.authorize(t)
	expect("rule given back", "")
	must(s.ModifyVpcEndpoint(ctx,
		&ec2.ModifyVpcEndpointInput{VpcEndpointId: s.vpce, PrivateDnsEnabled: aws.Bool(false)}))(t)
	expect("private DNS off", "dns/private-dns-off "+*s.vpce+";")
	must(s.ModifyVpcEndpoint(ctx,
		&ec2.ModifyVpcEndpointInput{VpcEndpointId: s.vpce, PrivateDnsEnabled: aws.Bool(true)}))(t)
	expect("private DNS on", "")
	off := &types.AttributeBooleanValue{Value: aws.Bool(false)}
	must(s.ModifyVpcAttribute(ctx, &ec2.ModifyVpcAttributeInput{VpcId: s.vpc, EnableDnsHostnames: off}))(t)
	expect("DNS hostnames off", "dns/hostnames-off "+*s.vpc+";")
	must(s.DeleteVpcEndpoints(ctx, &ec2.DeleteVpcEndpointsInput{VpcEndpointIds: []string{*s.vpce}}))(t)
	expect("endpoint deleted", "dns/hostnames-off "+*s.vpc+";endpoint/missing "+*s.vpc+";")
}
