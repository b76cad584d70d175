package ssmmessages

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/coder/websocket"

	"postern/aws/fault"
	"postern/ssm/mailbox"
	"postern/ssm/mgs"
)

// maxUnacknowledged is how many replies of one node may wait for the disk. A node that sends more is not read from
// meanwhile.
const maxUnacknowledged = 32

// channel is one control channel. It implements mailbox.Channel.
type channel struct {
	s    *Channels
	node string
	conn *websocket.Conn
	// standing says whether the node's credentials may still hold the channel open.
	standing func(context.Context) error
	// slots are taken by replies that are not acknowledged yet.
	slots chan struct{}

	mu sync.Mutex // guards what follows
	// silence is one timer for the channel's whole life: while it is being opened, the time for that, and then the time
	// since something was heard. It runs silent.
	silence *time.Timer
	opened  bool
	// left says that a newer channel has taken this one's place.
	left bool
	// asked says that the node was sent a ping, and nothing was heard since.
	asked bool
	// ended says that run is over.
	ended bool
	// out waits to be written by the goroutine that writing says is there.
	out     [][]byte
	writing bool
}

// run is the channel's life.
func (ch *channel) run() {
	defer ch.end()
	stop := context.AfterFunc(ch.s.ctx, func() { _ = ch.conn.CloseNow() })
	defer stop()
	if err := ch.begin(); err != nil {
		ch.s.config.Log.Info("a control channel was refused", "node", ch.node, "error", err)
		// A refusal is told in the close frame; whether the node reads it does not matter.
		_ = ch.conn.Close(websocket.StatusPolicyViolation, "the control channel was not opened by a good token")
		return
	}
	ch.s.enter(ch)
	ch.open()
	defer ch.s.config.Nodes.Arrive(ch.node)()
	var leave func()
	var err error
	aside(func() { leave, err = ch.s.config.Mailbox.Open(ch.s.ctx, ch.node, ch) })
	if err != nil {
		ch.s.config.Log.Error("a node's mailbox could not be opened", "node", ch.node, "error", err)
		return
	}
	defer leave()
	ch.s.config.Log.Debug("a control channel is open", "node", ch.node)
	err = ch.read()
	ch.s.config.Log.Debug("a control channel ended", "node", ch.node, "error", err)
}

// aside runs f on a goroutine of its own and waits for it. A channel's own goroutine waits for years, and keeps a stack
// as deep as its deepest call: what needs a deep one, such as a query, leaves it this way.
func aside(f func()) {
	done := make(chan error)
	go func() { done <- fault.Contain("ssmmessages.aside", func() error { f(); return nil }) }()
	if err := <-done; err != nil {
		panic(err) // it is the channel's own: whoever runs that contains it
	}
}

// errRefused refuses a first frame.
var errRefused = errors.New("the first frame is not an opening with a good token")

// begin waits for the text frame and judges its token.
func (ch *channel) begin() error {
	kind, data, err := ch.conn.Read(context.Background())
	if err != nil {
		return err
	}
	if kind != websocket.MessageText {
		return errRefused
	}
	var open mgs.Open
	aside(func() { open, err = readOpen(data) })
	if err != nil {
		return err
	}
	if !ch.s.tokens.use(open.Token, ch.node, ch.s.config.Now()) {
		return errRefused
	}
	// The upgrade was authorised, and its node there, up to a moment before: either may have ended since.
	aside(func() {
		if _, err = ch.s.config.Nodes.Find(ch.s.ctx, ch.node); err == nil {
			err = ch.standing(ch.s.ctx)
		}
	})
	return err
}

// watch closes the channels of nodes whose credentials are revoked, or may no longer hold them open.
func (s *Channels) watch() {
	clock := time.NewTicker(s.config.Recheck)
	defer clock.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-clock.C:
		}
		s.mu.Lock()
		open := slices.Collect(maps.Values(s.byNode))
		s.mu.Unlock()
		for _, ch := range open {
			err := ch.standing(s.ctx)
			if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Denied) {
				s.config.Log.Info("a control channel is closed: its credentials are no longer good", "node", ch.node, "error", err)
				_ = ch.conn.CloseNow()
			}
		}
	}
}

// readOpen reads the text frame that opens a channel.
func readOpen(data []byte) (mgs.Open, error) {
	var open mgs.Open
	if err := json.Unmarshal(data, &open); err != nil {
		return open, fmt.Errorf("the opening is not JSON: %w", err)
	}
	if open.Token == "" {
		return open, errRefused
	}
	return open, nil
}

func (ch *channel) open() {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	ch.opened = true
	ch.silence.Reset(ch.s.config.Silence)
}

// heard notes a sign of life. A node that only pings has not opened its channel.
func (ch *channel) heard() {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if ch.opened && !ch.left && !ch.ended {
		ch.asked = false
		ch.silence.Reset(ch.s.config.Silence)
	}
}

// silent closes a connection whose opening took too long, and asks the node of an open one whether it is there. Only a
// ping without an answer says that it is not: agents may be silent for minutes.
func (ch *channel) silent() {
	ch.mu.Lock()
	stays := ch.opened && !ch.left
	if stays && !ch.ended {
		ch.asked = true
		ch.s.wg.Go(func() { fault.ContainTo(ch.s.config.Log, "ssmmessages.ask", ch.ask) })
	}
	ch.mu.Unlock()
	if !stays {
		_ = ch.conn.CloseNow()
	}
}

// drainTime is how long a channel whose node has opened another is still read. What is on its way on it would be lost
// else, and agents repeat a reply only every five minutes.
const drainTime = 2 * time.Second

// replaced has the channel end soon.
func (ch *channel) replaced() {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if !ch.ended {
		ch.left = true
		ch.silence.Reset(drainTime)
	}
}

// ask pings and waits for the answer, for which anything that is heard meanwhile is taken.
func (ch *channel) ask() {
	ctx, cancel := context.WithTimeout(ch.s.ctx, ch.s.config.Answer)
	defer cancel()
	if err := ch.conn.Ping(ctx); err == nil {
		ch.heard()
		return
	}
	ch.mu.Lock()
	asked := ch.asked
	ch.mu.Unlock()
	if asked {
		_ = ch.conn.CloseNow()
	}
}

func (ch *channel) end() {
	_ = ch.conn.CloseNow()
	ch.mu.Lock()
	ch.ended = true
	ch.silence.Stop()
	ch.mu.Unlock()
	ch.s.leave(ch)
}

// read takes messages until the connection ends. Malformed ones end it: an agent writes none.
func (ch *channel) read() error {
	for {
		kind, data, err := ch.conn.Read(context.Background())
		if err != nil {
			return err
		}
		ch.heard()
		if kind != websocket.MessageBinary {
			continue
		}
		m, err := mgs.Parse(data)
		if err != nil {
			_ = ch.conn.Close(websocket.StatusProtocolError, "not an AgentMessage")
			return err
		}
		aside(func() { err = ch.handle(m) })
		if err != nil {
			// Nothing was acknowledged: the agent sends it again, or the service the job.
			ch.s.config.Log.Warn("a message was not taken", "node", ch.node, "kind", m.Type, "error", err)
		}
	}
}

// handle takes one message. Types that are not for the service, or not known, come to nothing.
func (ch *channel) handle(m mgs.Message) error {
	switch m.Type {
	case mgs.AgentJobAck:
		var ack mgs.JobAck
		if err := json.Unmarshal(m.Payload, &ack); err != nil {
			return err
		}
		return ch.s.config.Commands.Acknowledged(ch.s.ctx, ch.node, ack.JobID, ack.StatusCode)
	case mgs.AgentJobReply:
		var reply mgs.JobReply
		if err := json.Unmarshal(m.Payload, &reply); err != nil {
			return err
		}
		return ch.replied(m.ID, reply)
	}
	return nil
}

// replied hands a reply on, and acknowledges it when it is durable. One that cannot be read is acknowledged too: there
// is nothing to keep, and the agent would send it again for two hours.
func (ch *channel) replied(message mgs.UUID, reply mgs.JobReply) error {
	select {
	case ch.slots <- struct{}{}:
	case <-ch.s.ctx.Done():
		return ch.s.ctx.Err()
	}
	err := ch.s.config.Commands.Replied(ch.s.ctx, ch.node, reply.JobID, reply.Content, func(err error) {
		if err == nil {
			ch.acknowledge(message, reply.JobID)
		}
		<-ch.slots
	})
	if err != nil {
		<-ch.slots
	}
	if fault.Is(err, fault.Invalid) {
		ch.acknowledge(message, reply.JobID)
	}
	return err
}

func (ch *channel) acknowledge(message mgs.UUID, job string) {
	m, err := ch.encode(mgs.AgentJobReplyAck, mgs.JobReplyAck{JobID: job, MessageID: message.String()})
	if err != nil {
		ch.s.config.Log.Error("an acknowledgement could not be written", "node", ch.node, "error", err)
		return
	}
	ch.s.latest(ch).queue(m)
}

// Send implements mailbox.Channel.
func (ch *channel) Send(i mailbox.Item) error {
	m, err := ch.encode(mgs.AgentJob, mgs.Job{SchemaVersion: 1, JobID: i.ID, Topic: i.Topic, Content: i.Content})
	if err != nil {
		return err
	}
	return ch.write(m)
}

// encode writes an AgentMessage.
func (ch *channel) encode(kind string, payload any) ([]byte, error) {
	b, err := json.Marshal(payload)
	if err != nil {
		return nil, err
	}
	m := mgs.New(kind, b, ch.s.config.Now())
	return m.Encode()
}

// queue has a message written without waiting for it: its caller must not be held up by one slow node.
func (ch *channel) queue(message []byte) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if ch.ended {
		return
	}
	ch.out = append(ch.out, message)
	if !ch.writing {
		ch.writing = true
		ch.s.wg.Go(ch.tryFlush)
	}
}

// tryFlush flushes. A channel that cannot be written to, not even by trying, is closed: its node opens another.
func (ch *channel) tryFlush() {
	if !fault.ContainTo(ch.s.config.Log, "ssmmessages.flush", ch.flush) {
		_ = ch.conn.CloseNow()
	}
}

// flush writes what is queued, and gives the rest up when the connection breaks: nothing is lost that the agent does
// not send again.
func (ch *channel) flush() {
	for {
		ch.mu.Lock()
		messages := ch.out
		ch.out = nil
		if len(messages) == 0 {
			ch.writing = false
			ch.mu.Unlock()
			return
		}
		ch.mu.Unlock()
		for _, m := range messages {
			if err := ch.write(m); err != nil {
				break
			}
		}
	}
}

func (ch *channel) write(message []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), ch.s.config.WriteTimeout)
	defer cancel()
	return ch.conn.Write(ctx, websocket.MessageBinary, message)
}
