package command

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"postern/aws/fault"
	"postern/ssm/document"
	"postern/ssm/mailbox"
	"postern/ssm/mgs"
)

func (i *Invocation) jobID() string       { return mgs.JobID(i.CommandID, i.Node) }
func (i *Invocation) cancelJobID() string { return mgs.JobID(i.CancelID, i.Node) }

// topic ends in the region, as Amazon's do; agents compare the beginning only.
func topic(kind, region string) string {
	return kind + "." + strings.ReplaceAll(region, "-", ".") + ".1"
}

// items are what the node is to be sent for an invocation.
func (s *Service) items(c *cachedCommand, i *Invocation) ([]mailbox.Item, error) {
	switch {
	case i.Stage == Queued:
		return []mailbox.Item{{
			ID: i.jobID(), Topic: topic(mgs.TopicSendCommand, c.Scope.Region), Content: c.text, Created: c.Requested, First: i.Sent,
		}}, nil
	case i.Stage == Cancelling && !i.CancelHeard:
		b, err := json.Marshal(mgs.CancelContent{CancelMessageID: i.jobID()})
		return []mailbox.Item{{
			ID: i.cancelJobID(), Topic: topic(mgs.TopicCancelCommand, c.Scope.Region), Content: string(b), Created: s.config.Now(),
		}}, err
	}
	return nil, nil
}

// post sends what an invocation needs sent, if its node has a road.
func (s *Service) post(c *cachedCommand, i *Invocation) error {
	items, err := s.items(c, i)
	if err == nil && len(items) > 0 {
		s.config.Mailbox.Post(i.Node, items...)
	}
	return err
}

// Claim implements mailbox.Source: it returns all that waits for a node, and notes that it is on its way. What was on
// its way too long ago is not sent again.
func (s *Service) Claim(ctx context.Context, node string) ([]mailbox.Item, error) {
	rows, err := s.config.Store.Rows(ctx, Query{Node: node, Stages: []Stage{Queued, Cancelling}})
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	now := s.config.Now()
	var out []mailbox.Item
	var first []Key
	for k := len(rows) - 1; k >= 0; k-- { // the oldest first
		i, err := readInvocation(rows[k])
		if err != nil {
			return nil, err
		}
		if i.Stage == Queued && i.Sent.IsZero() {
			i.sent(now)
			first = append(first, i.Key())
		}
		if i.Stage == Queued && now.Sub(i.Sent) >= s.config.Resend {
			continue
		}
		c, err := s.get(ctx, i.CommandID)
		if err != nil {
			return nil, err
		}
		items, err := s.items(c, i)
		if err != nil {
			return nil, err
		}
		out = append(out, items...)
	}
	if len(first) > 0 {
		err = s.change(ctx, first, func(i *Invocation) { i.sent(now) })
	}
	return out, err
}

// Unanswered implements mailbox.Source.
func (s *Service) Unanswered(node, id string) {
	command, err := mgs.CommandOf(id)
	if err != nil {
		return
	}
	// A lost note costs a status that is a little too hopeful.
	_ = s.submit(context.Background(), event{key: Key{command, node}, apply: (*Invocation).unanswered})
}

// Acknowledged takes a node's answer to a job. The job need not be this node's or exist: then nothing happens.
func (s *Service) Acknowledged(ctx context.Context, node, jobID string, code mgs.Code) error {
	command, err := mgs.CommandOf(jobID)
	if err != nil {
		return badJob(err)
	}
	now := s.config.Now()
	if code.Verdict() == mgs.JobAgain {
		s.config.Mailbox.Later(node, jobID, refusedDelay)
	} else {
		s.config.Mailbox.Acknowledged(node, jobID)
	}
	key := Key{command, node}
	cancelled, err := s.cancelled(ctx, key)
	if err != nil {
		return err
	}
	if cancelled != nil {
		if code.Verdict() == mgs.JobAgain {
			return nil
		}
		return s.submit(ctx, event{key: *cancelled, apply: func(i *Invocation) { i.cancelHeard(now) }})
	}
	hint := ""
	if code == mgs.ParseError {
		if hint, err = s.parseHint(ctx, key); err != nil {
			return err
		}
	}
	return s.submit(ctx, event{key: key, apply: func(i *Invocation) { i.acknowledged(code, hint, now) }})
}

// parseHint says which parameters an agent may have been unable to read: it tells nothing but that there was something.
// What the service can check it has checked before; what is left is what the node itself reads from Parameter Store.
func (s *Service) parseHint(ctx context.Context, key Key) (string, error) {
	c, err := s.get(ctx, key.CommandID)
	if fault.Is(err, fault.NotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	var hints []string
	for _, name := range slices.Sorted(maps.Keys(c.Wire)) {
		if stored := document.References(c.Wire[name]); len(stored) > 0 {
			hints = append(hints, fmt.Sprintf("parameter %s refers to {{ssm:%s}}", name, strings.Join(stored, "}}, {{ssm:")))
		}
	}
	if len(hints) == 0 {
		return fmt.Sprintf(": it does not take the document %s or one of its parameters", c.Document), nil
	}
	return ": " + strings.Join(hints, "; ") + ", which the node reads itself: is it there, no SecureString, and may the node's role call ssm:GetParameters for it?", nil
}

func badJob(err error) error {
	return fault.New(fault.Invalid, "command.Acknowledged", "%w", err).WithCode("ValidationException")
}

// cancelled finds the invocation that a cancellation with this id is about, or nil.
func (s *Service) cancelled(ctx context.Context, key Key) (*Key, error) {
	if s.isCommand(key.CommandID) {
		return nil, nil
	}
	rows, err := s.config.Store.Rows(ctx, Query{Node: key.Node, Stages: []Stage{Cancelling}})
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		i, err := readInvocation(r)
		if err != nil {
			return nil, err
		}
		if i.CancelID == key.CommandID {
			k := r.Key()
			return &k, nil
		}
	}
	return nil, nil
}

// isCommand reports whether an id is that of a command at hand, which spares the search for a cancellation.
func (s *Service) isCommand(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cached[id] != nil
}

// Replied takes a node's report, a mgs.ReplyContent in JSON. done is called when it is durable, or with the error that
// keeps it from being so: only then may the node forget it. A report about a job that the node does not have is taken
// and comes to nothing. What cannot be read is a fault of kind Invalid; done is then not called, nor after any other
// error.
func (s *Service) Replied(ctx context.Context, node, jobID, content string, done func(error)) error {
	command, err := mgs.CommandOf(jobID)
	if err != nil {
		return badJob(err)
	}
	var r mgs.ReplyContent
	if err := json.Unmarshal([]byte(content), &r); err != nil {
		return badJob(fmt.Errorf("the reply's content is not what a reply holds: %w", err))
	}
	if err := s.keepSteps(ctx, command, &r); err != nil {
		return err
	}
	now := s.config.Now()
	return s.submit(ctx, event{key: Key{command, node}, apply: func(i *Invocation) { i.replied(&r, now) }, done: done})
}

// keepSteps takes out of a reply what the document does not have: a node could fill the disk with it.
func (s *Service) keepSteps(ctx context.Context, command string, r *mgs.ReplyContent) error {
	c, err := s.get(ctx, command)
	if fault.Is(err, fault.NotFound) {
		return nil // then there is no invocation to keep it in
	}
	if err != nil {
		return err
	}
	steps, err := c.steps()
	if err != nil {
		return err
	}
	maps.DeleteFunc(r.RuntimeStatus, func(id string, _ *mgs.StepStatus) bool { return !steps[id] })
	return nil
}

// Failed takes a node's refusal on the ec2messages road.
func (s *Service) Failed(ctx context.Context, node, jobID string) error {
	return s.Acknowledged(ctx, node, jobID, mgs.UnexpectedDocumentType)
}

// nodeGone ends what was for a node that no longer exists.
func (s *Service) nodeGone(ctx context.Context, node string) {
	s.config.Mailbox.Forget(node)
	rows, err := s.config.Store.Rows(ctx, Query{Node: node, Stages: []Stage{Held, Queued, Running, Cancelling}})
	if err == nil && len(rows) > 0 {
		now := s.config.Now()
		keys := make([]Key, len(rows))
		for k, r := range rows {
			keys[k] = r.Key()
		}
		err = s.change(ctx, keys, func(i *Invocation) { i.gone(now) })
	}
	if err != nil {
		// The time-outs end them all the same, later.
		s.config.Log.Error("a node's invocations could not be ended", "node", node, "error", err)
	}
}

// redeliverEvery is how often redeliver runs. It only finds what a failure left behind: what is sent is posted at once.
const redeliverEvery = 30 * time.Second

// redeliver is a reconciler: it sees to it that what waits is in the mailbox of every node that has a road here. What
// is there already stays as it is.
func (s *Service) redeliver(ctx context.Context) error {
	seen := map[string]bool{}
	for after := (Place{}); ; {
		rows, err := s.config.Store.Rows(ctx, Query{Stages: []Stage{Queued, Cancelling}, After: after, Limit: maxBatch})
		if err != nil {
			return err
		}
		for _, r := range rows {
			after = Place{r.Requested, r.CommandID, r.Order}
			if seen[r.Node] || !s.config.Mailbox.Reachable(r.Node) {
				continue
			}
			seen[r.Node] = true
			items, err := s.Claim(ctx, r.Node)
			if err != nil {
				return err
			}
			s.config.Mailbox.Post(r.Node, items...)
		}
		if len(rows) < maxBatch {
			return nil
		}
	}
}
