package command

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestShare(t *testing.T) {
	for _, tt := range []struct {
		text    string
		targets int
		want    int
		ok      bool
	}{
		{"0", 10, 0, true}, {"50", 10, 50, true}, {"10%", 25, 2, true}, {"0%", 25, 0, true}, {"100%", 25, 25, true},
		{"1%", 99, 0, true}, {"1%", 100, 1, true}, {"101%", 25, 0, false}, {"-1", 25, 0, false}, {"-1%", 25, 0, false},
		{"", 25, 0, false}, {"%", 25, 0, false}, {"x", 25, 0, false}, {"01", 25, 0, false}, {"+1", 25, 0, false},
		{"1234567", 25, 1234567, true}, {"12345678", 25, 0, false},
	} {
		n, ok := share(tt.text, tt.targets)
		if ok != tt.ok || ok && n != tt.want {
			t.Errorf("%q of %d: %d, %t; want %d, %t", tt.text, tt.targets, n, ok, tt.want, tt.ok)
		}
	}
}

// stands returns a count of invocations at a stage.
func stands(stage Stage, details Details, n int) Count {
	return Count{Stage: stage, Details: details, N: n}
}

func TestSummarise(t *testing.T) {
	ended := func(d Details, n int) Count { return stands(Ended, d, n) }
	one := Command{ErrorLimit: 1}
	cancelled := Command{ErrorLimit: 1, CancelRequested: true}
	for _, tt := range []struct {
		name    string
		command Command
		counts  []Count
		details Details
		status  string
	}{
		{"nobody", one, nil, NoInstancesInTag, Failed},
		{"held only", one, []Count{stands(Held, Pending, 2)}, Pending, Pending},
		{"queued", one, []Count{stands(Held, Pending, 2), stands(Queued, Delayed, 1)}, Pending, Pending},
		{"one runs", one, []Count{stands(Queued, Pending, 2), stands(Running, InProgress, 1)}, InProgress, InProgress},
		{"one has ended", one, []Count{stands(Queued, Pending, 2), ended(Success, 1)}, InProgress, InProgress},
		{
			"being cancelled", cancelled, []Count{stands(Queued, Pending, 2), ended(Success, 1)}, InCancellation,
			InCancellation,
		},
		{"one is being cancelled", one, []Count{stands(Cancelling, InCancellation, 1)}, InProgress, InProgress},
		{"cancelled", cancelled, []Count{ended(Success, 2), ended(Cancelled, 1)}, Cancelled, Cancelled},
		{"cancelled too late", cancelled, []Count{ended(Success, 2)}, Success, Success},
		{"all cancelled, one by one", one, []Count{ended(Cancelled, 2)}, Cancelled, Cancelled},
		{"some cancelled, one by one", one, []Count{ended(Cancelled, 1), ended(Success, 1)}, Incomplete, Failed},
		{"all undeliverable", one, []Count{ended(Undeliverable, 2)}, Undeliverable, Failed},
		{"all of another platform", one, []Count{ended(InvalidPlatform, 2)}, InvalidPlatform, Failed},
		{"success", one, []Count{ended(Success, 2)}, Success, Success},
		{"all that could be reached", one, []Count{ended(Success, 2), ended(Undeliverable, 1)}, Success, Success},
		{"as many errors as there may be", one, []Count{ended(Success, 2), ended(Failed, 1)}, Incomplete, Failed},
		{"too many", one, []Count{ended(Success, 2), ended(Failed, 2)}, Failed, Failed},
		{"too many of both", one, []Count{ended(ExecutionTimedOut, 1), ended(Failed, 1)}, Failed, Failed},
		{"too many time-outs", one, []Count{ended(Success, 2), ended(ExecutionTimedOut, 2)}, ExecutionTimedOut, TimedOut},
		{"too many not delivered", one, []Count{ended(Success, 2), ended(DeliveryTimedOut, 2)}, DeliveryTimedOut, TimedOut},
		{"one not delivered", one, []Count{ended(Success, 2), ended(DeliveryTimedOut, 1)}, Incomplete, Failed},
	} {
		s := tt.command.Summarise(tt.counts)
		if s.Details != tt.details || s.Status != tt.status {
			t.Errorf("%s: %s (%s), want %s (%s)", tt.name, s.Details, s.Status, tt.details, tt.status)
		}
	}
	got := one.Summarise([]Count{
		stands(
			Held,
			Pending,
			1,
		), stands(Queued, Pending, 2), stands(Running, InProgress, 3), stands(Cancelling, InCancellation, 4),
		ended(Failed, 5), ended(ExecutionTimedOut, 6), ended(DeliveryTimedOut, 7), ended(Success, 8),
	})
	want := Summary{
		Status: InProgress, Details: InProgress, Completed: 26, Errors: 11, DeliveryTimedOut: 7, held: 1, active: 9,
	}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(Summary{})); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestExpires(t *testing.T) {
	c := Command{Requested: noon, TimeoutSeconds: 30, Execute: time.Hour}
	if got := c.Expires(); !got.Equal(noon.Add(time.Hour + 30*time.Second)) {
		t.Errorf("expires at %v", got)
	}
}

// As many commands are kept at hand as may be, the last ones.
func TestCacheIsBounded(t *testing.T) {
	s := &Service{cached: map[string]*cachedCommand{}}
	for n := range 200 {
		id := fmt.Sprint("c", n)
		for range 2 {
			if _, err := s.remember(&Command{ID: id, Content: []byte("{}")}); err != nil {
				t.Fatal(err)
			}
		}
		if n == 100 {
			s.forget(id)
		}
	}
	if len(s.cached) != maxCached || maxCached != 64 {
		t.Errorf("%d commands are kept, of %d", len(s.cached), maxCached)
	}
	for n := 200 - maxCached; n < 200; n++ {
		if c, err := s.get(context.Background(), fmt.Sprint("c", n)); err != nil || c.ID != fmt.Sprint("c", n) {
			t.Errorf("c%d: %v, %v", n, c, err)
		}
	}
}
