package doctor

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// messageServices are the two ways in which commands come to a node; an agent of this version and later needs the first
// and falls back to the second, an older one needs the second (AWS Systems Manager User Guide, "ec2messages,
// ssmmessages, and other API operations").
var (
	messageServices = [2]string{"ssmmessages", "ec2messages"}
	viaSSMMessages  = []int{3, 3, 40, 0}
)

// ServiceReport says of one service that a managed node needs whether it is reached.
type ServiceReport struct {
	Service string  `json:"service"`
	Outcome Outcome `json:"outcome"`
	Says    string  `json:"says"`
}

// AssessAll judges all that a managed node needs: the service ssm, and the one that brings its commands. What is not
// needed as long as another way is open is Degraded where it is missing.
func AssessAll(f Facts) (Report, error) { return assessNode(f, nil) }

// assessNode is AssessAll where features are wanted, which may need a way that another one stands in for.
func assessNode(f Facts, wanted []Feature) (Report, error) {
	r, err := Assess(f, "ssm")
	if err != nil {
		return Report{}, err
	}
	r.To, r.Service, r.Name, r.Paths = "", "", nil, nil
	if !r.onNetwork() {
		return r, nil
	}
	r.says("ssm", r.outcome(), "registration, health and parameters")
	var messages [2]Report
	for i, service := range messageServices {
		if messages[i], err = Assess(f, service); err != nil {
			return Report{}, err
		}
	}
	first, second := &messages[0], &messages[1]
	what := [2]string{"commands and sessions", "commands of agents before 3.3.40.0, and in place of ssmmessages"}
	if olderThan(f.Node.AgentVersion, viaSSMMessages) {
		first, second = second, first
		what[0], what[1] = what[1], what[0]
	}
	needs := [2]string{without(wanted, first.short()), without(wanted, second.short())}
	switch {
	case first.Works && needs[1] != "" && !second.Works:
		r.take(first, first.outcome(), what[0])
		r.take(second, Broken, needs[1])
	case second.Works && needs[0] != "" && !first.Works:
		r.take(first, Broken, needs[0])
		r.take(second, second.outcome(), what[1])
	case first.Works:
		r.take(first, first.outcome(), what[0])
		r.says(second.short(), second.outcomeOr(Unknown), what[1]+": not needed as long as "+first.short()+" is reached")
	case second.Works:
		r.take(first, Degraded, what[0]+": it falls back to "+second.short())
		r.take(second, second.outcome(), what[1])
	default:
		r.take(first, Broken, what[0])
		r.says(second.short(), Broken, what[1]+": not reached either")
	}
	r.Works = !r.broken()
	return r, nil
}

// onNetwork is false where the node has no interface: then there is nothing more to say.
func (r *Report) onNetwork() bool { return r.Interface != "" }

// outcome is Good, or what the worst finding says.
func (r *Report) outcome() Outcome {
	switch {
	case r.broken():
		return Broken
	case slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Severity == Degraded }):
		return Degraded
	}
	return Good
}

// outcomeOr is Good where the service is reached, and otherwise what is given.
func (r *Report) outcomeOr(other Outcome) Outcome {
	if r.Works {
		return Good
	}
	return other
}

func (r *Report) short() string { return shortName(r.Service) }

func (r *Report) says(service string, outcome Outcome, text string) {
	r.Services = append(r.Services, ServiceReport{service, outcome, text})
}

// take adds what was found about another service, no worse than the outcome.
func (r *Report) take(other *Report, outcome Outcome, text string) {
	r.says(other.short(), outcome, text)
	for _, f := range other.Findings {
		if outcome != Broken && f.Severity == Broken {
			f.Severity = outcome
		}
		r.find(f)
	}
	for _, c := range other.Checks {
		if c.Outcome != Good && !slices.Contains(r.Checks, c) {
			c.Says = other.short() + ": " + c.Says
			if outcome != Broken && c.Outcome == Broken {
				c.Outcome = outcome
			}
			r.Checks = append(r.Checks, c)
		}
	}
	for _, u := range other.Unchecked {
		if !slices.Contains(r.Unchecked, u) {
			r.Unchecked = append(r.Unchecked, u)
		}
	}
}

// olderThan compares the version of an agent of Amazon's, four numbers, with another one. Nothing is known of a
// version that is none, and postern-agent's begin with 0.
func olderThan(version string, than []int) bool {
	parts := strings.Split(version, ".")
	if len(parts) != len(than) || parts[0] == "0" {
		return false
	}
	for i, part := range parts {
		n, err := strconv.Atoi(part)
		if err != nil || n != than[i] {
			return err == nil && n < than[i]
		}
	}
	return false
}

// services returns the report's part about them, for people.
func (r *Report) services() string {
	var b strings.Builder
	for _, s := range r.Services {
		fmt.Fprintf(&b, "  %s %-11s %s\n", marks[s.Outcome], s.Service, s.Says)
	}
	return b.String()
}
