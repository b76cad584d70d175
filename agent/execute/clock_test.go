package execute_test

import (
	"encoding/json"
	"maps"
	"testing"
	"time"

	"postern/agent/execute"
	"postern/ssm/mgs"
)

// TestStepsHaveTheClock: the times of a step are those of the node's clock, before and after it has run.
func TestStepsHaveTheClock(t *testing.T) {
	j, err := execute.Read(&mgs.CommandContent{
		CommandID: "c", DocumentContent: json.RawMessage(steps(step{"exit 0", ""}, step{"exit 1", ""})),
	})
	if err != nil {
		t.Fatal(err)
	}
	clock := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	ended := map[string]*mgs.StepStatus{}
	j.Run(t.Context(), nil, execute.On{
		Node:   node,
		Runner: &play{},
		Report: func(r execute.Result) { maps.Copy(ended, r.Steps) },
		Now: func() time.Time {
			clock = clock.Add(time.Second)
			return clock
		},
	})
	at := func(second int) string { return mgs.FormatTime(time.Date(2026, 11, 28, 12, 0, second, 0, time.UTC)) }
	for id, want := range map[string][2]string{"s0": {at(1), at(2)}, "s1": {at(3), at(4)}} {
		if s := ended[id]; s == nil || s.StartDateTime != want[0] || s.EndDateTime != want[1] {
			t.Errorf("%s: %+v, want %v", id, s, want)
		}
	}
}
