package doctor

import (
	"cmp"
	"fmt"
	"strings"

	"postern/network/vpc"
)

// Outcome is what came of one check.
type Outcome string

// The outcomes.
const (
	Good     Outcome = "good"
	Broken   Outcome = "broken"   // it keeps the node from the service
	Degraded Outcome = "degraded" // the node gets there by another way, or not always
	Unknown  Outcome = "unknown"  // it could not be judged
)

// Check is one question that was looked into, in the order in which a connection meets them.
type Check struct {
	// Subject is "node", "resolver", "name", "road", "back", "role", "policy" or "status".
	Subject string  `json:"subject"`
	Outcome Outcome `json:"outcome"`
	Says    string  `json:"says"`
}

// Finding is one thing that is wrong.
type Finding struct {
	// Requirement is the row of the product's requirements that is not met, such as "P9".
	Requirement string `json:"requirement"`
	// Severity is Broken, Degraded or Unknown.
	Severity Outcome `json:"severity"`
	// Resource is the id or name of what has to change.
	Resource string `json:"resource"`
	Wrong    string `json:"wrong"`
	Remedy   string `json:"remedy"`
	// Command is an AWS CLI command that mends it, where one does.
	Command string `json:"command,omitempty"`
}

// Report is the doctor's answer.
type Report struct {
	From string `json:"from"`
	// Interface, Address and Subnet are the node's.
	Interface string `json:"interface,omitempty"`
	Address   string `json:"address,omitempty"`
	Subnet    string `json:"subnet,omitempty"`
	// To is what was asked for, Service its service name where it is a service's.
	To      string `json:"to"`
	Service string `json:"service,omitempty"`
	// Works is true where nothing that was judged keeps the node from the service.
	Works    bool      `json:"works"`
	Checks   []Check   `json:"checks"`
	Findings []Finding `json:"findings"`
	// Services are those that a managed node needs, where it was asked about all of them.
	Services []ServiceReport `json:"services,omitempty"`
	// Name and Roads are the judge's own explanations.
	Name  *vpc.NameExplanation `json:"name,omitempty"`
	Roads []vpc.Explanation    `json:"roads,omitempty"`
	// Unchecked says what could not be read.
	Unchecked []string `json:"unchecked,omitempty"`
}

func (r *Report) check(subject string, outcome Outcome, format string, args ...any) {
	r.Checks = append(r.Checks, Check{subject, outcome, fmt.Sprintf(format, args...)})
}

// find adds a finding, unless the same mends another already: one cause can bite in several places.
func (r *Report) find(f Finding) {
	for i := range r.Findings {
		if old := &r.Findings[i]; old.Resource == f.Resource && (old.Remedy == f.Remedy || f.Command != "" && old.Command == f.Command) {
			if f.Severity == Broken {
				old.Severity = Broken
			}
			if old.Command == "" {
				old.Command = f.Command
			}
			return
		}
	}
	r.Findings = append(r.Findings, f)
}

// broken reports whether a finding keeps the node from the service.
func (r *Report) broken() bool {
	for _, f := range r.Findings {
		if f.Severity == Broken {
			return true
		}
	}
	return false
}

var marks = map[Outcome]string{Good: "✓", Broken: "✗", Degraded: "!", Unknown: "?"}

// String is the report for people.
func (r Report) String() string {
	var b strings.Builder
	to := cmp.Or(r.To, "all that a managed node needs")
	if r.Service != "" && r.Service != r.To {
		to += " (" + r.Service + ")"
	}
	fmt.Fprintf(&b, "%s → %s\n", r.from(), to)
	for _, c := range r.Checks {
		fmt.Fprintf(&b, "  %s %-8s %s\n", marks[c.Outcome], c.Subject, c.Says)
	}
	b.WriteString(r.services())
	for _, f := range r.Findings {
		severity := ""
		if f.Severity == Degraded {
			severity = " (degraded)"
		}
		fmt.Fprintf(&b, "\n%s  %s%s: %s\n", f.Requirement, f.Resource, severity, f.Wrong)
		fmt.Fprintf(&b, "     remedy: %s\n", f.Remedy)
		if f.Command != "" {
			fmt.Fprintf(&b, "     %s\n", f.Command)
		}
	}
	for _, u := range r.Unchecked {
		fmt.Fprintf(&b, "\nnot checked: %s\n", u)
	}
	if r.Works && len(r.Findings) == 0 {
		b.WriteString("\nNothing stands in the way.\n")
	}
	return b.String()
}

func (r *Report) from() string {
	var parts []string
	for _, p := range []string{r.Interface, r.Address, r.Subnet} {
		if p != "" && p != r.From {
			parts = append(parts, p)
		}
	}
	if len(parts) == 0 {
		return r.From
	}
	return r.From + " (" + strings.Join(parts, ", ") + ")"
}
