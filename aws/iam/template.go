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

// A part is literal text, or a variable where key is not empty.
type part struct {
	text       string
	key        string // in lower case
	fallback   string
	hasDefault bool
	exact      bool        // the text's * and ? stand for themselves
	tail       arn.Pattern // of the last part, its text with wildcards
}

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
	rest := s
	for variables {
		head, tail, found := strings.Cut(rest, "${")
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
		t.parts = append(t.parts, part{text: head}, p)
		rest = after
	}
	if len(t.parts) == 0 { // nothing but text, which is most
		if t.text = rest; wild {
			t.pattern = arn.Compile(rest)
		}
		return t, nil
	}
	last := part{text: rest}
	if wild {
		last.tail = arn.Compile(rest)
	}
	t.parts = append(t.parts, last)
	for _, p := range t.parts {
		if p.key != "" {
			t.pattern = t.compile(nil)
			return t, nil
		}
	}
	for _, p := range t.parts {
		t.text += p.text
	}
	t.pattern, t.parts = t.compile(nil), nil
	return t, nil
}

// parseVariable reads what stands between the braces: a key, a key and a default, or one of * ? $ that stand for
// themselves.
func parseVariable(s string) (part, error) {
	switch s {
	case "*", "?", "$":
		return part{text: s, exact: true}, nil
	}
	key, fallback, hasDefault := strings.Cut(s, ",")
	p := part{key: strings.ToLower(strings.TrimSpace(key)), hasDefault: hasDefault}
	if !strings.Contains(p.key, ":") || strings.ContainsAny(p.key, " *?$'") {
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
	if values := r.lookup(p.key); len(values) == 1 {
		return values[0], true
	}
	return p.fallback, p.hasDefault
}

// compile returns the pattern with the variables' values, or with * in the place of each where value is nil. Wildcards
// in a value stand for themselves.
func (t *template) compile(value func(*part) string) arn.Pattern {
	var b arn.Builder
	for i := range t.parts {
		switch p := &t.parts[i]; {
		case p.key != "" && value == nil:
			b.Wildcards("*")
		case p.key != "":
			b.Literal(value(p))
		case p.exact || !t.wild:
			b.Literal(p.text)
		default:
			b.Wildcards(p.text)
		}
	}
	return b.Pattern()
}

// obstacle returns what keeps the variables from having values: unknown before unresolved, or fits for nothing. key
// names the variable that is unknown.
func (t *template) obstacle(r *Request) (f fit, key string) {
	f = fits
	for i := range t.parts {
		p := &t.parts[i]
		if p.key == "" {
			continue
		}
		if !r.judges(p.key) {
			return unknown, p.key
		}
		if _, ok := p.value(r); !ok {
			f = unresolved
		}
	}
	return f, ""
}

// match compares a text of the request. key is the variable that is unknown, where one is.
func (t *template) match(r *Request, s string) (f fit, key string) {
	if t.parts == nil {
		if t.wild && t.pattern.Match(s) || !t.wild && t.text == s {
			return fits, ""
		}
		return fitsNot, ""
	}
	if !t.pattern.Match(s) {
		return fitsNot, ""
	}
	if f, key := t.obstacle(r); f != fits {
		return f, key
	}
	if rest, done := t.trim(r, s); done {
		if rest {
			return fits, ""
		}
		return fitsNot, ""
	}
	valued := t.compile(func(p *part) string {
		value, _ := p.value(r)
		return value
	})
	if valued.Match(s) {
		return fits, ""
	}
	return fitsNot, ""
}

// trim compares without building a pattern, as far as no wildcard stands before a variable: done is false where one
// does.
func (t *template) trim(r *Request, s string) (match, done bool) {
	for i := range t.parts {
		p := &t.parts[i]
		text := p.text
		if p.key != "" {
			text, _ = p.value(r)
		} else if t.wild && !p.exact && strings.ContainsAny(text, "*?") {
			// The last part is compared by what was compiled for it alone.
			return i == len(t.parts)-1 && p.tail.Match(s), i == len(t.parts)-1
		}
		var ok bool
		if s, ok = strings.CutPrefix(s, text); !ok {
			return false, true
		}
	}
	return s == "", true
}

// equalFold compares a text without wildcards and without regard to letter case. Its variables have values.
func (t *template) equalFold(r *Request, s string) bool {
	if t.parts == nil {
		return strings.EqualFold(t.text, s)
	}
	var b strings.Builder
	for i := range t.parts {
		p := &t.parts[i]
		text := p.text
		if p.key != "" {
			text, _ = p.value(r)
		}
		b.WriteString(text)
	}
	return strings.EqualFold(b.String(), s)
}
