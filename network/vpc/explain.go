package vpc

// Outcome says what became of a flow at one step.
type Outcome string

// The outcomes.
const (
	Passed        Outcome = "passed"
	Refused       Outcome = "refused"
	NotReached    Outcome = "not reached"
	NotApplicable Outcome = "not applicable"
)

// StepReport is one step of an explained flow.
type StepReport struct {
	Step    Step    `json:"step"`
	Outcome Outcome `json:"outcome"`
	// Resource is the id of what decided there.
	Resource string `json:"resource,omitempty"`
	// Why is a sentence for people.
	Why string `json:"why"`
	// Remedy says what to change so that this step passes; only the refusing step has one.
	Remedy string `json:"remedy,omitempty"`
	// Reason is the verdict's, where this step refuses.
	Reason Reason `json:"reason,omitempty"`
}

// Explanation is a flow's whole journey: what Decide says and why.
type Explanation struct {
	Flow    Flow         `json:"flow"`
	Verdict Verdict      `json:"verdict"`
	Steps   []StepReport `json:"steps"`
	// Reply is the journey of what comes back, where the flow arrives at an interface. The groups let it pass because
	// they are stateful; routes and ACLs do not.
	Reply *Explanation `json:"reply,omitempty"`
	// Behind is the journey from an endpoint service's own side to its target, where the flow arrives at an endpoint of
	// it.
	Behind *Explanation `json:"behind,omitempty"`
}

// Works reports whether the conversation does: the flow is allowed, and so is what comes back.
func (e *Explanation) Works() bool {
	return e.Verdict.Allow && (e.Reply == nil || e.Reply.Verdict.Allow) && (e.Behind == nil || e.Behind.Works())
}

// Refusal is the first step that refuses, there, behind the endpoint or on the way back, or nil where the conversation
// works.
func (e *Explanation) Refusal() *StepReport {
	for i := range e.Steps {
		if e.Steps[i].Outcome == Refused {
			return &e.Steps[i]
		}
	}
	for _, next := range []*Explanation{e.Behind, e.Reply} {
		if next != nil && !next.Works() {
			return next.Refusal()
		}
	}
	return nil
}
