package command_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"postern/ssm/command"
	"postern/ssm/mailbox"
	"postern/ssm/mgs"
)

func TestSteps(t *testing.T) {
	run(t, "what comes after the last word is merged", 1, func(t *testing.T, w *world) {
		a, _ := w.connect(0, nil)
		c := w.send(command.Request{Document: w.steps("a", "b", "c"), Nodes: []string{a.id}})
		job := mgs.JobID(c.ID, a.id)
		last := mgs.ReplyContent{DocumentStatus: mgs.Success}
		last.AdditionalInfo.RuntimeStatusCounts = map[mgs.Status]int{mgs.Success: 2}
		step := func(name string) mgs.ReplyContent {
			return mgs.ReplyContent{
				DocumentStatus: mgs.InProgress,
				RuntimeStatus:  map[string]*mgs.StepStatus{name: {Status: mgs.Success, StandardOutput: name}},
			}
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

// A node that cannot read its parameters says no more than that. The trace names what only the node reads.
func TestParseHint(t *testing.T) {
	for _, tt := range []struct {
		name     string
		commands []string
		want     string
	}{
		{"nothing stored", []string{"id"}, ": it does not take the document AWS-RunShellScript or one of its parameters"},
		{"one", []string{"echo {{ssm:one}}"}, ": parameter commands refers to {{ssm:one}}, which the node reads itself"},
		{"two", []string{"echo {{ssm:two}} {{ssm:one}}"}, ": parameter commands refers to {{ssm:one}}, {{ssm:two}}, which"},
	} {
		run(t, tt.name, 1, func(t *testing.T, w *world) {
			w.connect(0, func(a *agent, job mailbox.Item) { a.ack(job.ID, mgs.ParseError) })
			c := w.send(command.Request{
				Document: "AWS-RunShellScript", Nodes: []string{nodeID(0)},
				Parameters: map[string][]string{"commands": tt.commands},
			})
			w.expect(c, "Failed: Failed")
			d, err := w.commands.Invocation(t.Context(), here, c.ID, nodeID(0))
			if err != nil || !strings.Contains(d.Trace, tt.want) {
				t.Errorf("trace %q, %v; want %q in it", d.Trace, err, tt.want)
			}
		})
	}
}
