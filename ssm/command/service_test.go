package command_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/ssm/command"
	"postern/ssm/command/commandtest"
	"postern/ssm/document/library"
	"postern/ssm/mailbox"
	"postern/ssm/mgs"
	"postern/ssm/node"
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
		if got, _ := json.Marshal(content.Parameters); string(got) != `{"commands":["echo hi","id"],"executionTimeout":"60"}` || content.OutputS3BucketName != "b" ||
			content.CloudWatchOutputEnabled != "false" || content.CommandID != c.ID || !strings.Contains(string(content.DocumentContent), "runtimeConfig") {
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
	for code, status := range map[mgs.Code]string{mgs.Duplicate: "InProgress", mgs.InvalidDocument: "Failed", mgs.ContainerNotSupported: "Failed", "nonsense": "Failed"} {
		run(t, "answers "+string(code), 1, func(t *testing.T, w *world) {
			w.connect(0, func(a *agent, job mailbox.Item) { a.ack(job.ID, code) })
			w.expect(w.sendTo(0), status+": "+status)
		})
	}
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

func TestSteps(t *testing.T) {
	run(t, "what comes after the last word is merged", 1, func(t *testing.T, w *world) {
		a, _ := w.connect(0, nil)
		c := w.send(command.Request{Document: w.steps("a", "b", "c"), Nodes: []string{a.id}})
		job := mgs.JobID(c.ID, a.id)
		last := mgs.ReplyContent{DocumentStatus: mgs.Success}
		last.AdditionalInfo.RuntimeStatusCounts = map[mgs.Status]int{mgs.Success: 2}
		step := func(name string) mgs.ReplyContent {
			return mgs.ReplyContent{DocumentStatus: mgs.InProgress, RuntimeStatus: map[string]*mgs.StepStatus{name: {Status: mgs.Success, StandardOutput: name}}}
		}
		want(t, "last", a.reply(job, last), "")
		want(t, "b", a.reply(job, step("b")), "")
		w.expect(c, "InProgress: InProgress")
		want(t, "a", a.reply(job, step("a")), "")
		w.expect(c, "Success: Success")
		want(t, "another, later", a.reply(job, step("c")), "")
		d, err := w.commands.Invocation(t.Context(), here, c.ID, a.id)
		if err != nil || len(d.Steps) != 3 {
			t.Errorf("%d steps, %v", len(d.Steps), err)
		}
	})
	run(t, "what the document does not have is not kept", 1, func(t *testing.T, w *world) {
		a, _ := w.connect(0, nil)
		c := w.sendTo(0)
		job := mgs.JobID(c.ID, a.id)
		for n := range 50 {
			junk := &mgs.StepStatus{Status: mgs.Success, StandardOutput: strings.Repeat("x", command.StdoutLimit)}
			want(t, "junk", a.reply(job, mgs.ReplyContent{
				DocumentStatus: mgs.InProgress, RuntimeStatus: map[string]*mgs.StepStatus{fmt.Sprint("junk", n): junk},
			}), "")
		}
		want(t, "last", a.reply(job, ended(mgs.Success, 0, "done")), "")
		w.expect(c, "Success: Success")
		d, err := w.commands.Invocation(t.Context(), here, c.ID, a.id)
		if err != nil || len(d.Steps) != 1 || d.Steps["aws:runShellScript"].Stdout != "done" {
			t.Errorf("%d steps, %v", len(d.Steps), err)
		}
	})
	run(t, "steps that never come are not waited for", 1, func(t *testing.T, w *world) {
		a, _ := w.connect(0, nil)
		c := w.sendTo(0)
		last := mgs.ReplyContent{DocumentStatus: mgs.Failed}
		last.AdditionalInfo.RuntimeStatusCounts = map[mgs.Status]int{mgs.Failed: 2}
		want(t, "last", a.reply(mgs.JobID(c.ID, a.id), last), "")
		w.expect(c, "InProgress: InProgress")
		pass(7 * time.Second)
		w.expect(c, "Failed: Failed")
	})
}

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

// What a failure kept from being posted is found by the clock.
func TestRedelivery(t *testing.T) {
	run(t, "a job that is in no mailbox", 1, func(t *testing.T, w *world) {
		a, _ := w.connect(0, obey)
		c := &command.Command{}
		row := command.CommandRow{ID: "lost", Scope: here, Requested: time.Now().UTC(), Body: []byte(`{"Content":{"schemaVersion":"1.2","runtimeConfig":
			{"aws:runShellScript":{"properties":[{"id":"0","runCommand":["true"]}]}}}}`)}
		lost := command.Row{
			CommandID: row.ID, Node: a.id, Scope: here, Requested: row.Requested, Stage: command.Queued, Details: command.Pending,
			Due: row.Requested.Add(time.Hour), Body: []byte(`{}`),
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
		if _, err := w.commands.Send(t.Context(), here, command.Request{Document: "AWS-RunShellScript", Nodes: []string{a.id}, Parameters: map[string][]string{"commands": {"id"}}}); !errors.Is(err, full) {
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

// A node whose every step would be skipped is no success: nothing has run there.
func TestAnotherPlatform(t *testing.T) {
	run(t, "", 2, func(t *testing.T, w *world) {
		windows := library.NewVersion{Name: "Win", Content: `{"schemaVersion":"2.2","mainSteps":[{"action":"aws:runPowerShellScript","name":"x",
			"precondition":{"StringEquals":["platformType","Windows"]},"inputs":{"runCommand":["dir"]}}]}`}
		if _, err := w.library.Create(t.Context(), here, windows, time.Now()); err != nil {
			t.Fatal(err)
		}
		a, _ := w.connect(0, nil)
		c := w.send(command.Request{Document: "Win", Targets: all()})
		w.expect(c, "InvalidPlatform: InvalidPlatform InvalidPlatform")
		if a.got() != "" {
			t.Errorf("the agent got %q", a.got())
		}
		if err := w.nodes.Ping(t.Context(), here, nodeID(1), node.Information{PlatformType: "Windows"}, time.Now()); err != nil {
			t.Fatal(err)
		}
		b, _ := w.connect(1, nil)
		c = w.send(command.Request{Document: "Win", Targets: all(), MaxConcurrency: "1"})
		want(t, "reply", b.reply(mgs.JobID(c.ID, b.id), ended(mgs.Success, 0, "")), "")
		pass(time.Minute)
		w.expect(c, "Incomplete: InvalidPlatform Success")
	})
}

func TestSendRefuses(t *testing.T) {
	run(t, "", 1, func(t *testing.T, w *world) {
		windows := library.NewVersion{Name: "Win", Content: `{"schemaVersion":"2.2","mainSteps":[{"action":"aws:psModule","name":"x"}]}`}
		if _, err := w.library.Create(t.Context(), here, windows, time.Now()); err != nil {
			t.Fatal(err)
		}
		id := []string{nodeID(0)}
		ok := map[string][]string{"commands": {"id"}}
		const shell = "AWS-RunShellScript"
		for _, tt := range []struct {
			name string
			r    command.Request
			code string
		}{
			{"good", command.Request{Document: shell, Nodes: id, Parameters: ok}, ""},
			{"by ARN", command.Request{Document: "arn:aws:ssm:us-east-1::document/" + shell, Nodes: id, Parameters: ok}, ""},
			{"nobody", command.Request{Document: shell, Parameters: ok}, "ValidationException"},
			{"both", command.Request{Document: shell, Nodes: id, Targets: all(), Parameters: ok}, "ValidationException"},
			{"unknown node", command.Request{Document: shell, Nodes: []string{"i-99"}, Parameters: ok}, "InvalidInstanceId"},
			{"no node's id", command.Request{Document: shell, Nodes: []string{"i-a.b"}, Parameters: ok}, "InvalidInstanceId"},
			{"unknown document", command.Request{Document: "AWS-Nothing", Nodes: id}, "InvalidDocument"},
			{"unknown version", command.Request{Document: shell, Version: "7", Nodes: id, Parameters: ok}, "InvalidDocumentVersion"},
			{"wrong hash", command.Request{Document: shell, Hash: "00", Nodes: id, Parameters: ok}, "InvalidDocument"},
			{"another platform", command.Request{Document: "Win", Nodes: id}, "UnsupportedPlatformType"},
			{"missing parameter", command.Request{Document: shell, Nodes: id}, "InvalidParameters"},
			{"unknown parameter", command.Request{Document: shell, Nodes: id, Parameters: map[string][]string{"commands": {"id"}, "x": {""}}}, "InvalidParameters"},
			{"time-out too short", command.Request{Document: shell, Nodes: id, Parameters: ok, TimeoutSeconds: 29}, "ValidationException"},
			{"long comment", command.Request{Document: shell, Nodes: id, Parameters: ok, Comment: strings.Repeat("x", 101)}, "ValidationException"},
			{"no concurrency", command.Request{Document: shell, Nodes: id, Parameters: ok, MaxConcurrency: "0"}, "ValidationException"},
			{"odd concurrency", command.Request{Document: shell, Nodes: id, Parameters: ok, MaxConcurrency: "101%"}, "ValidationException"},
			{"odd errors", command.Request{Document: shell, Nodes: id, Parameters: ok, MaxErrors: "-1"}, "ValidationException"},
			{"bad target", command.Request{Document: shell, Targets: []node.Filter{{Key: "Name"}}, Parameters: ok}, "InvalidTarget"},
		} {
			_, err := w.commands.Send(t.Context(), here, tt.r)
			want(t, tt.name, err, tt.code)
		}
		if _, err := w.commands.Send(t.Context(), here, command.Request{Nodes: id}); !fault.Is(err, fault.Missing) {
			t.Errorf("no document: %v", err)
		}
	})
}

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
		names := func(q command.ListQuery) (commands, invocations string) {
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
			{command.ListQuery{Filters: filter("InvokedAfter", middle)}, last + "43", strings.ReplaceAll(last, "6", "66") + "43"},
			{command.ListQuery{Filters: filter("InvokedBefore", middle)}, "10", "10"},
			{command.ListQuery{Filters: filter("DocumentName", "X")}, "", ""},
		} {
			for _, limit := range []int{1, 2, 50} {
				tt.q.Limit, tt.q.After = limit, command.Place{}
				commands, invocations := names(tt.q)
				if commands != tt.commands || invocations != tt.invocations {
					t.Errorf("%+v: commands %s, invocations %s; want %s, %s", tt.q, commands, invocations, tt.commands, tt.invocations)
				}
			}
		}
		_, _, _, err := w.commands.List(t.Context(), here, command.ListQuery{Filters: filter("InvokedAfter", "noon"), Limit: 1})
		want(t, "bad time", err, "InvalidFilterKey")
		_, err = w.commands.Invocation(t.Context(), here, made[0].ID, nodeID(1))
		want(t, "no invocation", err, "InvocationDoesNotExist")
		_, err = w.commands.Invocation(t.Context(), here, "x", nodeID(1))
		want(t, "no command", err, "InvocationDoesNotExist")
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
	})
}

// mistaken is a store that panics in the next call of Update.
type mistaken struct {
	*commandtest.Store
	next atomic.Bool
}

func (m *mistaken) Update(ctx context.Context, keys []command.Key, change func([]command.Row) ([]command.Row, error)) error {
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
