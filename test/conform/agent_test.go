package conform

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"postern/ssm/mgs"
	"postern/test/world"
)

// TestRealAgent lets the unmodified amazon-ssm-agent work in an instance, as four kinds of node. It needs a root file
// system with the agent in it at $POSTERN_REAL_AGENT_ROOT and postern-agent at $POSTERN_AGENT; without them it is
// skipped. With $POSTERN_RECORD it writes what was said into the golden files below api, which other tests replay.
func TestRealAgent(t *testing.T) {
	root, agent := os.Getenv("POSTERN_REAL_AGENT_ROOT"), os.Getenv("POSTERN_AGENT")
	if root == "" || agent == "" {
		t.Skip("no root file system with the real agent: set POSTERN_REAL_AGENT_ROOT and POSTERN_AGENT")
	}
	r := new(recorder)
	w := world.New(t, world.OnThisHost(agent), world.Tap(r.wrap))
	image := w.Image("real", root)

	// An instance with a profile: over ssmmessages, and over ec2messages where that has no endpoint.
	n := w.RunImage(image, "")
	n.Await(world.Online)
	w.Until("the control channel is open", n.Connected)
	if got := n.Says("echo golden; echo and a complaint >&2"); got != "golden\n" {
		t.Errorf("by ssmmessages it says %q", got)
	}
	release := versionOf(r)
	if !before(release, "3.1") { // that takes no commands there
		record(t, r, "ssmmessages", "open_channel", "OpenControlChannel",
			"a control channel and one command with output on both streams", hasJob)
	}
	parameters(t, w, n)
	w.DeleteEndpoint("ssmmessages")
	w.Until("the control channel is gone", func() bool { return !n.Connected() })
	reboot(t, w, r, n)
	if got := n.Says("echo golden"); got != "golden\n" {
		t.Errorf("by ec2messages it says %q", got)
	}
	w.CreateEndpoint("ssmmessages")
	if !before(release, hostManagementSince) {
		record(t, r, "ssm", "register_instance", "RegisterManagedInstance",
			"an instance makes its key known, signed with its own credentials",
			func(rec *recording) bool { return !strings.Contains(rec.body.String(), "ActivationId") })

	}
	record(
		t,
		r,
		"ssm",
		"update_empty",
		"UpdateInstanceInformation",
		"the first sign of life of an instance: who it is and no more",
		func(rec *recording) bool { return !strings.Contains(rec.body.String(), "ComputerName") },
	)
	record(t, r, "ssm", "update_full", "UpdateInstanceInformation", "the second sign of life of an instance: all about it",
		func(rec *recording) bool { return strings.Contains(rec.body.String(), "ComputerName") })
	record(t, r, "ssmmessages", "create_channel", "CreateControlChannel", "the token of a control channel",
		func(rec *recording) bool { return rec.status == 201 })
	record(
		t,
		r,
		"ec2messages",
		"get_messages",
		"GetMessages",
		"a poll that brings a command, because ssmmessages has no endpoint",
		func(rec *recording) bool { return strings.Contains(rec.answer.String(), "aws.ssm.sendCommand") },
	)
	record(t, r, "ec2messages", "acknowledge_message", "AcknowledgeMessage", "the command is taken", anyone)
	record(t, r, "ec2messages", "send_reply", "SendReply", "the command has ended",
		func(rec *recording) bool {
			return strings.Contains(rec.body.String(), `\"documentStatus\":\"Success\"`)
		})
	if !before(release, hostManagementSince) {
		managedHost(t, w, r, image)
	}
	hybrid(t, w, r, image)
}

// hostManagementSince is the first release that knows default host management (Systems Manager user guide, "Managing
// EC2 instances automatically with Default Host Management Configuration").
const hostManagementSince = "3.2.582.0"

func before(release, other string) bool { return mgs.CompareVersions(release, other) < 0 }

// managedHost has an instance live by default host management: the profile allows nothing, and the instance's own key
// speaks for it.
func managedHost(t *testing.T, w *world.World, r *recorder, image string) {
	t.Helper()
	w.DetachPolicy()
	hostManagement(t, w)
	n := w.RunImage(image, "")
	n.Await(world.Online)
	record(t, r, "ssm", "register_host", "RegisterManagedInstance", "the instance of role_token_host makes its key known",
		func(rec *recording) bool { return strings.Contains(rec.body.String(), n.ID) })
	record(
		t,
		r,
		"ssm",
		"role_token_host",
		"RequestManagedInstanceRoleToken",
		"default host management: an instance proves itself by two signatures",
		func(rec *recording) bool { return rec.request.Header.Get("Ssm-Asymmetrickeyauthorization") != "" },
	)
}

// hybrid has a machine register by an activation, and live by its own key from then on.
func hybrid(t *testing.T, w *world.World, r *recorder, image string) {
	t.Helper()
	a := w.Activate(1)
	n := w.RunImage(image, "#!/bin/sh\namazon-ssm-agent -register -y -id "+a.ID+" -code "+a.Code+" -region "+a.Region+"\n")
	w.Until("the machine has registered, and kept its registration", func() bool {
		out, err := w.EC2.GetConsoleOutput(t.Context(), &ec2.GetConsoleOutputInput{InstanceId: &n.ID, Latest: aws.Bool(true)})
		if err != nil {
			t.Fatal(err)
		}
		text, err := base64.StdEncoding.DecodeString(aws.ToString(out.Output))
		return err == nil && strings.Contains(string(text), "user data ended (exit status 0)")
	})
	reboot(t, w, r, n)
	record(t, r, "ssm", "register_hybrid", "RegisterManagedInstance", "a machine registers by an activation, unsigned",
		func(rec *recording) bool { return strings.Contains(rec.body.String(), a.ID) })
	w.Until("the hybrid node has its role's credentials", func() bool {
		return len(r.find("RequestManagedInstanceRoleToken", byItsKey)) > 0
	})
	record(t, r, "ssm", "role_token_hybrid", "RequestManagedInstanceRoleToken",
		"a hybrid node gets its role's credentials: in chunks, signed with RSA-PSS by its own key", byItsKey)
}

// parameters has the agent put in what commands refer to in Parameter Store.
func parameters(t *testing.T, w *world.World, n *world.Node) {
	t.Helper()
	for name, in := range map[string]ssm.PutParameterInput{
		"/conform/word":  {Type: types.ParameterTypeString, Value: aws.String("stored")},
		"/conform/lines": {Type: types.ParameterTypeStringList, Value: aws.String("echo one,echo two")},
	} {
		in.Name = aws.String(name)
		if _, err := w.SSM.PutParameter(t.Context(), &in); err != nil {
			t.Fatal(err)
		}
	}
	if got := n.Says("echo {{ssm:/conform/word}} {{ ssm:/conform/word:1 }}"); got != "stored stored\n" {
		t.Errorf("what is stored is %q", got)
	}
	if got := n.Says("{{ssm:/conform/lines}}"); got != "one\ntwo\n" {
		t.Errorf("a list of lines says %q", got)
	}
	if r := w.Send("echo {{ssm:/conform/none}}", n.ID).Wait(n.ID); r.Status != "Failed" {
		t.Errorf("a parameter that is not there: %+v", r)
	}
}

func anyone(*recording) bool { return true }

func hasJob(rec *recording) bool {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	for _, f := range rec.frames {
		if f.Kind() == "agent_job_reply_ack" || strings.Contains(string(f.Data), `"documentStatus\":\"Success`) {
			return true
		}
	}
	return false
}

func byItsKey(rec *recording) bool {
	return rec.status == 200 && strings.Contains(rec.request.Header.Get("Authorization"), "Credential=mi-")
}

// reboot returns when the agent of the new boot has said its first word: a command that is sent before may be taken by
// the one that is about to end.
func reboot(t *testing.T, w *world.World, r *recorder, n *world.Node) {
	t.Helper()
	starts := func() int { return len(r.find("UpdateInstanceInformation", isStart)) }
	before := starts()
	if _, err := w.EC2.RebootInstances(t.Context(), &ec2.RebootInstancesInput{InstanceIds: []string{n.ID}}); err != nil {
		t.Fatal(err)
	}
	w.Until("the agent has started again", func() bool { return starts() > before })
}

// isStart tells the first sign of life after an agent's start: who it is and no more. It may be refused.
func isStart(rec *recording) bool {
	return !strings.Contains(rec.body.String(), "ComputerName")
}

// hostManagement turns default host management on, with a role of its own.
func hostManagement(t *testing.T, w *world.World) {
	t.Helper()
	role := aws.String("hosts")
	_, err := w.IAM.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: role, AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ssm.amazonaws.com"},
			"Action":"sts:AssumeRole"}]}`,
	)})
	if err == nil {
		_, err = w.IAM.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{
			RoleName: role, PolicyArn: aws.String("arn:aws:iam::aws:policy/AmazonSSMManagedEC2InstanceDefaultPolicy"),
		})
	}
	if err == nil {
		_, err = w.SSM.UpdateServiceSetting(t.Context(), &ssm.UpdateServiceSettingInput{
			SettingId: aws.String("/ssm/managed-instance/default-ec2-instance-management-role"), SettingValue: role,
		})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// secrets lists the texts that are replaced in golden files, each by one that says what stood there.
var secrets = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`(?m)^(X-Amz-Security-Token: ).*$`), "${1}SESSION-TOKEN"},
	{regexp.MustCompile(`("AccessKeyId":")[^"]*`), "${1}ASIAACCESSKEY"},
	{regexp.MustCompile(`("SecretAccessKey":")[^"]*`), "${1}SECRET"},
	{regexp.MustCompile(`("SessionToken":")[^"]*`), "${1}SESSION-TOKEN"},
	{regexp.MustCompile(`("ActivationCode":")[^"]*`), "${1}ACTIVATION-CODE"},
	{regexp.MustCompile(`(<TokenValue>)[^<]*`), "${1}CHANNEL-TOKEN"},
	{regexp.MustCompile(`("TokenValue":")[^"]*`), "${1}CHANNEL-TOKEN"},
}

func redact(b []byte) []byte {
	for _, s := range secrets {
		b = s.pattern.ReplaceAll(b, []byte(s.with))
	}
	return b
}

// record writes the first recording that fits as a golden file, if that is wanted. It must be there in any case.
func record(t *testing.T, r *recorder, service, name, operation, what string, fits func(*recording) bool) {
	t.Helper()
	found := r.find(operation, fits)
	if len(found) == 0 {
		t.Errorf("%s was not seen: %s", operation, what)
		return
	}
	if os.Getenv("POSTERN_RECORD") == "" {
		return
	}
	rec := found[0]
	e := rec.exchange()
	e.Head = fmt.Sprintf(
		"# %s\n# who: amazon-ssm-agent %s, unmodified, built from github.com/aws/amazon-ssm-agent; %s\n# when: %s\n"+
			"# against: Postern at commit %s\n# replaced: %s\n",
		what,
		versionOf(r),
		rec.request.UserAgent(),
		rec.at.Format("2006-01-02T15:04:05.000Z"),
		commit(t),
		replaced,
	)
	e.Request, e.Answer = redact(e.Request), redact(e.Answer)
	rec.mu.Lock()
	defer rec.mu.Unlock()
	for _, f := range rec.frames {
		if f.Text {
			f.Data = redact(f.Data)
		}
		e.Frames = append(e.Frames, f)
	}
	dir := filepath.Join("..", "..", "api", service, "testdata", "agent")
	err := os.MkdirAll(dir, 0o755)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".txt"), e.Format(), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// commit is that of the server which is recorded.
func commit(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("git", "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

const replaced = "session and channel tokens, secret keys, issued access keys and activation codes"

// versionOf returns the version that the agent reports.
func versionOf(r *recorder) string {
	for _, rec := range r.find("UpdateInstanceInformation", anyone) {
		var in struct{ AgentVersion string }
		if json.Unmarshal(rec.body.Bytes(), &in) == nil && in.AgentVersion != "" {
			return in.AgentVersion
		}
	}
	return "of an unknown version"
}
