package iam

import (
	"strconv"
	"strings"
	"time"
)

// quantifier selects how a condition treats a key that has several values.
type quantifier uint8

const (
	single quantifier = iota
	forAllValues
	forAnyValue
)

// A condition is one key below one operator: at least one of the values has to fit, or none if the operator is
// negative.
type condition struct {
	operator          // null: the values are "true" (the key is absent) and "false"
	spelled    string // the operator as it is written
	written    string // the key as it is written
	quantifier quantifier
	ifExists   bool
	key        key
	timed      bool // the operator compares the time that the key tells
	variables  bool // there is one in a value
	values     []operand
}

// name returns the condition as it is written: "StringEquals aws:SourceVpce".
func (c *condition) name() string { return c.spelled + " " + c.written }

// An operator is a way to compare.
type operator struct {
	name     string // in lower case
	negative bool
	null     bool
	compile  func(value string, variables bool) (operand, error)
	times    []keySource // keys whose time is compared, without being written as text first
}

// operators are the condition operators by their names in lower case, without prefix and suffix.
var operators = makeOperators()

func makeOperators() map[string]operator {
	m := map[string]operator{
		"null":         {null: true, compile: boolean},
		"bool":         {compile: boolean},
		"binaryequals": {compile: binary},
	}
	for _, both := range []struct {
		yes, no string
		compile func(string, bool) (operand, error)
	}{
		{"StringEquals", "StringNotEquals", stringEquals},
		{"StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", stringEqualsFold},
		{"StringLike", "StringNotLike", stringLike},
		{"ArnEquals", "ArnNotEquals", arnLike}, // Amazon treats both pairs alike
		{"ArnLike", "ArnNotLike", arnLike},
		{"NumericEquals", "NumericNotEquals", numeric(func(a, b float64) bool { return a == b })},
		{"DateEquals", "DateNotEquals", date(func(c int) bool { return c == 0 })},
		{"IpAddress", "NotIpAddress", address},
	} {
		m[strings.ToLower(both.yes)] = operator{compile: both.compile}
		m[strings.ToLower(both.no)] = operator{compile: both.compile, negative: true}
	}
	for suffix, c := range map[string]func(int) bool{
		"lessthan": func(c int) bool { return c < 0 }, "lessthanequals": func(c int) bool { return c <= 0 },
		"greaterthan": func(c int) bool { return c > 0 }, "greaterthanequals": func(c int) bool { return c >= 0 },
	} {
		m["date"+suffix] = operator{compile: date(c)}
		m["numeric"+suffix] = operator{compile: numeric(func(a, b float64) bool {
			switch {
			case a < b:
				return c(-1)
			case a > b:
				return c(1)
			}
			return c(0)
		})}
	}
	for name, op := range m {
		op.name = name
		switch {
		case strings.HasPrefix(name, "date"):
			op.times = []keySource{currentTime, tokenIssueTime, epochTime}
		case strings.HasPrefix(name, "numeric"):
			op.times = []keySource{epochTime}
		}
		m[name] = op
	}
	return m
}

// parseOperator takes an operator's name apart: ForAllValues:StringLikeIfExists.
func parseOperator(name string) (c condition, ok bool) {
	rest := strings.ToLower(name)
	if tail, found := strings.CutPrefix(rest, "forallvalues:"); found {
		c.quantifier, rest = forAllValues, tail
	} else if tail, found := strings.CutPrefix(rest, "foranyvalue:"); found {
		c.quantifier, rest = forAnyValue, tail
	}
	if head, found := strings.CutSuffix(rest, "ifexists"); found {
		c.ifExists, rest = true, head
	}
	c.spelled = name
	c.operator, ok = operators[rest]
	if c.null && c.ifExists { // it would say nothing
		ok = false
	}
	return c, ok
}

// holds reports whether the request meets the condition. cautious is set in statements that allow: there, a negative
// comparison with an unresolved variable does not hold.
func (c *condition) holds(r *Request, cautious bool) bool {
	if c.timed && r.Simulated == nil {
		if t, ok := r.moment(c.key.from); ok {
			return c.fitsTime(t) != c.negative
		}
	}
	var one [1]string
	values := r.lookup(&c.key, &one)
	if c.null {
		return c.oneFits(r, strconv.FormatBool(len(values) == 0))
	}
	if len(values) == 0 {
		switch {
		case c.ifExists || c.quantifier == forAllValues:
			return true
		case c.quantifier == forAnyValue:
			return false
		}
		return c.negative
	}
	withheld := c.negative && cautious && c.variables && c.unresolved(r)
	some, all := false, true
	for _, v := range values {
		fits := c.oneFits(r, v)
		if c.negative {
			fits = !fits && !withheld
		}
		some, all = some || fits, all && fits
	}
	// A negative operator without quantifier holds if it does for each value of the key.
	if c.quantifier == forAllValues || c.quantifier == single && c.negative {
		return all
	}
	return some
}

// oneFits reports whether a value of the request fits one of the policy's.
func (c *condition) oneFits(r *Request, v string) bool {
	for _, o := range c.values {
		if o.fits(r, v) {
			return true
		}
	}
	return false
}

// fitsTime is oneFits for a time.
func (c *condition) fitsTime(t time.Time) bool {
	for _, o := range c.values {
		if o.(timeOperand).fitsTime(t) {
			return true
		}
	}
	return false
}

// unresolved reports whether a variable in one of the policy's values has no value.
func (c *condition) unresolved(r *Request) bool {
	for _, o := range c.values {
		templates := o.templates()
		for i := range templates {
			if f, _ := templates[i].obstacle(r); f == unresolved {
				return true
			}
		}
	}
	return false
}

// unjudged returns a key, the condition's own or a variable's, of which it is not known whether the request has it.
func (c *condition) unjudged(r *Request) string {
	if r.Judged == nil {
		return ""
	}
	if !r.judges(&c.key) {
		return c.key.name
	}
	if !c.variables {
		return ""
	}
	for _, o := range c.values {
		templates := o.templates()
		for i := range templates {
			if f, name := templates[i].obstacle(r); f == unknown {
				return name
			}
		}
	}
	return ""
}
