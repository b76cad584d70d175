package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"postern/ssm/mgs"
)

// writeTime bounds the writing of one message.
const writeTime = 5 * time.Second

// steadyAfter sets how long a channel must have been open for its end not to count as one more failure.
const steadyAfter = 10 * time.Second

// An openChannel is the control channel while it is open.
type openChannel struct {
	conn *websocket.Conn
}

// channel keeps the control channel open.
func (a *Agent) channel(ctx context.Context) {
	wait := newBackoff()
	for {
		began := a.Now()
		opened, err := a.serveChannel(ctx)
		a.transport.setChannel(nil)
		if ctx.Err() != nil {
			return
		}
		a.Log.Warn("the control channel is not open", "opened", opened, "error", err)
		if opened && a.Now().Sub(began) > steadyAfter {
			wait.reset()
		}
		if !wait.sleep(ctx, err) {
			return
		}
	}
}

// errDenied says that this node may not use ssmmessages. The literal text in the answer is what Amazon's agent looks
// for.
var errDenied = errors.New("ssmmessages denies this node: <AccessDeniedException>")

// serveChannel opens a channel and works on it until it ends.
func (a *Agent) serveChannel(life context.Context) (opened bool, err error) {
	// Everything of one channel ends with it, but for the jobs that it brought: those end with the agent.
	ctx, cancel := context.WithCancel(life)
	defer cancel()
	conn, err := a.openChannel(ctx)
	if err != nil {
		a.transport.setDenied(errors.Is(err, errDenied))
		return false, err
	}
	defer func() { _ = conn.CloseNow() }() // it is of no more use, however it ends
	a.Log.Info("control channel open")
	a.transport.setDenied(false)
	a.outbox.unsent()
	a.transport.setChannel(&openChannel{conn})
	a.transport.take(overSSMMessages)
	a.outbox.nudge()
	var parts sync.WaitGroup
	defer parts.Wait()
	parts.Go(func() {
		defer cancel()
		a.pingChannel(ctx, conn)
	})
	defer cancel()
	for {
		kind, data, err := conn.Read(ctx)
		if err != nil {
			return true, err
		}
		if kind != websocket.MessageBinary {
			continue
		}
		m, err := mgs.Parse(data)
		if err != nil {
			a.Log.Warn("a message cannot be read", "error", err)
			continue
		}
		if m.Type == mgs.AgentJob {
			err = a.takeJob(ctx, life, conn, &m)
		} else {
			err = a.handle(ctx, conn, &m)
		}
		if err != nil {
			return true, err
		}
	}
}

func (a *Agent) openChannel(ctx context.Context) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	token, err := a.createChannel(ctx)
	if err != nil {
		return nil, err
	}
	address := a.Endpoint("ssmmessages",
		a.Identity.Region()) + "/v1/control-channel/" + a.Identity.Node() + "?role=subscribe&stream=input"
	// The upgrade is signed like any request; the library makes its own request with these headers.
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	c, err := a.Identity.Credentials(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.signWith(c, "ssmmessages")(r, nil); err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", "postern-agent/"+a.Version)
	conn, resp, err := websocket.Dial(ctx, address,
		&websocket.DialOptions{HTTPClient: a.HTTP, HTTPHeader: r.Header, CompressionMode: websocket.CompressionDisabled})
	if resp != nil && resp.Body != nil {
		resp.Body.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("open the control channel: %w", err)
	}
	conn.SetReadLimit(mgs.MaxSize)
	hello, err := json.Marshal(mgs.Open{
		SchemaVersion: "1.0",
		RequestID:     mgs.NewUUID().String(),
		Token:         token,
		AgentVersion:  a.Version,
		PlatformType:  strings.ToLower(a.platform.kind),
	})
	if err == nil {
		err = conn.Write(ctx, websocket.MessageText, hello)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("greet on the control channel: %w", err), conn.CloseNow())
	}
	return conn, nil
}

// createChannel asks for the token that opens the websocket. The answer is 201 with XML, and nothing else.
func (a *Agent) createChannel(ctx context.Context) (token string, err error) {
	c, err := a.Identity.Credentials(ctx)
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(mgs.CreateChannel{SchemaVersion: "1.0", RequestID: mgs.NewUUID().String()})
	if err != nil {
		return "", err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost,
		a.Endpoint("ssmmessages", a.Identity.Region())+"/v1/control-channel/"+a.Identity.Node(), bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/json")
	status, answer, err := a.send(r, body, a.signWith(c, "ssmmessages"))
	if err != nil {
		return "", fmt.Errorf("CreateControlChannel: %w", err)
	}
	if status != http.StatusCreated {
		if bytes.Contains(answer, []byte("<AccessDeniedException>")) {
			a.Identity.renew()
			return "", errDenied
		}
		err := apiError("CreateControlChannel", status, answer)
		a.noteRefusal(err)
		return "", err
	}
	var out struct {
		Token string `xml:"TokenValue"`
	}
	if err := xml.Unmarshal(answer, &out); err != nil || out.Token == "" {
		return "", fmt.Errorf("CreateControlChannel: the answer holds no token: %w", errors.Join(err, errors.ErrUnsupported))
	}
	return out.Token, nil
}

// pingChannel keeps the channel alive, and ends when the other side does not answer.
func (a *Agent) pingChannel(ctx context.Context, conn *websocket.Conn) {
	for pause(ctx, a.PingEvery) {
		ping, cancel := context.WithTimeout(ctx, min(pongWithin, a.PingEvery))
		err := conn.Ping(ping)
		cancel()
		if err != nil {
			if ctx.Err() == nil {
				a.Log.Warn("the control channel does not answer", "error", err)
			}
			return
		}
	}
}

// takeJob answers an agent_job, and starts what it asks for once the answer is on its way.
func (a *Agent) takeJob(ctx, life context.Context, conn *websocket.Conn, m *mgs.Message) error {
	var j mgs.Job
	if err := json.Unmarshal(m.Payload, &j); err != nil {
		a.Log.Warn("a job cannot be read", "error", err)
		return a.acknowledge(ctx, conn, m, "", mgs.ParseError)
	}
	code, after := a.deliver(life, j.JobID, j.Topic, j.Content)
	err := a.acknowledge(ctx, conn, m, j.JobID, code)
	if err != nil {
		a.Log.Warn("a job is not acknowledged", "job", j.JobID, "error", err)
	}
	after() // it was taken all the same; its replies will tell
	return err
}

// handle works on one message that is no job. An error ends the channel.
func (a *Agent) handle(ctx context.Context, conn *websocket.Conn, m *mgs.Message) error {
	switch m.Type {
	case mgs.AgentJobReplyAck:
		var ack mgs.JobReplyAck
		if json.Unmarshal(m.Payload, &ack) == nil {
			a.outbox.acknowledged(ack.MessageID)
		}
	case mgs.InteractiveShell:
		return a.refuseSession(ctx, conn, m)
	case mgs.AgentTaskAcknowledge, mgs.ChannelClosed:
	default:
		a.Log.Debug("unknown message", "kind", m.Type)
	}
	return nil
}

func (a *Agent) acknowledge(
	ctx context.Context, conn *websocket.Conn, m *mgs.Message, jobID string, code mgs.Code,
) error {
	return a.write(ctx, conn, mgs.AgentJobAck, mgs.NewUUID(), mgs.JobAck{
		JobID: jobID, MessageID: m.ID.String(), CreatedDate: mgs.FormatTime(a.Now()), StatusCode: code, Error: code.Text(),
	})
}

// refuseSession says that this agent has no sessions, as one that failed.
func (a *Agent) refuseSession(ctx context.Context, conn *websocket.Conn, m *mgs.Message) error {
	var t mgs.Task
	if err := json.Unmarshal(m.Payload, &t); err != nil || t.TaskID == "" {
		a.Log.Warn("a session cannot be read", "error", err)
		return nil
	}
	return a.write(ctx, conn, mgs.AgentTaskComplete, mgs.NewUUID(), mgs.TaskComplete{
		SchemaVersion: 1, TaskID: t.TaskID, Topic: mgs.AgentTaskComplete, FinalStatus: string(mgs.Failed),
		InstanceID: a.Identity.Node(), Output: "postern-agent " + a.Version + " has no sessions", RetryNumber: 1,
	})
}

func (a *Agent) write(ctx context.Context, conn *websocket.Conn, kind string, id mgs.UUID, payload any) error {
	text, err := json.Marshal(payload)
	if err != nil {
		return err
	}
	m := mgs.New(kind, text, a.Now())
	m.ID = id
	data, err := m.Encode()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, writeTime)
	defer cancel()
	return conn.Write(ctx, websocket.MessageBinary, data)
}

// sendOnChannel sends a reply if the channel is open, and reports whether it did.
func (a *Agent) sendOnChannel(ctx context.Context, r *reply) bool {
	c := a.transport.current()
	if c == nil {
		return false
	}
	id, err := mgs.ParseUUID(r.ID)
	if err == nil {
		err = a.write(ctx, c.conn, mgs.AgentJobReply, id,
			mgs.JobReply{SchemaVersion: 1, JobID: r.JobID, Content: r.Content, Topic: r.Topic})
	}
	if err != nil {
		a.Log.Warn("a reply is not sent", "job", r.JobID, "error", err)
	}
	return err == nil
}
