package ec2messages_test

import (
	"encoding/json"
	"regexp"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/google/go-cmp/cmp"

	"postern/api/apitest"
	"postern/api/nodetest"
	"postern/ssm/mgs"
)

// TestTheRealAgentsPoll replays a poll that brings a command, the acknowledgement and the last reply, as the real agent
// said them; testdata/agent tells who recorded that and when. The requests are signed anew, because the secrets are
// gone, and their command's id is the one that this command has.
func TestTheRealAgentsPoll(t *testing.T) {
	golden := func(name string) *apitest.Exchange { return apitest.ReadGolden(t, "testdata/agent/"+name+".txt") }
	get, acknowledge, reply := golden("get_messages"), golden("acknowledge_message"), golden("send_reply")
	var recorded struct{ Messages []message }
	if err := json.Unmarshal([]byte(get.AnswerBody()), &recorded); err != nil {
		t.Fatal(err)
	}
	was := recorded.Messages[0]
	then, err := mgs.CommandOf(was.MessageId)
	if err != nil {
		t.Fatal(err)
	}
	var sent mgs.CommandContent
	if err := json.Unmarshal([]byte(was.Payload), &sent); err != nil {
		t.Fatal(err)
	}

	l := nodetest.New(t, nodetest.Options{})
	m := l.Instance(t, was.Destination)
	commands, ok := sent.Parameters["commands"].([]any)
	if !ok || len(commands) != 1 {
		t.Fatalf("the recorded parameters are %v", sent.Parameters)
	}
	out, err := l.SSM().SendCommand(t.Context(), &ssm.SendCommandInput{
		DocumentName: aws.String(sent.DocumentName), InstanceIds: []string{m.ID},
		Parameters: map[string][]string{"commands": {commands[0].(string)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	now := *out.Command.CommandId

	status, body := m.Replay(get)
	// The document's text may be written better one day; what it looks like on the wire may not change.
	nodetest.Masks{
		regexp.MustCompile(then + `|` + now), regexp.MustCompile(`"(CreatedDate|PayloadDigest)":"[^"]*"`),
		regexp.MustCompile(`\\"DocumentContent\\":\{.*\},\\"CommandId`),
	}.Same(t, get, status, body)
	var got struct{ Messages []message }
	if err := json.Unmarshal([]byte(body), &got); err != nil || len(got.Messages) != 1 {
		t.Fatalf("%s, %v", body, err)
	}
	var content mgs.CommandContent
	if err := json.Unmarshal([]byte(got.Messages[0].Payload), &content); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(shape(t, sent.DocumentContent), shape(t, content.DocumentContent)); diff != "" {
		t.Errorf("the document (-recorded +now):\n%s", diff)
	}
	for _, e := range []*apitest.Exchange{acknowledge, reply} {
		status, body := m.Replay(e, then, now)
		nodetest.Masks{regexp.MustCompile(then + `|` + now)}.Same(t, e, status, body)
	}
	d, err := l.Commands.Invocation(t.Context(), nodetest.Scope, now, m.ID)
	if err != nil {
		t.Fatal(err)
	}
	step := d.Steps["aws:runShellScript"]
	if d.Details != "Success" || step == nil || step.Stdout != "golden\n" || step.Code != 0 {
		t.Errorf("the command came to %+v, %+v", d, step)
	}
}

// shape is a document without its descriptions.
func shape(t *testing.T, document json.RawMessage) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(document, &v); err != nil {
		t.Fatal(err)
	}
	var strip func(v any)
	strip = func(v any) {
		if m, ok := v.(map[string]any); ok {
			delete(m, "description")
			for _, inner := range m {
				strip(inner)
			}
		}
	}
	strip(v)
	return v
}
