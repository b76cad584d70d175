package command_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"postern/aws/fault"
	"postern/ssm/command"
	"postern/ssm/command/commandtest"
	"postern/ssm/mailbox"
	"postern/ssm/mgs"
)

func TestRestart(t *testing.T) {
	run(t, "in the middle of a command", 3, func(t *testing.T, w *world) {
		w.connect(0, func(a *agent, i mailbox.Item) { a.ack(i.ID, mgs.Accepted) })
		w.connect(1, nil)
		c := w.sendTo(0, 1, 2)
		w.expect(c, "InProgress: InProgress Pending Pending")
		w.stop()
		pass(time.Minute)
		w.start()
		running, _ := w.connect(0, nil)
		want(t, "what it could not say before", running.reply(mgs.JobID(c.ID, running.id), ended(mgs.Success, 0, "")), "")
		w.connect(1, obey)
		w.connect(2, obey)
		w.expect(c, "Success: Success Success Success")
		if running.got() != "" {
			t.Errorf("a running job was sent again: %q", running.got())
		}
	})
	run(t, "after a long time away", 2, func(t *testing.T, w *world) {
		w.connect(0, func(a *agent, i mailbox.Item) { a.ack(i.ID, mgs.Accepted) })
		w.connect(1, nil)
		c := w.send(command.Request{Nodes: []string{nodeID(0), nodeID(1)}, TimeoutSeconds: command.MaxTimeoutSeconds})
		synctest.Wait()
		w.stop()
		pass(3 * time.Hour)
		w.start()
		pass(time.Minute)
		w.expect(c, "InProgress: InProgress Pending")
		a, _ := w.connect(0, nil)
		want(t, "its result", a.reply(mgs.JobID(c.ID, a.id), ended(mgs.Success, 0, "")), "")
		// The other may have run it three hours ago and have forgotten: it is not sent again.
		b, _ := w.connect(1, obey)
		pass(time.Minute)
		w.expect(c, "InProgress: Success Pending")
		if b.got() != "" {
			t.Errorf("sent again after three hours: %q", b.got())
		}
	})
}

func TestDiskFull(t *testing.T) {
	run(t, "nothing is acknowledged that is not kept", 1, func(t *testing.T, w *world) {
		a, _ := w.connect(0, nil)
		c := w.sendTo(0)
		job := mgs.JobID(c.ID, a.id)
		full := fault.New(fault.Unavailable, "test", "the disk is full")
		w.store.Fail(full)
		if err := a.reply(job, ended(mgs.Success, 0, "")); !errors.Is(err, full) {
			t.Errorf("reply: %v", err)
		}
		if _, err := w.commands.Send(
			t.Context(), here,
			command.Request{
				Document:   "AWS-RunShellScript",
				Nodes:      []string{a.id},
				Parameters: map[string][]string{"commands": {"id"}},
			},
		); !errors.Is(
			err,
			full,
		) {
			t.Errorf("send: %v", err)
		}
		if err := w.commands.Cancel(t.Context(), here, c.ID, nil); !errors.Is(err, full) {
			t.Errorf("cancel: %v", err)
		}
		w.store.Fail(nil)
		want(t, "again", a.reply(job, ended(mgs.Success, 0, "")), "")
		w.expect(c, "Success: Success")
	})
}

func TestStoppedServiceRefuses(t *testing.T) {
	run(t, "", 1, func(t *testing.T, w *world) {
		a, _ := w.connect(0, nil)
		c := w.sendTo(0)
		w.stop()
		if err := a.reply(mgs.JobID(c.ID, a.id), begun()); !fault.Is(err, fault.Unavailable) {
			t.Errorf("reply: %v", err)
		}
		w.start()
	})
}

func TestOldCommandsAreForgotten(t *testing.T) {
	run(t, "", 1, func(t *testing.T, w *world) {
		c := w.sendTo(0)
		pass(26 * time.Hour)
		w.stop()
		w.start()
		_, err := w.commands.Command(context.Background(), here, c.ID)
		want(t, "after its time", err, "InvalidCommandId")
		if w.log.has("level=ERROR") {
			t.Errorf("errors were logged where there was none: %s", w.log.text.String())
		}
	})
}

// mistaken is a store that panics in the next call of Update.
type mistaken struct {
	*commandtest.Store
	next atomic.Bool
}

func (m *mistaken) Update(
	ctx context.Context,
	keys []command.Key,
	change func([]command.Row) ([]command.Row, error),
) error {
	if m.next.Swap(false) {
		panic("index out of range")
	}
	return m.Store.Update(ctx, keys, change)
}

// The one writer goes on after a mistake: who caused it is told, and everybody after it is served.
func TestThePanicOfAWriteIsContained(t *testing.T) {
	run(t, "", 1, func(t *testing.T, w *world) {
		w.stop()
		store := &mistaken{Store: w.store}
		w.over = store
		w.start()
		a, _ := w.connect(0, nil)
		c := w.sendTo(0)
		job := mgs.JobID(c.ID, a.id)
		store.next.Store(true)
		if err := a.reply(job, ended(mgs.Success, 0, "")); !errors.Is(err, fault.ErrPanic) {
			t.Errorf("reply: %v", err)
		}
		want(t, "again", a.reply(job, ended(mgs.Success, 0, "")), "")
		w.expect(c, "Success: Success")
	})
}
