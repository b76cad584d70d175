package command_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postern/ssm/command"
	"postern/ssm/mailbox"
	"postern/ssm/mgs"
	"postern/ssm/node"
)

func TestRateControl(t *testing.T) {
	run(t, "one after the other", 5, func(t *testing.T, w *world) {
		hold := make(chan struct{})
		for n := range 5 {
			w.connect(n, func(a *agent, job mailbox.Item) {
				a.ack(job.ID, mgs.Accepted)
				<-hold
				a.finish(job.ID, mgs.Success)
			})
		}
		c := w.send(command.Request{Targets: all(), MaxConcurrency: "2"})
		w.expect(c, "InProgress: InProgress InProgress Pending Pending Pending")
		hold <- struct{}{}
		w.expectCounts(c, 1, 2)
		close(hold)
		w.expect(c, "Success: Success Success Success Success Success")
	})
	run(t, "stops after too many errors", 6, func(t *testing.T, w *world) {
		for n := range 6 {
			w.connect(n, func(a *agent, job mailbox.Item) {
				a.ack(job.ID, mgs.Accepted)
				a.finish(job.ID, mgs.Failed)
			})
		}
		c := w.send(command.Request{Targets: all(), MaxConcurrency: "1", MaxErrors: "1"})
		w.expect(c, "Failed: Failed Failed Terminated Terminated Terminated Terminated")
	})
	run(t, "goes on after a restart", 3, func(t *testing.T, w *world) {
		c := w.send(command.Request{Targets: all(), MaxConcurrency: "34%"})
		w.stop()
		w.start()
		for n := range 3 {
			w.connect(n, obey)
		}
		w.expect(c, "Success: Success Success Success")
	})
	run(t, "a node that is away holds up the others only for its time", 2, func(t *testing.T, w *world) {
		w.connect(1, obey)
		c := w.send(command.Request{Targets: all(), MaxConcurrency: "1", TimeoutSeconds: 60, MaxErrors: "100%"})
		w.expect(c, "Pending: Pending Pending")
		pass(62 * time.Second)
		w.expect(c, "Incomplete: DeliveryTimedOut Success")
	})
	run(t, "nobody has the tag", 1, func(t *testing.T, w *world) {
		c := w.send(command.Request{Targets: []node.Filter{{Key: "tag:role", Values: []string{"web"}}}})
		w.expect(c, "NoInstancesInTag:")
	})
}

// What ends before the command is known to be stored lets the next go as well.
func TestAnEndBeforeTheStoreAnswers(t *testing.T) {
	run(t, "", 2, func(t *testing.T, w *world) {
		f := counted(w)
		f.created = func() {
			w.connect(0, obey)
			w.connect(1, obey)
			synctest.Wait()
		}
		c := w.send(command.Request{Targets: all(), MaxConcurrency: "1"})
		w.expect(c, "Success: Success Success")
	})
}

// Nothing is looked for of commands that hold nothing back any more, or were never stored.
func TestBacklogsEnd(t *testing.T) {
	run(t, "all released", 2, func(t *testing.T, w *world) {
		f := counted(w)
		w.connect(0, obey)
		w.connect(1, obey)
		c := w.send(command.Request{Targets: all(), MaxConcurrency: "1"})
		w.expect(c, "Success: Success Success")
		f.arm(0, false)
		pass(61 * time.Second)
		if n := f.count("Tally"); n > 0 {
			t.Errorf("counted %d times", n)
		}
	})
	run(t, "not stored", 2, func(t *testing.T, w *world) {
		f := counted(w)
		f.breakDown("Create")
		_, err := w.commands.Send(t.Context(), here, command.Request{
			Document: "AWS-RunShellScript", Nodes: nodeIDs(2), MaxConcurrency: "1",
			Parameters: map[string][]string{"commands": {"id"}},
		})
		if !errors.Is(err, errStore) {
			t.Errorf("send: %v", err)
		}
		f.arm(0, false)
		pass(61 * time.Second)
		if n := f.count("Commands"); n > 0 {
			t.Errorf("looked for %d times", n)
		}
	})
}

func all() []node.Filter {
	var ids []string
	for i := range 10 {
		ids = append(ids, nodeID(i))
	}
	return []node.Filter{{Key: "InstanceIds", Values: ids}}
}

func (w *world) expectCounts(c *command.Command, done, running int) {
	w.t.Helper()
	states := w.states(c)
	if got := strings.Count(states, "Success"); got != done {
		w.t.Errorf("%d done in %s, want %d", got, states, done)
	}
	if got := strings.Count(states, "InProgress") - 1; got != running {
		w.t.Errorf("%d running in %s, want %d", got, states, running)
	}
}
