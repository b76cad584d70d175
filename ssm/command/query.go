package command

import (
	"context"
	"slices"
	"strings"
	"time"

	"postern/aws/fault"
	"postern/aws/scope"
)

// Listing is a command with its state.
type Listing struct {
	*Command
	Summary
}

// Command finds a command of a scope. One that is not there is a fault with the code InvalidCommandId.
func (s *Service) Command(ctx context.Context, scope scope.Scope, id string) (*Command, error) {
	c, err := s.get(ctx, id)
	if err != nil {
		return nil, err
	}
	if c.Scope != scope {
		return nil, noCommand(id)
	}
	return c.Command, nil
}

// Describe returns one command with its state.
func (s *Service) Describe(ctx context.Context, scope scope.Scope, id string) (Listing, error) {
	c, err := s.Command(ctx, scope, id)
	if err != nil {
		return Listing{}, err
	}
	all, err := s.summaries(ctx, []*Command{c})
	if err != nil {
		return Listing{}, err
	}
	return all[0], nil
}

func (s *Service) summaries(ctx context.Context, commands []*Command) ([]Listing, error) {
	ids := make([]string, len(commands))
	for i, c := range commands {
		ids[i] = c.ID
	}
	counts, err := s.config.Store.Tally(ctx, ids...)
	if err != nil {
		return nil, err
	}
	by := map[string][]Count{}
	for _, n := range counts {
		by[n.CommandID] = append(by[n.CommandID], n)
	}
	out := make([]Listing, len(commands))
	for i, c := range commands {
		out[i] = Listing{c, c.Summarise(by[c.ID])}
	}
	return out, nil
}

// Filter selects commands or invocations by one key: "InvokedAfter" and "InvokedBefore" (RFC 3339), "Status",
// "DocumentName", and for commands "ExecutionStage" ("Executing" or "Complete").
type Filter struct {
	Key   string
	Value string
}

func (f Filter) check(stages bool) error {
	switch f.Key {
	case "Status", "DocumentName":
		return nil
	case "ExecutionStage":
		if stages && (f.Value == "Executing" || f.Value == "Complete") {
			return nil
		}
	case "InvokedAfter", "InvokedBefore":
		if _, err := moment(f.Value); err == nil {
			return nil
		}
		return badFilter("filter %s: %q is not a time such as 2026-11-21T00:00:00Z", f.Key, f.Value)
	}
	return badFilter("filter %s=%s is not valid; valid keys are InvokedAfter, InvokedBefore, Status, DocumentName and, "+
		"for commands, ExecutionStage", f.Key, f.Value)
}

func badFilter(format string, args ...any) error {
	return fault.New(fault.Invalid, "command.List", format, args...).WithCode("InvalidFilterKey")
}

// moment reads the forms of a time that the public API shows in its examples.
func moment(s string) (t time.Time, err error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02"} {
		if t, err = time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return t, err
}

// subject has the values of a command or an invocation that filters compare.
type subject struct {
	requested       time.Time
	status, details string
	document        string
	complete        bool
}

func (f Filter) passes(s subject) bool {
	switch f.Key {
	case "Status":
		return strings.EqualFold(f.Value, s.status) || strings.EqualFold(f.Value, s.details)
	case "DocumentName":
		return f.Value == s.document
	case "ExecutionStage":
		return (f.Value == "Complete") == s.complete
	}
	t, err := moment(f.Value)
	if err != nil {
		return false
	}
	if f.Key == "InvokedAfter" {
		return s.requested.After(t)
	}
	return s.requested.Before(t)
}

func passesAll(filters []Filter, s subject) bool {
	return !slices.ContainsFunc(filters, func(f Filter) bool { return !f.passes(s) })
}

// ListQuery asks for a page.
type ListQuery struct {
	// CommandID and Node select; empty is any.
	CommandID string
	Node      string
	Filters   []Filter
	After     Place
	// Limit is the most on a page; it is positive.
	Limit int
}

// start returns the place after which a page begins: what was requested at or after InvokedBefore is passed over.
func (q ListQuery) start() Place {
	after := q.After
	for _, f := range q.Filters {
		if f.Key != "InvokedBefore" {
			continue
		}
		if t, err := moment(f.Value); err == nil && (after == Place{} || t.Before(after.Requested)) {
			after = Place{Requested: t}
		}
	}
	return after
}

// past reports whether everything after a place was requested at or before InvokedAfter.
func (q ListQuery) past(p Place) bool {
	return slices.ContainsFunc(q.Filters, func(f Filter) bool {
		t, err := moment(f.Value)
		return f.Key == "InvokedAfter" && err == nil && !p.Requested.After(t)
	})
}

// List returns a page of a scope's commands, newest first, and the place to go on after; false when there are no more.
func (s *Service) List(
	ctx context.Context,
	scope scope.Scope,
	q ListQuery,
) (page []Listing, next Place, more bool, err error) {
	for _, f := range q.Filters {
		if err := f.check(true); err != nil {
			return nil, Place{}, false, err
		}
	}
	if q.CommandID != "" {
		l, err := s.Describe(ctx, scope, q.CommandID)
		if err != nil || !passesAll(q.Filters, l.subject()) {
			return nil, Place{}, false, err
		}
		return []Listing{l}, Place{}, false, nil
	}
	for after := q.start(); ; {
		commands, last, err := s.batch(ctx, scope, q, after)
		if err != nil {
			return nil, Place{}, false, err
		}
		for _, l := range commands {
			if !passesAll(q.Filters, l.subject()) {
				continue
			}
			if len(page) == q.Limit {
				end := page[q.Limit-1]
				return page, Place{Requested: end.Requested, CommandID: end.ID, Order: maxOrder}, true, nil
			}
			page = append(page, l)
		}
		if last == (Place{}) || q.past(last) {
			return page, Place{}, false, nil
		}
		after = last
	}
}

// maxOrder is behind every invocation of a command.
const maxOrder = 1 << 30

func (l Listing) subject() subject {
	return subject{l.Requested, l.Status, l.Summary.Details, l.Document, l.held+l.active == 0}
}

// listBatch bounds the rows that are read at once for a page.
const listBatch = 100

// batch reads the next commands, all of a scope's or those of one node, and the place to go on after, zero at the end.
func (s *Service) batch(ctx context.Context, scope scope.Scope, q ListQuery, after Place) ([]Listing, Place, error) {
	var ids []string
	var rows []CommandRow
	var last Place
	if q.Node != "" {
		invocations, err := s.config.Store.Rows(ctx, Query{Scope: scope, Node: q.Node, After: after, Limit: listBatch})
		if err != nil {
			return nil, Place{}, err
		}
		for _, r := range invocations {
			ids = append(ids, r.CommandID)
			last = Place{r.Requested, r.CommandID, maxOrder}
		}
		if rows, err = s.config.Store.Commands(ctx, ids...); err != nil {
			return nil, Place{}, err
		}
		slices.SortFunc(rows, func(a, b CommandRow) int { return slices.Index(ids, a.ID) - slices.Index(ids, b.ID) })
	} else {
		var err error
		if rows, err = s.config.Store.ListCommands(ctx, scope, after, listBatch); err != nil {
			return nil, Place{}, err
		}
		for _, r := range rows {
			last = Place{r.Requested, r.ID, maxOrder}
		}
	}
	if len(rows) < listBatch {
		last = Place{}
	}
	commands := make([]*Command, len(rows))
	for i, r := range rows {
		c, err := readCommand(r)
		if err != nil {
			return nil, Place{}, err
		}
		commands[i] = c
	}
	all, err := s.summaries(ctx, commands)
	return all, last, err
}

// Detail is an invocation with its command.
type Detail struct {
	*Invocation
	Command *Command
}

// Invocation finds what became of a command on a node. What is not there is a fault with the code
// InvocationDoesNotExist.
func (s *Service) Invocation(ctx context.Context, scope scope.Scope, id, node string) (Detail, error) {
	none := fault.New(fault.NotFound, "command.Invocation", "command %s has no invocation on %s", id, node).
		WithCode("InvocationDoesNotExist")
	c, err := s.Command(ctx, scope, id)
	if fault.Is(err, fault.NotFound) {
		return Detail{}, none
	}
	if err != nil {
		return Detail{}, err
	}
	rows, err := s.config.Store.Rows(ctx, Query{CommandID: id, Node: node})
	if err != nil {
		return Detail{}, err
	}
	if len(rows) == 0 {
		return Detail{}, none
	}
	i, err := readInvocation(rows[0])
	return Detail{i, c}, err
}

// Invocations returns a page of a scope's invocations, newest first and a command's in its order, and the place to go
// on after; false when there are no more.
func (s *Service) Invocations(
	ctx context.Context,
	scope scope.Scope,
	q ListQuery,
) (page []Detail, next Place, more bool, err error) {
	for _, f := range q.Filters {
		if err := f.check(false); err != nil {
			return nil, Place{}, false, err
		}
	}
	if q.CommandID != "" {
		if _, err := s.Command(ctx, scope, q.CommandID); err != nil {
			return nil, Place{}, false, err
		}
	}
	for after := q.start(); ; {
		rows, err := s.config.Store.Rows(ctx, Query{
			Scope: scope, CommandID: q.CommandID, Node: q.Node, After: after, Limit: listBatch,
		})
		if err != nil {
			return nil, Place{}, false, err
		}
		details, err := s.details(ctx, rows)
		if err != nil {
			return nil, Place{}, false, err
		}
		for _, d := range details {
			after = Place{d.Requested, d.CommandID, d.Order}
			if !passesAll(q.Filters, d.subject()) {
				continue
			}
			if len(page) == q.Limit {
				end := page[q.Limit-1]
				return page, Place{end.Requested, end.CommandID, end.Order}, true, nil
			}
			page = append(page, d)
		}
		if len(rows) < listBatch || q.past(after) {
			return page, Place{}, false, nil
		}
	}
}

func (d Detail) subject() subject {
	return subject{requested: d.Requested, status: d.Status(), details: d.Details, document: d.Command.Document}
}

// details reads rows, and finds their commands at once.
func (s *Service) details(ctx context.Context, rows []Row) ([]Detail, error) {
	ids := make([]string, len(rows))
	for i, r := range rows {
		ids[i] = r.CommandID
	}
	commands, err := s.getAll(ctx, ids)
	if err != nil {
		return nil, err
	}
	all := make([]Detail, len(rows))
	for k, r := range rows {
		i, err := readInvocation(r)
		if err != nil {
			return nil, err
		}
		all[k] = Detail{i, commands[r.CommandID].Command}
	}
	return all, nil
}
