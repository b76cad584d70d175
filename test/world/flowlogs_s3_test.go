package world_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"postern/test/world"
)

// letLogsIn is the policy that the VPC user guide wants ("Publish flow logs to Amazon S3").
const letLogsIn = `{"Version":"2012-10-17","Statement":[{"Sid":"AWSLogDeliveryWrite","Effect":"Allow",
	"Principal":{"Service":"delivery.logs.amazonaws.com"},"Action":"s3:PutObject",
	"Resource":"arn:aws:s3:::traffic/lab/AWSLogs/000000000000/*","Condition":{
		"StringEquals":{"aws:SourceAccount":"000000000000","s3:x-amz-acl":"bucket-owner-full-control"},
		"ArnLike":{"aws:SourceArn":"arn:aws:logs:us-east-1:000000000000:*"}}}]}`

// TestFlowLogsInABucket: a bucket takes flow logs once its policy lets them in. While it does not, the flow log says
// so, and what was not delivered is delivered later.
func TestFlowLogsInABucket(t *testing.T) {
	t.Parallel()
	w, ctx := world.New(t), t.Context()
	n, bucket := w.Bare(), aws.String("traffic")
	create := func() (*ec2.CreateFlowLogsOutput, error) {
		return w.EC2.CreateFlowLogs(ctx, &ec2.CreateFlowLogsInput{
			ResourceIds: []string{w.VPC}, ResourceType: "VPC", TrafficType: "ALL", LogDestinationType: "s3",
			LogDestination: aws.String("arn:aws:s3:::traffic/lab/"), MaxAggregationInterval: aws.Int32(60),
		})
	}
	if _, err := create(); errorCode(err) != "LogDestinationNotFoundException" {
		t.Errorf("no bucket: %v", err)
	}
	ok[*s3.CreateBucketOutput](t)(w.S3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: bucket}))
	if _, err := create(); errorCode(err) != "LogDestinationPermissionIssueException" {
		t.Errorf("a bucket without a policy: %v", err)
	}
	policy := func() {
		t.Helper()
		ok[*s3.PutBucketPolicyOutput](t)(w.S3.PutBucketPolicy(ctx,
			&s3.PutBucketPolicyInput{Bucket: bucket, Policy: aws.String(letLogsIn)}))
	}
	policy()
	id := ok[*ec2.CreateFlowLogsOutput](t)(create()).FlowLogIds[0]
	shown := func() ec2types.FlowLog {
		t.Helper()
		return ok[*ec2.DescribeFlowLogsOutput](t)(w.EC2.DescribeFlowLogs(ctx,
			&ec2.DescribeFlowLogsInput{FlowLogIds: []string{id}})).FlowLogs[0]
	}
	if got := try(t, n, ssmName, connects); got != connects {
		t.Fatal(got)
	}
	ok[*s3.DeleteBucketPolicyOutput](t)(w.S3.DeleteBucketPolicy(ctx, &s3.DeleteBucketPolicyInput{Bucket: bucket}))
	w.Restart() // which ends the interval
	w.Until("the flow log says that its bucket is closed", func() bool {
		l := shown()
		return *l.DeliverLogsStatus == "FAILED" && aws.ToString(l.DeliverLogsErrorMessage) == "Access error"
	})
	if keys := keysOf(t, w, bucket); len(keys) != 0 {
		t.Errorf("a bucket that is closed has %q", keys)
	}
	policy()
	var keys []string
	w.Until("what waited is delivered", func() bool {
		keys = keysOf(t, w, bucket)
		return len(keys) > 0 && *shown().DeliverLogsStatus == "SUCCESS"
	})
	form := regexp.MustCompile(`^lab/AWSLogs/000000000000/vpcflowlogs/us-east-1/\d{4}/\d\d/\d\d/` +
		`000000000000_vpcflowlogs_us-east-1_` + id + `_\d{8}T\d{4}Z_[0-9a-f]{8}\.log\.gz$`)
	if !form.MatchString(keys[0]) {
		t.Errorf("the key is %q", keys[0])
	}
	z, err := gzip.NewReader(bytes.NewReader([]byte(read(ctx, w, bucket, keys[0]))))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil || !strings.HasPrefix(string(text), "version account-id interface-id srcaddr") ||
		!strings.Contains(string(text), " "+n.Address.String()+" ") {
		t.Errorf("%v: %s", err, text)
	}
}

// keysOf lists the keys of a bucket.
func keysOf(t *testing.T, w *world.World, bucket *string) (keys []string) {
	t.Helper()
	out := ok[*s3.ListObjectsV2Output](t)(w.S3.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: bucket}))
	for _, o := range out.Contents {
		keys = append(keys, *o.Key)
	}
	return keys
}
