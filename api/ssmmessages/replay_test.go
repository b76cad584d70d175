package ssmmessages_test

import (
	"bytes"
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/coder/websocket"

	"postern/api/apitest"
	"postern/api/nodetest"
	"postern/ssm/command"
	"postern/ssm/mgs"
)

// replayed is a control channel on which the frames of a recording pass again.
type replayed struct {
	t    *testing.T
	conn *websocket.Conn
	// texts maps ids of the recording to those of now, in pairs for strings.NewReplacer.
	texts []string
}

// TestTheRealAgentsChannel replays a control channel and a command on it as the real agent had them; testdata/agent
// tells who recorded that and when. Requests are signed anew, because the secrets are gone. Of frames only what is
// another at every run is replaced: the token, the command's id, and the ids of the service's own messages.
func TestTheRealAgentsChannel(t *testing.T) {
	create, open := apitest.ReadGolden(
		t, "testdata/agent/create_channel.txt",
	), apitest.ReadGolden(t, "testdata/agent/open_channel.txt")
	r, _ := open.ReadRequest(t)
	node := strings.TrimPrefix(r.URL.Path, "/v1/control-channel/")
	l := nodetest.New(t, nodetest.Options{})
	m := l.Instance(t, node)

	status, body := m.Replay(create)
	token := nodetest.Token(t, status, body)
	nodetest.Masks{regexp.MustCompile(`<TokenValue>[^<]*`)}.Same(t, create, status, body)
	if want := "role=subscribe&stream=input"; r.URL.RawQuery != want {
		t.Errorf("the channel was opened with %s", r.URL.RawQuery)
	}
	conn, err := m.Dial(node, websocket.DialOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	p := &replayed{t: t, conn: conn, texts: []string{"CHANNEL-TOKEN", token}}
	var now string
	for n := range open.Frames {
		f := &open.Frames[n]
		if f.Kind() == mgs.AgentJob {
			then := content(t, f)
			now = sendAgain(t, l, node, then)
			p.texts = append(p.texts, then.CommandID, now)
		}
		if f.FromAgent {
			p.write(f)
		} else {
			p.read(f)
		}
	}
	becomes(t, l, now, node, command.Success)
	step := state(t, l, now, node).Steps["aws:runShellScript"]
	if step == nil || step.Stdout != "golden\n" || step.Stderr != "and a complaint\n" || step.Code != 0 {
		t.Errorf("the command came to %+v", step)
	}
}

// content reads the command of a recorded job.
func content(t *testing.T, f *apitest.Frame) (c mgs.CommandContent) {
	t.Helper()
	m, err := mgs.Parse(f.Data)
	if err != nil {
		t.Fatal(err)
	}
	var job mgs.Job
	if err := json.Unmarshal(m.Payload, &job); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(job.Content), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// sendAgain sends the command of a recorded job to the harness's node.
func sendAgain(t *testing.T, l *nodetest.Harness, node string, c mgs.CommandContent) string {
	t.Helper()
	commands, ok := c.Parameters["commands"].([]any)
	if !ok || len(commands) != 1 {
		t.Fatalf("the recorded parameters are %v", c.Parameters)
	}
	out, err := l.SSM().SendCommand(t.Context(), &ssm.SendCommandInput{
		DocumentName: &c.DocumentName, InstanceIds: []string{node},
		Parameters: map[string][]string{"commands": {commands[0].(string)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(out.Command.CommandId)
}

// write says what the agent said.
func (p *replayed) write(f *apitest.Frame) {
	p.t.Helper()
	ids := strings.NewReplacer(p.texts...)
	kind, data := websocket.MessageText, []byte(ids.Replace(string(f.Data)))
	if !f.Text {
		m, err := mgs.Parse(f.Data)
		if err != nil || !m.Intact() {
			p.t.Fatalf("the recorded %s: %v", f.Kind(), err)
		}
		// Nothing of what the agent writes is lost on the way through the codec.
		if again, err := m.Encode(); err != nil || !bytes.Equal(again, f.Data) {
			p.t.Errorf("%s is written again as %x, not %x (%v)", f.Kind(), again, f.Data, err)
		}
		m.Payload = []byte(ids.Replace(string(m.Payload)))
		if data, err = m.Encode(); err != nil {
			p.t.Fatal(err)
		}
		kind = websocket.MessageBinary
	}
	if err := p.conn.Write(p.t.Context(), kind, data); err != nil {
		p.t.Fatal(err)
	}
}

// document is the part of a job that may be written better one day.
var document = regexp.MustCompile(`\\"DocumentContent\\":\{.*\},\\"CommandId`)

// read wants the service to say what it said.
func (p *replayed) read(f *apitest.Frame) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 10*time.Second)
	defer cancel()
	kind, data, err := p.conn.Read(ctx)
	if err != nil || kind != websocket.MessageBinary {
		p.t.Fatalf("the service says nothing instead of %s: %v", f.Kind(), err)
	}
	got, err := mgs.Parse(data)
	if err != nil || !got.Intact() {
		p.t.Fatalf("%x: %v", data, err)
	}
	want, err := mgs.Parse(f.Data)
	if err != nil {
		p.t.Fatal(err)
	}
	now := document.ReplaceAllString(string(got.Payload), "…")
	then := document.ReplaceAllString(strings.NewReplacer(p.texts...).Replace(string(want.Payload)), "…")
	if got.Type != want.Type || now != then {
		p.t.Errorf("it says %s %s\nand said %s %s", got.Type, now, want.Type, then)
	}
	// Everything of the header but the id, the time and the digest.
	p.texts = append(p.texts, want.ID.String(), got.ID.String())
	got.ID, got.Created, got.Payload = want.ID, want.Created, want.Payload
	if again, err := got.Encode(); err != nil || !bytes.Equal(again, f.Data) {
		p.t.Errorf("the header of %s is %x, and was %x (%v)", f.Kind(), again[:mgs.HeaderSize], f.Data[:mgs.HeaderSize], err)
	}
}
