package ssmmessages_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"postern/api/nodetest"
	"postern/api/ssmmessages"
	"postern/ssm/command"
	"postern/ssm/mgs"
	"postern/ssm/node"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func send(t *testing.T, l *nodetest.Harness, nodes ...string) string {
	t.Helper()
	out, err := l.SSM().SendCommand(t.Context(), &ssm.SendCommandInput{
		DocumentName: aws.String("AWS-RunShellScript"), InstanceIds: nodes,
		Parameters: map[string][]string{"commands": {"true"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return *out.Command.CommandId
}

func state(t *testing.T, l *nodetest.Harness, id, node string) command.Detail {
	t.Helper()
	d, err := l.Commands.Invocation(t.Context(), nodetest.Scope, id, node)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func becomes(t *testing.T, l *nodetest.Harness, id, node, details string) {
	t.Helper()
	nodetest.Until(t, "the invocation is "+details, func() bool { return state(t, l, id, node).Details == details })
}

func TestCreate(t *testing.T) {
	l := nodetest.New(t, nodetest.Options{})
	m, other := l.Register(t), l.Instance(t, "i-0123456789abcdef0")
	status, body := m.CreateChannel(m.ID)
	nodetest.Token(t, status, body)
	if !strings.HasPrefix(
		body, "<CreateControlChannelResponse><MessageSchemaVersion>1.0</MessageSchemaVersion><TokenValue>",
	) {
		t.Errorf("body %s", body)
	}
	status, body = m.CreateChannel(other.ID)
	if status != 403 || !strings.Contains(body, "<AccessDeniedException>") {
		t.Errorf("for another node: %d %s", status, body)
	}
	l.Allow(t, `{"Effect":"Allow","Action":"ssm:*","Resource":"*"}`)
	status, body = m.CreateChannel(m.ID)
	if status != 403 || !strings.Contains(body, "<AccessDeniedException>") {
		t.Errorf("without permission: %d %s", status, body)
	}
	l.Allow(t, `{"Effect":"Allow","Action":"*","Resource":"*"}`)
	if err := l.Nodes.Deregister(t.Context(), nodetest.Scope, m.ID); err != nil {
		t.Fatal(err)
	}
	status, body = m.CreateChannel(m.ID)
	if status == 201 || strings.Contains(body, "AccessDenied") {
		t.Errorf("after deregistration: %d %s", status, body)
	}
}

func TestDataChannelsAreNotBuilt(t *testing.T) {
	l := nodetest.New(t, nodetest.Options{})
	m := l.Register(t)
	for _, method := range []string{"POST", "GET"} {
		status, body := m.Rest(method, "/v1/data-channel/session-1")
		if status != 501 || !strings.Contains(body, "DataChannel") {
			t.Errorf("%s: %d %s", method, status, body)
		}
	}
	if status, body := m.Rest("GET", "/v1/control-channel/"+m.ID); status != 400 && status != 426 {
		t.Errorf("without an upgrade: %d %s", status, body)
	}
}

func TestCommandAndReply(t *testing.T) {
	l := nodetest.New(t, nodetest.Options{})
	m := l.Register(t)
	a := m.Connect(nodetest.Obey)
	nodetest.Until(t, "the node is online", func() bool {
		v, err := l.Nodes.View(t.Context(), nodetest.Scope, m.ID, time.Now())
		return err == nil && v.Status == node.Online
	})
	id := send(t, l, m.ID)
	becomes(t, l, id, m.ID, command.Success)
	if got := state(t, l, id, m.ID).Steps["aws:runShellScript"].Stdout; got != "done\n" {
		t.Errorf("stdout %q", got)
	}
	for range 2 {
		if ack := <-a.Acks; ack.JobID != mgs.JobID(id, m.ID) {
			t.Errorf("acknowledged %+v", ack)
		}
	}
	if l.Channels.Count() != 1 || !l.Mailbox.Connected(m.ID) {
		t.Errorf("%d channels", l.Channels.Count())
	}
	a.Leave()
	nodetest.Until(
		t, "the channel is closed", func() bool { return l.Channels.Count() == 0 && !l.Mailbox.Connected(m.ID) },
	)
}

// An answer names the message that it acknowledges, so that the agent may forget just that one.
func TestAcknowledgesMessages(t *testing.T) {
	l := nodetest.New(t, nodetest.Options{})
	m := l.Register(t)
	a := m.Connect(nil)
	id := send(t, l, m.ID)
	nodetest.Until(t, "the job came", func() bool { return len(a.Jobs()) == 1 })
	job := mgs.JobID(id, m.ID)
	last := nodetest.Result(mgs.Failed, 3, "", "no")
	first := a.Reply(job, last)
	if ack := <-a.Acks; ack.MessageID != first.String() {
		t.Errorf("acknowledged %s, want %s", ack.MessageID, first)
	}
	waiting := map[string]bool{}
	for _, strange := range []mgs.UUID{
		a.Reply("aws.ssm.no-such-command."+m.ID, last), a.Reply("nonsense", last),
		a.Write(mgs.AgentJobReply, mgs.JobReply{JobID: job, Content: "{"}), a.Reply(job, last),
	} {
		waiting[strange.String()] = true
	}
	for len(waiting) > 0 {
		select {
		case ack := <-a.Acks:
			if !waiting[ack.MessageID] {
				t.Errorf("acknowledged %s, which was not sent or is acknowledged", ack.MessageID)
			}
			delete(waiting, ack.MessageID)
		case <-time.After(10 * time.Second):
			t.Fatalf("%d replies were not acknowledged", len(waiting))
		}
	}
	becomes(t, l, id, m.ID, command.Failed)
}

// What is for others, or unknown, or no JSON, is passed over, and the channel stays.
func TestStrangeMessages(t *testing.T) {
	l := nodetest.New(t, nodetest.Options{})
	m := l.Register(t)
	a := m.Connect(nodetest.Obey)
	for _, kind := range []string{
		mgs.AgentTelemetry, mgs.AgentUpdateResult, "something_new", mgs.AgentJobAck, mgs.AgentJobReply, mgs.AgentTaskComplete,
	} {
		a.Write(kind, "x")
	}
	a.Write(mgs.AgentJobAck, mgs.JobAck{JobID: "nonsense", StatusCode: "200"})
	if err := a.Conn.Write(t.Context(), websocket.MessageText, []byte("{}")); err != nil {
		t.Fatal(err)
	}
	becomes(t, l, send(t, l, m.ID), m.ID, command.Success)
	if err := a.Conn.Write(t.Context(), websocket.MessageBinary, []byte("garbage")); err != nil {
		t.Fatal(err)
	}
	<-a.Gone()
	m.Connect(nodetest.Obey)
	becomes(t, l, send(t, l, m.ID), m.ID, command.Success)
}

func TestOversizedFrameEndsTheChannel(t *testing.T) {
	l := nodetest.New(t, nodetest.Options{})
	a := l.Register(t).Connect(nil)
	// The service may close before all of it is written.
	_ = a.Conn.Write(t.Context(), websocket.MessageBinary, make([]byte, 1<<20))
	<-a.Gone()
}

func TestOpening(t *testing.T) {
	l := nodetest.New(t, nodetest.Options{})
	m, other := l.Register(t), l.Instance(t, "i-0123456789abcdef0")
	fresh := func(m *nodetest.Machine) string {
		status, body := m.CreateChannel(m.ID)
		return nodetest.Token(t, status, body)
	}
	used := fresh(m)
	for _, tt := range []struct {
		name  string
		kind  websocket.MessageType
		frame []byte
		good  bool
	}{
		{"no JSON", websocket.MessageText, []byte("hello"), false},
		{"no token", websocket.MessageText, []byte("{}"), false},
		{"wrong token", websocket.MessageText, nodetest.Opening("x"), false},
		{"another node's token", websocket.MessageText, nodetest.Opening(fresh(other)), false},
		{"binary", websocket.MessageBinary, nodetest.Opening(fresh(m)), false},
		{"good", websocket.MessageText, nodetest.Opening(used), true},
		{"used", websocket.MessageText, nodetest.Opening(used), false},
	} {
		before := l.Channels.Count()
		conn, err := m.Dial(m.ID, websocket.DialOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.Write(t.Context(), tt.kind, tt.frame); err != nil {
			t.Fatal(err)
		}
		if tt.good {
			nodetest.Until(t, "the channel is open", func() bool { return l.Channels.Count() == before+1 })
			defer conn.CloseNow()
			continue
		}
		_, _, err = conn.Read(t.Context())
		if websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
			t.Errorf("%s: %v", tt.name, err)
		}
		_ = conn.CloseNow()
	}
	if _, err := m.Dial(other.ID, websocket.DialOptions{}); err == nil || !strings.Contains(
		err.Error(), "<AccessDeniedException>",
	) {
		t.Errorf("another node's channel: %v", err)
	}
}

// TestTokensExpire: a token is good for a minute of the injected clock, and not a moment longer.
func TestTokensExpire(t *testing.T) {
	for _, tt := range []struct {
		after time.Duration
		good  bool
	}{
		{time.Minute, true},
		{time.Minute + time.Nanosecond, false},
	} {
		var now atomic.Pointer[time.Time]
		begin := time.Now() // by which the SDK signs
		now.Store(&begin)
		l := nodetest.New(t, nodetest.Options{Now: func() time.Time { return *now.Load() }})
		m := l.Register(t)
		status, body := m.CreateChannel(m.ID)
		token := nodetest.Token(t, status, body)
		later := begin.Add(tt.after)
		now.Store(&later)
		conn, err := m.Dial(m.ID, websocket.DialOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.Write(t.Context(), websocket.MessageText, nodetest.Opening(token)); err != nil {
			t.Fatal(err)
		}
		if tt.good {
			nodetest.Until(t, "the channel is open", func() bool { return l.Channels.Count() == 1 })
		} else if _, _, err := conn.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
			t.Errorf("a token after %v: %v", tt.after, err)
		}
		_ = conn.CloseNow()
	}
}

// A channel that is never opened is dropped, whatever else its node says.
func TestUnopenedChannelIsDropped(t *testing.T) {
	const opening = time.Second
	l := nodetest.New(t, nodetest.Options{Channels: ssmmessages.Config{Silence: opening / 10, Opening: opening}})
	conn, err := dial(l.Register(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	pinged := make(chan error, 1)
	start := time.Now()
	go func() { pinged <- keepPinging(conn) }()
	if _, _, err := conn.Read(context.Background()); err == nil {
		t.Error("something was said")
	}
	_ = conn.CloseNow()
	<-pinged
	if d := time.Since(start); d < opening || d > 20*opening {
		t.Errorf("dropped after %v", d)
	}
}

func dial(m *nodetest.Machine, onPing func(context.Context, []byte) bool) (*websocket.Conn, error) {
	return m.Dial(m.ID, websocket.DialOptions{OnPingReceived: onPing})
}

// opened is an open channel of a node that does nothing but read, and says what it makes of pings.
func opened(t *testing.T, l *nodetest.Harness, m *nodetest.Machine, onPing func() bool) (gone <-chan error) {
	t.Helper()
	status, body := m.CreateChannel(m.ID)
	conn, err := dial(m, func(context.Context, []byte) bool { return onPing() })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	if err := conn.Write(
		t.Context(), websocket.MessageText, nodetest.Opening(nodetest.Token(t, status, body)),
	); err != nil {
		t.Fatal(err)
	}
	nodetest.Until(t, "the channel is open", func() bool { return l.Mailbox.Connected(m.ID) })
	ended := make(chan error, 1)
	go func() {
		_, _, err := conn.Read(context.Background())
		ended <- err
	}()
	return ended
}

// Most agents ping every five minutes only. The server asks whether they are there, and the channel stays.
func TestSilentNodeKeepsItsChannel(t *testing.T) {
	l := nodetest.New(t, nodetest.Options{Channels: ssmmessages.Config{Silence: 20 * time.Millisecond}})
	m := l.Register(t)
	const pings = 30
	asked := make(chan struct{}, pings)
	gone := opened(t, l, m, func() bool {
		select {
		case asked <- struct{}{}:
		default:
		}
		return true
	})
	for i := range pings {
		select {
		case <-asked:
		case err := <-gone:
			t.Fatalf("dropped after %d pings: %v", i, err)
		case <-time.After(20 * time.Second):
			t.Fatalf("asked %d times only", i)
		}
		if !l.Mailbox.Connected(m.ID) {
			t.Fatal("the node counts as not connected")
		}
	}
}

// A node that does not answer is gone: its channel is closed.
func TestUnansweredPingEndsTheChannel(t *testing.T) {
	l := nodetest.New(
		t, nodetest.Options{Channels: ssmmessages.Config{Silence: 20 * time.Millisecond, Answer: 100 * time.Millisecond}},
	)
	m := l.Register(t)
	gone := opened(t, l, m, func() bool { return false })
	select {
	case <-gone:
	case <-time.After(20 * time.Second):
		t.Fatal("the channel of a node that answers nothing stays")
	}
	nodetest.Until(t, "the node is not connected", func() bool { return !l.Mailbox.Connected(m.ID) })
}

func keepPinging(conn *websocket.Conn) error {
	next := time.NewTicker(20 * time.Millisecond)
	defer next.Stop()
	for {
		if err := conn.Ping(context.Background()); err != nil {
			return err
		}
		<-next.C
	}
}

func TestNewestWins(t *testing.T) {
	l := nodetest.New(t, nodetest.Options{})
	m := l.Register(t)
	first := m.Connect(nil)
	nodetest.Until(t, "the first is open", func() bool { return l.Channels.Count() == 1 })
	second := m.Connect(nodetest.Obey)
	<-first.Gone()
	id := send(t, l, m.ID)
	becomes(t, l, id, m.ID, command.Success)
	if len(first.Jobs()) != 0 || len(second.Jobs()) != 1 {
		t.Errorf("jobs: first %v, second %v", first.Jobs(), second.Jobs())
	}
}

// A reply that was on its way when its node opened another channel is taken, and acknowledged by the new one.
func TestReplyOnAReplacedChannel(t *testing.T) {
	l := nodetest.New(t, nodetest.Options{})
	m := l.Register(t)
	first := m.Connect(nil)
	id := send(t, l, m.ID)
	nodetest.Until(t, "the job came", func() bool { return len(first.Jobs()) == 1 })
	second := m.Connect(nil)
	nodetest.Until(t, "the second is open", func() bool { return len(second.Jobs()) == 1 }) // it was not acknowledged
	reply := first.Reply(mgs.JobID(id, m.ID), nodetest.Result(mgs.Success, 0, "", ""))
	if ack := <-second.Acks; ack.MessageID != reply.String() {
		t.Errorf("acknowledged %s, want %s", ack.MessageID, reply)
	}
	becomes(t, l, id, m.ID, command.Success)
	<-first.Gone()
}

func TestDeregistrationEndsTheChannel(t *testing.T) {
	l := nodetest.New(t, nodetest.Options{})
	m := l.Register(t)
	a := m.Connect(nil)
	nodetest.Until(t, "the channel is open", func() bool { return l.Channels.Count() == 1 })
	if err := l.Nodes.Deregister(t.Context(), nodetest.Scope, m.ID); err != nil {
		t.Fatal(err)
	}
	<-a.Gone()
}

func TestUnansweredJobIsSentAgain(t *testing.T) {
	l := nodetest.New(t, nodetest.Options{Resend: 50 * time.Millisecond})
	m := l.Register(t)
	a := m.Connect(func(a *nodetest.Agent, job mgs.Job) {
		if len(a.Jobs()) >= 3 {
			nodetest.Obey(a, job)
		}
	})
	becomes(t, l, send(t, l, m.ID), m.ID, command.Success)
	if n := len(a.Jobs()); n < 3 {
		t.Errorf("sent %d times", n)
	}
}

// A reply that could not be kept is not acknowledged, and is taken when it comes again.
func TestFullDisk(t *testing.T) {
	l := nodetest.New(t, nodetest.Options{})
	m := l.Register(t)
	a := m.Connect(nil)
	id := send(t, l, m.ID)
	nodetest.Until(t, "the job came", func() bool { return len(a.Jobs()) == 1 })
	l.Store.Fail(fmt.Errorf("the disk is full"))
	job := mgs.JobID(id, m.ID)
	a.Reply(job, nodetest.Result(mgs.Success, 0, "", ""))
	select {
	case ack := <-a.Acks:
		t.Errorf("acknowledged %+v", ack)
	case <-time.After(200 * time.Millisecond):
	}
	l.Store.Fail(nil)
	a.Reply(job, nodetest.Result(mgs.Success, 0, "", ""))
	<-a.Acks
	becomes(t, l, id, m.ID, command.Success)
}

func TestFlood(t *testing.T) {
	l := nodetest.New(t, nodetest.Options{})
	flooder, good := l.Register(t), l.Instance(t, "i-0123456789abcdef0")
	a := flooder.Connect(nil)
	good.Connect(nodetest.Obey)
	stop := make(chan struct{})
	flooded := make(chan struct{})
	go func() {
		defer close(flooded)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				a.Reply(
					fmt.Sprintf("aws.ssm.flood-%d.%s", i, flooder.ID),
					nodetest.Result(mgs.Success, 0, strings.Repeat("x", 20_000), ""),
				)
			}
		}
	}()
	go func() {
		for range a.Acks {
			continue
		}
	}()
	for range 20 {
		becomes(t, l, send(t, l, good.ID), good.ID, command.Success)
	}
	close(stop)
	<-flooded
	a.Leave()
	close(a.Acks)
}
