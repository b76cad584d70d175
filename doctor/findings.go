package doctor

import (
	"slices"

	"postern/network/vpc"
)

// ID names a kind of finding, such as "ingress/no-rule". It is stable: scripts may compare it.
type ID string

// Kind describes a kind of finding: one row of the table that docs/findings.md is generated from.
type Kind struct {
	ID ID
	// Title says in a few words what is wrong.
	Title string
	// Severity holds where nothing lessens it: another path to the service makes Broken Degraded.
	Severity Outcome
	// Means explains the finding, Shows the symptom in the operator's words, Mend what to do about it.
	Means, Shows, Mend string
	// Page is the page of AWS's documentation that says how AWS behaves here.
	Page Page

	// refusals are the judge's refusals that are reported as this finding, causes its reasons why a name is not private.
	refusals []refusal
	causes   []vpc.NameCause
}

// Page is a page of AWS's documentation.
type Page struct{ Title, URL string }

// refusal says at which step and why the network judge refuses a flow.
type refusal struct {
	step   vpc.Step
	reason vpc.Reason
}

// Kinds returns every kind of finding that a report can have, grouped by what they are about.
func Kinds() []Kind {
	return slices.Concat(
		nodeKinds, dnsKinds, endpointKinds, filterKinds, routeKinds, internetKinds, addressKinds, roleKinds,
		bucketKinds,
	)
}

// index finds rows of the table.
type index struct {
	kinds    map[ID]Kind
	refusals map[refusal]ID
	causes   map[vpc.NameCause]ID
}

// table is the index of all kinds; nothing changes it.
var table = newIndex(Kinds())

func newIndex(kinds []Kind) index {
	x := index{map[ID]Kind{}, map[refusal]ID{}, map[vpc.NameCause]ID{}}
	for _, k := range kinds {
		x.kinds[k.ID] = k
		for _, r := range k.refusals {
			x.refusals[r] = k.ID
		}
		for _, c := range k.causes {
			x.causes[c] = k.ID
		}
	}
	return x
}
