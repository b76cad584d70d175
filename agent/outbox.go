package agent

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"postern/agent/execute"
	"postern/ssm/mgs"
)

const (
	// ackWithin bounds how long an acknowledgement may take before a reply is written to disk.
	ackWithin = time.Second
	// resendEvery is 5 min in Amazon's agent.
	resendEvery = 30 * time.Second
	// keepReplies bounds how long a reply is sent again, mostReplies how many are kept; the oldest are dropped.
	keepReplies = 24 * time.Hour
	mostReplies = 2000
)

// reply is one reply until the service has acknowledged it.
type reply struct {
	ID      string    `json:"id"` // the message's UUID, the same at every try
	JobID   string    `json:"jobId"`
	Topic   string    `json:"topic"`
	Content string    `json:"content"`
	Made    time.Time `json:"made"`

	sent    time.Time // zero for never
	written bool      // on disk
}

// outbox holds the replies that are not acknowledged, in order.
type outbox struct {
	dir string

	mu      sync.Mutex
	replies []*reply
	// wake has a value when there is something new to send.
	wake chan struct{}
}

func openOutbox(dir string) (*outbox, error) {
	o := &outbox{wake: make(chan struct{}, 1)}
	if dir == "" {
		return o, nil
	}
	o.dir = filepath.Join(dir, "replies")
	entries, err := os.ReadDir(o.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(o.dir, e.Name()))
		if err != nil {
			return nil, err
		}
		r := &reply{written: true}
		if json.Unmarshal(text, r) == nil && r.ID+".json" == e.Name() {
			o.replies = append(o.replies, r)
		}
	}
	slices.SortFunc(o.replies, func(a, b *reply) int { return a.Made.Compare(b.Made) })
	return o, nil
}

func (o *outbox) add(r *reply) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.replies = append(o.replies, r)
	for len(o.replies) > mostReplies {
		o.dropLocked(0)
	}
}

func (o *outbox) dropLocked(n int) {
	r := o.replies[n]
	o.replies = slices.Delete(o.replies, n, n+1)
	if r.written {
		_ = os.Remove(filepath.Join(o.dir, r.ID+".json")) // at worst it is sent once more and recognised
	}
}

// acknowledged forgets a reply.
func (o *outbox) acknowledged(id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if n := slices.IndexFunc(o.replies, func(r *reply) bool { return r.ID == id }); n >= 0 {
		o.dropLocked(n)
	}
}

// due returns the replies that were not sent since a time. It forgets those that are too old, and writes down those
// that wait for an acknowledgement.
func (o *outbox) due(now, since time.Time) []*reply {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.replies) > 0 && now.Sub(o.replies[0].Made) > keepReplies {
		o.dropLocked(0)
	}
	var out []*reply
	for _, r := range o.replies {
		if now.Sub(r.Made) > ackWithin {
			_ = o.writeLocked(r) // it is in memory, too
		}
		if r.sent.Before(since) || r.sent.IsZero() {
			out = append(out, r)
		}
	}
	return out
}

func (o *outbox) markSent(r *reply, at time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	r.sent = at
}

func (o *outbox) writeLocked(r *reply) error {
	if o.dir == "" || r.written {
		return nil
	}
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(o.dir, r.ID+".json"), text); err != nil {
		return err
	}
	r.written = true
	return nil
}

// close writes everything down for the next process.
func (o *outbox) close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	var err error
	for _, r := range o.replies {
		err = errors.Join(err, o.writeLocked(r))
	}
	return err
}

func (o *outbox) empty() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.replies) == 0
}

// unsent makes every reply due at once: a new channel knows nothing of what was sent on the last one.
func (o *outbox) unsent() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range o.replies {
		r.sent = time.Time{}
	}
}

func (o *outbox) nudge() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// reply tells the service a result, by whichever service is reached; until it is acknowledged it stays in the outbox.
func (a *Agent) reply(ctx context.Context, jobID string, result execute.Result, trace string) {
	content := mgs.ReplyContent{
		AdditionalInfo: mgs.AdditionalInfo{
			Agent: mgs.AgentInfo{
				Lang: "en-US", Name: agentName, OS: strings.ToLower(a.platform.kind), OSVersion: "1", Version: a.Version,
			},
			DateTime: mgs.FormatTime(a.Now()), RuntimeStatusCounts: result.Counts,
		},
		DocumentStatus: result.Status, DocumentTraceOutput: trace, RuntimeStatus: result.Steps,
	}
	if a.transport.name() == overEC2Messages {
		able := false
		content.AdditionalInfo.AbleToOpenMGSConnection = &able
	}
	// It counts as sent before it is, so that nobody else sends it meanwhile.
	r := &reply{
		ID:      mgs.NewUUID().String(),
		JobID:   jobID,
		Topic:   mgs.TopicSendCommand,
		Content: fit(&content),
		Made:    a.Now(),
		sent:    a.Now(),
	}
	a.outbox.add(r)
	if !a.sendOnChannel(ctx, r) {
		a.outbox.markSent(r, time.Time{})
	}
	a.outbox.nudge()
}

// fit encodes a reply and shortens its outputs until it is not longer than the service reads.
func fit(c *mgs.ReplyContent) string {
	for limit := mgs.StreamLimit; ; limit /= 2 {
		text, err := json.Marshal(c)
		if err != nil {
			return "{}" // cannot happen: the fields are strings and numbers
		}
		// It is put into another JSON text, where every quote and backslash is escaped again.
		if size := len(text) + strings.Count(string(text), `"`) + strings.Count(string(text), `\`); size < mgs.ReplyLimit ||
			limit == 0 {
			return string(text)
		}
		for _, s := range c.RuntimeStatus {
			s.StandardOutput = execute.Truncate(s.StandardOutput, limit)
			s.StandardError = execute.Truncate(s.StandardError, limit)
		}
	}
}

// resend sends what was not acknowledged: at once by ec2messages, again after a while by either service.
func (a *Agent) resend(ctx context.Context) {
	for _, r := range a.jobs.interrupted() {
		a.reply(ctx, r.ID, execute.Result{Status: mgs.Failed}, "the agent ended while the command ran")
	}
	a.resume(ctx)
	again := time.NewTimer(0)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.outbox.wake:
		case <-again.C:
		}
		a.sendDue(ctx)
		if a.outbox.empty() {
			again.Stop() // an idle agent does not even wake up
		} else {
			again.Reset(ackWithin)
		}
	}
}

func (a *Agent) sendDue(ctx context.Context) {
	now := a.Now()
	for _, r := range a.outbox.due(now, now.Add(-resendEvery)) {
		if a.sendOnChannel(ctx, r) {
			a.outbox.markSent(r, now)
			continue
		}
		if a.transport.name() != overEC2Messages {
			return
		}
		if err := a.sendReply(ctx, r); err != nil {
			a.Log.Warn("a reply is not sent", "job", r.JobID, "error", err)
			return
		}
		a.outbox.acknowledged(r.ID)
	}
}
