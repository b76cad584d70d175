package vpc

import (
	"fmt"
	"strings"
)

var outcomeMarks = map[Outcome]string{Passed: "✓", Refused: "✗", NotReached: "·", NotApplicable: "–"}

// String draws the journey, one step a line.
func (e Explanation) String() string {
	var b strings.Builder
	e.draw(&b, "")
	if e.Reply != nil {
		e.Reply.draw(&b, "what comes back: ")
	}
	if e.Behind != nil {
		b.WriteString("behind the endpoint: " + e.Behind.String())
	}
	return b.String()
}

func (e *Explanation) draw(b *strings.Builder, title string) {
	fmt.Fprintf(b, "%s%s: %s\n", title, e.Flow, e.Verdict)
	for _, s := range e.Steps {
		if s.Outcome == NotReached || s.Step == StepNAT && s.Outcome == NotApplicable {
			continue
		}
		fmt.Fprintf(b, "  %s %-8s %s\n", outcomeMarks[s.Outcome], s.Step, s.Why)
		if s.Remedy != "" {
			fmt.Fprintf(b, "  %10s remedy: %s\n", "", s.Remedy)
		}
	}
}

// String is the verdict in a few words, for logs.
func (v Verdict) String() string {
	if !v.Allow {
		return fmt.Sprintf("refused at %s by %s (%s)", v.Step, v.Resource, v.Reason)
	}
	if v.To == "" {
		return fmt.Sprintf("allowed to the %s", v.Kind)
	}
	return fmt.Sprintf("allowed to the %s %s", v.Kind, v.To)
}
