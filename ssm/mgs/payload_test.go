package mgs_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/ssm/mgs"
)

// Payloads as the public agent (3.3) writes them, seen on its control channel.
func TestPayloadsAsTheAgentWritesThem(t *testing.T) {
	for _, tt := range []struct {
		wire string
		into any
	}{
		{
			`{"Cookie":null,"MessageSchemaVersion":"1.0","RequestId":"r","TokenValue":"OPAQUE","AgentVersion":"3.3.0.0",` +
				`"PlatformType":"linux"}`,
			&mgs.Open{},
		},
		{`{"MessageSchemaVersion":"1.0","RequestId":"r"}`, &mgs.CreateChannel{}},
		{`{"MessageSchemaVersion":"1.0","RequestId":"r","ClientId":""}`, &mgs.CreateChannel{}},
		{
			`{"jobId":"aws.ssm.c.i-1","acknowledgedMessageId":"m","createdDate":"2026-11-21T17:02:37.820Z",` +
				`"statusCode":"200","errorMessage":"Successful"}`,
			&mgs.JobAck{},
		},
		{`{"schemaVersion":1,"jobId":"aws.ssm.c.i-1","content":"{}","topic":"aws.ssm.sendCommand"}`, &mgs.JobReply{}},
		{`{"jobId":"aws.ssm.c.i-1","acknowledgedMessageId":"m"}`, &mgs.JobReplyAck{}},
		{
			`{"SchemaVersion":1,"TaskId":"s","Topic":"agent_task_complete","FinalTaskStatus":"Success",` +
				`"IsRoutingFailure":false,"AwsAccountId":"","InstanceId":"i","Output":"","S3Bucket":"","S3UrlSuffix":"",` +
				`"CwlGroup":"","CwlStream":"","RetryNumber":1}`,
			&mgs.TaskComplete{},
		},
		{
			`{"additionalInfo":{"agent":{"lang":"en-US","name":"amazon-ssm-agent","os":"linux","osver":"1","ver":"3.3.0.0"},` +
				`"dateTime":"2026-11-21T17:02:37.820Z","runId":"","runtimeStatusCounts":{"Success":1}},` +
				`"documentStatus":"Success","documentTraceOutput":"",` +
				`"runtimeStatus":{"aws:runShellScript":{"status":"Success","code":0,"name":"aws:runShellScript",` +
				`"output":"hi\n","startDateTime":"2026-11-21T17:02:37.763Z","endDateTime":"2026-11-21T17:02:37.818Z",` +
				`"outputS3BucketName":"","outputS3KeyPrefix":"","stepName":"","standardOutput":"hi\n","standardError":""}}}`,
			&mgs.ReplyContent{},
		},
		{
			`{"additionalInfo":{"agent":{"lang":"","name":"","os":"","osver":"","ver":""},"dateTime":"","runId":"",` +
				`"runtimeStatusCounts":{},"ableToOpenMGSConnection":false},"documentStatus":"InProgress",` +
				`"documentTraceOutput":"","runtimeStatus":null}`,
			&mgs.ReplyContent{},
		},
	} {
		if err := json.Unmarshal([]byte(tt.wire), tt.into); err != nil {
			t.Errorf("%T: %v", tt.into, err)
			continue
		}
		back, err := json.Marshal(tt.into)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.wire, string(back)); diff != "" {
			t.Errorf("%T (-agent +ours):\n%s", tt.into, diff)
		}
	}
}

func TestCommandOf(t *testing.T) {
	for _, tt := range []struct {
		job, command string
	}{
		{mgs.JobID("3e32e018-4dd1-4685-8c43-1117f8212916", "i-0123456789abcdef0"), "3e32e018-4dd1-4685-8c43-1117f8212916"},
		{"aws.ssm.c.mi-1", "c"},
		{"aws.ssm..mi-1", ""},
		{"aws.ssm.mi-1", ""},
		{"c", ""},
		{"", ""},
	} {
		got, err := mgs.CommandOf(tt.job)
		if got != tt.command || (err == nil) != (tt.command != "") {
			t.Errorf("CommandOf(%q) = %q, %v; want %q", tt.job, got, err, tt.command)
		}
	}
}

func TestDocumentStatus(t *testing.T) {
	for _, tt := range []struct {
		steps []mgs.Status
		want  mgs.Status
	}{
		{nil, mgs.Success},
		{[]mgs.Status{mgs.Success, mgs.Skipped}, mgs.Success},
		{[]mgs.Status{mgs.Success, mgs.NotStarted}, mgs.InProgress},
		{[]mgs.Status{mgs.TimedOut, mgs.Success}, mgs.TimedOut},
		{[]mgs.Status{mgs.Cancelled, mgs.TimedOut, mgs.Failed}, mgs.Failed},
		{[]mgs.Status{mgs.Cancelled, mgs.Cancelled}, mgs.Cancelled},
		{[]mgs.Status{mgs.Failed, mgs.SuccessAndReboot}, mgs.SuccessAndReboot},
	} {
		if got := mgs.DocumentStatus(tt.steps); got != tt.want {
			t.Errorf("DocumentStatus(%v) = %s, want %s", tt.steps, got, tt.want)
		}
	}
}

func TestCodes(t *testing.T) {
	for _, tt := range []struct {
		code    mgs.Code
		text    string
		verdict mgs.Verdict
	}{
		{"200", "Successful", mgs.JobRunning},
		{"51401", "ClosedProcessor", mgs.JobAgain},
		{"51402", "ProcessorBufferFull", mgs.JobAgain},
		{"51405", "DuplicateCommand", mgs.JobRunning},
		{"51408", "AgentJobMessageParseError", mgs.JobFailed},
		{"7", "7", mgs.JobFailed},
	} {
		if tt.code.Text() != tt.text || tt.code.Verdict() != tt.verdict {
			t.Errorf("%s: %s, %v", tt.code, tt.code.Text(), tt.code.Verdict())
		}
	}
}

func TestTime(t *testing.T) {
	at := time.Date(2026, 11, 21, 18, 2, 37, 820_000_000, time.FixedZone("", 3600))
	if got, want := mgs.FormatTime(at), "2026-11-21T17:02:37.820Z"; got != want {
		t.Errorf("FormatTime = %s, want %s", got, want)
	}
	back, err := mgs.ParseTime("2026-11-21T17:02:37.820Z")
	if err != nil || !back.Equal(at) {
		t.Errorf("ParseTime = %v, %v", back, err)
	}
}
