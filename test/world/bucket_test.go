package world_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"postern/test/world"
)

// TestBucketForOneEndpoint: a bucket's policy lets everybody read who comes through a gateway endpoint, and nobody
// else. What was put stays over a restart.
func TestBucketForOneEndpoint(t *testing.T) {
	t.Parallel()
	w, ctx := world.New(t), t.Context()
	n, bucket := w.Bare(), aws.String("perimeter")
	gateway := *ok[*ec2.CreateVpcEndpointOutput](t)(w.EC2.CreateVpcEndpoint(ctx, &ec2.CreateVpcEndpointInput{
		VpcId: &w.VPC, ServiceName: aws.String("com.amazonaws.us-east-1.s3"),
		VpcEndpointType: ec2types.VpcEndpointTypeGateway, RouteTableIds: []string{mainTable(t, w, w.VPC)},
	})).VpcEndpoint.VpcEndpointId
	ok[*s3.CreateBucketOutput](t)(w.S3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: bucket}))
	ok[*s3.PutObjectOutput](t)(w.S3.PutObject(ctx, &s3.PutObjectInput{
		Bucket: bucket, Key: aws.String("dir/key"), Body: strings.NewReader("body"),
	}))
	ask := func() (int, string) {
		t.Helper()
		const url = "https://perimeter.s3.us-east-1.amazonaws.com/dir/key"
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		return n.Ask(r)
	}
	if status, body := ask(); status != http.StatusForbidden || !strings.Contains(body, "<Code>AccessDenied</Code>") {
		t.Errorf("before there is a policy: %d %s", status, body)
	}
	policy := func(endpoint string) {
		t.Helper()
		ok[*s3.PutBucketPolicyOutput](t)(w.S3.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{
			Bucket: bucket, Policy: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*",` +
				`"Action":"s3:GetObject","Resource":"arn:aws:s3:::perimeter/*",` +
				`"Condition":{"StringEquals":{"aws:SourceVpce":"` + endpoint + `"}}}}`),
		}))
	}
	policy(gateway)
	if status, body := ask(); status != http.StatusOK || body != "body" {
		t.Errorf("through the endpoint: %d %s", status, body)
	}
	if status := fromOutside(t, w); status != http.StatusForbidden {
		t.Errorf("from outside: %d", status)
	}
	policy("vpce-0123456789abcdef0")
	if status, _ := ask(); status != http.StatusForbidden {
		t.Errorf("through another endpoint: %d", status)
	}
	w.Restart()
	if got := read(ctx, w, bucket, "dir/key"); got != "body" {
		t.Errorf("after a restart: %q", got)
	}
	_, err := w.S3.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{
		Bucket: bucket, Policy: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*",` +
			`"Action":"s3:GetObject","Resource":"arn:aws:s3:::perimeter/*"}}`),
	})
	if errorCode(err) != "AccessDenied" {
		t.Errorf("a public policy: %v", err)
	}
	if _, err := w.S3.PutObject(ctx, &s3.PutObjectInput{
		Bucket: aws.String("amazon-ssm-us-east-1"), Key: aws.String("key"), Body: strings.NewReader("mine"),
	}); errorCode(err) != "AccessDenied" {
		t.Errorf("Amazon's bucket is written: %v", err)
	}
}

// TestBucketOfAnotherRegion: through the gateway endpoint a node reaches its own region's S3 only. That says where a
// bucket of another region is, and nothing leads there (P6).
func TestBucketOfAnotherRegion(t *testing.T) {
	t.Parallel()
	w, ctx := world.New(t), t.Context()
	n, bucket := w.Bare(), aws.String("far-away")
	ok[*ec2.CreateVpcEndpointOutput](t)(w.EC2.CreateVpcEndpoint(ctx, &ec2.CreateVpcEndpointInput{
		VpcId: &w.VPC, ServiceName: aws.String("com.amazonaws.us-east-1.s3"),
		VpcEndpointType: ec2types.VpcEndpointTypeGateway, RouteTableIds: []string{mainTable(t, w, w.VPC)},
	}))
	ok[*s3.CreateBucketOutput](t)(w.S3.CreateBucket(ctx, &s3.CreateBucketInput{
		Bucket:                    bucket,
		CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: "eu-west-1"},
	}))
	location := ok[*s3.GetBucketLocationOutput](t)(w.S3.GetBucketLocation(ctx, &s3.GetBucketLocationInput{Bucket: bucket}))
	if location.LocationConstraint != "eu-west-1" {
		t.Errorf("it is in %q", location.LocationConstraint)
	}
	for _, url := range []string{
		"https://far-away.s3.us-east-1.amazonaws.com/key", "https://s3.us-east-1.amazonaws.com/far-away/key",
	} {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if status, body := n.Ask(r); status != http.StatusMovedPermanently ||
			!strings.Contains(body, "<Code>PermanentRedirect</Code>") || !strings.Contains(body, "eu-west-1") {
			t.Errorf("%s: %d %s", url, status, body)
		}
	}
	addresses, err := n.Lookup(ctx, "far-away.s3.eu-west-1.amazonaws.com")
	if err != nil || len(addresses) == 0 {
		t.Fatalf("the other region's name: %v, %v", addresses, err)
	}
	short, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if c, err := n.Dial(short, "tcp", netip.AddrPortFrom(addresses[0], 443).String()); err == nil {
		c.Close()
		t.Errorf("%s is reached", addresses[0])
	}
}

// errorCode is the code of an error that S3 answered.
func errorCode(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	return ""
}

// fromOutside asks for the object from outside, without a signature.
func fromOutside(t *testing.T, w *world.World) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.Server.Access().Endpoint+"/perimeter/dir/key", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "s3.us-east-1.amazonaws.com"
	status, _ := w.Public(r)
	return status
}

func read(ctx context.Context, w *world.World, bucket *string, key string) string {
	out, err := w.S3.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: &key})
	if err != nil {
		return err.Error()
	}
	defer out.Body.Close()
	body, err := io.ReadAll(out.Body)
	if err != nil {
		return err.Error()
	}
	return string(body)
}
