package world_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"postern/test/world"
)

// TestGatewayEndpoint gives the nodes' route table a gateway endpoint to S3. Amazon's buckets are read there by
// everybody; what nobody put into them is not there. S3 of another region stays out of reach.
func TestGatewayEndpoint(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	n, ctx := w.Bare(), t.Context()
	const bucket, west = "https://aws-ssm-us-east-1.s3.us-east-1.amazonaws.com/", "s3.eu-west-1.amazonaws.com:443"
	if got := try(t, n, "s3.us-east-1.amazonaws.com:443", timesOut); got != timesOut {
		t.Errorf("without the endpoint: %s", got)
	}
	tables, err := w.EC2.DescribeRouteTables(ctx,
		&ec2.DescribeRouteTablesInput{Filters: []types.Filter{{Name: aws.String("vpc-id"), Values: []string{w.VPC}}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.EC2.CreateVpcEndpoint(ctx, &ec2.CreateVpcEndpointInput{
		VpcId: &w.VPC, ServiceName: aws.String("com.amazonaws.us-east-1.s3"), VpcEndpointType: types.VpcEndpointTypeGateway,
		RouteTableIds: []string{*tables.RouteTables[0].RouteTableId},
	}); err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{bucket + "patch", "https://s3-us-east-1.amazonaws.com/aws-ssm-us-east-1/patch"} {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		status, body := n.Ask(r)
		if status != http.StatusNotFound || !strings.Contains(body, "<Code>NoSuchKey</Code>") {
			t.Errorf("%s: %d %s", url, status, body)
		}
	}
	if got := try(t, n, west, timesOut); got != timesOut {
		t.Errorf("another region's: %s", got)
	}
}
