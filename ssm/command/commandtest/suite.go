package commandtest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/ssm/command"
)

var (
	here  = scope.Scope{Account: "000000000000", Region: "us-east-1"}
	there = scope.Scope{Account: "000000000000", Region: "eu-west-1"}
	noon  = time.Date(2026, 11, 21, 12, 0, 0, 123456000, time.UTC)
)

// TestStore is the conformance suite of command.Store. open returns an empty store; called again within the same test
// it returns the same store, opened anew where it can be.
func TestStore(t *testing.T, open func(t *testing.T) command.Store) {
	t.Run("commands", func(t *testing.T) { commands(t, open) })
	t.Run("queries", func(t *testing.T) { queries(t, open) })
	t.Run("update writes what change returns", func(t *testing.T) { updates(t, open(t)) })
	t.Run("no update is lost among many", func(t *testing.T) { concurrent(t, open(t)) })
	t.Run("ten thousand rows in one call", func(t *testing.T) { many(t, open(t)) })
	t.Run("forget", func(t *testing.T) { forget(t, open(t)) })
}

func create(t *testing.T, s command.Store, id string, scope scope.Scope, at time.Time, nodes ...string) {
	t.Helper()
	var rows []command.Row
	for i, n := range nodes {
		rows = append(rows, command.Row{
			CommandID: id, Node: n, Scope: scope, Requested: at, Order: i,
			Stage: command.Queued, Details: "Pending", Body: []byte(`{}`),
		})
	}
	c := command.CommandRow{ID: id, Scope: scope, Requested: at, Body: []byte(`{"id":"` + id + `"}`)}
	if err := s.Create(t.Context(), c, rows); err != nil {
		t.Fatal(err)
	}
}

func commands(t *testing.T, open func(t *testing.T) command.Store) {
	s := open(t)
	create(t, s, "c1", here, noon)
	create(t, s, "c3", here, noon.Add(time.Microsecond), "i-1")
	create(t, s, "c2", here, noon)
	create(t, s, "c4", there, noon)
	if err := s.Create(t.Context(), command.CommandRow{ID: "c1", Scope: here, Requested: noon}, nil); !fault.Is(
		err,
		fault.Exists,
	) {
		t.Errorf("a second c1: %v, want Exists", err)
	}
	s = open(t)
	all, err := s.ListCommands(t.Context(), here, command.Place{}, 10)
	if got := ids(all); err != nil || !slices.Equal(got, []string{"c3", "c1", "c2"}) {
		t.Errorf("list %v, %v", got, err)
	}
	page, err := s.ListCommands(t.Context(), here, command.Place{Requested: noon, CommandID: "c1", Order: 7}, 1)
	if got := ids(page); err != nil || !slices.Equal(got, []string{"c2"}) {
		t.Errorf("page %v, %v", got, err)
	}
	if len(all) > 0 &&
		(!all[0].Requested.Equal(noon.Add(time.Microsecond)) || all[0].Scope != here ||
			string(all[0].Body) != `{"id":"c3"}`) {
		t.Errorf("c3 came back as %+v", all[0])
	}
	refused := errors.New("no")
	for _, tt := range []struct {
		id   string
		err  error
		want string
	}{{"c1", nil, `{"id":"c1"}+`}, {"c1", refused, `{"id":"c1"}+`}} {
		err := s.UpdateCommand(t.Context(), tt.id, func(body []byte) ([]byte, error) { return append(body, '+'), tt.err })
		if !errors.Is(err, tt.err) {
			t.Errorf("update: %v, want %v", err, tt.err)
		}
		found, err := s.Commands(t.Context(), tt.id, "c9")
		if err != nil || len(found) != 1 || string(found[0].Body) != tt.want {
			t.Errorf("found %+v, %v; want body %s", found, err, tt.want)
		}
	}
	if err := s.UpdateCommand(t.Context(), "c9", func(b []byte) ([]byte, error) { return b, nil }); !fault.Is(
		err,
		fault.NotFound,
	) {
		t.Errorf("update of nothing: %v, want NotFound", err)
	}
}

func ids(list []command.CommandRow) []string {
	var out []string
	for _, c := range list {
		out = append(out, c.ID)
	}
	return out
}

func names(t *testing.T, s command.Store, q command.Query) string {
	t.Helper()
	rows, err := s.Rows(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range rows {
		out = append(out, r.CommandID+"/"+r.Node)
	}
	return strings.Join(out, " ")
}

func queries(t *testing.T, open func(t *testing.T) command.Store) {
	s := open(t)
	create(t, s, "c1", here, noon, "i-2", "i-1", "i-3")
	create(t, s, "c2", here, noon.Add(time.Second), "i-1")
	create(t, s, "c3", there, noon.Add(2*time.Second), "i-9")
	due := noon.Add(time.Minute)
	err := s.Update(
		t.Context(),
		[]command.Key{{CommandID: "c1", Node: "i-1"}, {CommandID: "c1", Node: "i-3"}},
		func(found []command.Row) ([]command.Row, error) {
			for i := range found {
				found[i].Stage, found[i].Details, found[i].Due = command.Running, "InProgress", due
				if found[i].Node == "i-3" {
					found[i].Stage, found[i].Details, found[i].Due = command.Ended, "Success", time.Time{}
				}
			}
			return found, nil
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	s = open(t)
	for _, tt := range []struct {
		name string
		q    command.Query
		want string
	}{
		{"all", command.Query{}, "c3/i-9 c2/i-1 c1/i-2 c1/i-1 c1/i-3"},
		{"scope", command.Query{Scope: here}, "c2/i-1 c1/i-2 c1/i-1 c1/i-3"},
		{"command", command.Query{CommandID: "c1"}, "c1/i-2 c1/i-1 c1/i-3"},
		{"node", command.Query{Node: "i-1"}, "c2/i-1 c1/i-1"},
		{"one", command.Query{Node: "i-1", CommandID: "c1"}, "c1/i-1"},
		{"stages", command.Query{Stages: []command.Stage{command.Running, command.Ended}}, "c1/i-1 c1/i-3"},
		{"due", command.Query{DueBy: due}, "c1/i-1"},
		{"not due yet", command.Query{DueBy: due.Add(-time.Microsecond)}, ""},
		{"limit", command.Query{Limit: 2}, "c3/i-9 c2/i-1"},
		{"after", command.Query{After: command.Place{Requested: noon, CommandID: "c1", Order: 0}, Limit: 1}, "c1/i-1"},
		{
			"after, older",
			command.Query{Scope: here, After: command.Place{Requested: noon.Add(time.Second), CommandID: "c2"}},
			"c1/i-2 c1/i-1 c1/i-3",
		},
		{"nothing", command.Query{Node: "i-7"}, ""},
	} {
		if got := names(t, s, tt.q); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	counts, err := s.Tally(t.Context(), "c1", "c2", "c9")
	slices.SortFunc(counts, func(a, b command.Count) int {
		return cmp.Or(cmp.Compare(a.CommandID, b.CommandID), cmp.Compare(a.Stage, b.Stage))
	})
	want := []command.Count{
		count(
			"c1",
			command.Queued,
			"Pending",
			1,
		), count("c1", command.Running, "InProgress", 1), count("c1", command.Ended, "Success", 1),
		count("c2", command.Queued, "Pending", 1),
	}
	if diff := gocmp.Diff(want, counts); err != nil || diff != "" {
		t.Errorf("tally %v (-want +got):\n%s", err, diff)
	}
}

func count(id string, stage command.Stage, details string, n int) command.Count {
	return command.Count{CommandID: id, Stage: stage, Details: details, N: n}
}

func updates(t *testing.T, s command.Store) {
	create(t, s, "c1", here, noon, "i-1", "i-2")
	keys := []command.Key{{CommandID: "c1", Node: "i-1"}, {CommandID: "c1", Node: "i-2"}, {CommandID: "c1", Node: "i-9"}}
	due := noon.Add(time.Hour)
	err := s.Update(t.Context(), keys, func(found []command.Row) ([]command.Row, error) {
		if len(found) != 2 {
			t.Errorf("change was given %d rows", len(found))
		}
		for _, r := range found {
			if r.Node == "i-1" {
				r.Stage, r.Details, r.Due, r.Body = command.Running, "InProgress", due, []byte(`{"a":1}`)
				return []command.Row{r}, nil
			}
		}
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	refused := errors.New("no")
	err = s.Update(t.Context(), keys, func(found []command.Row) ([]command.Row, error) {
		for i := range found {
			found[i].Stage = command.Ended
		}
		return found, refused
	})
	if !errors.Is(err, refused) {
		t.Errorf("Update = %v, want change's own error", err)
	}
	rows, err := s.Rows(t.Context(), command.Query{CommandID: "c1"})
	want := []command.Row{
		{
			CommandID: "c1",
			Node:      "i-1",
			Scope:     here,
			Requested: noon,
			Stage:     command.Running,
			Details:   "InProgress",
			Due:       due,
			Body:      []byte(`{"a":1}`),
		},
		{
			CommandID: "c1",
			Node:      "i-2",
			Scope:     here,
			Requested: noon,
			Order:     1,
			Stage:     command.Queued,
			Details:   "Pending",
			Body:      []byte(`{}`),
		},
	}
	if diff := gocmp.Diff(want, rows); err != nil || diff != "" {
		t.Errorf("rows %v (-want +got):\n%s", err, diff)
	}
}

func concurrent(t *testing.T, s command.Store) {
	create(t, s, "c1", here, noon, "i-1", "i-2")
	keys := []command.Key{{CommandID: "c1", Node: "i-1"}, {CommandID: "c1", Node: "i-2"}}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 10 {
				err := s.Update(t.Context(), keys, func(found []command.Row) ([]command.Row, error) {
					for i := range found {
						found[i].Body = append(found[i].Body, '+')
					}
					return found, nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	rows, err := s.Rows(t.Context(), command.Query{CommandID: "c1"})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if want := "{}" + strings.Repeat("+", 80); string(r.Body) != want {
			t.Errorf("%s has body %s", r.Node, r.Body)
		}
	}
}

func many(t *testing.T, s command.Store) {
	const n = 10_000
	nodes := make([]string, n)
	keys := make([]command.Key, n)
	for i := range nodes {
		nodes[i] = fmt.Sprintf("i-%05d", i)
		keys[i] = command.Key{CommandID: "c1", Node: nodes[i]}
	}
	create(t, s, "c1", here, noon, nodes...)
	err := s.Update(t.Context(), keys, func(found []command.Row) ([]command.Row, error) {
		for i := range found {
			found[i].Stage, found[i].Details = command.Ended, "Success"
		}
		return found, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	counts, err := s.Tally(t.Context(), "c1")
	if want := []command.Count{count("c1", command.Ended, "Success", n)}; err != nil || !slices.Equal(counts, want) {
		t.Errorf("tally %v, %v", counts, err)
	}
}

func forget(t *testing.T, s command.Store) {
	create(t, s, "c1", here, noon, "i-1")
	create(t, s, "c2", there, noon.Add(time.Second), "i-1")
	if err := s.Forget(t.Context(), noon.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if got := names(t, s, command.Query{}); got != "c2/i-1" {
		t.Errorf("rows left: %q", got)
	}
	if found, err := s.Commands(t.Context(), "c1", "c2"); err != nil || !slices.Equal(ids(found), []string{"c2"}) {
		t.Errorf("commands left: %v, %v", ids(found), err)
	}
}
