package vpc_test

import (
	"encoding/json"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"postern/network/vpc"
	"postern/network/vpc/vpctest"
)

func snapshot(t rapid.TB, n vpc.Network) *vpc.Snapshot {
	t.Helper()
	s, err := vpc.NewSnapshot(1, n)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func agree(t rapid.TB, n vpc.Network, f vpc.Flow, tracked bool, got vpc.Verdict) {
	t.Helper()
	judge := naive{Network: n, tracked: tracked}
	allow, step, kind, to := judge.judge(f)
	if got.Allow != allow || !allow && got.Step != step || got.Kind != kind || got.To != to {
		t.Fatalf("%v from %s (tracked %v): decided %v, the plain reading says allow %v, step %v, to %v %q",
			f, f.From, tracked, got, allow, step, kind, to)
	}
	if got.Allow != (got.Reason == vpc.ReasonNone) {
		t.Fatalf("%v: allow %v with reason %v", f, got.Allow, got.Reason)
	}
}

// TestDecideAgreesWithThePlainReading compares every decision, and those on what comes back, with the naive judge.
func TestDecideAgreesWithThePlainReading(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := vpctest.Networks().Draw(t, "network")
		s := snapshot(t, n)
		for range 20 {
			f := vpctest.Flows(n).Draw(t, "flow")
			v := s.Decide(f)
			agree(t, n, f, false, v)
			agree(t, n, f, true, s.DecideTracked(f))
			if v.To != "" {
				back := f
				back.From, back.Source, back.Destination = v.To, f.Destination, f.Source
				agree(t, n, back, true, s.DecideTracked(back))
			}
		}
	})
}

// TestExplainAgreesWithDecide: one verdict, one refusing step with a remedy, nothing reached after it.
func TestExplainAgreesWithDecide(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := vpctest.Networks().Draw(t, "network")
		s := snapshot(t, n)
		for range 20 {
			f := vpctest.Flows(n).Draw(t, "flow")
			e := s.Explain(f)
			if v := s.Decide(f); e.Verdict != v {
				t.Fatalf("%v: Explain says %v, Decide %v", f, e.Verdict, v)
			}
			checkSteps(t, e)
			if e.Reply != nil {
				checkSteps(t, *e.Reply)
				if v := s.DecideTracked(e.Reply.Flow); e.Reply.Verdict != v {
					t.Fatalf("reply %v: Explain says %v, DecideTracked %v", e.Reply.Flow, e.Reply.Verdict, v)
				}
			}
			if _, err := json.Marshal(e); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func checkSteps(t *rapid.T, e vpc.Explanation) {
	t.Helper()
	if len(e.Steps) != int(vpc.StepIngress)+1 {
		t.Fatalf("%d steps", len(e.Steps))
	}
	for i, r := range e.Steps {
		refused := !e.Verdict.Allow && r.Step == e.Verdict.Step
		after := !e.Verdict.Allow && r.Step > e.Verdict.Step
		switch {
		case int(r.Step) != i, r.Why == "":
			t.Fatalf("step %d is %+v", i, r)
		case refused != (r.Outcome == vpc.Refused), after != (r.Outcome == vpc.NotReached):
			t.Fatalf("step %v is %v in\n%v", r.Step, r.Outcome, e)
		case refused && (r.Remedy == "" || r.Reason != e.Verdict.Reason || r.Resource != e.Verdict.Resource):
			t.Fatalf("refusal without remedy, reason or resource: %+v", r)
		}
	}
}

// TestAnotherRuleNeverDenies: groups only allow, so one more rule keeps what was allowed.
func TestAnotherRuleNeverDenies(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := vpctest.Networks().Draw(t, "network")
		more := n
		more.SecurityGroups = slices.Clone(n.SecurityGroups)
		g := &more.SecurityGroups[rapid.IntRange(0, len(n.SecurityGroups)-1).Draw(t, "group")]
		g.Rules = append(slices.Clone(g.Rules), vpctest.Rule(n, "sgr-more").Draw(t, "rule"))
		before := snapshot(t, n)
		after, err := before.Next(2, vpctest.Update(n, more))
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			f := vpctest.Flows(n).Draw(t, "flow")
			a, b := before.Decide(f), after.Decide(f)
			if a.Allow && !b.Allow {
				t.Fatalf("%v: one more rule turns %v into %v", f, a, b)
			}
			agree(t, more, f, false, b)
			if a, b := before.DecideTracked(f), after.DecideTracked(f); a != b {
				t.Fatalf("%v: a rule changed what is tracked from %v to %v", f, a, b)
			}
		}
	})
}

// TestNextIsNewSnapshot: what is taken over from the snapshot before changes no decision.
func TestNextIsNewSnapshot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := vpctest.Networks().Draw(t, "a"), vpctest.Networks().Draw(t, "b")
		if b.Internet == nil {
			b.Internet = a.Internet // an update cannot take the knowledge of it away
		}
		next, err := snapshot(t, a).Next(2, vpctest.Update(a, b))
		if err != nil {
			t.Fatal(err)
		}
		fresh := snapshot(t, b)
		for range 20 {
			f := vpctest.Flows(b).Draw(t, "flow")
			if x, y := next.Decide(f), fresh.Decide(f); x != y {
				t.Fatalf("%v: %v after another network, %v alone", f, x, y)
			}
		}
	})
}
