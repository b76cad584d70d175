package agent_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"postern/ssm/mgs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const command = "3e32e018-4dd1-4685-8c43-1117f8212916"

func TestComesOnline(t *testing.T) {
	s := newService(t)
	run(t, s.agent())
	first := s.next("UpdateInstanceInformation").body
	if diff := cmp.Diff(map[string]any{
		"AgentName":    "amazon-ssm-agent",
		"AgentVersion": "1.2.3.4",
		"InstanceId":   "i-0123456789abcdef0",
		"PlatformType": "Linux",
	}, first); diff != "" {
		t.Errorf("first sign of life (-want +got):\n%s", diff)
	}
	full := s.next("UpdateInstanceInformation").body
	for _, key := range []string{"AgentStatus", "AvailabilityZone", "AvailabilityZoneId", "ComputerName", "PlatformName",
		"PlatformVersion", "SSMConnectionChannel"} {
		if _, ok := full[key].(string); !ok {
			t.Errorf("the full sign of life has %s = %v", key, full[key])
		}
	}
	c := s.channel()
	if c.open.AgentVersion != "1.2.3.4" || c.open.PlatformType != "linux" || c.open.SchemaVersion != "1.0" ||
		c.open.Cookie != nil {
		t.Errorf("the first message says %+v", c.open)
	}
}

func TestCommand(t *testing.T) {
	s := newService(t)
	run(t, s.agent())
	c := s.channel()
	if code := c.job(command, shell("echo hi", "echo $SSM_COMMAND_ID $AWS_SSM_INSTANCE_ID", "echo no >&2", "exit 3"),
		nil); code != mgs.Accepted {
		t.Fatalf("acknowledged with %s", code)
	}
	status, steps, _ := c.outcome(command)
	step := steps["run"]
	if status != mgs.Failed || step == nil || step.Status != mgs.Failed || step.Code != 3 ||
		step.Name != "aws:runShellScript" {
		t.Fatalf("%s, %+v", status, step)
	}
	stdout := "hi\n" + command + " i-0123456789abcdef0\n"
	stderr := "no\nfailed to run commands: exit status 3"
	if step.StandardOutput != stdout || step.StandardError != stderr || step.Output != stdout+mgs.ErrorMark+stderr {
		t.Errorf("output %q, %q, %q", step.StandardOutput, step.StandardError, step.Output)
	}
	if code := c.job(command, shell("echo twice"), nil); code != mgs.Duplicate {
		t.Errorf("the same command again: %s", code)
	}
}

// TestReplies shows the replies of a document in their order and form.
func TestReplies(t *testing.T) {
	s := newService(t)
	run(t, s.agent())
	c := s.channel()
	c.job(command,
		`{"schemaVersion":"1.2","runtimeConfig":{"aws:runShellScript":{"properties":[
			{"id":"0.aws:runShellScript","runCommand":"{{ commands }}"}]}},
		"parameters":{"commands":{"type":"StringList"}}}`, map[string]any{"commands": []string{"echo hi"}})
	var got []string
	for range 3 {
		var r mgs.JobReply
		c.next(mgs.AgentJobReply, &r)
		if r.SchemaVersion != 1 || r.JobID != "aws.ssm."+command+".i-0123456789abcdef0" || r.Topic != "aws.ssm.sendCommand" {
			t.Errorf("reply %+v", r)
		}
		var content map[string]any
		json.Unmarshal([]byte(r.Content), &content)
		info := content["additionalInfo"].(map[string]any)
		info["dateTime"] = "T"
		if steps, ok := content["runtimeStatus"].(map[string]any); ok {
			for _, step := range steps {
				step.(map[string]any)["startDateTime"], step.(map[string]any)["endDateTime"] = "T", "T"
			}
		}
		text, _ := json.Marshal(content)
		got = append(got, string(text))
	}
	info := func(counts string) string {
		return `"additionalInfo":{"agent":{"lang":"en-US","name":"amazon-ssm-agent","os":"linux","osver":"1",` +
			`"ver":"1.2.3.4"},"dateTime":"T","runId":"","runtimeStatusCounts":` + counts + `}`
	}
	step := `{"aws:runShellScript":{"code":0,"endDateTime":"T","name":"aws:runShellScript","output":"hi\n",` +
		`"outputS3BucketName":"","outputS3KeyPrefix":"","standardError":"","standardOutput":"hi\n","startDateTime":"T",` +
		`"status":"Success","stepName":""}}`
	want := []string{
		`{` + info(`null`) + `,"documentStatus":"InProgress","documentTraceOutput":"","runtimeStatus":null}`,
		`{` + info(`{"Success":1}`) + `,"documentStatus":"InProgress","documentTraceOutput":"","runtimeStatus":` + step + `}`,
		`{` + info(`{"Success":1}`) + `,"documentStatus":"Success","documentTraceOutput":"","runtimeStatus":` + step + `}`,
	}
	for i := range want {
		if diff := cmp.Diff(compact(want[i]), got[i]); diff != "" {
			t.Errorf("reply %d (-want +got):\n%s", i+1, diff)
		}
	}
}

func TestRefusedJobs(t *testing.T) {
	s := newService(t)
	run(t, s.agent())
	c := s.channel()
	for i, tt := range []struct {
		name string
		edit func(j *mgs.Job)
		code mgs.Code
		// failed says that a Failed reply follows.
		failed bool
	}{
		{"topic", func(j *mgs.Job) { j.Topic = "aws.ssm.other" }, mgs.UnexpectedDocumentType, false},
		{"job id", func(j *mgs.Job) { j.JobID = "x" }, mgs.ParseError, false},
		{"command id with a path", func(j *mgs.Job) { j.JobID = "aws.ssm./etc/passwd.i-1" }, mgs.ParseError, false},
		{"content", func(j *mgs.Job) { j.Content = "{" }, mgs.ParseError, true},
		{"schema", func(j *mgs.Job) { *j = jobFor(t, "c", `{"schemaVersion":"0.3"}`, nil) }, mgs.ParseError, true},
		{"parameter missing", func(j *mgs.Job) {
			*j = jobFor(t, "c",
				`{"schemaVersion":"2.2","parameters":{"x":{"type":"String"}},"mainSteps":[{"action":"aws:runShellScript",`+
					`"name":"a"}]}`,
				nil)
		}, mgs.ParseError, true},
	} {
		j := jobFor(t, fmt.Sprintf("command-%d", i), shell("true"), nil)
		tt.edit(&j)
		c.send(mgs.AgentJob, j)
		var ack mgs.JobAck
		c.next(mgs.AgentJobAck, &ack)
		if ack.StatusCode != tt.code || ack.Error != tt.code.Text() {
			t.Errorf("%s: %+v, want %s", tt.name, ack, tt.code)
		}
		if tt.failed {
			var r mgs.JobReply
			c.next(mgs.AgentJobReply, &r)
			if !strings.Contains(r.Content, `"documentStatus":"Failed"`) ||
				!strings.Contains(r.Content, `"runtimeStatus":null`) {
				t.Errorf("%s: reply %s", tt.name, r.Content)
			}
		}
	}
	c.send(mgs.AgentJob, "no object")
	var ack mgs.JobAck
	if c.next(mgs.AgentJobAck, &ack); ack.StatusCode != mgs.ParseError {
		t.Errorf("no object: %+v", ack)
	}
}

func TestFiveRunFiveWait(t *testing.T) {
	s := newService(t)
	run(t, s.agent())
	c := s.channel()
	start := filepath.Join(t.TempDir(), "start")
	for i := range 12 {
		want := mgs.Accepted
		if i >= 10 {
			want = mgs.BufferFull
		}
		if code := c.job(fmt.Sprintf("command-%d", i), shell("while [ ! -e "+start+" ]; do sleep 0.05; done; echo "+
			fmt.Sprint(i)), nil); code != want {
			t.Errorf("command %d: %s, want %s", i, code, want)
		}
	}
	os.WriteFile(start, nil, 0o600)
	done := map[string]bool{}
	for len(done) < 10 {
		var r mgs.JobReply
		c.next(mgs.AgentJobReply, &r)
		if strings.Contains(r.Content, `"documentStatus":"Success"`) {
			done[r.JobID] = true
		}
	}
	if code := c.job("command-10", shell("true"), nil); code != mgs.Accepted {
		t.Errorf("the rejected one, delivered again: %s", code)
	}
}

func TestCancel(t *testing.T) {
	s := newService(t)
	run(t, s.agent())
	c := s.channel()
	cancel := func(command string) {
		c.send(mgs.AgentJob,
			mgs.Job{SchemaVersion: 1, JobID: mgs.JobID("cancel-"+command, "i-0123456789abcdef0"), Topic: mgs.TopicCancelCommand,
				Content: fmt.Sprintf(`{"CancelMessageId":%q}`, mgs.JobID(command, "i-0123456789abcdef0"))})
		var ack mgs.JobAck
		if c.next(mgs.AgentJobAck, &ack); ack.StatusCode != mgs.Accepted {
			t.Errorf("cancelling %s: %+v", command, ack)
		}
	}
	two := `{"schemaVersion":"2.2","mainSteps":[
		{"action":"aws:runShellScript","name":"a","inputs":{"runCommand":["echo begun","sleep 1000"]}},
		{"action":"aws:runShellScript","name":"b","inputs":{"runCommand":["echo never"]}}]}`
	for i := range 6 { // the sixth waits
		c.job(fmt.Sprintf("command-%d", i), two, nil)
	}
	cancel("command-5")
	if status, steps, _ := c.outcome("command-5"); status != mgs.Cancelled || steps["a"].Code != 1 {
		t.Errorf("one that waited: %s, %+v", status, steps["a"])
	}
	for i := range 5 {
		id := fmt.Sprintf("command-%d", i)
		cancel(id)
		status, steps, _ := c.outcome(id)
		if status != mgs.Cancelled || steps["a"] == nil || steps["a"].Code != 137 || steps["a"].Status != mgs.Cancelled ||
			steps["b"] == nil || steps["b"].Code != 1 {
			t.Errorf("%s: %s, %+v, %+v", id, status, steps["a"], steps["b"])
		}
	}
	cancel("unknown")
}

func TestRepliesAreSentAgain(t *testing.T) {
	s := newService(t)
	run(t, s.agent())
	c := s.channel()
	c.send(mgs.AgentJob, jobFor(t, command, shell("echo hi"), nil))
	first := map[mgs.UUID]bool{}
	for len(first) < 3 { // all of them read, none acknowledged
		if m := c.read(); m.Type == mgs.AgentJobReply {
			first[m.ID] = true
		}
	}
	c.close()
	c = s.channel()
	for range 3 {
		m := c.read()
		if m.Type != mgs.AgentJobReply || !first[m.ID] {
			t.Errorf("on the next channel: %s %s", m.Type, m.ID)
		}
		delete(first, m.ID)
		c.acknowledge(m)
	}
	if len(first) != 0 {
		t.Errorf("not sent again: %v", first)
	}
}

func TestARestartLosesNothing(t *testing.T) {
	s := newService(t)
	a := s.agent()
	stop := run(t, a)
	c := s.channel()
	c.send(mgs.AgentJob, jobFor(t, command, shell("echo hi"), nil))
	for n := 0; n < 3; {
		if c.read().Type == mgs.AgentJobReply {
			n++
		}
	}
	c.job("command-2", shell("sleep 1000"), nil)
	stop()
	c.close()
	// As after a kill: a command that an earlier process took, and did not end.
	text, _ := json.Marshal(map[string]any{
		"jobId": mgs.JobID("command-3", "i-0123456789abcdef0"), "taken": time.Now(), "done": false,
	})
	if err := os.WriteFile(filepath.Join(a.Dir, "commands", "command-3.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	b := s.agent()
	b.Dir = a.Dir
	run(t, b)
	c = s.channel()
	want := map[string]mgs.Status{command: mgs.Success, "command-2": mgs.Failed, "command-3": mgs.Failed}
	got := map[string]mgs.Status{}
	for len(got) < 3 {
		var r mgs.JobReply
		c.next(mgs.AgentJobReply, &r)
		var content mgs.ReplyContent
		json.Unmarshal([]byte(r.Content), &content)
		if id, _ := mgs.CommandOf(r.JobID); content.DocumentStatus.Terminal() {
			got[id] = content.DocumentStatus
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for id := range want {
		if code := c.job(id, shell("echo twice"), nil); code != mgs.Duplicate {
			t.Errorf("%s after a restart: %s", id, code)
		}
	}
	left, _ := os.ReadDir(filepath.Join(a.Dir, "replies"))
	if len(left) > 9 {
		t.Errorf("%d replies are left", len(left))
	}
}

// TestRebootOfACommand runs a script that ends with 194 until the node has booted again, and the step before it once.
func TestRebootOfACommand(t *testing.T) {
	s := newService(t)
	a := s.agent()
	mark := filepath.Join(t.TempDir(), "booted")
	asked := make(chan struct{}, 1)
	a.Reboot = func(context.Context) error { asked <- struct{}{}; return nil }
	stop := run(t, a)
	c := s.channel()
	document := `{"schemaVersion":"2.2","parameters":{"word":{"type":"String"}},"mainSteps":[
		{"action":"aws:runShellScript","name":"once","inputs":{"runCommand":["echo x >> ` + mark + `.once"]}},
		{"action":"aws:runShellScript","name":"run","inputs":{"runCommand":["[ -e ` + mark +
		` ] && echo {{ word }} && exit 0; touch ` + mark + `; exit 194"]}}]}`
	if code := c.job(command, document, map[string]any{"word": "after"}); code != mgs.Accepted {
		t.Fatalf("acknowledged with %s", code)
	}
	<-asked
	stop()
	c.close()
	b := s.agent()
	b.Dir = a.Dir
	run(t, b)
	c = s.channel()
	status, steps, _ := c.outcome(command)
	if status != mgs.Success || steps["run"] == nil || steps["run"].StandardOutput != "after\n" {
		t.Errorf("%s, %+v", status, steps["run"])
	}
	if once, err := os.ReadFile(mark + ".once"); string(once) != "x\n" {
		t.Errorf("the first step has written %q, %v", once, err)
	}
	if code := c.job(command, document, map[string]any{"word": "after"}); code != mgs.Duplicate {
		t.Errorf("the command again: %s", code)
	}
}

// TestRebootThatFails ends a command whose node cannot boot again, or is asked to without end.
func TestRebootThatFails(t *testing.T) {
	s := newService(t)
	a := s.agent()
	a.Reboot = func(context.Context) error { return errors.New("no permission") }
	run(t, a)
	c := s.channel()
	c.job(command, shell("exit 194"), nil)
	if status, _, _ := c.outcome(command); status != mgs.Failed {
		t.Errorf("%s", status)
	}
}

func TestNoSessions(t *testing.T) {
	s := newService(t)
	run(t, s.agent())
	c := s.channel()
	c.send(mgs.InteractiveShell, mgs.Task{SchemaVersion: 1, TaskID: "alice-0123", Content: "{}"})
	var end mgs.TaskComplete
	c.next(mgs.AgentTaskComplete, &end)
	if end.TaskID != "alice-0123" || end.FinalStatus != "Failed" || !strings.Contains(end.Output, "no sessions") {
		t.Errorf("%+v", end)
	}
	if c.send("unheard_of", "x"); c.job(command, shell("true"), nil) != mgs.Accepted {
		t.Error("an unknown message ended the channel")
	}
}

func TestComesBack(t *testing.T) {
	s := newService(t)
	run(t, s.agent())
	for range 3 {
		s.channel().close()
	}
	s.setRefusal("CreateControlChannel", &refusal{http.StatusOK, "<R><TokenValue>x</TokenValue></R>"}) // not 201
	s.next("CreateControlChannel")
	s.next("CreateControlChannel")
	s.setRefusal("CreateControlChannel", nil)
	s.channel()
}

// TestPingsItsChannel lets the service go silent: the agent must find out and come back.
func TestPingsItsChannel(t *testing.T) {
	s := newService(t)
	a := s.agent()
	a.PingEvery = 50 * time.Millisecond
	run(t, a)
	c := s.channel() // nobody reads, so nobody answers pings
	if next := s.channel(); next == c {
		t.Error("the same channel")
	}
}

func TestPollsWhileDenied(t *testing.T) {
	s := newService(t)
	s.setRefusal("CreateControlChannel",
		&refusal{http.StatusBadRequest, "<AccessDeniedException><Message>no</Message></AccessDeniedException>"})
	j := jobFor(t, command, shell("echo polled"), nil)
	message, _ := json.Marshal(map[string]string{
		"MessageId":   j.JobID,
		"Destination": "i-0123456789abcdef0",
		"Topic":       j.Topic,
		"CreatedDate": "2026-11-21T17:02:37.820Z",
		"Payload":     j.Content,
	})
	s.polls = []string{string(message)}
	a := s.agent()
	a.HealthEvery = 300 * time.Millisecond
	run(t, a)
	if got := s.next("AcknowledgeMessage").body["MessageId"]; got != j.JobID {
		t.Errorf("acknowledged %v", got)
	}
	var content mgs.ReplyContent
	for content.DocumentStatus != mgs.Success {
		reply := s.next("SendReply").body
		if reply["MessageId"] != j.JobID || reply["ReplyId"] == "" {
			t.Errorf("reply %v", reply)
		}
		content = mgs.ReplyContent{}
		if err := json.Unmarshal([]byte(reply["Payload"].(string)), &content); err != nil {
			t.Fatal(err)
		}
		if able := content.AdditionalInfo.AbleToOpenMGSConnection; able == nil || *able {
			t.Errorf("ableToOpenMGSConnection is %v", able)
		}
	}
	if step := content.RuntimeStatus["run"]; step.StandardOutput != "polled\n" {
		t.Errorf("step %+v", step)
	}
	for s.next("UpdateInstanceInformation").body["SSMConnectionChannel"] != "ec2messages" {
	}
	s.setRefusal("CreateControlChannel", nil)
	s.channel()
	for s.next("UpdateInstanceInformation").body["SSMConnectionChannel"] != "ssmmessages" {
	}
}

func TestNotOnlineWithoutASignOfLife(t *testing.T) {
	s := newService(t)
	s.setRefusal("UpdateInstanceInformation",
		&refusal{http.StatusBadRequest, `{"__type":"AccessDeniedException","message":"no"}`})
	run(t, s.agent())
	s.next("UpdateInstanceInformation")
	s.next("UpdateInstanceInformation")
	select {
	case <-s.channels:
		t.Error("a channel was opened")
	default:
	}
	s.setRefusal("UpdateInstanceInformation", nil)
	s.channel()
}
