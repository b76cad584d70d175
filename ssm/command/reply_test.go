package command

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/ssm/mgs"
)

func TestOutputLimits(t *testing.T) {
	i := queued()
	long := strings.Repeat("ü", 50_000)
	i.replied(
		reply(
			mgs.Success,
			"s",
			&mgs.StepStatus{Status: mgs.Success, Output: long, StandardOutput: long, StandardError: long},
		),
		noon,
	)
	s := i.Steps["s"]
	for _, tt := range []struct {
		got  string
		want int
	}{{s.Output, OutputLimit}, {s.Stdout, StdoutLimit}, {s.Stderr, StderrLimit}} {
		kept, marked := strings.CutSuffix(tt.got, mgs.TruncatedMark)
		if n := len([]rune(tt.got)); n != tt.want || !marked || !strings.HasPrefix(long, kept) {
			t.Errorf("%d characters kept, want %d, marked %t", n, tt.want, marked)
		}
	}
	for n := range 500 {
		i.replied(reply(mgs.Success, fmt.Sprint(n), &mgs.StepStatus{Status: mgs.Success}), noon)
	}
	i.replied(reply(mgs.Success, strings.Repeat("x", 1000), nil), noon)
	if len(i.Steps) != maxSteps {
		t.Errorf("%d steps kept, want %d", len(i.Steps), maxSteps)
	}
	many := reply(mgs.Success, "s", &mgs.StepStatus{Status: mgs.Success})
	for n := range 500 {
		many.RuntimeStatus[fmt.Sprint(n)] = &mgs.StepStatus{Status: mgs.Success}
	}
	one, other := queued(), queued()
	one.replied(many, noon)
	other.replied(many, noon)
	if !slices.Equal(slices.Sorted(maps.Keys(one.Steps)), slices.Sorted(maps.Keys(other.Steps))) {
		t.Error("of one reply with too many steps, others are kept each time")
	}
	if !slices.Contains(slices.Collect(maps.Keys(i.Steps)), "s") {
		t.Error("an earlier step was lost")
	}
}

// The limits are those of the public API, and a text of exactly that length is whole.
func TestLimitsAreAmazons(t *testing.T) {
	text := strings.Repeat("ü", 24000)
	s := newStep(&mgs.StepStatus{
		Name: text, Status: mgs.Status(text), Output: text[:2*2500], StandardOutput: text, StandardError: text[:2*8000],
		StartDateTime: text, EndDateTime: text, OutputS3BucketName: text, OutputS3KeyPrefix: text,
	})
	for what, tt := range map[string]struct {
		got  string
		want int
	}{
		"output": {s.Output, 2500}, "stdout": {s.Stdout, 24000}, "stderr": {s.Stderr, 8000},
		"name": {s.Name, 256}, "status": {string(s.Status), 256}, "start": {s.Start, 256}, "end": {s.End, 256},
		"bucket": {s.S3Bucket, 256}, "prefix": {s.S3Prefix, 1024},
	} {
		if n := len([]rune(tt.got)); n != tt.want || strings.Contains(tt.got, mgs.TruncatedMark) {
			t.Errorf("%s: %d characters, want %d", what, n, tt.want)
		}
	}
	i := queued()
	i.replied(reply(mgs.InProgress, strings.Repeat("ü", 256), &mgs.StepStatus{Status: mgs.Success}), noon)
	i.replied(reply(mgs.InProgress, strings.Repeat("ü", 257), &mgs.StepStatus{Status: mgs.Success}), noon)
	i.replied(reply(mgs.InProgress, "", &mgs.StepStatus{Status: mgs.Success}), noon)
	if len(i.Steps) != 1 {
		t.Errorf("%d steps are kept", len(i.Steps))
	}
	if maxSteps != 100 {
		t.Errorf("%d steps may be kept", maxSteps)
	}
}

// Of two reports of a step one wins, in whatever order they come.
func TestBetterReports(t *testing.T) {
	at := func(s int) string { return mgs.FormatTime(noon.Add(time.Duration(s) * time.Second)) }
	base := Step{Name: "b", Status: mgs.Success, Code: 1, Output: "b", Stdout: "b", Stderr: "b", Start: at(1), End: at(2),
		S3Bucket: "b", S3Prefix: "b"}
	for what, worse := range map[string]func(*Step){
		"not ended":     func(s *Step) { s.Status, s.End = mgs.InProgress, at(9) },
		"ended before":  func(s *Step) { s.End, s.Code = at(1), 9 },
		"no end":        func(s *Step) { s.End, s.Code = "soon", 9 },
		"began before":  func(s *Step) { s.Start, s.Code = at(0), 9 },
		"status":        func(s *Step) { s.Status, s.Code = mgs.Failed, 9 },
		"code":          func(s *Step) { s.Code, s.Stdout = 0, "z" },
		"stdout":        func(s *Step) { s.Stdout, s.Stderr = "a", "z" },
		"stderr":        func(s *Step) { s.Stderr, s.Output = "a", "z" },
		"output":        func(s *Step) { s.Output, s.Name = "a", "z" },
		"name":          func(s *Step) { s.Name, s.S3Bucket = "a", "z" },
		"bucket":        func(s *Step) { s.S3Bucket, s.S3Prefix = "a", "z" },
		"prefix":        func(s *Step) { s.S3Prefix = "a" },
		"end as text":   func(s *Step) { s.End, s.Name = strings.Replace(s.End, "Z", "+00:00", 1), "z" },
		"start as text": func(s *Step) { s.Start, s.Name = strings.Replace(s.Start, "Z", "+00:00", 1), "z" },
	} {
		other := base
		worse(&other)
		if better(&base, &other) <= 0 || better(&other, &base) >= 0 {
			t.Errorf("%s: %d and %d", what, better(&base, &other), better(&other, &base))
		}
	}
	if better(&base, &base) != 0 {
		t.Error("a report is better than itself")
	}
}

// A count of steps that no truthful agent can send counts nothing.
func TestSum(t *testing.T) {
	for _, tt := range []struct {
		counts map[mgs.Status]int
		want   int
	}{
		{nil, 0},
		{map[mgs.Status]int{mgs.Success: 1, mgs.Failed: 2}, 3},
		{map[mgs.Status]int{mgs.Success: 100}, 100},
		{map[mgs.Status]int{mgs.Success: 101}, 0},
		{map[mgs.Status]int{mgs.Success: -1, mgs.Failed: 2}, 2},
		{map[mgs.Status]int{mgs.Success: 60, mgs.Failed: 60}, 100},
	} {
		if got := sum(tt.counts); got != tt.want {
			t.Errorf("%v: %d, want %d", tt.counts, got, tt.want)
		}
	}
}

func TestStepDetails(t *testing.T) {
	for status, want := range map[mgs.Status]Details{
		mgs.TimedOut: ExecutionTimedOut, mgs.NotStarted: Pending, mgs.Skipped: Success, mgs.SuccessAndReboot: InProgress,
		mgs.PassedAndReboot: InProgress, mgs.Failed: Failed, mgs.Success: Success, mgs.Cancelled: Cancelled,
	} {
		if got := (&Step{Status: status}).Details(); got != want {
			t.Errorf("%s: %s, want %s", status, got, want)
		}
	}
}
