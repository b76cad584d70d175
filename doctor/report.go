package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"postern/network/vpc"
)

// Outcome grades a check or a finding.
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
	// Subject is "node", "resolver", "name", "path", "reply", "target", "metadata", "role", "policy" or "status".
	Subject string  `json:"subject"`
	Outcome Outcome `json:"outcome"`
	Says    string  `json:"says"`
}

// Finding is one thing that is wrong.
type Finding struct {
	// ID names the kind of finding; docs/findings.md explains each.
	ID ID `json:"id"`
	// Severity is Broken, Degraded or Unknown.
	Severity Outcome `json:"severity"`
	// Resource is the id or name of what has to change.
	Resource string `json:"resource"`
	Wrong    string `json:"wrong"`
	Remedy   string `json:"remedy"`
	Mend
}

// Report is the doctor's answer.
type Report struct {
	From string `json:"from"`
	// Interface, Address and Subnet are the node's.
	Interface string `json:"interface,omitempty"`
	Address   string `json:"address,omitempty"`
	Subnet    string `json:"subnet,omitempty"`
	// To holds what was asked for, Service the service's name where it is one.
	To      string `json:"to"`
	Service string `json:"service,omitempty"`
	// Works is true where nothing that was judged keeps the node from the service.
	Works    bool      `json:"works"`
	Checks   []Check   `json:"checks"`
	Findings []Finding `json:"findings"`
	// Services lists the services that a managed node needs, where all of them were asked for.
	Services []ServiceReport `json:"services,omitempty"`
	// Name and Paths are the judge's own explanations, of the name and of the connection to each of its addresses.
	Name  *vpc.NameExplanation `json:"name,omitempty"`
	Paths []vpc.Explanation    `json:"paths,omitempty"`
	// Unchecked tells what could not be read.
	Unchecked []string `json:"unchecked,omitempty"`
}

func (r *Report) check(subject string, outcome Outcome, format string, args ...any) {
	r.Checks = append(r.Checks, Check{subject, outcome, fmt.Sprintf(format, args...)})
}

// find adds a finding, of the severity of its kind where it has none, unless the same mends another already: one cause
// can bite in several places.
func (r *Report) find(f Finding) {
	f.Severity = cmp.Or(f.Severity, table.kinds[f.ID].Severity)
	i := slices.IndexFunc(r.Findings, func(old Finding) bool {
		return old.Resource == f.Resource && (old.Remedy == f.Remedy || f.Command != "" && old.Command == f.Command)
	})
	if i < 0 {
		r.Findings = append(r.Findings, f)
		return
	}
	old := &r.Findings[i]
	if f.Severity == Broken {
		old.Severity = Broken
	}
	old.Mend = cmp.Or(old.Mend, f.Mend)
}

// broken reports whether a finding keeps the node from the service.
func (r *Report) broken() bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Severity == Broken })
}

var marks = map[Outcome]string{Good: "✓", Broken: "✗", Degraded: "!", Unknown: "?"}

// String returns the report for people.
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
		b.WriteString("\n" + f.String())
	}
	for _, u := range r.Unchecked {
		fmt.Fprintf(&b, "\nnot checked: %s\n", u)
	}
	if r.Works && len(r.Findings) == 0 {
		b.WriteString("\nNothing stands in the way.\n")
	}
	return b.String()
}

// String returns the finding for people: its id, what is wrong, and what mends it.
func (f Finding) String() string {
	severity := ""
	if f.Severity == Degraded {
		severity = " (degraded)"
	}
	said := fmt.Sprintf("%s  %s%s: %s\n     remedy: %s\n", f.ID, f.Resource, severity, f.Wrong, f.Remedy)
	if f.Command != "" {
		said += "     " + f.Command + "\n"
	}
	return said
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
