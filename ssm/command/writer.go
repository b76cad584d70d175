package command

import (
	"bytes"
	"context"
	"errors"

	"postern/aws/fault"
)

// event is one change of one invocation, or asks for a command's backlog to be counted anew.
type event struct {
	key   Key
	apply func(*Invocation)
	// count is the id of a command; key and apply are then empty.
	count string
	// done is told when the change is durable, or could not be made. It may be nil, and must not block.
	done func(error)
}

// maxBatch bounds the changes that are committed at once.
const maxBatch = 1000

// submit queues a change. It blocks while the writer is far behind, which slows the one who causes it.
func (s *Service) submit(ctx context.Context, e event) error {
	select {
	case <-s.stopped:
		return stopping()
	default:
	}
	select {
	case s.events <- e:
		return nil
	case <-s.stopped:
		return stopping()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func stopping() error {
	return fault.New(fault.Unavailable, "command.submit", "the server is stopping")
}

// change queues a change and waits until it is durable.
func (s *Service) change(ctx context.Context, keys []Key, apply func(*Invocation)) error {
	events := make([]event, len(keys))
	for i, k := range keys {
		events[i] = event{key: k, apply: apply}
	}
	return s.await(ctx, events)
}

// await queues events and waits until all are done. It returns the first error.
func (s *Service) await(ctx context.Context, events []event) error {
	results := make(chan error, len(events))
	for _, e := range events {
		e.done = func(err error) { results <- err }
		if err := s.submit(ctx, e); err != nil {
			return err
		}
	}
	for range events {
		select {
		case err := <-results:
			if err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// writeAll is the one writer. It commits whatever has gathered, until the service is stopped and nothing is left.
func (s *Service) writeAll(ctx context.Context) {
	batch := make([]event, 0, maxBatch)
	for {
		batch = batch[:0]
		select {
		case e := <-s.events:
			batch = append(batch, e)
		case <-s.stopped:
			for len(s.events) > 0 {
				s.write(ctx, s.gather(batch))
			}
			return
		}
		batch = s.gather(batch)
		s.write(ctx, batch)
		clear(batch)
	}
}

func (s *Service) gather(batch []event) []event {
	for len(batch) < maxBatch {
		select {
		case e := <-s.events:
			batch = append(batch, e)
		default:
			return batch
		}
	}
	return batch
}

// write commits a batch in one transaction, and then tells everybody. A change that the program cannot make fails
// alone.
func (s *Service) write(ctx context.Context, batch []event) {
	var t transaction
	for _, e := range batch {
		t.add(e)
	}
	err := fault.Contain("command.write", func() error {
		if len(t.keys) == 0 {
			return nil
		}
		return s.config.Store.Update(ctx, t.keys, t.change)
	})
	if errors.Is(err, fault.ErrPanic) && len(batch) > 1 {
		for i := range batch {
			s.write(ctx, batch[i:i+1])
		}
		return
	}
	if err != nil {
		s.config.Log.Error("invocations could not be written", "count", len(t.keys), "error", err)
		s.doubt(t.keys)
	} else {
		fault.ContainTo(s.config.Log, "command.settled", func() { s.settled(t.after) })
	}
	for _, e := range batch {
		told := err
		if e.count != "" {
			told = fault.Contain("command.recount", func() error { return s.recount(ctx, e.count) })
		}
		if e.done != nil {
			e.done(told)
		}
	}
}

// transaction is one batch of changes on its way into the store.
type transaction struct {
	keys  []Key
	apply map[Key][]func(*Invocation)
	after []written
}

// written is an invocation as it was written, and how it stood before.
type written struct {
	*Invocation
	stage   Stage
	details Details
}

func (t *transaction) add(e event) {
	if e.apply == nil {
		return
	}
	if t.apply == nil {
		t.apply = map[Key][]func(*Invocation){}
	}
	if t.apply[e.key] == nil {
		t.keys = append(t.keys, e.key)
	}
	t.apply[e.key] = append(t.apply[e.key], e.apply)
}

// change applies the batch to the rows that were found, and returns those that it changes. It may be called again.
func (t *transaction) change(found []Row) ([]Row, error) {
	t.after = t.after[:0]
	var changed []Row
	for _, r := range found {
		i, err := readInvocation(r)
		if err != nil {
			return nil, err
		}
		for _, apply := range t.apply[r.Key()] {
			apply(i)
		}
		t.after = append(t.after, written{i, r.Stage, r.Details})
		if row := i.row(); !same(row, r) {
			changed = append(changed, row)
		}
	}
	return changed, nil
}

func same(a, b Row) bool {
	return a.Stage == b.Stage && a.Details == b.Details && a.Due.Equal(b.Due) && bytes.Equal(a.Body, b.Body)
}

// settled takes from the mailbox what is no longer to be sent, and lets what waited for an end go.
func (s *Service) settled(after []written) {
	s.mu.Lock()
	for _, w := range after {
		if b := s.backlogs[w.CommandID]; b != nil && !b.stale {
			b.add(w.stage, w.details, -1)
			b.add(w.Stage, w.Details, 1)
		}
	}
	s.mu.Unlock()
	for _, w := range after {
		if w.Stage != Queued {
			s.config.Mailbox.Done(w.Node, w.jobID())
		}
		if w.CancelID != "" && (w.CancelHeard || w.Stage == Ended) {
			s.config.Mailbox.Done(w.Node, w.cancelJobID())
		}
		if w.Stage == Ended {
			s.hintRelease(w.CommandID)
		}
	}
}

// doubt notes that it is not known how the invocations of some commands stand: their write failed, and may have been
// made all the same.
func (s *Service) doubt(keys []Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range keys {
		if b := s.backlogs[k.CommandID]; b != nil {
			b.stale, s.moved[k.CommandID] = true, true
		}
	}
}
