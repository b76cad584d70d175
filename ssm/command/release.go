package command

import (
	"context"
	"errors"
	"maps"
	"slices"

	"postern/aws/fault"
)

// backlog has the held invocations of one command. It is counted once, and from then on kept by the writer, so that an
// invocation's end costs no count of the others.
type backlog struct {
	// held has the nodes of the held invocations in the order of their turn, and perhaps some that have ended since.
	held []string
	// counts has the number of the command's invocations by Stage and Details, in Counts whose N is 0.
	counts map[Count]int
	// stored says that the command is stored: nothing of it can be released before.
	stored bool
	// stale says that it is not known how the invocations stand: a write failed, or another server may have written.
	stale bool
}

func (b *backlog) add(stage Stage, details Details, n int) {
	b.counts[Count{Stage: stage, Details: details}] += n
}

func (b *backlog) tally() []Count {
	counts := make([]Count, 0, len(b.counts))
	for c, n := range b.counts {
		c.N = n
		counts = append(counts, c)
	}
	return counts
}

// take removes the next n held nodes and returns them.
func (b *backlog) take(n int) []string {
	nodes := b.held[:min(n, len(b.held))]
	b.held = b.held[len(nodes):]
	return nodes
}

// hold notes what is held back of a command that is about to be stored, before its first end can come.
func (s *Service) hold(id string, rows []Row) {
	b := &backlog{counts: map[Count]int{}}
	for _, r := range rows {
		b.add(r.Stage, r.Details, 1)
		if r.Stage == Held {
			b.held = append(b.held, r.Node)
		}
	}
	if len(b.held) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.backlogs[id] = b
}

// stored notes that a command with held invocations is stored.
func (s *Service) stored(id string) {
	s.mu.Lock()
	if b := s.backlogs[id]; b != nil {
		b.stored = true
	}
	s.mu.Unlock()
	s.hintRelease(id)
}

// released notes that nothing of a command is held any more.
func (s *Service) released(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.backlogs, id)
	delete(s.moved, id)
}

// hintRelease notes that held invocations of a command may be due.
func (s *Service) hintRelease(id string) {
	s.mu.Lock()
	waits := s.backlogs[id] != nil
	if waits {
		s.moved[id] = true
	}
	s.mu.Unlock()
	if !waits {
		return
	}
	select {
	case s.hint <- struct{}{}:
	default:
	}
}

// hintAll notes that the held invocations of all commands are to be counted anew: another server may have ended some.
func (s *Service) hintAll() {
	s.mu.Lock()
	for _, b := range s.backlogs {
		b.stale = true
	}
	ids := slices.Collect(maps.Keys(s.backlogs))
	s.mu.Unlock()
	for _, id := range ids {
		s.hintRelease(id)
	}
}

// loadBacklogs counts what is held back of the stored commands. It is called once, before the writer begins.
func (s *Service) loadBacklogs(ctx context.Context) error {
	rows, err := s.config.Store.Rows(ctx, Query{Stages: []Stage{Held}})
	if err != nil {
		return err
	}
	s.mu.Lock()
	for _, r := range rows {
		if s.backlogs[r.CommandID] == nil {
			s.backlogs[r.CommandID] = &backlog{stored: true, stale: true}
		}
		s.moved[r.CommandID] = true
	}
	s.mu.Unlock()
	return nil
}

// recount counts what is held back of a command. The writer calls it, so that nothing is written here meanwhile.
func (s *Service) recount(ctx context.Context, id string) error {
	rows, err := s.config.Store.Rows(ctx, Query{CommandID: id, Stages: []Stage{Held}})
	if err != nil {
		return err
	}
	counts, err := s.config.Store.Tally(ctx, id)
	if err != nil {
		return err
	}
	b := &backlog{stored: true, counts: map[Count]int{}}
	for _, n := range counts {
		b.add(n.Stage, n.Details, n.N)
	}
	for _, r := range rows {
		b.held = append(b.held, r.Node)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.backlogs[id] != nil {
		s.backlogs[id] = b
	}
	return nil
}

// releaseAll releases held invocations, at the start and whenever it is hinted.
func (s *Service) releaseAll(ctx context.Context) error {
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

// release is a reconciler: it brings every command of which something has ended up to its MaxConcurrency. One that
// fails is tried again with the next hint.
func (s *Service) release(ctx context.Context) error {
	s.mu.Lock()
	moved := slices.Sorted(maps.Keys(s.moved))
	clear(s.moved)
	s.mu.Unlock()
	var failed error
	for _, id := range moved {
		if err := s.releaseOne(ctx, id); err != nil {
			failed = errors.Join(failed, err)
			s.mu.Lock()
			if b := s.backlogs[id]; b != nil {
				b.stale, s.moved[id] = true, true
			}
			s.mu.Unlock()
		}
	}
	return failed
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
	for {
		nodes, tooMany, err := s.nextOf(ctx, c)
		if err != nil || len(nodes) == 0 {
			return err
		}
		if tooMany {
			err = s.terminate(ctx, id, nodes)
		} else {
			err = s.releaseNodes(ctx, c, nodes)
		}
		if err != nil {
			return err
		}
	}
}

// nextOf takes from a command's backlog the nodes that are next, or all of them where there are too many errors.
func (s *Service) nextOf(ctx context.Context, c *cachedCommand) (nodes []string, tooMany bool, err error) {
	s.mu.Lock()
	b := s.backlogs[c.ID]
	stale := b != nil && b.stale
	s.mu.Unlock()
	if stale {
		if err := s.await(ctx, []event{{count: c.ID}}); err != nil {
			return nil, false, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b = s.backlogs[c.ID]
	if b == nil || !b.stored {
		return nil, false, nil
	}
	sum := c.Summarise(b.tally())
	if sum.held == 0 {
		delete(s.backlogs, c.ID)
		return nil, false, nil
	}
	b.stale = len(b.held) == 0 // held are some, and it is not known which
	if sum.Errors > c.ErrorLimit {
		return b.take(len(b.held)), true, nil
	}
	return b.take(max(c.Concurrency-sum.active, 0)), false, nil
}

func (s *Service) terminate(ctx context.Context, id string, nodes []string) error {
	now := s.config.Now()
	return s.change(ctx, keysOf(id, nodes), func(i *Invocation) { i.terminate(now) })
}

func keysOf(id string, nodes []string) []Key {
	keys := make([]Key, len(nodes))
	for i, n := range nodes {
		keys[i] = Key{id, n}
	}
	return keys
}

// releaseNodes lets a command's held invocations on nodes go, and sends those whose nodes are reachable.
func (s *Service) releaseNodes(ctx context.Context, c *cachedCommand, nodes []string) error {
	now := s.config.Now()
	released := make(map[string]*Invocation, len(nodes))
	err := s.change(ctx, keysOf(c.ID, nodes), func(i *Invocation) {
		i.release(now)
		if s.config.Mailbox.Reachable(i.Node) {
			i.sent(now)
		}
		released[i.Node] = i // only the writer is here, and it is done before change returns
	})
	if err != nil {
		return err
	}
	queued := make([]*Invocation, 0, len(nodes))
	for _, n := range nodes {
		if i := released[n]; i != nil {
			queued = append(queued, i)
		}
	}
	return s.postAll(ctx, c, queued)
}

// postAll sends invocations that are stored as queued. One that was not marked as sent had no reachable node; if the
// node is reachable by now, its channel or poll may have claimed what waits before the invocation was stored.
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
