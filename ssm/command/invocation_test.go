package command

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"postern/ssm/mgs"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func queued() *Invocation {
	i := &Invocation{Deliver: time.Minute, Execute: time.Hour}
	i.release(noon)
	i.sent(noon)
	return i
}

// drawRun draws the replies of one truthful agent: of a document with some steps, as section 7.3 of the protocol has
// them. Each step is reported once running, perhaps, and once ended; the last reply decides.
func drawRun(t *rapid.T) []*mgs.ReplyContent {
	n := rapid.IntRange(1, 4).Draw(t, "steps")
	terminal := rapid.SampledFrom([]mgs.Status{mgs.Success, mgs.Failed, mgs.Cancelled, mgs.TimedOut, mgs.Skipped})
	replies := []*mgs.ReplyContent{{DocumentStatus: mgs.InProgress}}
	final := &mgs.ReplyContent{RuntimeStatus: map[string]*mgs.StepStatus{}}
	final.AdditionalInfo.RuntimeStatusCounts = map[mgs.Status]int{}
	var all []mgs.Status
	for s := range n {
		status := terminal.Draw(t, "status")
		step := &mgs.StepStatus{
			Status: status, Code: rapid.IntRange(0, 255).Draw(t, "code"), Name: "aws:runShellScript",
			StandardOutput: rapid.StringN(0, 5, -1).Draw(t, "stdout"),
			StartDateTime:  mgs.FormatTime(noon.Add(time.Duration(s) * time.Second)),
			EndDateTime:    mgs.FormatTime(noon.Add(time.Duration(s+1) * time.Second)),
		}
		id := fmt.Sprint("step", s)
		if rapid.Bool().Draw(t, "interim") {
			replies = append(
				replies,
				reply(mgs.InProgress, id, &mgs.StepStatus{Status: mgs.InProgress, StartDateTime: step.StartDateTime}),
			)
		}
		replies = append(replies, reply(mgs.InProgress, id, step))
		if n == 1 {
			final.RuntimeStatus[id] = step
		}
		final.AdditionalInfo.RuntimeStatusCounts[status]++
		all = append(all, status)
	}
	final.DocumentStatus = mgs.DocumentStatus(all)
	return append(replies, final)
}

func reply(document mgs.Status, id string, step *mgs.StepStatus) *mgs.ReplyContent {
	return &mgs.ReplyContent{DocumentStatus: document, RuntimeStatus: map[string]*mgs.StepStatus{id: step}}
}

// outcome returns what must not depend on the order of replies.
func outcome(i *Invocation) string {
	b, err := json.Marshal(struct {
		Stage    Stage
		Details  Details
		Expected int
		Steps    map[string]*Step
	}{i.Stage, i.Details, i.Expected, i.Steps})
	if err != nil {
		panic(err)
	}
	return string(b)
}

func TestAnyOrderAndRepetitionEndsAlike(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		run := drawRun(t)
		straight := queued()
		straight.acknowledged(mgs.Accepted, "", noon)
		for _, r := range run {
			straight.replied(r, noon)
		}
		if straight.Stage != Ended {
			t.Fatalf("a whole run leaves stage %d, %s", straight.Stage, straight.Details)
		}
		shuffled := rapid.Permutation(slices.Concat(run, rapid.SliceOf(rapid.SampledFrom(run)).Draw(t, "again"))).
			Draw(t, "order")
		i := queued()
		ack := rapid.IntRange(0, len(shuffled)).Draw(t, "ack")
		now := noon
		var ended Details
		for k, r := range shuffled {
			if k == ack {
				i.acknowledged(rapid.SampledFrom([]mgs.Code{mgs.Accepted, mgs.Duplicate}).Draw(t, "code"), "", now)
			}
			now = now.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "ms")) * time.Millisecond)
			i.tick(now)
			i.replied(r, now)
			if ended != "" && i.Details != ended {
				t.Fatalf("terminal %s became %s", ended, i.Details)
			}
			if i.Stage == Ended {
				ended = i.Details
			}
		}
		if diff := cmp.Diff(outcome(straight), outcome(i)); diff != "" {
			t.Fatalf("(-in order +shuffled):\n%s", diff)
		}
	})
}

// TestTerminalIsSticky drives an invocation with anything at all: once ended, only its steps may change.
func TestTerminalIsSticky(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		i := &Invocation{Deliver: time.Minute, Execute: time.Hour}
		now := noon
		var ended string
		for range rapid.IntRange(1, 30).Draw(t, "events") {
			now = now.Add(time.Duration(rapid.IntRange(0, 4000).Draw(t, "s")) * time.Second)
			drive(t, i, now)
			back, err := readInvocation(i.row())
			if err != nil {
				t.Fatal(err)
			}
			i = back
			if i.Stage == Ended &&
				(StatusOf(i.Details) == InProgress || i.Details == Pending || !i.Due.IsZero() || i.Finished.IsZero()) {
				t.Fatalf("ended as %s, due %v, finished %v", i.Details, i.Due, i.Finished)
			}
			if i.Stage != Ended && i.Stage != Held && i.Due.IsZero() {
				t.Fatalf("stage %d will never end", i.Stage)
			}
			is := fmt.Sprint(i.Details, i.Finished, i.Trace)
			if ended != "" && is != ended {
				t.Fatalf("ended as %s, then %s", ended, is)
			}
			if i.Stage == Ended {
				ended = is
			}
		}
	})
}

func drive(t *rapid.T, i *Invocation, now time.Time) {
	codes := []mgs.Code{mgs.Accepted, mgs.Duplicate, mgs.BufferFull, mgs.ParseError, mgs.ContainerNotSupported, "?"}
	switch rapid.IntRange(0, 10).Draw(t, "event") {
	case 0, 1:
		i.release(now)
	case 2:
		i.sent(now)
	case 3:
		i.acknowledged(rapid.SampledFrom(codes).Draw(t, "code"), "", now)
	case 4, 5:
		run := drawRun(t)
		i.replied(rapid.SampledFrom(run).Draw(t, "reply"), now)
	case 6:
		i.cancel("cancel", now)
	case 7:
		i.cancelHeard(now)
	case 8:
		i.tick(now)
	case 9:
		i.unanswered()
	case 10:
		if rapid.IntRange(0, 5).Draw(t, "rare") == 0 {
			i.gone(now)
			i.terminate(now)
		}
	}
}

// transitions lists what may happen to an invocation that was sent at noon, and how it then stands.
var transitions = []struct {
	name    string
	drive   func(*Invocation)
	stage   Stage
	details Details
}{
	{"released", func(i *Invocation) {}, Queued, Pending},
	{"accepted", func(i *Invocation) { i.acknowledged(mgs.Accepted, "", noon) }, Running, InProgress},
	{"duplicate", func(i *Invocation) { i.acknowledged(mgs.Duplicate, "", noon) }, Running, InProgress},
	{"busy", func(i *Invocation) { i.acknowledged(mgs.BufferFull, "", noon) }, Queued, Delayed},
	{"unanswered", func(i *Invocation) { i.unanswered() }, Queued, Delayed},
	{"refused", func(i *Invocation) { i.acknowledged(mgs.ParseError, "", noon) }, Ended, Failed},
	{
		"a reply is an acknowledgement",
		func(i *Invocation) { i.replied(&mgs.ReplyContent{DocumentStatus: mgs.InProgress}, noon) }, Running, InProgress,
	},
	{"not delivered in time", func(i *Invocation) { i.tick(noon.Add(time.Minute)) }, Ended, DeliveryTimedOut},
	{"not quite", func(i *Invocation) { i.tick(noon.Add(time.Minute - 1)) }, Queued, Pending},
	{"no result in time", func(i *Invocation) {
		i.accepted(noon)
		i.tick(noon.Add(2 * time.Hour))
	}, Ended, ExecutionTimedOut},
	{"still in grace", func(i *Invocation) { i.accepted(noon); i.tick(noon.Add(time.Hour)) }, Running, InProgress},
	{"failed", func(i *Invocation) { i.replied(&mgs.ReplyContent{DocumentStatus: mgs.Failed}, noon) }, Ended, Failed},
	{
		"timed out there", func(i *Invocation) { i.replied(&mgs.ReplyContent{DocumentStatus: mgs.TimedOut}, noon) }, Ended,
		ExecutionTimedOut,
	},
	{
		"reboots", func(i *Invocation) { i.replied(&mgs.ReplyContent{DocumentStatus: mgs.SuccessAndReboot}, noon) },
		Running, InProgress,
	},
	{"waits for steps", func(i *Invocation) { i.replied(two(), noon) }, Running, InProgress},
	{"not for ever", func(i *Invocation) { i.replied(two(), noon); i.tick(noon.Add(settleGrace)) }, Ended, Success},
	{"cancelled too late", func(i *Invocation) { i.replied(two(), noon); i.cancel("c", noon) }, Running, InProgress},
	{"cancelled before it ran", func(i *Invocation) { i.Sent = time.Time{}; i.cancel("c", noon) }, Ended, Cancelled},
	{"cancelled on its way", func(i *Invocation) { i.cancel("c", noon) }, Cancelling, InCancellation},
	{
		"never arrived", func(i *Invocation) {
			i.cancel("c", noon)
			i.cancelHeard(noon)
			i.tick(noon.Add(cancelGrace))
		}, Ended,
		Cancelled,
	},
	{"arrived after all", func(i *Invocation) {
		i.cancel("c", noon)
		i.cancelHeard(noon)
		i.accepted(noon)
		i.tick(noon.Add(cancelGrace))
	}, Cancelling, InCancellation},
	{"cancelled", func(i *Invocation) {
		i.accepted(noon)
		i.cancel("c", noon)
		i.replied(&mgs.ReplyContent{DocumentStatus: mgs.Cancelled}, noon)
	}, Ended, Cancelled},
	{"ended before the cancellation", func(i *Invocation) {
		i.accepted(noon)
		i.cancel("c", noon)
		i.replied(&mgs.ReplyContent{DocumentStatus: mgs.Success}, noon)
	}, Ended, Success},
	{"cancelled, and there was nothing any more", func(i *Invocation) {
		i.accepted(noon)
		i.cancel("c", noon)
		i.cancelHeard(noon)
		i.tick(noon.Add(executionGrace))
	}, Ended, Cancelled},
	{"cancelled, and the report is on its way", func(i *Invocation) {
		i.accepted(noon)
		i.cancel("c", noon)
		i.cancelHeard(noon)
		i.tick(noon.Add(executionGrace - 1))
	}, Cancelling, InCancellation},
	{"refused while it is being cancelled", func(i *Invocation) {
		i.cancel("c", noon)
		i.acknowledged(mgs.ParseError, "", noon)
	}, Ended, Failed},
	{"refused after it was accepted, while it is being cancelled", func(i *Invocation) {
		i.accepted(noon)
		i.cancel("c", noon)
		i.acknowledged(mgs.ParseError, "", noon)
	}, Cancelling, InCancellation},
	{"refused after it was accepted", func(i *Invocation) {
		i.accepted(noon)
		i.acknowledged(mgs.ParseError, "", noon)
	}, Running, InProgress},
	{"cancelled twice", func(i *Invocation) {
		i.accepted(noon)
		i.cancel("c", noon)
		i.cancel("d", noon)
		if i.CancelID != "c" {
			i.Details = "cancelled anew"
		}
	}, Cancelling, InCancellation},
	{"heard twice of its cancellation", func(i *Invocation) {
		i.cancel("c", noon)
		i.cancelHeard(noon)
		i.cancelHeard(noon.Add(time.Minute))
		i.tick(noon.Add(cancelGrace))
	}, Ended, Cancelled},
	{"busy while it is being cancelled", func(i *Invocation) {
		i.cancel("c", noon)
		i.acknowledged(mgs.BufferFull, "", noon)
	}, Cancelling, InCancellation},
	{"unanswered while it runs", func(i *Invocation) { i.accepted(noon); i.unanswered() }, Running, InProgress},
	{"accepted twice", func(i *Invocation) {
		i.accepted(noon)
		i.accepted(noon.Add(time.Hour))
		i.tick(noon.Add(time.Hour + executionGrace))
	}, Ended, ExecutionTimedOut},
	{"result a moment before its time", func(i *Invocation) {
		i.accepted(noon)
		i.tick(noon.Add(time.Hour + executionGrace - 1))
	}, Running, InProgress},
	{"cancelled shortly before its time", func(i *Invocation) {
		i.accepted(noon)
		i.cancel("c", noon.Add(time.Hour))
		i.cancelHeard(noon.Add(time.Hour + time.Minute))
		i.tick(noon.Add(time.Hour + executionGrace))
	}, Ended, Cancelled},
	{"a decision before the time to settle", func(i *Invocation) {
		i.replied(two(), noon)
		i.tick(noon.Add(settleGrace - 1))
	}, Running, InProgress},
	{"the second decision does not count", func(i *Invocation) {
		i.replied(two(), noon)
		i.replied(&mgs.ReplyContent{DocumentStatus: mgs.Failed}, noon)
		i.tick(noon.Add(settleGrace))
	}, Ended, Success},
	{"node gone before", func(i *Invocation) { i.gone(noon) }, Ended, Undeliverable},
	{"node gone meanwhile", func(i *Invocation) { i.accepted(noon); i.gone(noon) }, Ended, Failed},
}

func TestTransitions(t *testing.T) {
	for _, tt := range transitions {
		i := queued()
		tt.drive(i)
		if i.Stage != tt.stage || i.Details != tt.details {
			t.Errorf("%s: stage %d, %s; want %d, %s", tt.name, i.Stage, i.Details, tt.stage, tt.details)
		}
	}
	held := &Invocation{}
	held.replied(&mgs.ReplyContent{DocumentStatus: mgs.Success}, noon)
	held.tick(noon)
	if held.Stage != Held {
		t.Error("a held invocation moved by itself")
	}
	held.terminate(noon)
	if held.Stage != Ended || held.Status() != Cancelled {
		t.Errorf("terminated: %s", held.Details)
	}
}

// two is the last reply of a document of two steps, which are not in it.
func two() *mgs.ReplyContent {
	r := &mgs.ReplyContent{DocumentStatus: mgs.Success}
	r.AdditionalInfo.RuntimeStatusCounts = map[mgs.Status]int{mgs.Success: 2}
	return r
}

// What the clock and the node end has a reason.
func TestTraces(t *testing.T) {
	for _, tt := range []struct {
		name  string
		drive func(*Invocation)
		want  string
	}{
		{
			"refused", func(i *Invocation) { i.acknowledged(mgs.ParseError, ": because", noon) },
			"the agent refused the command",
		},
		{"with a hint", func(i *Invocation) { i.acknowledged(mgs.ParseError, ": because", noon) }, ": because"},
		{"gone before", func(i *Invocation) { i.gone(noon) }, "before it took the command"},
		{"gone meanwhile", func(i *Invocation) { i.accepted(noon); i.gone(noon) }, "while the command ran"},
		{"no result", func(i *Invocation) { i.accepted(noon); i.tick(noon.Add(24 * time.Hour)) },
			"reported no result in time. Agents drop reports of more than 120000 bytes"},
		{"no end", func(i *Invocation) {
			i.accepted(noon)
			i.cancel("c", noon)
			i.cancelHeard(noon)
			i.tick(noon.Add(24 * time.Hour))
		}, "it does not have it any more. Agents drop reports"},
		{"never arrived", func(i *Invocation) {
			i.cancel("c", noon)
			i.cancelHeard(noon)
			i.tick(noon.Add(24 * time.Hour))
		}, ""},
		{"its own", func(i *Invocation) {
			i.replied(&mgs.ReplyContent{DocumentStatus: mgs.Failed, DocumentTraceOutput: "trace"}, noon)
		}, "trace"},
		{"cut", func(i *Invocation) {
			long := strings.Repeat("x", 2501)
			i.replied(&mgs.ReplyContent{DocumentStatus: mgs.Failed, DocumentTraceOutput: long}, noon)
		}, strings.Repeat("x", 2500)},
	} {
		i := queued()
		tt.drive(i)
		if !strings.Contains(i.Trace, tt.want) || (tt.want == "") != (i.Trace == "") || len(i.Trace) > 2500 {
			t.Errorf("%s: %q, want %q in it", tt.name, i.Trace, tt.want)
		}
	}
}

// When each moment is due, exactly.
func TestMoments(t *testing.T) {
	i := &Invocation{Deliver: time.Minute, Execute: time.Hour}
	i.release(noon)
	is := func(what string, got, want time.Time) {
		t.Helper()
		if !got.Equal(want) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	is("delivery", i.Due, noon.Add(time.Minute))
	i.sent(noon)
	i.sent(noon.Add(time.Second))
	is("sent", i.Sent, noon)
	i.acknowledged(mgs.BufferFull, "", noon)
	is("sent again", i.Sent, noon.Add(8*time.Second))
	i.accepted(noon)
	is("accepted", i.Accepted, noon)
	is("execution", i.Due, noon.Add(time.Hour+6*time.Minute))
	i.cancel("c", noon)
	is("cancellation not heard", i.Due, noon.Add(time.Hour+6*time.Minute))
	i.cancelHeard(noon.Add(time.Minute))
	is("cancellation heard", i.Due, noon.Add(7*time.Minute))
	i.replied(two(), noon.Add(2*time.Minute))
	is("decided", i.DecidedAt, noon.Add(2*time.Minute))
	is("settling", i.Due, noon.Add(2*time.Minute+5*time.Second))
	i.tick(noon.Add(3 * time.Minute))
	is("finished", i.Finished, noon.Add(3*time.Minute))
	is("never again", i.Due, time.Time{})
	lost := queued()
	lost.cancel("c", noon)
	lost.cancelHeard(noon)
	is("never arrived", lost.Due, noon.Add(15*time.Second))
}
