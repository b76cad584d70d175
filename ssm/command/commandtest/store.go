// Package commandtest has a command.Store in memory, and the suite that every command.Store must pass.
package commandtest

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/ssm/command"
)

// Store is a command.Store in memory. Its zero value is empty and ready.
type Store struct {
	mu       sync.Mutex // guards what follows
	commands map[string]command.CommandRow
	rows     map[command.Key]command.Row
	fail     error
	updates  int
}

var _ command.Store = (*Store)(nil)

// Fail makes every further change return err; nil ends it.
func (s *Store) Fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = err
}

// Updates returns the number of calls of Update so far.
func (s *Store) Updates() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.updates
}

// Create implements command.Store.
func (s *Store) Create(ctx context.Context, c command.CommandRow, rows []command.Row) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := cmp.Or(ctx.Err(), s.fail); err != nil {
		return err
	}
	if s.commands == nil {
		s.commands, s.rows = map[string]command.CommandRow{}, map[command.Key]command.Row{}
	}
	if _, ok := s.commands[c.ID]; ok {
		return fault.New(fault.Exists, "commandtest.Create", "command %s is there already", c.ID)
	}
	c.Body = slices.Clone(c.Body)
	s.commands[c.ID] = c
	for _, r := range rows {
		r.Body = slices.Clone(r.Body)
		s.rows[r.Key()] = r
	}
	return nil
}

// Commands implements command.Store.
func (s *Store) Commands(_ context.Context, ids ...string) ([]command.CommandRow, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []command.CommandRow
	for _, id := range ids {
		if c, ok := s.commands[id]; ok {
			c.Body = slices.Clone(c.Body)
			found = append(found, c)
		}
	}
	return found, nil
}

// ListCommands implements command.Store.
func (s *Store) ListCommands(
	_ context.Context,
	scope scope.Scope,
	after command.Place,
	limit int,
) ([]command.CommandRow, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []command.CommandRow
	for _, c := range s.commands {
		if c.Scope == scope &&
			(after == command.Place{} || places(after, command.Place{Requested: c.Requested, CommandID: c.ID}) < 0) {
			found = append(found, c)
		}
	}
	slices.SortFunc(found, func(a, b command.CommandRow) int {
		return cmp.Or(b.Requested.Compare(a.Requested), cmp.Compare(a.ID, b.ID))
	})
	return found[:min(limit, len(found))], nil
}

// places compares without Order.
func places(a, b command.Place) int {
	return cmp.Or(b.Requested.Compare(a.Requested), cmp.Compare(a.CommandID, b.CommandID))
}

// UpdateCommand implements command.Store.
func (s *Store) UpdateCommand(ctx context.Context, id string, change func([]byte) ([]byte, error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := cmp.Or(ctx.Err(), s.fail); err != nil {
		return err
	}
	c, ok := s.commands[id]
	if !ok {
		return fault.New(fault.NotFound, "commandtest.UpdateCommand", "no command %s", id)
	}
	body, err := change(slices.Clone(c.Body))
	if err != nil {
		return err
	}
	c.Body = slices.Clone(body)
	s.commands[id] = c
	return nil
}

// Update implements command.Store.
func (s *Store) Update(
	ctx context.Context,
	keys []command.Key,
	change func([]command.Row) ([]command.Row, error),
) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := cmp.Or(ctx.Err(), s.fail); err != nil {
		return err
	}
	s.updates++
	var found []command.Row
	for _, k := range keys {
		if r, ok := s.rows[k]; ok {
			r.Body = slices.Clone(r.Body)
			found = append(found, r)
		}
	}
	changed, err := change(found)
	if err != nil {
		return err
	}
	for _, c := range changed {
		r, ok := s.rows[c.Key()]
		if !ok {
			continue
		}
		r.Stage, r.Details, r.Due, r.Body = c.Stage, c.Details, c.Due, slices.Clone(c.Body)
		s.rows[c.Key()] = r
	}
	return nil
}

// Rows implements command.Store.
func (s *Store) Rows(_ context.Context, q command.Query) ([]command.Row, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []command.Row
	for _, r := range s.rows {
		if selects(q, r) {
			r.Body = slices.Clone(r.Body)
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(a, b command.Row) int { return order(place(a), place(b)) })
	if q.Limit > 0 && len(found) > q.Limit {
		found = found[:q.Limit]
	}
	return found, nil
}

func place(r command.Row) command.Place {
	return command.Place{Requested: r.Requested, CommandID: r.CommandID, Order: r.Order}
}

func order(a, b command.Place) int { return cmp.Or(places(a, b), cmp.Compare(a.Order, b.Order)) }

func selects(q command.Query, r command.Row) bool {
	switch {
	case q.Scope != scope.Scope{} && q.Scope != r.Scope,
		q.CommandID != "" && q.CommandID != r.CommandID,
		q.Node != "" && q.Node != r.Node,
		len(q.Stages) > 0 && !slices.Contains(q.Stages, r.Stage),
		!q.DueBy.IsZero() && (r.Due.IsZero() || r.Due.After(q.DueBy)),
		q.After != command.Place{} && order(q.After, place(r)) >= 0:
		return false
	}
	return true
}

// Tally implements command.Store.
func (s *Store) Tally(_ context.Context, ids ...string) ([]command.Count, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := map[command.Count]int{}
	for _, r := range s.rows {
		if slices.Contains(ids, r.CommandID) {
			counts[command.Count{CommandID: r.CommandID, Stage: r.Stage, Details: r.Details}]++
		}
	}
	var out []command.Count
	for c, n := range counts {
		c.N = n
		out = append(out, c)
	}
	return out, nil
}

// Forget implements command.Store.
func (s *Store) Forget(_ context.Context, before time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, c := range s.commands {
		if c.Requested.Before(before) {
			delete(s.commands, id)
		}
	}
	for k, r := range s.rows {
		if r.Requested.Before(before) {
			delete(s.rows, k)
		}
	}
	return nil
}
