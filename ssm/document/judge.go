package document

import (
	"fmt"
	"regexp"
	"strings"
)

// Verdict says whether a step runs, is skipped or fails.
type Verdict int

// The verdicts.
const (
	// Run means that the step may run.
	Run Verdict = iota
	// Skip means that the step's preconditions are not met.
	Skip
	// Fail means that a precondition cannot be judged.
	Fail
)

const platformVariable = "platformType"

var ssmReference = regexp.MustCompile(`\{\{\s*ssm(-secure)?:`)

// Judge says whether the step runs on a platform ("Linux", "Windows", "MacOS"; case does not matter), and if not, why.
//
//	skip = some precondition is unmet      fail = not skip, and some precondition cannot be judged
//
// The wording follows the public agent's.
func (s Step) Judge(platform string) (Verdict, string) {
	var unmet bool
	var why []string
	for _, p := range s.Preconditions {
		verdict, reason := p.judge(platform)
		if verdict != Run {
			why = append(why, reason)
		}
		unmet = unmet || verdict == Skip
	}
	switch {
	case unmet:
		return Skip, fmt.Sprintf(
			"Step execution skipped due to unsatisfied preconditions: '%s'. Step name: %s",
			strings.Join(why, ", "),
			s.ID,
		)
	case len(why) > 0:
		return Fail, fmt.Sprintf(
			"Unrecognized precondition(s): '%s', please update agent to latest version. Step name: %s",
			strings.Join(why, ", "),
			s.ID,
		)
	}
	return Run, ""
}

func (p Precondition) judge(platform string) (Verdict, string) {
	if p.Operator != "StringEquals" {
		return Fail, fmt.Sprintf("unrecognized operator: %q", p.Operator)
	}
	say := func(format string, args ...any) string {
		return fmt.Sprintf("%q: ", p.Operator) + fmt.Sprintf(format, args...)
	}
	if len(p.Given) != 2 {
		return Fail, say("operator accepts exactly 2 arguments")
	}
	a, b := p.Given[0], p.Given[1]
	switch {
	case a == b:
		return Fail, say("operator's arguments can't be identical")
	case ssmReference.MatchString(a) || ssmReference.MatchString(b):
		return Fail, say("operator's arguments can't contain SSM parameters")
	case a == platformVariable || b == platformVariable:
		other := 0
		if a == platformVariable {
			other = 1
		}
		if p.Given[other] != p.Resolved[other] {
			return Fail, say("the second argument for the platformType variable can't contain document parameters")
		}
		if !strings.EqualFold(platform, p.Given[other]) {
			return Skip, say("[%s, %s]", a, b)
		}
	case a == p.Resolved[0] && b == p.Resolved[1]:
		return Fail, say("at least one of operator's arguments must contain a valid document parameter")
	case p.Resolved[0] != p.Resolved[1]:
		return Skip, say("[%s, %s]", a, b)
	}
	return Run, ""
}
