package fault

import (
	"testing"
	"time"
)

// TestPanicsAreLoggedOnceASecond holds each place of the program to one line a second.
func TestPanicsAreLoggedOnceASecond(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	l := panicLog{now: func() time.Time { return now }, logged: map[string]time.Time{}}
	for _, tt := range []struct {
		after time.Duration
		op    string
		due   bool
	}{
		{0, "a", true},
		{0, "a", false},
		{0, "b", true},
		{999 * time.Millisecond, "a", false},
		{time.Millisecond, "a", true},
		{0, "b", true},
		{time.Second - 1, "a", false},
		{1, "a", true},
	} {
		now = now.Add(tt.after)
		if got := l.due(tt.op); got != tt.due {
			t.Errorf("%v later, %s: %v", tt.after, tt.op, got)
		}
	}
}
