package command

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"postern/aws/fault"
	"postern/ssm/document"
	"postern/ssm/mgs"
)

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
	return ": " + strings.Join(hints, "; ") + ", which the node reads itself: is it there, no SecureString, " +
		"and may the node's role call ssm:GetParameters for it?", nil
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

// Failed takes a node's refusal by ec2messages, which says nothing about why.
func (s *Service) Failed(ctx context.Context, node, jobID string) error {
	return s.Acknowledged(ctx, node, jobID, mgs.UnexpectedDocumentType)
}
