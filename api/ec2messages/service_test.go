package ec2messages_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"go.uber.org/goleak"

	"postern/api/nodetest"
	"postern/ssm/command"
	"postern/ssm/mgs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type message struct{ MessageId, Destination, Topic, CreatedDate, Payload, PayloadDigest string }

func poll(t *testing.T, m *nodetest.Machine) []message {
	t.Helper()
	messages, err := take(t, m)
	if err != nil {
		t.Fatal(err)
	}
	return messages
}

// polling polls beside the test.
func polling(t *testing.T, m *nodetest.Machine) <-chan []message {
	polled := make(chan []message, 1)
	go func() {
		messages, err := take(t, m)
		if err != nil {
			t.Error(err)
		}
		polled <- messages
	}()
	return polled
}

func take(t *testing.T, m *nodetest.Machine) ([]message, error) {
	status, body := m.Call("ec2messages", "GetMessages", map[string]any{
		"Destination": m.ID, "MessagesRequestId": "11111111-2222-3333-4444-555555555555", "VisibilityTimeoutInSeconds": 10,
	})
	var out struct {
		Destination, MessagesRequestId string
		Messages                       []message
	}
	if err := json.Unmarshal([]byte(body), &out); err != nil || status != http.StatusOK || out.Destination != m.ID || len(
		out.MessagesRequestId,
	) != 36 {
		return nil, fmt.Errorf("%d %s, %w", status, body, err)
	}
	if !strings.Contains(body, `"Messages":[`) {
		return nil, fmt.Errorf("no list in %s", body)
	}
	return out.Messages, nil
}

func send(t *testing.T, l *nodetest.Harness, node string) string {
	t.Helper()
	out, err := l.SSM().SendCommand(t.Context(), &ssm.SendCommandInput{
		DocumentName: aws.String("AWS-RunShellScript"), InstanceIds: []string{node},
		Parameters: map[string][]string{"commands": {"true"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return *out.Command.CommandId
}

func details(t *testing.T, l *nodetest.Harness, id, node string) string {
	t.Helper()
	d, err := l.Commands.Invocation(t.Context(), nodetest.Scope, id, node)
	if err != nil {
		t.Fatal(err)
	}
	return d.Details
}

func reply(t *testing.T, m *nodetest.Machine, id string, r mgs.ReplyContent) (int, string) {
	t.Helper()
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return m.Call(
		"ec2messages", "SendReply",
		map[string]any{"MessageId": id, "ReplyId": "11111111-2222-3333-4444-555555555555", "Payload": string(b)},
	)
}

func ok(t *testing.T, what string, status int, body string) {
	t.Helper()
	if status != http.StatusOK {
		t.Errorf("%s: %d %s", what, status, body)
	}
}

// The order in which the public agent speaks on this path.
func TestCommand(t *testing.T) {
	l := nodetest.New(t, nodetest.Options{Poll: 5 * time.Second})
	m := l.Register(t)
	id := send(t, l, m.ID)
	got := poll(t, m)
	if len(got) != 1 {
		t.Fatalf("messages %+v", got)
	}
	msg := got[0]
	if msg.MessageId != "aws.ssm."+id+"."+m.ID || !strings.HasPrefix(
		msg.Topic, mgs.TopicSendCommand,
	) || len(msg.CreatedDate) != 24 || len(msg.PayloadDigest) != 64 {
		t.Errorf("message %+v", msg)
	}
	var content mgs.CommandContent
	if err := json.Unmarshal([]byte(msg.Payload), &content); err != nil || content.CommandID != id {
		t.Errorf("payload %s, %v", msg.Payload, err)
	}
	status, body := reply(t, m, msg.MessageId, mgs.ReplyContent{DocumentStatus: mgs.InProgress})
	ok(t, "first reply", status, body)
	status, body = m.Call("ec2messages", "AcknowledgeMessage", map[string]any{"MessageId": msg.MessageId})
	ok(t, "acknowledgement", status, body)
	if got := details(t, l, id, m.ID); got != command.InProgress {
		t.Errorf("acknowledged: %s", got)
	}
	status, body = reply(t, m, msg.MessageId, nodetest.Result(mgs.Success, 0, "hi\n", ""))
	ok(t, "last reply", status, body)
	if got := details(t, l, id, m.ID); got != command.Success {
		t.Errorf("after the last reply: %s", got)
	}
}

func TestPollWaits(t *testing.T) {
	l := nodetest.New(t, nodetest.Options{Poll: 2 * time.Second})
	m := l.Register(t)
	start := time.Now()
	if got := poll(t, m); len(got) != 0 || time.Since(start) < 2*time.Second {
		t.Errorf("%d messages after %v", len(got), time.Since(start))
	}
	polled := polling(t, m)
	nodetest.Until(t, "the poll waits", func() bool { return l.Mailbox.Reachable(m.ID) })
	id := send(t, l, m.ID)
	if got := <-polled; len(got) != 1 || got[0].MessageId != mgs.JobID(id, m.ID) {
		t.Errorf("messages %+v", got)
	}
	// While it is not acknowledged it is not given again at once.
	if got := poll(t, m); len(got) != 0 {
		t.Errorf("given again: %+v", got)
	}
	status, body := m.Call(
		"ec2messages", "FailMessage", map[string]any{"MessageId": mgs.JobID(id, m.ID), "FailureType": "NoHandlerExists"},
	)
	ok(t, "failure", status, body)
	nodetest.Until(t, "the command failed", func() bool { return details(t, l, id, m.ID) == command.Failed })
}

// With a control channel open, the poll gets nothing: an item is on one path at a time.
func TestControlChannelGoesFirst(t *testing.T) {
	l := nodetest.New(t, nodetest.Options{Poll: 2 * time.Second})
	m := l.Register(t)
	a := m.Connect(nodetest.Obey)
	nodetest.Until(t, "the channel is open", func() bool { return l.Channels.Count() == 1 })
	polled := polling(t, m)
	id := send(t, l, m.ID)
	nodetest.Until(t, "it is done", func() bool { return details(t, l, id, m.ID) == command.Success })
	if got := <-polled; len(got) != 0 || len(a.Jobs()) != 1 {
		t.Errorf("polled %+v, channel got %v", got, a.Jobs())
	}
}

func TestRefuses(t *testing.T) {
	l := nodetest.New(t, nodetest.Options{Poll: time.Millisecond})
	m, other := l.Register(t), l.Instance(t, "i-0123456789abcdef0")
	id := send(t, l, other.ID)
	for _, tt := range []struct {
		name, op string
		in       map[string]any
		status   int
		code     string
	}{
		{
			"another's messages", "GetMessages", map[string]any{"Destination": other.ID, "MessagesRequestId": "x"}, 400,
			"AccessDeniedException",
		},
		{"no destination", "GetMessages", map[string]any{"MessagesRequestId": "x"}, 400, "ValidationException"},
		{"another's endpoint", "GetEndpoint", map[string]any{"Destination": other.ID}, 400, "AccessDeniedException"},
		{
			"no job id", "SendReply", map[string]any{"MessageId": "x", "ReplyId": "x", "Payload": "{}"}, 400,
			"ValidationException",
		},
		{
			"no reply", "SendReply", map[string]any{"MessageId": mgs.JobID(id, m.ID), "ReplyId": "x", "Payload": "["}, 400,
			"ValidationException",
		},
		{
			"unknown job", "SendReply", map[string]any{"MessageId": mgs.JobID("none", m.ID), "ReplyId": "x", "Payload": "{}"},
			200, "",
		},
		{"own endpoint", "GetEndpoint", map[string]any{"Destination": m.ID}, 200, ""},
		{"delete", "DeleteMessage", map[string]any{"MessageId": mgs.JobID(id, m.ID)}, 200, ""},
		{"no operation", "DoSomething", nil, 400, "UnknownOperationException"},
	} {
		status, body := m.Call("ec2messages", tt.op, tt.in)
		if status != tt.status || !strings.Contains(body, tt.code) {
			t.Errorf("%s: %d %s", tt.name, status, body)
		}
	}
	// A reply about another's job is taken, and comes to nothing.
	status, body := reply(t, m, mgs.JobID(id, other.ID), nodetest.Result(mgs.Success, 0, "", ""))
	ok(t, "another's job", status, body)
	if got := details(t, l, id, other.ID); got != command.Pending {
		t.Errorf("another's reply made it %s", got)
	}
}
