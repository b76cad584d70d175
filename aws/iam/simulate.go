package iam

import (
	"context"
	"slices"
	"strings"
)

// Simulation tells of a request that nobody made what simulators show.
type Simulation struct {
	Decision Decision
	// Matched are the statements that the decision rests on: those that deny, or those that allow. It has those of
	// identity policies and of the resource's policy; none where nothing allows or something else limits.
	Matched []Match
	// Missing are the condition keys and variables that statements about the action and the resource ask for and the
	// request does not have, as they are written, sorted.
	Missing []string
	// Bounded and Controlled report whether the permissions boundary and the service control policies allow the request,
	// true where there are none.
	Bounded, Controlled bool
}

// Match is one statement of a policy, by its index from 0.
type Match struct {
	Policy *Policy
	Index  int
}

// Position is a place in a policy document, from 1; columns count bytes.
type Position struct{ Line, Column int }

// Span returns where the statement begins, and the place behind its end.
func (m Match) Span() (start, end Position) {
	s := &m.Policy.statements[m.Index]
	return m.Policy.position(s.from), m.Policy.position(s.from + len(s.text))
}

func (p *Policy) position(offset int) Position {
	before := p.document[:offset]
	return Position{Line: strings.Count(before, "\n") + 1, Column: offset - strings.LastIndexByte(before, '\n')}
}

// Simulate judges a request as Evaluate does, and tells what decided.
func Simulate(r *Request, p *Policies) Simulation {
	s := Simulation{Decision: Evaluate(r, p), Bounded: true, Controlled: true}
	a := new(asked)
	a.ask(context.Background(), r, p)
	missing := map[string]string{}
	for _, policy := range p.asked(r.Principal) {
		s.ask(policy, a, missing)
	}
	if p.Boundary != nil {
		s.Bounded = p.Boundary.allows(a)
	}
	if p.controls(r.Principal) {
		for _, policy := range p.Control {
			s.Controlled = s.Controlled && policy.allows(a)
		}
	}
	s.Missing = sortedValues(missing)
	return s
}

// ask notes a policy's statements that decide, and the keys that they lack.
func (s *Simulation) ask(p *Policy, a *asked, missing map[string]string) {
	for i := range p.statements {
		one := &p.statements[i]
		if about, _ := one.aboutResource(a.Request); !about || !one.aboutAction(a.Action) {
			continue
		}
		if p.Kind == Identity || p.Kind == Boundary || p.Kind == Resource {
			one.eachKey(func(k *key) {
				var room [1]string
				if len(a.lookup(k, &room)) == 0 {
					missing[k.name] = one.spelled(k.name)
				}
			})
		}
		decides := s.Decision.Allow && !one.deny || s.Decision.Reason == ExplicitDeny && one.deny
		if g, _ := one.applies(a); g != grantNone && decides && (p.Kind == Identity || p.Kind == Resource) {
			s.Matched = append(s.Matched, Match{p, i})
		}
	}
}

// allows reports whether a policy that limits allows the request.
func (p *Policy) allows(a *asked) bool {
	f := p.find(a)
	return f.deny < 0 && f.allow >= 0
}

// ContextKeys returns the condition keys and variables of policies, as they are written, sorted.
func ContextKeys(all ...*Policy) []string {
	keys := map[string]string{}
	for _, p := range all {
		for i := range p.statements {
			p.statements[i].eachKey(func(k *key) { keys[k.name] = p.statements[i].spelled(k.name) })
		}
	}
	return sortedValues(keys)
}

// spelled returns a key as it is written in the statement.
func (s *statement) spelled(key string) string {
	for at := 0; at+len(key) <= len(s.text); at++ {
		if strings.EqualFold(s.text[at:at+len(key)], key) {
			return strings.Clone(s.text[at : at+len(key)])
		}
	}
	return key
}

func sortedValues(m map[string]string) []string {
	all := make([]string, 0, len(m))
	for _, value := range m {
		all = append(all, value)
	}
	slices.Sort(all)
	return all
}
