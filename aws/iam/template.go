package iam

import (
	"fmt"
	"strings"

	"postern/aws/arn"
)

// A template is a text of a policy that may hold variables such as ${aws:username}. What does not hang on their values
// is compiled once: a text that does not fit with * in the place of each variable is turned away before a value is
// asked for.
type template struct {
	parts []part // nil without variables
	wild  bool   // * and ? outside of variables are wildcards

	pattern arn.Pattern // with * for each variable
	text    string      // where parts is nil, the same as text; meant where wild is false
}

// A part is one element of a template that has variables.
type part struct {
	kind       partKind
	text       string // of literal
	key        key    // of variable
	fallback   string
	hasDefault bool
}

type partKind uint8

const (
	literal  partKind = iota
	variable          // a key's value, or fallback
	anyOne            // ?: exactly one character
	anyRun            // *: any number of characters, none too
)

// A fit is what is known of whether a text of the policy fits one of the request.
type fit uint8

const (
	fitsNot fit = iota
	fits
	// unresolved: a variable has no value, and so nothing fits.
	unresolved
	// unknown: it would fit with some value of a variable of which it is not known whether the request has one.
	unknown
)

// parseTemplate reads a text. Variables exist in policies of version 2012-10-17 only; before, ${ is ordinary text.
func parseTemplate(s string, wild, variables bool) (template, error) {
	t := template{wild: wild}
	if !variables || !strings.Contains(s, "${") { // nothing but text, which is most
		if t.text = s; wild {
			t.pattern = arn.Compile(s)
		}
		return t, nil
	}
	rest, any := s, false
	for {
		head, tail, found := strings.Cut(rest, "${")
		t.add(head)
		if !found {
			break
		}
		name, after, closed := strings.Cut(tail, "}")
		if !closed {
			return t, fmt.Errorf("the variable ${%s has no closing brace", tail)
		}
		p, err := parseVariable(name)
		if err != nil {
			return t, err
		}
		t.parts, any = append(t.parts, p), any || p.kind == variable
		rest = after
	}
	if t.pattern = t.compile(nil); any {
		return t, nil
	}
	for i := range t.parts {
		t.text += t.parts[i].text
	}
	t.parts = nil
	return t, nil
}

// add takes text apart into literals and wildcards.
func (t *template) add(text string) {
	for t.wild {
		at := strings.IndexAny(text, "*?")
		if at < 0 {
			break
		}
		if at > 0 {
			t.parts = append(t.parts, part{text: text[:at]})
		}
		wildcard := part{kind: anyRun}
		if text[at] == '?' {
			wildcard.kind = anyOne
		}
		t.parts, text = append(t.parts, wildcard), text[at+1:]
	}
	if text != "" {
		t.parts = append(t.parts, part{text: text})
	}
}

// parseVariable reads what stands between the braces: a key, a key and a default, or one of * ? $ that stand for
// themselves.
func parseVariable(s string) (part, error) {
	switch s {
	case "*", "?", "$":
		return part{text: s}, nil
	}
	name, fallback, hasDefault := strings.Cut(s, ",")
	p := part{kind: variable, key: newKey(strings.TrimSpace(name)), hasDefault: hasDefault}
	if name := p.key.name; !strings.Contains(name, ":") || strings.ContainsAny(name, " *?$'") {
		return p, fmt.Errorf("${%s} is not a variable: want ${service:key} or ${service:key, 'default'}", s)
	}
	if hasDefault {
		fallback = strings.TrimSpace(fallback)
		if len(fallback) < 2 || fallback[0] != '\'' || fallback[len(fallback)-1] != '\'' {
			return p, fmt.Errorf("the default in ${%s} must stand in single quotation marks", s)
		}
		p.fallback = fallback[1 : len(fallback)-1]
	}
	return p, nil
}

// value returns a variable's value. A key with several values cannot be a variable.
func (p *part) value(r *Request) (string, bool) {
	var one [1]string
	if values := r.lookup(&p.key, &one); len(values) == 1 {
		return values[0], true
	}
	return p.fallback, p.hasDefault
}

// compile returns the pattern with the variables' values, in their order, or with * in the place of each where there
// are none. Wildcards in a value stand for themselves.
func (t *template) compile(values []string) arn.Pattern {
	var b arn.Builder
	n := 0
	for i := range t.parts {
		switch p := &t.parts[i]; {
		case p.kind == anyOne:
			b.Wildcards("?")
		case p.kind == anyRun, p.kind == variable && values == nil:
			b.Wildcards("*")
		case p.kind == variable:
			b.Literal(values[n])
			n++
		default:
			b.Literal(p.text)
		}
	}
	return b.Pattern()
}

// resolve appends the variables' values, in their order. f is what keeps them from having values: unknown before
// unresolved, or fits for nothing. name is the key that is unknown.
func (t *template) resolve(r *Request, values []string) (all []string, f fit, name string) {
	f = fits
	for i := range t.parts {
		p := &t.parts[i]
		if p.kind != variable {
			continue
		}
		if !r.judges(&p.key) {
			return nil, unknown, p.key.name
		}
		value, ok := p.value(r)
		if !ok {
			f = unresolved
		}
		values = append(values, value)
	}
	return values, f, ""
}

// fewVariables is for how many values of one template no memory is asked for.
const fewVariables = 4

// obstacle is resolve without the values.
func (t *template) obstacle(r *Request) (f fit, name string) {
	var few [fewVariables]string
	_, f, name = t.resolve(r, few[:0])
	return f, name
}

// match compares a text of the request. name is the key of the variable that is unknown, where one is.
func (t *template) match(r *Request, s string) (f fit, name string) {
	if t.parts == nil {
		return fitsIf(t.wild && t.pattern.Match(s) || !t.wild && t.text == s), ""
	}
	if !t.pattern.Match(s) {
		return fitsNot, ""
	}
	var few [fewVariables]string
	values, f, name := t.resolve(r, few[:0])
	if f != fits {
		return f, name
	}
	m := matcher{parts: t.parts, values: values, work: workPerByte*len(s) + leastWork}
	matched := m.match(s)
	if m.work < 0 {
		matched = t.compile(values).Match(s)
	}
	return fitsIf(matched), ""
}

func fitsIf(is bool) fit {
	if is {
		return fits
	}
	return fitsNot
}

// matchFold compares a text without wildcards and without regard to letter case.
func (t *template) matchFold(r *Request, s string) (f fit, name string) {
	if t.parts == nil {
		return fitsIf(strings.EqualFold(t.text, s)), ""
	}
	var few [fewVariables]string
	values, f, name := t.resolve(r, few[:0])
	if f != fits {
		return f, name
	}
	for i := range t.parts {
		text := t.parts[i].text
		if t.parts[i].kind == variable {
			text, values = values[0], values[1:]
		}
		var ok bool
		if s, ok = cutPrefixFold(s, text); !ok {
			return fitsNot, ""
		}
	}
	return fitsIf(s == ""), ""
}
