package iam

import (
	"fmt"
	"strings"

	"postern/aws/arn"
)

// A template is a text of a policy that may hold variables such as ${aws:username}. Without variables it is compiled
// once; with them it is put together for each request.
type template struct {
	parts []part // nil without variables
	wild  bool   // * and ? outside of variables are wildcards

	pattern arn.Pattern // where parts is nil
	text    string      // the same, as text; meant where wild is false
}

// A part is literal text, or a variable where key is not empty.
type part struct {
	text       string
	key        string // in lower case
	fallback   string
	hasDefault bool
	exact      bool // the text's * and ? stand for themselves
}

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
	t.parts = append(t.parts, part{text: rest})
	for _, p := range t.parts {
		if p.key != "" {
			return t, nil
		}
	}
	t.text, _ = t.resolve(nil)
	t.pattern, _ = t.resolvePattern(nil)
	t.parts = nil
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

// value is a variable's value. A key with several values cannot be a variable.
func (p *part) value(r *Request) (string, bool) {
	if values := r.lookup(p.key); len(values) == 1 {
		return values[0], true
	}
	return p.fallback, p.hasDefault
}

// resolve is the text for a request. It reports false where a variable has no value.
func (t *template) resolve(r *Request) (string, bool) {
	if t.parts == nil {
		return t.text, true
	}
	var b strings.Builder
	for _, p := range t.parts {
		if p.key != "" {
			value, ok := p.value(r)
			if !ok {
				return "", false
			}
			p.text = value
		}
		b.WriteString(p.text)
	}
	return b.String(), true
}

// resolvePattern is the pattern for a request; wildcards in the value of a variable stand for themselves.
func (t *template) resolvePattern(r *Request) (arn.Pattern, bool) {
	if t.parts == nil {
		return t.pattern, true
	}
	var b arn.Builder
	for _, p := range t.parts {
		switch {
		case p.key != "":
			value, ok := p.value(r)
			if !ok {
				return arn.Pattern{}, false
			}
			b.Literal(value)
		case p.exact || !t.wild:
			b.Literal(p.text)
		default:
			b.Wildcards(p.text)
		}
	}
	return b.Pattern(), true
}
