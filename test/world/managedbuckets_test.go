package world_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"postern/aws/transport"
	"postern/test/world"
)

// managedBuckets are the buckets of Amazon's that agents in us-east-1 need (Systems Manager User Guide, "SSM Agent
// communications with AWS managed S3 buckets").
var managedBuckets = []string{
	"aws-windows-downloads-us-east-1", "amazon-ssm-us-east-1", "aws-ssm-us-east-1",
	"patch-baseline-snapshot-us-east-1", "aws-patch-manager-us-east-1-1970c647d",
	"aws-patchmanager-macos-us-east-1-1970c647d",
}

// readBuckets is the statement of that page about some of the buckets.
func readBuckets(principal string, buckets ...string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",` + principal + `"Action":"s3:GetObject","Resource":[` +
		`"arn:aws:s3:::` + strings.Join(buckets, `/*","arn:aws:s3:::`) + `/*"]}]}`
}

// TestManagedBucketsByPolicy: a node reads Amazon's buckets through the gateway endpoint where both the endpoint's
// policy and the role's allow it. Where either leaves one out, that read is refused, explain says which policy it was,
// and the others go on. What nobody has put into a bucket is NoSuchKey to who may read.
func TestManagedBucketsByPolicy(t *testing.T) {
	t.Parallel()
	w, ctx := world.New(t), t.Context()
	gateway := *ok[*ec2.CreateVpcEndpointOutput](t)(w.EC2.CreateVpcEndpoint(ctx, &ec2.CreateVpcEndpointInput{
		VpcId: &w.VPC, ServiceName: aws.String("com.amazonaws.us-east-1.s3"),
		VpcEndpointType: ec2types.VpcEndpointTypeGateway, RouteTableIds: []string{mainTable(t, w, w.VPC)},
	})).VpcEndpoint.VpcEndpointId
	n := w.Bare()
	key := n.Credentials()
	client := s3.New(s3.Options{
		Region: "us-east-1", HTTPClient: transport.Client(n.Client()),
		Credentials: credentials.NewStaticCredentialsProvider(key.AccessKey, key.Secret, key.Token),
		Retryer:     aws.NopRetryer{},
	})
	const everybody = `"Principal":"*",`
	for _, tt := range []struct {
		name           string
		endpoint, role []string
		out            string // the bucket that is refused
		says           string // what explain says of it; the caller is told nothing of another account's bucket
	}{
		{"as on the page", managedBuckets, managedBuckets, "", ""},
		{"the endpoint's policy leaves one out", managedBuckets[1:], managedBuckets, managedBuckets[0],
			"no VPC endpoint policy allows it"},
		{"the role's policy leaves one out", managedBuckets, managedBuckets[1:], managedBuckets[0],
			"no identity-based policy allows it"},
	} {
		ok[*ec2.ModifyVpcEndpointOutput](t)(w.EC2.ModifyVpcEndpoint(ctx, &ec2.ModifyVpcEndpointInput{
			VpcEndpointId: &gateway, PolicyDocument: aws.String(readBuckets(everybody, tt.endpoint...)),
		}))
		ok[*iam.PutRolePolicyOutput](t)(w.IAM.PutRolePolicy(ctx, &iam.PutRolePolicyInput{
			RoleName: &w.Role, PolicyName: aws.String("buckets"), PolicyDocument: aws.String(readBuckets("", tt.role...)),
		}))
		for _, bucket := range managedBuckets {
			_, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: aws.String("manifest.json")})
			if bucket != tt.out {
				if errorCode(err) != "NoSuchKey" {
					t.Errorf("%s: %s: %v", tt.name, bucket, err)
				}
				continue
			}
			var answered interface{ ServiceRequestID() string }
			if errorCode(err) != "AccessDenied" || !errors.As(err, &answered) {
				t.Errorf("%s: %s: %v", tt.name, bucket, err)
				continue
			}
			why := requestOf(t, w, answered.ServiceRequestID())
			if !strings.Contains(why, `"Decision":"`+tt.says) ||
				!strings.Contains(why, `"Resource":"arn:aws:s3:::`+bucket+`/manifest.json"`) {
				t.Errorf("%s: explain does not say %q: %s", tt.name, tt.says, why)
			}
		}
	}
}
