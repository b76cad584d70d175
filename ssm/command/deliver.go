package command

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"postern/ssm/mailbox"
	"postern/ssm/mgs"
)

func (i *Invocation) jobID() string       { return mgs.JobID(i.CommandID, i.Node) }
func (i *Invocation) cancelJobID() string { return mgs.JobID(i.CancelID, i.Node) }

// topic ends in the region, as Amazon's do; agents compare the beginning only.
func topic(kind, region string) string {
	return kind + "." + strings.ReplaceAll(region, "-", ".") + ".1"
}

// items returns what the node is to be sent for an invocation: the job, a cancellation, or nothing.
func (s *Service) items(c *cachedCommand, i *Invocation) ([]mailbox.Item, error) {
	switch {
	case i.Stage == Queued:
		return []mailbox.Item{{
			ID: i.jobID(), Topic: topic(mgs.TopicSendCommand, c.Scope.Region), Content: c.text,
			Created: c.Requested, First: i.Sent,
		}}, nil
	case i.Stage == Cancelling && !i.CancelHeard:
		b, err := json.Marshal(mgs.CancelContent{CancelMessageID: i.jobID()})
		return []mailbox.Item{{
			ID: i.cancelJobID(), Topic: topic(mgs.TopicCancelCommand, c.Scope.Region), Content: string(b),
			Created: s.config.Now(),
		}}, err
	}
	return nil, nil
}

// post sends what an invocation needs sent, if its node is reachable.
func (s *Service) post(c *cachedCommand, i *Invocation) error {
	items, err := s.items(c, i)
	if err == nil && len(items) > 0 {
		s.config.Mailbox.Post(i.Node, items...)
	}
	return err
}

// Claim implements mailbox.Source: it returns all that waits for a node, the oldest first, and notes that it is on its
// way. A job that was on its way too long ago is not sent again.
func (s *Service) Claim(ctx context.Context, node string) ([]mailbox.Item, error) {
	rows, err := s.config.Store.Rows(ctx, Query{Node: node, Stages: []Stage{Queued, Cancelling}})
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	slices.Reverse(rows)
	now := s.config.Now()
	var waiting []*Invocation
	var first []Key
	var ids []string
	for _, r := range rows {
		i, err := readInvocation(r)
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
		waiting, ids = append(waiting, i), append(ids, i.CommandID)
	}
	commands, err := s.getAll(ctx, ids)
	if err != nil {
		return nil, err
	}
	var out []mailbox.Item
	for _, i := range waiting {
		items, err := s.items(commands[i.CommandID], i)
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

// nodeGone ends what was for a node that no longer exists.
func (s *Service) nodeGone(ctx context.Context, node string) {
	s.config.Mailbox.Forget(node)
	rows, err := s.config.Store.Rows(ctx, Query{Node: node, Stages: underWay})
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

// redeliverEvery is the time between two runs of redeliver. It only finds what a failure left behind: what is sent is
// posted at once.
const redeliverEvery = 30 * time.Second

// redeliver is a reconciler: it puts what waits into the mailbox of every node that is reachable here. What is there
// already stays as it is. It looks at the invocations that wait or, where they are many, at the reachable nodes.
func (s *Service) redeliver(ctx context.Context) error {
	rows, err := s.config.Store.Rows(ctx, Query{Stages: []Stage{Queued, Cancelling}, Limit: maxBatch})
	if err != nil {
		return err
	}
	nodes := map[string]bool{}
	if len(rows) == maxBatch {
		for _, n := range s.config.Mailbox.Nodes() {
			nodes[n] = true
		}
	}
	for _, r := range rows {
		nodes[r.Node] = true
	}
	for _, n := range slices.Sorted(maps.Keys(nodes)) {
		if !s.config.Mailbox.Reachable(n) {
			continue
		}
		items, err := s.Claim(ctx, n)
		if err != nil {
			return err
		}
		s.config.Mailbox.Post(n, items...)
	}
	return nil
}
