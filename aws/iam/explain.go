package iam

import (
	"context"
	"slices"
	"strings"
)

// Explanation is the whole reasoning behind a Decision, for who may know it: administrators, and the record of the
// request.
type Explanation struct {
	Decision Decision
	// Policies lists the policies that were looked at, in their order.
	Policies []ReadPolicy
	// Keys are the condition keys and variables of the statements about the action, sorted.
	Keys []KeyValues
	// Left counts the statements and keys that are not told because there are too many.
	Left int
}

// ReadPolicy is one policy that was looked at.
type ReadPolicy struct {
	Kind Kind
	Name string
	// Total is how many statements it has; Statements are those about the action.
	Total      int
	Statements []ReadStatement
}

// ReadStatement is a statement about the action.
type ReadStatement struct {
	Index int // from 0
	Sid   string
	Deny  bool
	// Applies says that the statement is about the request. Where it is not, Why says what keeps it from that:
	// "resource", "principal", or a condition ("StringEquals aws:SourceVpce"). Where it hangs on a condition key that
	// cannot be judged, Why names that.
	Applies bool
	Why     string
	// Text is the statement as it stands in the document, of one that applies.
	Text string
}

// KeyValues is a condition key of the request. Values is nil for one that the request does not have.
type KeyValues struct {
	Key    string // in lower case
	Values []string
	// Unknown says that it is not known whether the request has the key.
	Unknown bool
}

// The bounds of an Explanation.
const (
	maxReadStatements = 100
	maxReadKeys       = 100
	maxReadValues     = 20  // of one key
	maxReadText       = 512 // bytes of a value
	maxStatementText  = 2048
)

// Explain judges a request again and tells the whole reasoning. It takes time and memory, in bounds: it is for requests
// that were refused, and for people.
func Explain(r *Request, p *Policies) Explanation {
	e := explainer{keys: map[string]*key{}}
	e.asked.ask(context.Background(), r, p)
	e.Decision = Evaluate(r, p)
	for _, policy := range p.asked(r.Principal) {
		e.read(policy)
	}
	e.tellKeys()
	return e.Explanation
}

// asked returns the policies that a caller is judged by, in their order.
func (p *Policies) asked(c *Principal) []*Policy {
	var all []*Policy
	if c.Kind != Root {
		all = append(append(append(all, p.Identity...), p.Boundary), p.Session...)
	}
	if p.controls(c) {
		all = append(all, p.Control...)
	}
	all = append(all, p.Resource, p.Endpoint)
	return slices.DeleteFunc(all, func(p *Policy) bool { return p == nil })
}

// controls reports whether service control policies limit a caller.
func (p *Policies) controls(c *Principal) bool {
	return c.Kind != Service && c.Kind != Anonymous && !c.ServiceLinked
}

// explainer makes an Explanation.
type explainer struct {
	Explanation
	asked      asked
	statements int
	keys       map[string]*key
}

func (e *explainer) read(p *Policy) {
	one := ReadPolicy{Kind: p.Kind, Name: p.Name, Total: len(p.statements)}
	for i := range p.statements {
		s := &p.statements[i]
		if !s.aboutAction(e.asked.Action) {
			continue
		}
		if e.statements++; e.statements > maxReadStatements {
			e.Left++
			continue
		}
		s.eachKey(func(k *key) { e.keys[k.name] = k })
		told := ReadStatement{Index: i, Sid: s.sid, Deny: s.deny}
		g, unjudged := s.applies(&e.asked)
		if told.Applies = g != grantNone; told.Applies {
			told.Text = strings.Clone(s.text[:min(len(s.text), maxStatementText)])
		} else {
			told.Why = s.obstacle(&e.asked)
		}
		if unjudged != "" {
			told.Why = "the condition key " + unjudged + " cannot be judged"
		}
		one.Statements = append(one.Statements, told)
	}
	e.Policies = append(e.Policies, one)
}

// obstacle says what keeps a statement about the action from applying.
func (s *statement) obstacle(a *asked) string {
	if about, _ := s.aboutResource(a.Request); !about {
		return "resource"
	}
	if s.principals != nil {
		named := s.principals.names(a.Principal)
		if s.notPrincipal {
			named = s.principals.excepts(a.Principal, s.deny, a.bounded)
		}
		if named == grantNone {
			return "principal"
		}
	}
	for i := range s.conditions {
		if !s.conditions[i].holds(a.Request, !s.deny) {
			return s.conditions[i].name()
		}
	}
	return ""
}

// eachKey visits the keys that a statement asks for, in conditions and in variables.
func (s *statement) eachKey(visit func(k *key)) {
	variables := func(templates []template) {
		for i := range templates {
			for j := range templates[i].parts {
				if p := &templates[i].parts[j]; p.kind == variable {
					visit(&p.key)
				}
			}
		}
	}
	variables(s.resources)
	for i := range s.conditions {
		visit(&s.conditions[i].key)
		for _, o := range s.conditions[i].values {
			variables(o.templates())
		}
	}
}

func (e *explainer) tellKeys() {
	names := make([]string, 0, len(e.keys))
	for name := range e.keys {
		names = append(names, name)
	}
	slices.Sort(names)
	if len(names) > maxReadKeys {
		e.Left += len(names) - maxReadKeys
		names = names[:maxReadKeys]
	}
	for _, name := range names {
		var room [1]string
		values := e.asked.lookup(e.keys[name], &room)
		one := KeyValues{Key: strings.Clone(name), Unknown: !e.asked.judges(e.keys[name])}
		for _, v := range values[:min(len(values), maxReadValues)] {
			one.Values = append(one.Values, v[:min(len(v), maxReadText)])
		}
		e.Keys = append(e.Keys, one)
	}
}
