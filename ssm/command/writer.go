package command

import (
	"bytes"
	"context"
	"errors"
	"time"

	"postern/aws/fault"
)

// event is one change of one invocation.
type event struct {
	key   Key
	apply func(*Invocation)
	// done is told when the change is durable, or could not be made. It may be nil, and must not block.
	done func(error)
}

// maxBatch is how many changes are committed at once.
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
	results := make(chan error, len(keys))
	for _, k := range keys {
		if err := s.submit(ctx, event{key: k, apply: apply, done: func(err error) { results <- err }}); err != nil {
			return err
		}
	}
	for range keys {
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

// write commits a batch in one transaction, and then tells everybody. A change that the program cannot make fails alone.
func (s *Service) write(ctx context.Context, batch []event) {
	byKey := make(map[Key][]func(*Invocation), len(batch))
	var keys []Key
	for _, e := range batch {
		if byKey[e.key] == nil {
			keys = append(keys, e.key)
		}
		byKey[e.key] = append(byKey[e.key], e.apply)
	}
	var after []*Invocation
	change := func(found []Row) ([]Row, error) {
		after = after[:0]
		var changed []Row
		for _, r := range found {
			i, err := readInvocation(r)
			if err != nil {
				return nil, err
			}
			for _, apply := range byKey[r.Key()] {
				apply(i)
			}
			after = append(after, i)
			if row := i.row(); row.Stage != r.Stage || row.Details != r.Details || !row.Due.Equal(r.Due) || !bytes.Equal(row.Body, r.Body) {
				changed = append(changed, row)
			}
		}
		return changed, nil
	}
	err := fault.Contain("command.write", func() error { return s.config.Store.Update(ctx, keys, change) })
	if errors.Is(err, fault.ErrPanic) && len(batch) > 1 {
		for i := range batch {
			s.write(ctx, batch[i:i+1])
		}
		return
	}
	if err != nil {
		s.config.Log.Error("invocations could not be written", "count", len(keys), "error", err)
	} else {
		fault.ContainTo(s.config.Log, "command.settled", func() { s.settled(after) })
	}
	for _, e := range batch {
		if e.done != nil {
			e.done(err)
		}
	}
}

// settled takes from the mailbox what is no longer to be sent, and lets what waited for an end go.
func (s *Service) settled(after []*Invocation) {
	for _, i := range after {
		if i.Stage != Queued {
			s.config.Mailbox.Done(i.Node, i.jobID())
		}
		if i.CancelID != "" && (i.CancelHeard || i.Stage == Ended) {
			s.config.Mailbox.Done(i.Node, i.cancelJobID())
		}
		if i.Stage == Ended {
			s.hintRelease(i.CommandID)
		}
	}
}

// watchClock lets time pass for what is due, and forgets what is old.
func (s *Service) watchClock(ctx context.Context) error {
	ticker := time.NewTicker(s.config.Tick)
	defer ticker.Stop()
	var forgotten, redelivered time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		now := s.config.Now()
		if err := fault.Contain("command.expire", func() error { return s.expire(ctx, now) }); err != nil && ctx.Err() == nil {
			s.config.Log.Error("time-outs could not be applied", "error", err)
		}
		if now.Sub(redelivered) >= redeliverEvery {
			if err := fault.Contain("command.redeliver", func() error { return s.redeliver(ctx) }); err != nil && ctx.Err() == nil {
				s.config.Log.Error("what waits could not be sent", "error", err)
			}
			redelivered = now
		}
		if now.Sub(forgotten) >= time.Hour {
			if err := s.config.Store.Forget(ctx, now.Add(-s.config.History)); err != nil && ctx.Err() == nil {
				s.config.Log.Error("old commands could not be forgotten", "error", err)
			}
			forgotten = now
		}
	}
}

// expire is a reconciler: it applies the clock to every invocation that is due.
func (s *Service) expire(ctx context.Context, now time.Time) error {
	var after Place
	for {
		rows, err := s.config.Store.Rows(ctx, Query{DueBy: now, After: after, Limit: maxBatch})
		if err != nil || len(rows) == 0 {
			return err
		}
		var keys []Key
		for _, r := range rows {
			after = Place{r.Requested, r.CommandID, r.Order}
			if s.mayStillReport(r, now) {
				continue
			}
			keys = append(keys, r.Key())
		}
		if err := s.change(ctx, keys, func(i *Invocation) { i.tick(now) }); err != nil {
			return err
		}
		if len(rows) < maxBatch {
			return nil
		}
	}
}

// mayStillReport spares what ran while the server was away: its node has had no chance to report.
func (s *Service) mayStillReport(r Row, now time.Time) bool {
	return now.Sub(s.started) < s.config.ReturnGrace && (r.Stage == Running || r.Stage == Cancelling) && r.Due.Before(s.started)
}
