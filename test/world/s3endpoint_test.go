package world_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/route53resolver/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"postern/test/world"
)

// s3Endpoints are a gateway endpoint and an interface endpoint to S3 in one VPC, and a bucket with an object.
type s3Endpoints struct {
	t *testing.T
	w *world.World
	n *world.Node

	gateway, endpoint string
	// name is the interface endpoint's own, address its address.
	name, address string
	// inbound are the addresses of an inbound Resolver endpoint.
	inbound []string
}

const (
	perimeterName = "perimeter.s3.us-east-1.amazonaws.com"
	perimeterKey  = "/dir/key"
)

func newS3Endpoints(t *testing.T, w *world.World) *s3Endpoints {
	t.Helper()
	e, ctx := &s3Endpoints{t: t, w: w, n: w.Bare()}, t.Context()
	bucket := aws.String("perimeter")
	ok[*s3.CreateBucketOutput](t)(w.S3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: bucket}))
	ok[*s3.PutObjectOutput](t)(w.S3.PutObject(ctx, &s3.PutObjectInput{
		Bucket: bucket, Key: aws.String("dir/key"), Body: strings.NewReader("body"),
	}))
	in := &ec2.CreateVpcEndpointInput{
		VpcId: &w.VPC, ServiceName: aws.String("com.amazonaws.us-east-1.s3"), PrivateDnsEnabled: aws.Bool(true),
		VpcEndpointType: ec2types.VpcEndpointTypeInterface, SubnetIds: w.Subnets[1:2],
		SecurityGroupIds: []string{w.EndpointGroup},
	}
	if _, err := w.EC2.CreateVpcEndpoint(ctx, in); errorCode(err) != "InvalidParameter" ||
		!strings.Contains(err.Error(), "the VPC "+w.VPC+" must have a Gateway endpoint for the service.") {
		t.Errorf("without a gateway endpoint: %v", err)
	}
	e.gateway = gatewayToS3(t, w)
	made := ok[*ec2.CreateVpcEndpointOutput](t)(w.EC2.CreateVpcEndpoint(ctx, in)).VpcEndpoint
	if !*made.DnsOptions.PrivateDnsOnlyForInboundResolverEndpoint {
		t.Errorf("made with %+v", made.DnsOptions)
	}
	e.endpoint = *made.VpcEndpointId
	first := *made.DnsEntries[0].DnsName
	name, below := strings.CutPrefix(first, "*.")
	if !below || !slices.ContainsFunc(made.DnsEntries, func(d ec2types.DnsEntry) bool {
		return *d.DnsName == "*.s3.us-east-1.amazonaws.com"
	}) {
		t.Errorf("named %+v", made.DnsEntries)
	}
	e.name = name
	e.address = *ok[*ec2.DescribeNetworkInterfacesOutput](t)(w.EC2.DescribeNetworkInterfaces(ctx,
		&ec2.DescribeNetworkInterfacesInput{NetworkInterfaceIds: made.NetworkInterfaceIds},
	)).NetworkInterfaces[0].PrivateIpAddress
	w.AllowDNS()
	_, e.inbound = resolverEndpoint(t, w, types.ResolverEndpointDirectionInbound, w.Subnets[1], w.NodeGroup)
	return e
}

// gatewayToS3 gives the main route table a gateway endpoint.
func gatewayToS3(t *testing.T, w *world.World) string {
	t.Helper()
	return *ok[*ec2.CreateVpcEndpointOutput](t)(w.EC2.CreateVpcEndpoint(t.Context(), &ec2.CreateVpcEndpointInput{
		VpcId: &w.VPC, ServiceName: aws.String("com.amazonaws.us-east-1.s3"),
		VpcEndpointType: ec2types.VpcEndpointTypeGateway, RouteTableIds: []string{mainTable(t, w, w.VPC)},
	})).VpcEndpoint.VpcEndpointId
}

// get asks for a URL from the node; where address is not empty, there, whatever the VPC's resolver says of the name.
func (e *s3Endpoints) get(url, address string) (status int, body string) {
	e.t.Helper()
	r, err := http.NewRequestWithContext(e.t.Context(), http.MethodGet, url, nil)
	if err != nil {
		e.t.Fatal(err)
	}
	if address == "" {
		return e.n.Ask(r)
	}
	return e.n.AskAt(address+":443", r)
}

// bucketFor lets everybody read the bucket's objects who comes through the endpoint.
func (e *s3Endpoints) bucketFor(endpoint string) {
	e.t.Helper()
	ok[*s3.PutBucketPolicyOutput](e.t)(e.w.S3.PutBucketPolicy(e.t.Context(), &s3.PutBucketPolicyInput{
		Bucket: aws.String("perimeter"), Policy: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow",` +
			`"Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::perimeter/*",` +
			`"Condition":{"StringEquals":{"aws:SourceVpce":"` + endpoint + `"}}}}`),
	}))
}

// check asks for the object each way, and wants these statuses.
func (e *s3Endpoints) check(when string, byGateway, byEndpoint, byOwnName int) {
	e.t.Helper()
	for _, way := range []struct {
		how, url, address string
		want              int
	}{
		{"by the gateway endpoint", "https://" + perimeterName + perimeterKey, "", byGateway},
		{"by the interface endpoint", "https://" + perimeterName + perimeterKey, e.address, byEndpoint},
		{"by its own name", "https://perimeter.bucket." + e.name + perimeterKey, "", byOwnName},
		{"by its own name, in a path", "https://bucket." + e.name + "/perimeter" + perimeterKey, "", byOwnName},
	} {
		if status, body := e.get(way.url, way.address); status != way.want || status == 200 && body != "body" {
			e.t.Errorf("%s, %s: %d %s, want %d", when, way.how, status, body, way.want)
		}
	}
}

// TestInterfaceEndpointToS3: the VPC's own nodes reach S3 by the gateway endpoint, and who asks the inbound Resolver
// endpoint, or by the interface endpoint's own names, by the interface endpoint. Each has its own policy, and bucket
// policies tell one from the other.
func TestInterfaceEndpointToS3(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	e, ctx := newS3Endpoints(t, w), t.Context()
	public := question(t, e.n, "udp", "10.0.0.2", perimeterName, atOnce)
	for _, server := range e.inbound {
		if got := question(t, e.n, "udp", server, perimeterName, atOnce); got != "NOERROR "+e.address {
			t.Errorf("the inbound endpoint says %q, want %s", got, e.address)
		}
	}
	if !strings.HasPrefix(public, "NOERROR ") || public == "NOERROR "+e.address {
		t.Errorf("the VPC's resolver says %q", public)
	}
	e.bucketFor(e.gateway)
	e.check("a bucket for the gateway endpoint", 200, 403, 403)
	e.bucketFor(e.endpoint)
	e.check("a bucket for the interface endpoint", 403, 200, 200)
	for _, name := range []string{"control.", "accesspoint."} {
		if status, body := e.get("https://"+name+e.name+"/perimeter"+perimeterKey, ""); status != 501 {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	policy := func(id, text string) {
		t.Helper()
		ok[*ec2.ModifyVpcEndpointOutput](t)(w.EC2.ModifyVpcEndpoint(ctx,
			&ec2.ModifyVpcEndpointInput{VpcEndpointId: &id, PolicyDocument: &text}))
	}
	policy(e.gateway, otherS3)
	e.check("a gateway endpoint for another bucket", 403, 200, 200)
	policy(e.endpoint, otherS3)
	e.check("both for another bucket", 403, 403, 403)
	policy(e.endpoint, allOfS3)

	out := ok[*ec2.DeleteVpcEndpointsOutput](t)(w.EC2.DeleteVpcEndpoints(ctx,
		&ec2.DeleteVpcEndpointsInput{VpcEndpointIds: []string{e.gateway}}))
	if len(out.Unsuccessful) != 1 || *out.Unsuccessful[0].Error.Code != "InvalidParameter" {
		t.Errorf("the gateway endpoint is needed: %+v", out)
	}
	if r := explain(t, w, e.n.ID, "s3"); !r.Works {
		t.Errorf("it works, and explain says %+v", r.Findings)
	}
	ok[*ec2.ModifyVpcEndpointOutput](t)(w.EC2.ModifyVpcEndpoint(ctx, &ec2.ModifyVpcEndpointInput{
		VpcEndpointId: &e.endpoint,
		DnsOptions:    &ec2types.DnsOptionsSpecification{PrivateDnsOnlyForInboundResolverEndpoint: aws.Bool(false)},
	}))
	if got := question(t, e.n, "udp", "10.0.0.2", perimeterName, atOnce); got != "NOERROR "+e.address {
		t.Errorf("with names for everybody, the VPC's resolver says %q", got)
	}
	if status, body := e.get("https://"+perimeterName+perimeterKey, ""); status != 200 || body != "body" {
		t.Errorf("by its ordinary name: %d %s", status, body)
	}
}
