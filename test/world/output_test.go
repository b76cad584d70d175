package world_test

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"postern/test/world"
)

const (
	allOfS3 = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}`
	otherS3 = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"*",
		"Resource":"arn:aws:s3:::other/*"}}`
	forNodes = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject",
		"s3:PutObjectAcl","s3:ListBucket"],"Resource":["arn:aws:s3:::commands","arn:aws:s3:::commands/*"]}}`
)

// TestCommandsAndS3: a node without Internet puts its output into a bucket, and runs a script out of it, through the
// gateway endpoint alone. Without the endpoint, and with a policy of it that leaves the bucket out, the command ends as
// the script does, and says why there is no output in S3; what cannot be downloaded fails.
func TestCommandsAndS3(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), world.New(t, world.Nodes(1))
	n, bucket := w.Node(0), aws.String("commands")
	ok[*s3.CreateBucketOutput](t)(w.S3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: bucket}))
	ok[*s3.PutObjectOutput](t)(w.S3.PutObject(ctx, &s3.PutObjectInput{
		Bucket: bucket, Key: aws.String("scripts/hello.sh"), Body: strings.NewReader(`echo "hello $1"; echo bad >&2`),
	}))
	ok[*iam.PutRolePolicyOutput](t)(w.IAM.PutRolePolicy(ctx, &iam.PutRolePolicyInput{
		RoleName: &w.Role, PolicyName: aws.String("s3"), PolicyDocument: aws.String(forNodes),
	}))
	_, first := remoteScript(t, w, n.ID)
	saysNot(t, "without an endpoint", first, "s3.us-east-1.amazonaws.com does not answer")

	gateway := ok[*ec2.CreateVpcEndpointOutput](t)(w.EC2.CreateVpcEndpoint(ctx, &ec2.CreateVpcEndpointInput{
		VpcId: &w.VPC, ServiceName: aws.String("com.amazonaws.us-east-1.s3"), PolicyDocument: aws.String(otherS3),
		VpcEndpointType: ec2types.VpcEndpointTypeGateway, RouteTableIds: []string{mainTable(t, w, w.VPC)},
	})).VpcEndpoint.VpcEndpointId
	_, second := remoteScript(t, w, n.ID)
	saysNot(t, "through a closed endpoint", second, "no VPC endpoint policy allows the s3:")

	ok[*ec2.ModifyVpcEndpointOutput](t)(w.EC2.ModifyVpcEndpoint(ctx, &ec2.ModifyVpcEndpointInput{
		VpcEndpointId: gateway, PolicyDocument: aws.String(allOfS3),
	}))
	id, third := remoteScript(t, w, n.ID)
	const shown = "https://s3.us-east-1.amazonaws.com/commands/"
	prefix := "logs/" + id + "/" + n.ID + "/awsrunShellScript/runShellScript/"
	if third.Status != ssmtypes.CommandInvocationStatusSuccess || *third.StandardOutputContent != "hello world\n" ||
		*third.StandardOutputUrl != shown+prefix+"stdout" || *third.StandardErrorUrl != shown+prefix+"stderr" {
		t.Errorf("through the endpoint: %s %q %q, %s", third.Status, *third.StandardOutputContent,
			*third.StandardErrorContent, *third.StandardOutputUrl)
	}
	if stdout, stderr := read(ctx, w, bucket, prefix+"stdout"), read(ctx, w, bucket, prefix+"stderr"); stdout !=
		"hello world\n" || stderr != "bad\n" {
		t.Errorf("in the bucket: %q, %q", stdout, stderr)
	}
}

// saysNot checks a step that came to nothing because S3 was out of reach.
func saysNot(t *testing.T, how string, out *ssm.GetCommandInvocationOutput, why string) {
	t.Helper()
	text := *out.StandardErrorContent
	if out.Status != ssmtypes.CommandInvocationStatusFailed || *out.StandardOutputUrl != "" ||
		!strings.Contains(text, "failed to put the output into S3: ") || !strings.Contains(text, why) {
		t.Errorf("%s: %s %q", how, out.Status, text)
	}
}

// remoteScript runs the script in the bucket, puts the output there, and returns the step that runs it.
func remoteScript(t *testing.T, w *world.World, node string) (id string, out *ssm.GetCommandInvocationOutput) {
	t.Helper()
	sent := ok[*ssm.SendCommandOutput](t)(w.SSM.SendCommand(t.Context(), &ssm.SendCommandInput{
		DocumentName: aws.String("AWS-RunRemoteScript"), InstanceIds: []string{node},
		Parameters: map[string][]string{
			"sourceType": {"S3"}, "commandLine": {"sh hello.sh world"},
			"sourceInfo": {`{"path":"https://commands.s3.us-east-1.amazonaws.com/scripts/"}`},
		},
		OutputS3BucketName: aws.String("commands"), OutputS3KeyPrefix: aws.String("logs"),
	}))
	id = *sent.Command.CommandId
	w.Until("the remote script has ended", func() bool {
		all, err := w.SSM.GetCommandInvocation(context.WithoutCancel(t.Context()), &ssm.GetCommandInvocationInput{
			CommandId: &id, InstanceId: &node,
		})
		return err == nil && (all.Status == ssmtypes.CommandInvocationStatusFailed ||
			all.Status == ssmtypes.CommandInvocationStatusSuccess)
	})
	return id, ok[*ssm.GetCommandInvocationOutput](t)(w.SSM.GetCommandInvocation(t.Context(),
		&ssm.GetCommandInvocationInput{CommandId: &id, InstanceId: &node, PluginName: aws.String("runShellScript")}))
}
