package command_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postern/ssm/command"
	"postern/ssm/mailbox"
	"postern/ssm/mgs"
)

func TestOneNode(t *testing.T) {
	run(t, "from request to result", 1, func(t *testing.T, w *world) {
		var content mgs.CommandContent
		a, _ := w.connect(0, func(a *agent, job mailbox.Item) {
			if err := json.Unmarshal([]byte(job.Content), &content); err != nil {
				t.Error(err)
			}
			obey(a, job)
		})
		c := w.send(command.Request{
			Document: "AWS-RunShellScript", Nodes: []string{nodeID(0)}, Comment: "hello",
			Parameters: map[string][]string{"commands": {"echo hi", "id"}, "executionTimeout": {"60"}},
			Output:     command.Output{S3Bucket: "b", S3Prefix: "p"},
		})
		w.expect(c, "Success: Success")
		if got, _ := json.Marshal(content.Parameters); string(got) != `{"commands":["echo `+
			`hi","id"],"executionTimeout":"60"}` || content.OutputS3BucketName != "b" ||
			content.CloudWatchOutputEnabled != "false" || content.CommandID != c.ID ||
			!strings.Contains(string(content.DocumentContent), "runtimeConfig") {
			t.Errorf("the agent was sent %+v", content)
		}
		d, err := w.commands.Invocation(t.Context(), here, c.ID, nodeID(0))
		if err != nil || d.Steps["aws:runShellScript"].Stdout != "done" || d.Name != "host0" || d.Command.Comment != "hello" {
			t.Errorf("invocation %+v, %v", d.Invocation, err)
		}
		pass(time.Minute)
		if a.got() != "run" {
			t.Errorf("the agent got %q", a.got())
		}
	})
	run(t, "answers nothing", 1, func(t *testing.T, w *world) {
		a, _ := w.connect(0, nil)
		c := w.send(command.Request{Nodes: []string{nodeID(0)}, TimeoutSeconds: 30})
		w.expect(c, "Pending: Pending")
		pass(6 * time.Second)
		w.expect(c, "Pending: Delayed")
		pass(25 * time.Second)
		w.expect(c, "DeliveryTimedOut: DeliveryTimedOut")
		pass(time.Hour)
		if n := len(strings.Fields(a.got())); n < 6 || n > 7 {
			t.Errorf("sent %d times", n)
		}
	})
	run(t, "accepts and falls silent", 1, func(t *testing.T, w *world) {
		w.connect(0, func(a *agent, job mailbox.Item) { a.ack(job.ID, mgs.Accepted) })
		c := w.send(command.Request{
			Document: "AWS-RunShellScript", Nodes: []string{nodeID(0)},
			Parameters: map[string][]string{"commands": {"id"}, "executionTimeout": {"60"}},
		})
		w.expect(c, "InProgress: InProgress")
		pass(6 * time.Minute)
		w.expect(c, "InProgress: InProgress")
		pass(2 * time.Minute)
		w.expect(c, "ExecutionTimedOut: ExecutionTimedOut")
	})
}

func TestAnswers(t *testing.T) {
	run(t, "answers twice, late and out of order", 1, func(t *testing.T, w *world) {
		a, _ := w.connect(0, nil)
		c := w.sendTo(0)
		job := mgs.JobID(c.ID, a.id)
		for _, r := range []mgs.ReplyContent{ended(mgs.Failed, 3, "x"), begun(), ended(mgs.Success, 0, "y"), begun()} {
			want(t, "reply", a.reply(job, r), "")
		}
		w.expect(c, "Failed: Failed")
		pass(time.Hour)
		a.ack(job, mgs.Accepted)
		want(t, "late", a.reply(job, ended(mgs.Success, 0, "z")), "")
		w.expect(c, "Failed: Failed")
	})
	run(t, "too busy twice", 1, func(t *testing.T, w *world) {
		a, _ := w.connect(0, func(a *agent, job mailbox.Item) {
			if len(strings.Fields(a.got())) < 3 {
				a.ack(job.ID, mgs.BufferFull)
				return
			}
			obey(a, job)
		})
		c := w.sendTo(0)
		w.expect(c, "Pending: Delayed")
		pass(20 * time.Second)
		w.expect(c, "Success: Success")
		if a.got() != "run run run" {
			t.Errorf("the agent got %q", a.got())
		}
	})
	for code, status := range map[mgs.Code]string{
		mgs.Duplicate: "InProgress", mgs.InvalidDocument: "Failed", mgs.ContainerNotSupported: "Failed", "nonsense": "Failed",
	} {
		run(t, "answers "+string(code), 1, func(t *testing.T, w *world) {
			w.connect(0, func(a *agent, job mailbox.Item) { a.ack(job.ID, code) })
			w.expect(w.sendTo(0), status+": "+status)
		})
	}
}

func TestNodesThatAreNotThere(t *testing.T) {
	run(t, "comes late", 1, func(t *testing.T, w *world) {
		c := w.sendTo(0)
		pass(20 * time.Minute)
		w.expect(c, "Pending: Pending")
		w.connect(0, obey)
		w.expect(c, "Success: Success")
	})
	run(t, "takes it by the long poll", 1, func(t *testing.T, w *world) {
		a := &agent{w: w, id: nodeID(0)}
		got := make(chan []mailbox.Item)
		go func() {
			items, err := w.box.Poll(t.Context(), a.id)
			if err != nil {
				t.Error(err)
			}
			got <- items
		}()
		synctest.Wait()
		c := w.sendTo(0)
		for _, job := range <-got {
			obey(a, job)
		}
		w.expect(c, "Success: Success")
	})
	run(t, "floods with what nobody asked for", 1, func(t *testing.T, w *world) {
		a, _ := w.connect(0, nil)
		c := w.sendTo(0)
		for i := range 2000 {
			job := mgs.JobID(fmt.Sprint("no-such-command-", i), a.id)
			a.ack(job, mgs.Accepted)
			want(t, "reply", a.reply(job, ended(mgs.Success, 0, "")), "")
		}
		want(t, "nonsense", a.reply("x", begun()), "ValidationException")
		err := w.commands.Replied(t.Context(), a.id, mgs.JobID(c.ID, a.id), "{", nil)
		want(t, "no JSON", err, "ValidationException")
		w.expect(c, "Pending: Pending")
	})
	run(t, "answers for another", 2, func(t *testing.T, w *world) {
		c := w.sendTo(0)
		liar := &agent{w: w, id: nodeID(1)}
		want(t, "reply", liar.reply(mgs.JobID(c.ID, nodeID(0)), ended(mgs.Success, 0, "")), "")
		w.expect(c, "Pending: Pending")
	})
}

// What a failure kept from being posted is found by the clock.
func TestRedelivery(t *testing.T) {
	run(t, "a job that is in no mailbox", 1, func(t *testing.T, w *world) {
		a, _ := w.connect(0, obey)
		c := &command.Command{}
		row := command.CommandRow{
			ID:        "lost",
			Scope:     here,
			Requested: time.Now().UTC(),
			Body: []byte(`{"Content":{"schemaVersion":"1.2","runtimeConfig":
			{"aws:runShellScript":{"properties":[{"id":"0","runCommand":["true"]}]}}}}`),
		}
		lost := command.Row{
			CommandID: row.ID, Node: a.id, Scope: here, Requested: row.Requested, Stage: command.Queued,
			Details: command.Pending,
			Due:     row.Requested.Add(time.Hour), Body: []byte(`{}`),
		}
		if err := w.store.Create(t.Context(), row, []command.Row{lost}); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		c.ID = row.ID
		w.expect(c, "Success: Success")
		if a.got() != "run" {
			t.Errorf("the agent got %q", a.got())
		}
	})
}

func TestNodeGone(t *testing.T) {
	run(t, "ends what was for it", 2, func(t *testing.T, w *world) {
		w.connect(1, func(a *agent, i mailbox.Item) { a.ack(i.ID, mgs.Accepted) })
		c := w.sendTo(0, 1)
		synctest.Wait()
		for n := range 2 {
			if err := w.nodes.Forget(t.Context(), nodeID(n)); err != nil {
				t.Fatal(err)
			}
		}
		w.expect(c, "Failed: Undeliverable Failed")
	})
}
