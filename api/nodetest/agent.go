package nodetest

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"postern/ssm/mgs"
)

// Agent is a scripted agent on a control channel.
type Agent struct {
	Conn *websocket.Conn
	m    *Machine
	// on is called for every job.
	on func(a *Agent, job mgs.Job)
	// Acks are the acknowledgements of replies.
	Acks chan mgs.JobReplyAck
	done chan struct{}
	wg   sync.WaitGroup

	mu     sync.Mutex // guards what follows
	frames map[string]mgs.UUID
	jobs   []string
}

// Connect opens a control channel and has on called for every job that comes over it; nil does nothing.
func (m *Machine) Connect(on func(a *Agent, job mgs.Job)) *Agent {
	m.t.Helper()
	status, body := m.CreateChannel(m.ID)
	token := Token(m.t, status, body)
	conn, err := m.Dial(m.ID, websocket.DialOptions{})
	if err != nil {
		m.t.Fatal(err)
	}
	conn.SetReadLimit(1 << 20)
	if err := conn.Write(context.Background(), websocket.MessageText, Opening(token)); err != nil {
		m.t.Fatal(err)
	}
	a := &Agent{
		Conn: conn, m: m, on: on, Acks: make(chan mgs.JobReplyAck, 1000), done: make(chan struct{}),
		frames: map[string]mgs.UUID{},
	}
	go a.read()
	m.t.Cleanup(a.Leave)
	return a
}

// Leave drops the channel.
func (a *Agent) Leave() {
	_ = a.Conn.CloseNow()
	<-a.done
	a.wg.Wait()
}

// Gone is closed when the channel has ended.
func (a *Agent) Gone() <-chan struct{} { return a.done }

func (a *Agent) read() {
	defer close(a.done)
	for {
		_, data, err := a.Conn.Read(context.Background())
		if err != nil {
			return
		}
		m, err := mgs.Parse(data)
		if err != nil {
			a.m.t.Errorf("the service sent no AgentMessage: %v", err)
			return
		}
		switch m.Type {
		case mgs.AgentJob:
			var job mgs.Job
			a.decode(m.Payload, &job)
			a.mu.Lock()
			a.frames[job.JobID] = m.ID
			a.jobs = append(a.jobs, job.JobID)
			a.mu.Unlock()
			if a.on != nil {
				a.wg.Go(func() { a.on(a, job) })
			}
		case mgs.AgentJobReplyAck:
			var ack mgs.JobReplyAck
			a.decode(m.Payload, &ack)
			a.Acks <- ack
		default:
			a.m.t.Errorf("the service sent a message of type %q", m.Type)
		}
	}
}

func (a *Agent) decode(payload []byte, into any) {
	if err := json.Unmarshal(payload, into); err != nil {
		a.m.t.Errorf("%s: %v", payload, err)
	}
}

// Jobs are the ids of the jobs that came, each as often as it came.
func (a *Agent) Jobs() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]string(nil), a.jobs...)
}

// Write sends a message of any type and returns its id.
func (a *Agent) Write(kind string, payload any) mgs.UUID {
	b, err := json.Marshal(payload)
	if err != nil {
		a.m.t.Error(err)
	}
	m := mgs.New(kind, b, a.m.now())
	frame, err := m.Encode()
	if err != nil {
		a.m.t.Error(err)
	}
	// An error is the channel's end, which whoever waits for an answer sees.
	_ = a.Conn.Write(context.Background(), websocket.MessageBinary, frame)
	return m.ID
}

// Ack answers a job.
func (a *Agent) Ack(job string, code mgs.Code) {
	a.mu.Lock()
	frame := a.frames[job]
	a.mu.Unlock()
	a.Write(
		mgs.AgentJobAck,
		mgs.JobAck{
			JobID: job, MessageID: frame.String(), CreatedDate: mgs.FormatTime(a.m.now()), StatusCode: code, Error: code.Text(),
		},
	)
}

// Reply reports on a job and returns the message's id.
func (a *Agent) Reply(job string, r mgs.ReplyContent) mgs.UUID {
	b, err := json.Marshal(r)
	if err != nil {
		a.m.t.Error(err)
	}
	return a.Write(
		mgs.AgentJobReply, mgs.JobReply{SchemaVersion: 1, JobID: job, Content: string(b), Topic: mgs.TopicSendCommand},
	)
}

// Obey is an agent that does what it is told, in the order in which the public one reports.
func Obey(a *Agent, job mgs.Job) {
	a.Ack(job.JobID, mgs.Accepted)
	a.Reply(job.JobID, mgs.ReplyContent{DocumentStatus: mgs.InProgress})
	a.Reply(job.JobID, Result(mgs.Success, 0, "done\n", ""))
}

// ran is when the steps of a Result began.
var ran = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// Result is the last reply of a document of one step.
func Result(s mgs.Status, code int, stdout, stderr string) mgs.ReplyContent {
	r := mgs.ReplyContent{DocumentStatus: s, RuntimeStatus: map[string]*mgs.StepStatus{"aws:runShellScript": {
		Status: s, Code: code, Name: "aws:runShellScript", StandardOutput: stdout, StandardError: stderr, Output: stdout,
		StartDateTime: mgs.FormatTime(ran), EndDateTime: mgs.FormatTime(ran.Add(55 * time.Millisecond)),
	}}}
	if stderr != "" {
		r.RuntimeStatus["aws:runShellScript"].Output += mgs.ErrorMark + stderr
	}
	r.AdditionalInfo.RuntimeStatusCounts = map[mgs.Status]int{s: 1}
	r.AdditionalInfo.DateTime = mgs.FormatTime(ran)
	return r
}

// Until waits until a condition holds, and fails the test if it does not for half a minute.
func Until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("waited in vain until %s", what)
		case <-time.After(2 * time.Millisecond):
		}
	}
}
