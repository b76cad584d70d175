package ssm_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"
	"go.uber.org/goleak"

	"postern/api/apitest"
	"postern/api/nodetest"
	"postern/ssm/mgs"
)

// TestMain looks, after a run of all tests, for goroutines that are left, and whether they walked the whole table.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		os.Exit(nodetest.Walked.Exit(code, apitest.Whole{Service: "ssm"}))
	}))
}

func code(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func want(t *testing.T, what string, err error, expected string) {
	t.Helper()
	if got := code(err); got != expected {
		t.Errorf("%s: %q (%v), want %q", what, got, err, expected)
	}
}

func shell(lines ...string) *ssm.SendCommandInput {
	return &ssm.SendCommandInput{
		DocumentName: aws.String("AWS-RunShellScript"), Parameters: map[string][]string{"commands": lines},
	}
}

func send(t *testing.T, c *ssm.Client, in *ssm.SendCommandInput) *types.Command {
	t.Helper()
	out, err := c.SendCommand(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out.Command
}

func invocation(t *testing.T, c *ssm.Client, id, node string, plugin *string) *ssm.GetCommandInvocationOutput {
	t.Helper()
	out, err := c.GetCommandInvocation(
		t.Context(), &ssm.GetCommandInvocationInput{CommandId: &id, InstanceId: &node, PluginName: plugin},
	)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func until(
	t *testing.T, c *ssm.Client, id, node string, status types.CommandInvocationStatus,
) *ssm.GetCommandInvocationOutput {
	t.Helper()
	var out *ssm.GetCommandInvocationOutput
	nodetest.Until(t, "the invocation is "+string(status), func() bool {
		out = invocation(t, c, id, node, nil)
		return out.Status == status
	})
	return out
}

// intoBucket has the output of a command go into a bucket.
func intoBucket(in *ssm.SendCommandInput) {
	in.OutputS3BucketName, in.OutputS3KeyPrefix = aws.String("bucket"), aws.String("logs/x")
	in.OutputS3Region = aws.String("eu-west-1")
}

func TestSendAndGet(t *testing.T) {
	l := nodetest.New(t, nodetest.Options{})
	c := l.SSM()
	good, bad := l.Register(t), l.Instance(t, "i-0123456789abcdef0")
	good.Connect(func(a *nodetest.Agent, job mgs.Job) {
		a.Ack(job.JobID, mgs.Accepted)
		if !strings.Contains(job.Content, `"OutputS3BucketName":"bucket","OutputS3KeyPrefix":"logs/x"`) {
			t.Errorf("the node gets %s", job.Content)
		}
		r := nodetest.Result(mgs.Success, 0, "hello\n", "warning\n")
		s := r.RuntimeStatus["aws:runShellScript"]
		s.OutputS3BucketName, s.OutputS3KeyPrefix = "bucket", "logs/x/awsrunShellScript"
		a.Reply(job.JobID, r)
	})
	bad.Connect(func(a *nodetest.Agent, job mgs.Job) {
		a.Reply(job.JobID, nodetest.Result(mgs.Failed, 3, "", "no\nfailed to run commands: exit status 3"))
	})
	in := shell("echo hello")
	in.InstanceIds, in.Comment = []string{good.ID, bad.ID}, aws.String("greet")
	intoBucket(in)
	sent := send(t, c, in)
	if sent.TargetCount != 2 || *sent.DocumentVersion != "1" || sent.Parameters["commands"][0] != "echo hello" ||
		*sent.MaxConcurrency != "50" || sent.ExpiresAfter == nil || *sent.OutputS3BucketName != "bucket" ||
		*sent.OutputS3KeyPrefix != "logs/x" || *sent.OutputS3Region != "eu-west-1" {
		t.Errorf("sent %+v", sent)
	}
	out := until(t, c, *sent.CommandId, good.ID, types.CommandInvocationStatusSuccess)
	for _, tt := range []struct{ name, got, want string }{
		{"stdout", *out.StandardOutputContent, "hello\n"},
		{"stderr", *out.StandardErrorContent, "warning\n"},
		{"plugin", *out.PluginName, "aws:runShellScript"},
		{"elapsed", *out.ExecutionElapsedTime, "PT0.055S"},
		{"comment", *out.Comment, "greet"},
		{"document", *out.DocumentName, "AWS-RunShellScript"},
		{
			"url", *out.StandardOutputUrl,
			"https://s3.eu-west-1.amazonaws.com/bucket/logs/x/awsrunShellScript/0.awsrunShellScript/stdout",
		},
		{"details", *out.StatusDetails, "Success"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, tt.got, tt.want)
		}
	}
	out = until(t, c, *sent.CommandId, bad.ID, types.CommandInvocationStatusFailed)
	if out.ResponseCode != 3 || !strings.Contains(*out.StandardErrorContent, "exit status 3") {
		t.Errorf("failed %+v", out)
	}
	list, err := c.ListCommands(t.Context(), &ssm.ListCommandsInput{CommandId: sent.CommandId})
	if err != nil || len(list.Commands) != 1 || list.Commands[0].Status != types.CommandStatusFailed ||
		list.Commands[0].ErrorCount != 1 || list.Commands[0].CompletedCount != 2 {
		t.Errorf("list %+v, %v", list, err)
	}
	for _, details := range []bool{false, true} {
		all, err := c.ListCommandInvocations(
			t.Context(), &ssm.ListCommandInvocationsInput{CommandId: sent.CommandId, Details: details},
		)
		if err != nil || len(all.CommandInvocations) != 2 || (len(all.CommandInvocations[0].CommandPlugins) == 1) != details {
			t.Fatalf("invocations %+v, %v", all, err)
		}
		if details {
			p := all.CommandInvocations[0].CommandPlugins[0]
			if *p.Name != "aws:runShellScript" || !strings.Contains(
				*p.Output, "----------ERROR-------",
			) || p.ResponseFinishDateTime == nil || *p.OutputS3KeyPrefix != "logs/x/awsrunShellScript" {
				t.Errorf("plugin %+v", p)
			}
		}
	}
}

// What is cut says so, on both streams.
func TestLongOutputIsMarked(t *testing.T) {
	l := nodetest.New(t, nodetest.Options{})
	c, m := l.SSM(), l.Register(t)
	m.Connect(func(a *nodetest.Agent, job mgs.Job) {
		a.Reply(job.JobID, nodetest.Result(mgs.Success, 0, strings.Repeat("o", 24_001), strings.Repeat("e", 8_001)))
	})
	in := shell("yes")
	in.InstanceIds = []string{m.ID}
	out := until(t, c, *send(t, c, in).CommandId, m.ID, types.CommandInvocationStatusSuccess)
	for _, tt := range []struct {
		name, got string
		limit     int
	}{{"stdout", *out.StandardOutputContent, 24_000}, {"stderr", *out.StandardErrorContent, 8_000}} {
		if len(tt.got) != tt.limit || !strings.HasSuffix(tt.got, mgs.TruncatedMark) {
			t.Errorf("%s: %d characters that end in %q", tt.name, len(tt.got), tt.got[len(tt.got)-30:])
		}
	}
}

// An agent only says that it could not read something. The service says what that can have been.
func TestRefusedParameterIsNamed(t *testing.T) {
	l := nodetest.New(t, nodetest.Options{})
	c, m := l.SSM(), l.Register(t)
	m.Connect(func(a *nodetest.Agent, job mgs.Job) { a.Ack(job.JobID, mgs.ParseError) })
	for _, tt := range []struct{ line, want string }{
		{
			"echo {{ssm:/app/word}} {{ ssm:/app/other:3 }}",
			"parameter commands refers to {{ssm:/app/other:3}}, {{ssm:/app/word}}",
		},
		{"echo", "the document AWS-RunShellScript or one of its parameters"},
	} {
		in := shell(tt.line)
		in.InstanceIds = []string{m.ID}
		out := until(t, c, *send(t, c, in).CommandId, m.ID, types.CommandInvocationStatusFailed)
		if got := *out.StandardErrorContent; !strings.Contains(got, "51408") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q", tt.line, got)
		}
	}
}

// Amazon's documents that are not built are named as such; what does not exist is another thing.
func TestDocumentsThatAreNotBuilt(t *testing.T) {
	l := nodetest.New(t, nodetest.Options{})
	c, m := l.SSM(), l.Register(t)
	for name, wanted := range map[string]string{
		"AWS-RunPatchBaseline": "NotImplementedException", "AWS-RunSaltState": "NotImplementedException",
		"arn:aws:ssm:us-east-1::document/AWS-StartPortForwardingSession": "NotImplementedException",
		"AmazonCloudWatch-ManageAgent":                                   "NotImplementedException",
		"AWS-RunShelScript":                                              "InvalidDocument", "mine": "InvalidDocument",
	} {
		_, err := c.SendCommand(t.Context(), &ssm.SendCommandInput{DocumentName: &name, InstanceIds: []string{m.ID}})
		want(t, "SendCommand "+name, err, wanted)
		_, err = c.GetDocument(t.Context(), &ssm.GetDocumentInput{Name: &name})
		want(t, "GetDocument "+name, err, wanted)
		_, err = c.DescribeDocument(t.Context(), &ssm.DescribeDocumentInput{Name: &name})
		want(t, "DescribeDocument "+name, err, wanted)
		if wanted != "InvalidDocument" && !strings.Contains(fmt.Sprint(err), "Postern does not implement the document ") {
			t.Errorf("%s: %v", name, err)
		}
		_, err = c.ListDocumentVersions(t.Context(), &ssm.ListDocumentVersionsInput{Name: &name})
		want(t, "ListDocumentVersions "+name, err, wanted)
		if strings.HasPrefix(name, "arn:") {
			continue // it takes names only
		}
		_, err = c.DescribeDocumentPermission(t.Context(), &ssm.DescribeDocumentPermissionInput{
			Name: &name, PermissionType: types.DocumentPermissionTypeShare,
		})
		want(t, "DescribeDocumentPermission "+name, err, wanted)
	}
}

const threeSteps = `{"schemaVersion":"2.2","parameters":{"word":{"type":"String"}},"mainSteps":[
	{"action":"aws:runShellScript","name":"step1","inputs":{"runCommand":["echo {{ word }}"]}},
	{"action":"aws:runShellScript","name":"step2","precondition":{"StringEquals":["platformType","Windows"]},
		"inputs":{"runCommand":["dir"]}},
	{"action":"aws:runShellScript","name":"step3","inputs":{"runCommand":["exit 1"]}}]}`

func TestSeveralSteps(t *testing.T) {
	l := nodetest.New(t, nodetest.Options{})
	c := l.SSM()
	m := l.Register(t)
	step := func(s mgs.Status, code int, out string) *mgs.StepStatus {
		return &mgs.StepStatus{Status: s, Code: code, Name: "aws:runShellScript", StandardOutput: out}
	}
	m.Connect(func(a *nodetest.Agent, job mgs.Job) {
		a.Ack(job.JobID, mgs.Accepted)
		last := mgs.ReplyContent{DocumentStatus: mgs.Failed}
		last.AdditionalInfo.RuntimeStatusCounts = map[mgs.Status]int{mgs.Success: 1, mgs.Skipped: 1, mgs.Failed: 1}
		a.Reply(job.JobID, last)
		skipped := step(mgs.Skipped, 0, "")
		skipped.Output = "Step execution skipped"
		a.Reply(
			job.JobID,
			mgs.ReplyContent{DocumentStatus: mgs.InProgress, RuntimeStatus: map[string]*mgs.StepStatus{"step2": skipped}},
		)
		a.Reply(
			job.JobID,
			mgs.ReplyContent{
				DocumentStatus: mgs.InProgress, RuntimeStatus: map[string]*mgs.StepStatus{"step3": step(mgs.Failed, 7, "")},
			},
		)
		a.Reply(
			job.JobID,
			mgs.ReplyContent{
				DocumentStatus: mgs.InProgress, RuntimeStatus: map[string]*mgs.StepStatus{"step1": step(mgs.Success, 0, "hi")},
			},
		)
	})
	if _, err := c.CreateDocument(
		t.Context(),
		&ssm.CreateDocumentInput{
			Name: aws.String("Three"), Content: aws.String(threeSteps), DocumentType: types.DocumentTypeCommand,
		},
	); err != nil {
		t.Fatal(err)
	}
	sent := send(
		t, c,
		&ssm.SendCommandInput{
			DocumentName: aws.String("Three"), Parameters: map[string][]string{"word": {"hi"}}, InstanceIds: []string{m.ID},
		},
	)
	out := until(t, c, *sent.CommandId, m.ID, types.CommandInvocationStatusFailed)
	if *out.StandardOutputContent != "" || *out.PluginName != "" || out.ResponseCode != 7 {
		t.Errorf("without a name %+v", out)
	}
	for _, tt := range []struct {
		step   string
		status types.CommandInvocationStatus
		code   int32
		stdout string
	}{{"step1", "Success", 0, "hi"}, {"step2", "Success", 0, "Step execution skipped"}, {"step3", "Failed", 7, ""}} {
		out := invocation(t, c, *sent.CommandId, m.ID, &tt.step)
		if out.Status != tt.status || out.ResponseCode != tt.code || *out.StandardOutputContent != tt.stdout {
			t.Errorf("%s: %s %d %q", tt.step, out.Status, out.ResponseCode, *out.StandardOutputContent)
		}
	}
	_, err := c.GetCommandInvocation(
		t.Context(),
		&ssm.GetCommandInvocationInput{CommandId: sent.CommandId, InstanceId: &m.ID, PluginName: aws.String("four")},
	)
	want(t, "no such step", err, "InvalidPluginName")
}

func TestTargetsAndRateControl(t *testing.T) {
	l := nodetest.New(t, nodetest.Options{})
	c := l.SSM()
	var nodes []*nodetest.Machine
	for range 3 {
		m := l.Register(t)
		m.Connect(nodetest.Obey)
		nodes = append(nodes, m)
	}
	for _, m := range nodes[:2] {
		if _, err := c.AddTagsToResource(t.Context(), &ssm.AddTagsToResourceInput{
			ResourceType: types.ResourceTypeForTaggingManagedInstance, ResourceId: &m.ID,
			Tags: []types.Tag{{Key: aws.String("site"), Value: aws.String("harbour")}},
		}); err != nil {
			t.Fatal(err)
		}
	}
	in := shell("id")
	in.Targets, in.MaxConcurrency, in.MaxErrors = []types.Target{
		{Key: aws.String("tag:site"), Values: []string{"harbour"}},
	}, aws.String("1"), aws.String("50%")
	sent := send(t, c, in)
	if sent.TargetCount != 2 || len(sent.InstanceIds) != 0 || *sent.Targets[0].Key != "tag:site" {
		t.Errorf("sent %+v", sent)
	}
	nodetest.Until(t, "the command is done", func() bool {
		out, err := c.ListCommands(t.Context(), &ssm.ListCommandsInput{CommandId: sent.CommandId})
		return err == nil && out.Commands[0].Status == types.CommandStatusSuccess && out.Commands[0].CompletedCount == 2
	})
	in.Targets[0].Values = []string{"nowhere"}
	if none := send(t, c, in); *none.StatusDetails != "NoInstancesInTag" || none.TargetCount != 0 {
		t.Errorf("nobody: %+v", none)
	}
	in.Targets[0].Key = aws.String("resource-groups:Name")
	_, err := c.SendCommand(t.Context(), in)
	want(t, "resource groups", err, "NotImplementedException")
}

func TestCancelCommand(t *testing.T) {
	l := nodetest.New(t, nodetest.Options{})
	c := l.SSM()
	m := l.Register(t)
	m.Connect(func(a *nodetest.Agent, j mgs.Job) {
		a.Ack(j.JobID, mgs.Accepted)
		if !strings.HasPrefix(j.Topic, mgs.TopicCancelCommand) {
			return
		}
		var about mgs.CancelContent
		if err := json.Unmarshal([]byte(j.Content), &about); err != nil {
			t.Error(err)
		}
		a.Reply(about.CancelMessageID, nodetest.Result(mgs.Cancelled, 137, "", ""))
	})
	in := shell("sleep 1000")
	in.InstanceIds = []string{m.ID}
	sent := send(t, c, in)
	until(t, c, *sent.CommandId, m.ID, types.CommandInvocationStatusInProgress)
	_, err := c.CancelCommand(
		t.Context(), &ssm.CancelCommandInput{CommandId: sent.CommandId, InstanceIds: []string{m.ID, m.ID}},
	)
	want(t, "twice", err, "DuplicateInstanceId")
	_, err = c.CancelCommand(t.Context(), &ssm.CancelCommandInput{CommandId: sent.CommandId})
	want(t, "cancel", err, "")
	until(t, c, *sent.CommandId, m.ID, types.CommandInvocationStatusCancelled)
	_, err = c.CancelCommand(
		t.Context(), &ssm.CancelCommandInput{CommandId: aws.String("00000000-0000-0000-0000-000000000000")},
	)
	want(t, "no command", err, "InvalidCommandId")
	_, err = c.GetCommandInvocation(
		t.Context(), &ssm.GetCommandInvocationInput{CommandId: sent.CommandId, InstanceId: aws.String("i-00000000000000000")},
	)
	want(t, "no invocation", err, "InvocationDoesNotExist")
}

var badCommands = []struct {
	name   string
	change func(*ssm.SendCommandInput)
	code   string
}{
	{
		"unknown node", func(in *ssm.SendCommandInput) { in.InstanceIds = []string{"i-00000000000000000"} },
		"InvalidInstanceId",
	},
	{"unknown document", func(in *ssm.SendCommandInput) { in.DocumentName = aws.String("Nothing") }, "InvalidDocument"},
	{"parameters", func(in *ssm.SendCommandInput) { in.Parameters = nil }, "InvalidParameters"},
	{"notification", func(in *ssm.SendCommandInput) {
		in.NotificationConfig = &types.NotificationConfig{NotificationArn: aws.String("arn:aws:sns:us-east-1:0:x")}
	}, "NotImplementedException"},
	{"output in logs", func(in *ssm.SendCommandInput) {
		in.CloudWatchOutputConfig = &types.CloudWatchOutputConfig{CloudWatchOutputEnabled: true}
	}, "NotImplementedException"},
	{"a log group", func(in *ssm.SendCommandInput) {
		in.CloudWatchOutputConfig = &types.CloudWatchOutputConfig{CloudWatchLogGroupName: aws.String("group")}
	}, "NotImplementedException"},
	{"no output in logs", func(in *ssm.SendCommandInput) {
		in.CloudWatchOutputConfig = &types.CloudWatchOutputConfig{CloudWatchOutputEnabled: false}
	}, ""},
	{"no time", func(in *ssm.SendCommandInput) { in.TimeoutSeconds = aws.Int32(0) }, "ValidationException"},
	{
		"old hash", func(in *ssm.SendCommandInput) { in.DocumentHashType = types.DocumentHashTypeSha1 },
		"ValidationException",
	},
	{"nobody", func(in *ssm.SendCommandInput) { in.InstanceIds = nil }, "ValidationException"},
}

func TestSendCommandRefusals(t *testing.T) {
	l := nodetest.New(t, nodetest.Options{})
	c := l.SSM()
	m := l.Register(t)
	for _, tt := range badCommands {
		in := shell("id")
		in.InstanceIds = []string{m.ID}
		tt.change(in)
		_, err := c.SendCommand(t.Context(), in)
		want(t, tt.name, err, tt.code)
	}
}

func TestPages(t *testing.T) {
	l := nodetest.New(t, nodetest.Options{})
	c := l.SSM()
	m := l.Register(t)
	var sent []string
	for i := range 5 {
		in := shell(fmt.Sprint("echo ", i))
		in.InstanceIds = []string{m.ID}
		sent = append(sent, *send(t, c, in).CommandId)
	}
	slices.Sort(sent)
	var commands, invocations []string
	p := ssm.NewListCommandsPaginator(c, &ssm.ListCommandsInput{MaxResults: aws.Int32(2)})
	for p.HasMorePages() {
		page, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, each := range page.Commands {
			commands = append(commands, *each.CommandId)
		}
	}
	q := ssm.NewListCommandInvocationsPaginator(
		c, &ssm.ListCommandInvocationsInput{MaxResults: aws.Int32(2), InstanceId: &m.ID},
	)
	for q.HasMorePages() {
		page, err := q.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, each := range page.CommandInvocations {
			invocations = append(invocations, *each.CommandId)
		}
	}
	slices.Sort(commands)
	slices.Sort(invocations)
	if !slices.Equal(commands, sent) || !slices.Equal(invocations, sent) {
		t.Errorf("commands %v, invocations %v, want %v", commands, invocations, sent)
	}
	_, err := c.ListCommands(t.Context(), &ssm.ListCommandsInput{NextToken: aws.String("nonsense")})
	want(t, "bad token", err, "InvalidNextToken")
	_, err = c.ListCommands(t.Context(), &ssm.ListCommandsInput{MaxResults: aws.Int32(51)})
	want(t, "too many", err, "ValidationException")
	_, err = c.ListCommands(
		t.Context(), &ssm.ListCommandsInput{Filters: []types.CommandFilter{{Key: "Colour", Value: aws.String("red")}}},
	)
	want(t, "bad filter", err, "ValidationException")
}
