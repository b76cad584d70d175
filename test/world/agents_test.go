package world_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"postern/api/nodetest"
	"postern/ssm/mgs"
	"postern/test/world"
)

// reply is the last report of a script that printed something.
func reply(stdout string) mgs.ReplyContent { return nodetest.Result(mgs.Success, 0, stdout, "") }

// TestAgentsThatDoNotBehave puts scripted agents on the path of an instance, beside a node that behaves. Whatever they
// do, a command ends with what is true, keeps that end, and the neighbour works.
func TestAgentsThatDoNotBehave(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		does  func(a *nodetest.Agent, job mgs.Job)
		later bool // its command ends only when its time is up
		want  world.Result
	}{
		{
			"answers nothing", func(*nodetest.Agent, mgs.Job) {}, true,
			world.Result{Status: "TimedOut", Detail: "DeliveryTimedOut", Code: -1},
		},
		{
			"takes the job and says no more", func(a *nodetest.Agent, job mgs.Job) { a.Ack(job.JobID, mgs.Accepted) }, false,
			world.Result{Status: "InProgress"},
		},
		{"answers twice", func(a *nodetest.Agent, job mgs.Job) {
			for range 2 {
				nodetest.Obey(a, job)
			}
		}, false, world.Result{Status: "Success", Detail: "Success", Stdout: "done\n"}},
		{"changes its mind", func(a *nodetest.Agent, job mgs.Job) {
			nodetest.Obey(a, job)
			a.Reply(job.JobID, nodetest.Result(mgs.Failed, 1, "", "no"))
			a.Reply(job.JobID, mgs.ReplyContent{DocumentStatus: mgs.InProgress})
		}, false, world.Result{Status: "Success", Detail: "Success", Stdout: "…"}},
		{"answers in the wrong order", func(a *nodetest.Agent, job mgs.Job) {
			a.Reply(job.JobID, reply("done\n"))
			a.Reply(job.JobID, mgs.ReplyContent{DocumentStatus: mgs.InProgress})
			a.Ack(job.JobID, mgs.Accepted)
		}, false, world.Result{Status: "Success", Detail: "Success", Stdout: "done\n"}},
		{"says that it cannot read the job", func(a *nodetest.Agent, job mgs.Job) { a.Ack(job.JobID, mgs.ParseError) }, false,
			world.Result{Status: "Failed", Detail: "Failed", Code: -1,
				Stderr: "the agent refused the command: AgentJobMessageParseError (51408): it does not take the document " +
					"AWS-RunShellScript or one of its parameters"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := world.New(t, world.Nodes(1))
			bad := w.Bare()
			a := bad.Scripted().Connect(c.does)
			command := w.Send("echo done", bad.ID, w.Node(0).ID)
			w.Until("the job has come", func() bool { return len(a.Jobs()) > 0 })
			if r := command.Wait(w.Node(0).ID); r.Stdout != "done\n" {
				t.Errorf("the neighbour: %+v", r)
			}
			if c.later {
				if r := command.On(bad.ID); r.Ended() {
					t.Errorf("before its time: %+v", r)
				}
				w.Advance(world.DeliverWithin + time.Second)
			}
			ends(t, w, command, bad.ID, c.want)
			if !c.want.Ended() {
				return
			}
			// What comes afterwards does not change how it ended, and the agent is told that it need not say it again.
			late := a.Reply(a.Jobs()[0], nodetest.Result(mgs.Failed, 9, "late\n", ""))
			for ack := range a.Acks {
				if ack.MessageID == late.String() {
					break
				}
			}
			if r := command.On(bad.ID); r.Status != c.want.Status || r.Detail != c.want.Detail {
				t.Errorf("after a late report: %+v", r)
			}
		})
	}
}

// ends waits until a command has come to what is wanted, on a node.
func ends(t *testing.T, w *world.World, c *world.Command, node string, want world.Result) {
	t.Helper()
	var got world.Result
	w.Until("the command is "+want.Status, func() bool { got = c.On(node); return got.Status == want.Status })
	if want.Stdout == "…" { // the agent has said this and that
		got.Stdout, got.Stderr, got.Code = want.Stdout, want.Stderr, want.Code
	}
	if want.Ended() && got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestAnswersForAnother: a node that reports on its neighbour's job changes nothing.
func TestAnswersForAnother(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	liar, silent := w.Bare(), w.Bare()
	a, b := liar.Scripted().Connect(nil), silent.Scripted().Connect(nil)
	command := w.Send("true", silent.ID)
	w.Until("the job has come", func() bool { return len(b.Jobs()) > 0 })
	job := b.Jobs()[0]
	sent := a.Reply(job, reply("I say so"))
	select { // the service has read it, and either answers or ends the channel
	case ack := <-a.Acks:
		if ack.MessageID != sent.String() {
			t.Errorf("acknowledged %s, not %s", ack.MessageID, sent)
		}
	case <-a.Gone():
	}
	if r := command.On(silent.ID); r.Ended() || r.Stdout != "" {
		t.Errorf("after another's answer: %+v", r)
	}
	b.Ack(job, mgs.Accepted)
	b.Reply(job, reply("my own"))
	if r := command.Wait(silent.ID); r.Stdout != "my own" {
		t.Errorf("after its own answer: %+v", r)
	}
	if status, body := liar.Scripted().CreateChannel(silent.ID); status != 403 {
		t.Errorf("the channel of another: %d %s", status, body)
	}
}

// TestFlood lets a node send as much as its path takes, of reports that nobody asked for and of frames that say
// nothing.
func TestFlood(t *testing.T) {
	t.Parallel()
	w := world.New(t, world.Nodes(1))
	a := w.Bare().Scripted().Connect(nil)
	stop, flooded := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(flooded)
		big := reply(strings.Repeat("x", 20_000))
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-a.Gone():
				return
			case <-a.Acks:
			default:
				a.Reply(fmt.Sprintf("aws.ssm.00000000-0000-4000-8000-%012x.i-0", i), big)
				a.Write("no_such_type", struct{}{})
			}
		}
	}()
	for range 10 {
		w.Node(0).Says("true")
	}
	close(stop)
	<-flooded
	if _, err := w.EC2.DescribeVpcs(t.Context(), nil); err != nil {
		t.Error(err)
	}
}
