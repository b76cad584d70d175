package command_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postern/aws/scope"
	"postern/ssm/command"
	"postern/ssm/mailbox"
	"postern/ssm/mgs"
)

func TestCancel(t *testing.T) {
	run(t, "before it was sent", 2, func(t *testing.T, w *world) {
		c := w.sendTo(0, 1)
		want(t, "cancel", w.commands.Cancel(t.Context(), here, c.ID, []string{nodeID(1)}), "")
		w.expect(c, "InProgress: Pending Cancelled")
		want(t, "cancel", w.commands.Cancel(t.Context(), here, c.ID, nil), "")
		w.expect(c, "Cancelled: Cancelled Cancelled")
		a, _ := w.connect(0, obey)
		pass(time.Minute)
		if a.got() != "" {
			t.Errorf("the agent got %q", a.got())
		}
	})
	run(t, "while it runs", 1, func(t *testing.T, w *world) {
		var job string
		a, _ := w.connect(0, func(a *agent, i mailbox.Item) {
			a.ack(i.ID, mgs.Accepted)
			if !strings.HasPrefix(i.Topic, mgs.TopicCancelCommand) {
				job = i.ID
				return
			}
			var about mgs.CancelContent
			if err := json.Unmarshal([]byte(i.Content), &about); err != nil || about.CancelMessageID != job {
				t.Errorf("cancelled %q, %v", about.CancelMessageID, err)
			}
			want(t, "the cancellation's own reply", a.reply(i.ID, begun()), "")
			a.finish(job, mgs.Cancelled)
		})
		c := w.sendTo(0)
		synctest.Wait()
		want(t, "cancel", w.commands.Cancel(t.Context(), here, c.ID, nil), "")
		w.expect(c, "Cancelled: Cancelled")
		want(t, "cancel again", w.commands.Cancel(t.Context(), here, c.ID, nil), "")
		w.expect(c, "Cancelled: Cancelled")
		pass(time.Minute)
		if a.got() != "run cancel" {
			t.Errorf("the agent got %q", a.got())
		}
	})
}

// A cancellation is not repeated once the job has ended, whether the node acknowledged it or not; and every node that
// runs the command is told.
func TestCancelEnds(t *testing.T) {
	run(t, "", 2, func(t *testing.T, w *world) {
		var agents []*agent
		for n := range 2 {
			a, _ := w.connect(n, func(a *agent, i mailbox.Item) {
				if strings.HasPrefix(i.Topic, mgs.TopicCancelCommand) {
					about := mgs.CancelContent{}
					if err := json.Unmarshal([]byte(i.Content), &about); err != nil {
						t.Error(err)
					}
					a.finish(about.CancelMessageID, mgs.Cancelled)
					return
				}
				a.ack(i.ID, mgs.Accepted)
			})
			agents = append(agents, a)
		}
		c := w.sendTo(0, 1)
		synctest.Wait()
		want(t, "cancel", w.commands.Cancel(t.Context(), here, c.ID, nil), "")
		pass(time.Minute)
		w.expect(c, "Cancelled: Cancelled Cancelled")
		for n, a := range agents {
			if a.got() != "run cancel" {
				t.Errorf("agent %d got %q", n, a.got())
			}
		}
	})
}

func TestCancelUnheard(t *testing.T) {
	run(t, "the node is away and comes back", 1, func(t *testing.T, w *world) {
		_, leave := w.connect(0, func(a *agent, i mailbox.Item) { a.ack(i.ID, mgs.Accepted) })
		c := w.sendTo(0)
		synctest.Wait()
		leave()
		want(t, "cancel", w.commands.Cancel(t.Context(), here, c.ID, nil), "")
		w.expect(c, "Cancelling: Cancelling")
		a, _ := w.connect(0, func(a *agent, i mailbox.Item) {
			a.ack(i.ID, mgs.Accepted)
			a.finish(mgs.JobID(c.ID, a.id), mgs.Cancelled)
		})
		w.expect(c, "Cancelled: Cancelled")
		if a.got() != "cancel" {
			t.Errorf("the agent got %q", a.got())
		}
	})
	run(t, "sent and never heard of", 1, func(t *testing.T, w *world) {
		w.connect(0, func(a *agent, i mailbox.Item) {
			if strings.HasPrefix(i.Topic, mgs.TopicCancelCommand) {
				a.ack(i.ID, mgs.Accepted)
			}
		})
		c := w.sendTo(0)
		want(t, "cancel", w.commands.Cancel(t.Context(), here, c.ID, nil), "")
		w.expect(c, "Cancelling: Cancelling")
		pass(20 * time.Second)
		w.expect(c, "Cancelled: Cancelled")
	})
	run(t, "held ones too", 3, func(t *testing.T, w *world) {
		c := w.send(command.Request{Targets: all(), MaxConcurrency: "1"})
		want(t, "cancel", w.commands.Cancel(t.Context(), here, c.ID, nil), "")
		w.expect(c, "Cancelled: Cancelled Cancelled Cancelled")
		want(t, "for another node", w.commands.Cancel(t.Context(), here, c.ID, []string{nodeID(9)}), "InvalidInstanceId")
		want(t, "no command", w.commands.Cancel(t.Context(), here, "x", nil), "InvalidCommandId")
		want(t, "elsewhere", w.commands.Cancel(t.Context(), scope.Scope{}, c.ID, nil), "InvalidCommandId")
	})
}
