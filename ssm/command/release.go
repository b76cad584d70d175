package command

import (
	"context"
	"maps"
	"slices"

	"postern/aws/fault"
)

// hintRelease notes that a command's turn may have come on.
func (s *Service) hintRelease(id string) {
	s.mu.Lock()
	waits := s.unreleased[id]
	s.mu.Unlock()
	if !waits {
		return
	}
	select {
	case s.hint <- struct{}{}:
	default:
	}
}

// releaseAll sees to the commands with held invocations, at the start and whenever it is hinted.
func (s *Service) releaseAll(ctx context.Context) error {
	rows, err := s.config.Store.Rows(ctx, Query{Stages: []Stage{Held}})
	if err != nil {
		return err
	}
	s.mu.Lock()
	for _, r := range rows {
		s.unreleased[r.CommandID] = true
	}
	s.mu.Unlock()
	for {
		if err := fault.Contain("command.release", func() error { return s.release(ctx) }); err != nil && ctx.Err() == nil {
			s.config.Log.Error("held invocations could not be released", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.hint:
		}
	}
}

// release is a reconciler: it brings every command with held invocations up to its MaxConcurrency.
func (s *Service) release(ctx context.Context) error {
	s.mu.Lock()
	ids := slices.Sorted(maps.Keys(s.unreleased))
	s.mu.Unlock()
	for _, id := range ids {
		if err := s.releaseOne(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// releaseOne lets as many held invocations go as have ended, or none ever again after too many errors.
func (s *Service) releaseOne(ctx context.Context, id string) error {
	c, err := s.get(ctx, id)
	if fault.Is(err, fault.NotFound) {
		s.released(id)
		return nil
	}
	if err != nil {
		return err
	}
	counts, err := s.config.Store.Tally(ctx, id)
	if err != nil || len(counts) == 0 {
		return err // nothing to count is a command that is just being stored
	}
	sum := c.Summarise(counts)
	if sum.held == 0 {
		s.released(id)
		return nil
	}
	tooMany := sum.Errors > c.ErrorLimit
	free := c.Concurrency - sum.active
	if tooMany {
		free = sum.held
	}
	if free <= 0 {
		return nil
	}
	rows, err := s.config.Store.Rows(ctx, Query{CommandID: id, Stages: []Stage{Held}, Limit: free})
	if err != nil {
		return err
	}
	if tooMany {
		return s.terminate(ctx, rows)
	}
	return s.releaseRows(ctx, c, rows)
}

// released notes that nothing of a command is held any more.
func (s *Service) released(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.unreleased, id)
}

func (s *Service) terminate(ctx context.Context, rows []Row) error {
	now := s.config.Now()
	return s.change(ctx, keysOf(rows), func(i *Invocation) { i.terminate(now) })
}

func keysOf(rows []Row) []Key {
	keys := make([]Key, len(rows))
	for i, r := range rows {
		keys[i] = r.Key()
	}
	return keys
}

// releaseRows lets held invocations go, and sends those whose nodes have a road.
func (s *Service) releaseRows(ctx context.Context, c *cachedCommand, rows []Row) error {
	now := s.config.Now()
	released := make(map[string]*Invocation, len(rows))
	err := s.change(ctx, keysOf(rows), func(i *Invocation) {
		i.release(now)
		if s.config.Mailbox.Reachable(i.Node) {
			i.sent(now)
		}
		released[i.Node] = i // only the writer is here, and it is done before change returns
	})
	if err != nil {
		return err
	}
	queued := make([]*Invocation, 0, len(rows))
	for _, r := range rows {
		if i := released[r.Node]; i != nil {
			queued = append(queued, i)
		}
	}
	return s.postAll(ctx, c, queued)
}

// postAll sends invocations that are stored as queued. One that was not marked as sent had no road; if it has one by
// now, the road may have opened before the invocation was stored, and then it does not know of it.
func (s *Service) postAll(ctx context.Context, c *cachedCommand, queued []*Invocation) error {
	for _, i := range queued {
		if i.Stage != Queued {
			continue
		}
		if !i.Sent.IsZero() {
			if err := s.post(c, i); err != nil {
				return err
			}
			continue
		}
		if !s.config.Mailbox.Reachable(i.Node) {
			continue
		}
		items, err := s.Claim(ctx, i.Node)
		if err != nil {
			return err
		}
		s.config.Mailbox.Post(i.Node, items...)
	}
	return nil
}
