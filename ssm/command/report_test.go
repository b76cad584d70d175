package command_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"postern/ssm/command"
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
