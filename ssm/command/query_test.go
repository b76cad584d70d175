package command_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"postern/aws/fault"
	"postern/ssm/command"
)

func TestLists(t *testing.T) {
	run(t, "", 2, func(t *testing.T, w *world) {
		w.connect(0, obey)
		var made []*command.Command
		for range 5 {
			made = append(made, w.sendTo(0))
			pass(time.Second)
		}
		made = append(made, w.sendTo(1), w.sendTo(0, 1))
		pass(time.Second)
		filter := func(key, value string) []command.Filter { return []command.Filter{{Key: key, Value: value}} }
		middle := made[2].Requested.Format(time.RFC3339Nano)
		// The last two were sent in the same microsecond, so that their ids order them.
		last := "56"
		if made[5].ID > made[6].ID {
			last = "65"
		}
		for _, tt := range []struct {
			q                     command.ListQuery
			commands, invocations string
		}{
			{command.ListQuery{}, last + "43210", strings.ReplaceAll(last, "6", "66") + "43210"},
			{command.ListQuery{Node: nodeID(0)}, "643210", "643210"},
			{command.ListQuery{CommandID: made[6].ID}, "6", "66"},
			{command.ListQuery{CommandID: made[6].ID, Node: nodeID(1)}, "6", "6"},
			{command.ListQuery{Filters: filter("Status", "Success")}, "43210", "643210"},
			{command.ListQuery{Filters: filter("Status", "Pending")}, "5", last},
			{command.ListQuery{Filters: filter("ExecutionStage", "Complete")}, "43210", "refused"},
			{
				command.ListQuery{Filters: filter("InvokedAfter", middle)}, last + "43",
				strings.ReplaceAll(last, "6", "66") + "43",
			},
			{command.ListQuery{Filters: filter("InvokedBefore", middle)}, "10", "10"},
			{command.ListQuery{Filters: filter("DocumentName", "X")}, "", ""},
		} {
			for _, limit := range []int{1, 2, 50} {
				tt.q.Limit, tt.q.After = limit, command.Place{}
				commands, invocations := listed(t, w, made, tt.q)
				if commands != tt.commands || invocations != tt.invocations {
					t.Errorf("%+v: commands %s, invocations %s; want %s, %s", tt.q, commands, invocations, tt.commands, tt.invocations)
				}
			}
		}
		_, _, _, err := w.commands.List(
			t.Context(),
			here,
			command.ListQuery{Filters: filter("InvokedAfter", "noon"), Limit: 1},
		)
		want(t, "bad time", err, "InvalidFilterKey")
		_, err = w.commands.Invocation(t.Context(), here, made[0].ID, nodeID(1))
		want(t, "no invocation", err, "InvocationDoesNotExist")
		_, err = w.commands.Invocation(t.Context(), here, "x", nodeID(1))
		want(t, "no command", err, "InvocationDoesNotExist")
	})
}

// listed returns the places of the commands that a query lists, and of those of the invocations, page by page.
func listed(
	t *testing.T, w *world, made []*command.Command, q command.ListQuery,
) (commands, invocations string) {
	t.Helper()
	number := func(id string) string {
		for i, c := range made {
			if c.ID == id {
				return fmt.Sprint(i)
			}
		}
		return "?"
	}
	for {
		page, next, more, err := w.commands.List(t.Context(), here, q)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range page {
			commands += number(l.ID)
		}
		if q.After = next; !more {
			break
		}
	}
	q.After = command.Place{}
	for {
		page, next, more, err := w.commands.Invocations(t.Context(), here, q)
		if fault.Of(err) != nil && fault.Of(err).Code == "InvalidFilterKey" {
			return commands, "refused"
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range page {
			invocations += number(d.CommandID)
		}
		if q.After = next; !more {
			return commands, invocations
		}
	}
}
