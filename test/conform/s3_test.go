package conform

import (
	"context"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"postern/test/world"
)

// nodesInS3 allows nodes to run what is in the bucket, and to put output there (Systems Manager user guide, "Configure
// instance permissions").
const nodesInS3 = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject",
	"s3:PutObjectAcl","s3:ListBucket","s3:GetEncryptionConfiguration"],
	"Resource":["arn:aws:s3:::agents","arn:aws:s3:::agents/*","arn:aws:s3:::amazon-ssm-us-east-1/*"]}}`

// TestRealAgentAndS3 is TestRealAgent of S3: the agent is in a VPC without Internet, and reaches S3 by a gateway
// endpoint alone. It puts output there, downloads from there, and looks for a newer release of itself.
func TestRealAgentAndS3(t *testing.T) {
	root, agent := os.Getenv("POSTERN_REAL_AGENT_ROOT"), os.Getenv("POSTERN_AGENT")
	if root == "" || agent == "" {
		t.Skip("no root file system with the real agent: set POSTERN_REAL_AGENT_ROOT and POSTERN_AGENT")
	}
	w := world.New(t, world.OnThisHost(agent))
	withBucket(t, w)
	n := w.RunImage(w.Image("real", root), "")
	n.Await(world.Online)
	b := &bucketed{t, w, n}
	b.output()
	b.downloads()
	b.update()
	b.largeOutput()
}

// withBucket makes a gateway endpoint to S3, a bucket with a script, and lets nodes use it.
func withBucket(t *testing.T, w *world.World) {
	t.Helper()
	ctx := t.Context()
	tables, err := w.EC2.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{
		Filters: []ec2types.Filter{{Name: aws.String("vpc-id"), Values: []string{w.VPC}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.EC2.CreateVpcEndpoint(ctx, &ec2.CreateVpcEndpointInput{
		VpcId: &w.VPC, ServiceName: aws.String("com.amazonaws.us-east-1.s3"),
		VpcEndpointType: ec2types.VpcEndpointTypeGateway, RouteTableIds: []string{*tables.RouteTables[0].RouteTableId},
	})
	if err == nil {
		_, err = w.S3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("agents")})
	}
	for key, body := range map[string]string{
		"scripts/hello.sh": `echo "hello $1"`, "scripts/more.sh": "echo more",
	} {
		if err == nil {
			_, err = w.S3.PutObject(ctx, &s3.PutObjectInput{
				Bucket: aws.String("agents"), Key: aws.String(key), Body: strings.NewReader(body),
			})
		}
	}
	if err == nil {
		_, err = w.IAM.PutRolePolicy(ctx, &iam.PutRolePolicyInput{
			RoleName: &w.Role, PolicyName: aws.String("s3"), PolicyDocument: aws.String(nodesInS3),
		})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// bucketed is a node that uses the bucket.
type bucketed struct {
	t *testing.T
	w *world.World
	n *world.Node
}

// run runs a document on the node, and returns what became of one of its steps, or of all where it is empty.
func (b *bucketed) run(step string, in *ssm.SendCommandInput) *ssm.GetCommandInvocationOutput {
	b.t.Helper()
	in.InstanceIds = []string{b.n.ID}
	in.OutputS3BucketName, in.OutputS3KeyPrefix = aws.String("agents"), aws.String("logs")
	sent, err := b.w.SSM.SendCommand(b.t.Context(), in)
	if err != nil {
		b.t.Fatal(err)
	}
	get := &ssm.GetCommandInvocationInput{CommandId: sent.Command.CommandId, InstanceId: &b.n.ID}
	b.w.Until(*in.DocumentName+" has ended", func() bool {
		out, err := b.w.SSM.GetCommandInvocation(context.WithoutCancel(b.t.Context()), get)
		return err == nil && (out.Status == types.CommandInvocationStatusSuccess ||
			out.Status == types.CommandInvocationStatusFailed)
	})
	if step != "" {
		get.PluginName = &step
	}
	out, err := b.w.SSM.GetCommandInvocation(b.t.Context(), get)
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

// object is the text that a URL of the bucket names.
func (b *bucketed) object(url string) string {
	b.t.Helper()
	_, key, ok := strings.Cut(url, "/agents/")
	if !ok {
		return url + " is not in the bucket"
	}
	out, err := b.w.S3.GetObject(b.t.Context(), &s3.GetObjectInput{Bucket: aws.String("agents"), Key: &key})
	if err != nil {
		return err.Error()
	}
	defer out.Body.Close()
	body, err := io.ReadAll(out.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(body)
}

func (b *bucketed) output() {
	b.t.Helper()
	out := b.run("aws:runShellScript", &ssm.SendCommandInput{
		DocumentName: aws.String("AWS-RunShellScript"),
		Parameters:   map[string][]string{"commands": {"echo out", "echo err >&2"}},
	})
	if got := b.object(*out.StandardOutputUrl); out.Status != types.CommandInvocationStatusSuccess || got != "out\n" {
		b.t.Errorf("output: %s, %q at %s", out.Status, got, *out.StandardOutputUrl)
	}
	if got := b.object(*out.StandardErrorUrl); got != "err\n" {
		b.t.Errorf("complaints: %q at %s", got, *out.StandardErrorUrl)
	}
}

// largeOutput is more than the agent puts in one request.
func (b *bucketed) largeOutput() {
	b.t.Helper()
	lines := strings.Repeat(strings.Repeat("x", 1000)+"\n", 6000)
	out := b.run("aws:runShellScript", &ssm.SendCommandInput{
		DocumentName: aws.String("AWS-RunShellScript"),
		Parameters:   map[string][]string{"commands": {`head -c 6000000 /dev/zero | tr "\\0" x | fold -w 1000; echo`}},
	})
	if got := b.object(*out.StandardOutputUrl); got != lines {
		b.t.Errorf("%s: %d bytes at %s", out.Status, len(got), *out.StandardOutputUrl)
	}
}

// downloads runs a script out of the bucket, by each form of a bucket's name.
func (b *bucketed) downloads() {
	b.t.Helper()
	for _, host := range []string{
		"https://agents.s3.us-east-1.amazonaws.com/", "https://s3.us-east-1.amazonaws.com/agents/",
		"https://s3-us-east-1.amazonaws.com/agents/", "https://agents.s3.dualstack.us-east-1.amazonaws.com/",
	} {
		for _, path := range []string{"scripts/", "scripts/hello.sh"} {
			out := b.run("runShellScript", &ssm.SendCommandInput{
				DocumentName: aws.String("AWS-RunRemoteScript"), Parameters: map[string][]string{
					"sourceType": {"S3"}, "commandLine": {"sh hello.sh world"}, "sourceInfo": {`{"path":"` + host + path + `"}`},
				},
			})
			if *out.StandardOutputContent != "hello world\n" {
				whole := b.run("downloadContent", &ssm.SendCommandInput{
					DocumentName: aws.String("AWS-RunRemoteScript"), Parameters: map[string][]string{
						"sourceType": {"S3"}, "commandLine": {"true"}, "sourceInfo": {`{"path":"` + host + path + `"}`},
					},
				})
				b.t.Errorf("%s%s: %s %q; %s %q %q", host, path, out.Status, *out.StandardErrorContent,
					whole.Status, *whole.StandardOutputContent, *whole.StandardErrorContent)
			}
		}
	}
}

// update looks for a newer release, which nobody has published: the agent says so and goes on.
func (b *bucketed) update() {
	b.t.Helper()
	out := b.run("", &ssm.SendCommandInput{
		DocumentName: aws.String("AWS-UpdateSSMAgent"),
		Parameters:   map[string][]string{"version": {""}, "allowDowngrade": {"false"}},
	})
	b.t.Logf("update: %s %q %q", out.Status, *out.StandardOutputContent, *out.StandardErrorContent)
	if out.Status != types.CommandInvocationStatusFailed ||
		!strings.Contains(*out.StandardErrorContent, "ssm-agent-manifest.json") {
		b.t.Errorf("update: %s %q %q", out.Status, *out.StandardOutputContent, *out.StandardErrorContent)
	}
	if got := b.n.Says("echo still here"); got != "still here\n" {
		b.t.Errorf("afterwards it says %q", got)
	}
}
