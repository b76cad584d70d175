package command_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postern/ssm/command"
	"postern/ssm/mgs"
)

// counted puts a store that counts its calls before the world's.
func counted(w *world) *faulty {
	f := &faulty{Store: w.store}
	w.over = f
	w.restart()
	return f
}

func nodeIDs(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = nodeID(i)
	}
	return ids
}

// fill stores commands of one node each, a second apart, that wait for it.
func fill(t *testing.T, w *world, commands int, node func(int) string) (first time.Time) {
	t.Helper()
	first = time.Now().UTC().Truncate(time.Second)
	for i := range commands {
		row := command.CommandRow{
			ID: fmt.Sprintf("c%04d", i), Scope: here, Requested: first.Add(time.Duration(i) * time.Second),
			Body: []byte(`{"Content":{"schemaVersion":"1.2","runtimeConfig":
				{"aws:runShellScript":{"properties":[{"id":"0","runCommand":["true"]}]}}}}`),
		}
		waits := command.Row{
			CommandID: row.ID, Node: node(i), Scope: here, Requested: row.Requested, Stage: command.Queued,
			Details: command.Pending, Due: row.Requested.Add(24 * time.Hour), Body: []byte(`{}`),
		}
		if err := w.store.Create(t.Context(), row, []command.Row{waits}); err != nil {
			t.Fatal(err)
		}
	}
	return first
}

func TestCost(t *testing.T) {
	run(t, "releasing the next counts nothing", 60, func(t *testing.T, w *world) {
		f := counted(w)
		for n := range 60 {
			w.connect(n, obey)
		}
		f.arm(0, false)
		c := w.send(command.Request{Nodes: nodeIDs(60), MaxConcurrency: "1"})
		synctest.Wait()
		tallies, reads := f.count("Tally"), f.count("Rows")
		w.expect(c, "Success:"+strings.Repeat(" Success", 60))
		if tallies > 0 || reads > 0 {
			t.Errorf("%d tallies and %d reads", tallies, reads)
		}
	})
	run(t, "a release after a restart counts once", 60, func(t *testing.T, w *world) {
		f := counted(w)
		c := w.send(command.Request{Nodes: nodeIDs(60), MaxConcurrency: "1"})
		w.restart()
		for n := range 60 {
			w.connect(n, obey)
		}
		synctest.Wait()
		w.restart()
		f.arm(0, false)
		synctest.Wait()
		if tallies := f.count("Tally"); tallies > 1 {
			t.Errorf("%d tallies", tallies)
		}
		w.expect(c, "Success:"+strings.Repeat(" Success", 60))
	})
	run(t, "cancelling one node reads one invocation", 50, func(t *testing.T, w *world) {
		f := counted(w)
		c := w.send(command.Request{Nodes: nodeIDs(50)})
		f.arm(0, false)
		want(t, "cancel", w.commands.Cancel(t.Context(), here, c.ID, []string{nodeID(7)}), "")
		if f.rows != 1 {
			t.Errorf("%d invocations were read", f.rows)
		}
	})
}

func TestCostOfLists(t *testing.T) {
	run(t, "a page reads its commands at once", 1, func(t *testing.T, w *world) {
		f := counted(w)
		fill(t, w, 100, func(int) string { return nodeID(0) })
		for _, calls := range []int{1, 1} { // 64 are remembered, and the page has 100
			f.arm(0, false)
			page, _, _, err := w.commands.Invocations(t.Context(), here, command.ListQuery{Limit: 100})
			if err != nil || len(page) != 100 || f.count("Commands") != calls {
				t.Errorf("%d invocations by %d reads, %v", len(page), f.count("Commands"), err)
			}
		}
	})
	run(t, "a span of time reads what is in it", 1, func(t *testing.T, w *world) {
		f := counted(w)
		first := fill(t, w, 400, func(int) string { return nodeID(0) })
		at := func(i int) string { return first.Add(time.Duration(i) * time.Second).Format(time.RFC3339) }
		for _, tt := range []struct {
			key, value string
			want, read int
		}{
			{"InvokedBefore", at(5), 5, 6},
			{"InvokedAfter", at(394), 5, 100},
		} {
			q := command.ListQuery{Limit: 50, Filters: []command.Filter{{Key: tt.key, Value: tt.value}}}
			f.arm(0, false)
			page, _, more, err := w.commands.Invocations(t.Context(), here, q)
			if err != nil || more || len(page) != tt.want || f.rows > tt.read {
				t.Errorf("%s: %d invocations out of %d, more %t, %v", tt.key, len(page), f.rows, more, err)
			}
			f.arm(0, false)
			list, _, more, err := w.commands.List(t.Context(), here, q)
			if err != nil || more || len(list) != tt.want || f.count("ListCommands") != 1 {
				t.Errorf("%s: %d commands by %d reads, more %t, %v", tt.key, len(list), f.count("ListCommands"), more, err)
			}
		}
	})
	run(t, "redelivery looks at the nodes that are here", 1, func(t *testing.T, w *world) {
		f := counted(w)
		a, _ := w.connect(0, nil)
		fill(t, w, 1500, func(i int) string {
			if i == 0 {
				return a.id
			}
			return fmt.Sprintf("i-%017x", 0xf00000+i)
		})
		f.arm(0, false)
		pass(time.Minute)
		if !strings.HasPrefix(a.got(), "run") {
			t.Errorf("the agent got %q", a.got())
		}
		if f.rows > 2*1000+10 {
			t.Errorf("%d invocations were read in two rounds", f.rows)
		}
	})
}

// What is reported while a commit is under way is the next commit.
func TestReportsGather(t *testing.T) {
	run(t, "", 100, func(t *testing.T, w *world) {
		f := counted(w)
		f.before = func() { <-time.After(10 * time.Millisecond) }
		c := w.send(command.Request{Nodes: nodeIDs(100), MaxConcurrency: "100%"})
		f.arm(0, false)
		for n := range 100 {
			a := &agent{w: w, id: nodeID(n)}
			a.ack(mgs.JobID(c.ID, a.id), mgs.Accepted)
		}
		pass(time.Second)
		w.expect(c, "InProgress:"+strings.Repeat(" InProgress", 100))
		if n := f.count("Update"); n > 3 {
			t.Errorf("100 reports were %d commits", n)
		}
	})
}

// What another server writes counts at the next look, and not only what this one does.
func TestAnotherServersEndsCount(t *testing.T) {
	run(t, "", 2, func(t *testing.T, w *world) {
		w.connect(1, obey)
		c := w.send(command.Request{Targets: all(), MaxConcurrency: "1"})
		w.expect(c, "Pending: Pending Pending")
		w.endElsewhere(c.ID, nodeID(0))
		pass(31 * time.Second)
		w.expect(c, "Success: Success Success")
	})
}

// endElsewhere ends an invocation as another server would.
func (w *world) endElsewhere(id, node string) {
	w.t.Helper()
	key := command.Key{CommandID: id, Node: node}
	err := w.store.Update(w.t.Context(), []command.Key{key}, func(found []command.Row) ([]command.Row, error) {
		found[0].Stage, found[0].Details, found[0].Due = command.Ended, command.Success, time.Time{}
		return found, nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}
