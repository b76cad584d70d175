package doctor

import "strings"

// Covered returns the refusals that have a kind, as "StepRoute ReasonNoRoute", and the causes that have one.
func Covered() (refusals, causes map[string]bool) {
	refusals, causes = map[string]bool{}, map[string]bool{}
	for r := range table.refusals {
		refusals["Step"+constant(r.step.String())+" Reason"+constant(r.reason.String())] = true
	}
	for c := range table.causes {
		causes[string(c)] = true
	}
	return refusals, causes
}

// constant returns the rest of the constant's name for what it prints: "acl-out" is StepACLOut.
func constant(text string) string {
	out := ""
	for word := range strings.SplitSeq(text, "-") {
		switch word {
		case "acl", "dns", "nat":
			out += strings.ToUpper(word)
		default:
			out += strings.ToUpper(word[:1]) + word[1:]
		}
	}
	return out
}

// Stage returns the place of the stage that a finding is about, -1 for none.
func Stage(id ID) int { return stage(id) }
