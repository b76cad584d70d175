package swarming_test

import (
	"testing"

	"pgregory.net/rapid"

	"postern/bench/swarming"
)

func TestShareKeepsEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := swarming.Orders{Agents: rapid.IntRange(0, 50).Draw(t, "agents")}
		for room := 0; room < o.Agents; {
			limit := rapid.IntRange(1, 20).Draw(t, "limit")
			o.Activations = append(o.Activations, swarming.Activation{ID: string(rune('a' + len(o.Activations))), Limit: limit})
			room += limit
		}
		given := map[string]int{}
		for _, a := range o.Activations {
			given[a.ID] = a.Limit
		}
		agents := 0
		n := rapid.IntRange(1, 7).Draw(t, "swarms")
		for _, s := range o.Share(n) {
			agents += s.Agents
			room := 0
			for _, a := range s.Activations {
				room += a.Limit
				given[a.ID] -= a.Limit
			}
			if room != s.Agents {
				t.Fatalf("%d agents have room for %d", s.Agents, room)
			}
		}
		if agents != o.Agents {
			t.Fatalf("%d agents of %d", agents, o.Agents)
		}
		for id, left := range given {
			if left < 0 {
				t.Fatalf("activation %s is given %d times too often", id, -left)
			}
		}
	})
}

func TestCountAdds(t *testing.T) {
	a := swarming.Count{
		Registered: 1,
		Open:       2,
		Opened:     3,
		Refused:    4,
		Health:     5,
		Ran:        6,
		Twice:      7,
		Troubles:   8,
		Trouble:    "old",
	}
	a.Add(
		swarming.Count{
			Registered: 10,
			Open:       20,
			Opened:     30,
			Refused:    40,
			Health:     50,
			Ran:        60,
			Twice:      70,
			Troubles:   80,
			Trouble:    "new",
			Fatal:      "why",
		},
	)
	want := swarming.Count{
		Registered: 11,
		Open:       22,
		Opened:     33,
		Refused:    44,
		Health:     55,
		Ran:        66,
		Twice:      77,
		Troubles:   88,
		Trouble:    "new",
		Fatal:      "why",
	}
	if a != want {
		t.Errorf("%+v, want %+v", a, want)
	}
}
