package iam

import (
	"encoding/base64"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"postern/aws/arn"
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
	key        string // in lower case
	name       string // as it is written: "StringEquals aws:SourceVpce"
	quantifier quantifier
	ifExists   bool
	negative   bool
	null       bool // the values are "true" (the key is absent) and "false"
	values     []operand
}

// An operand is one value of the policy.
type operand struct {
	// match compares it with one value of the request. An operand that has a variable without value fits nothing.
	match     func(r *Request, s string) bool
	templates []template // where variables may stand
}

func constant(match func(s string) bool) operand {
	return operand{match: func(_ *Request, s string) bool { return match(s) }}
}

// An operator is a way to compare.
type operator struct {
	negative bool
	null     bool
	compile  func(value string, variables bool) (operand, error)
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
	return m
}

// parseOperator takes an operator's name apart: ForAllValues:StringLikeIfExists.
func parseOperator(name string) (op operator, c condition, ok bool) {
	rest := strings.ToLower(name)
	if tail, found := strings.CutPrefix(rest, "forallvalues:"); found {
		c.quantifier, rest = forAllValues, tail
	} else if tail, found := strings.CutPrefix(rest, "foranyvalue:"); found {
		c.quantifier, rest = forAnyValue, tail
	}
	if head, found := strings.CutSuffix(rest, "ifexists"); found {
		c.ifExists, rest = true, head
	}
	op, ok = operators[rest]
	if op.null && c.ifExists { // it would say nothing
		ok = false
	}
	c.negative, c.null = op.negative, op.null
	return op, c, ok
}

// holds reports whether the request meets the condition. cautious is set in statements that allow: there, a negative
// comparison with an unresolved variable does not hold.
func (c *condition) holds(r *Request, cautious bool) bool {
	values := r.lookup(c.key)
	if c.null {
		absent := strconv.FormatBool(len(values) == 0)
		return c.oneFits(r, absent)
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
	withheld := c.negative && cautious && c.unresolved(r)
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
	for i := range c.values {
		if c.values[i].match(r, v) {
			return true
		}
	}
	return false
}

// unresolved reports whether a variable in one of the policy's values has no value.
func (c *condition) unresolved(r *Request) bool {
	for i := range c.values {
		for j := range c.values[i].templates {
			if f, _ := c.values[i].templates[j].obstacle(r); f == unresolved {
				return true
			}
		}
	}
	return false
}

// unjudged returns a key, the condition's own or a variable's, of which it is not known whether the request has it.
func (c *condition) unjudged(r *Request) string {
	if !r.judges(c.key) {
		return c.key
	}
	for i := range c.values {
		for j := range c.values[i].templates {
			if f, key := c.values[i].templates[j].obstacle(r); f == unknown {
				return key
			}
		}
	}
	return ""
}

func stringEquals(value string, variables bool) (operand, error) {
	return text(value, false, variables)
}

func stringLike(value string, variables bool) (operand, error) { return text(value, true, variables) }

func text(value string, wild, variables bool) (operand, error) {
	t, err := parseTemplate(value, wild, variables)
	match := func(r *Request, s string) bool {
		f, _ := t.match(r, s)
		return f == fits
	}
	return operand{match, []template{t}}, err
}

func stringEqualsFold(value string, variables bool) (operand, error) {
	t, err := parseTemplate(value, false, variables)
	match := func(r *Request, s string) bool {
		f, _ := t.obstacle(r)
		return f == fits && t.equalFold(r, s)
	}
	return operand{match, []template{t}}, err
}

// arnLike compares segment by segment. The segments are cut in the policy's text, before variables get their values, so
// that no value can reach into another segment.
func arnLike(value string, variables bool) (operand, error) {
	if value == "*" {
		return constant(func(s string) bool {
			_, ok := arn.Split(s)
			return ok
		}), nil
	}
	segments, ok := splitOutsideVariables(value)
	if !ok {
		return operand{}, fmt.Errorf("%q must be in ARN format", value)
	}
	templates := make([]template, len(segments))
	for i, segment := range segments {
		var err error
		if templates[i], err = parseTemplate(segment, true, variables); err != nil {
			return operand{}, err
		}
	}
	match := func(r *Request, s string) bool {
		parts, isARN := arn.Split(s)
		for i := range templates {
			if f, _ := templates[i].match(r, parts[i]); !isARN || f != fits {
				return false
			}
		}
		return true
	}
	return operand{match, templates}, nil
}

// splitOutsideVariables is arn.Split for a text with variables, whose keys hold colons themselves.
func splitOutsideVariables(s string) (parts [arn.Segments]string, ok bool) {
	i, from, inside := 0, 0, false
	for at := 0; at < len(s) && i < arn.Segments-1; at++ {
		switch {
		case strings.HasPrefix(s[at:], "${"):
			inside = true
		case s[at] == '}':
			inside = false
		case s[at] == ':' && !inside:
			parts[i] = s[from:at]
			i, from = i+1, at+1
		}
	}
	parts[i] = s[from:]
	return parts, i == arn.Segments-1 && parts[0] == "arn"
}

func boolean(value string, _ bool) (operand, error) {
	want, err := parseBool(value)
	return constant(func(s string) bool {
		got, err := parseBool(s)
		return err == nil && got == want
	}), err
}

func parseBool(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, fmt.Errorf("%q must be true or false", s)
}

func binary(value string, _ bool) (operand, error) {
	want, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		return operand{}, fmt.Errorf("%q must be base64", value)
	}
	return constant(func(s string) bool {
		got, err := base64.StdEncoding.DecodeString(s)
		return err == nil && string(got) == string(want)
	}), nil
}

func numeric(compare func(a, b float64) bool) func(string, bool) (operand, error) {
	return func(value string, _ bool) (operand, error) {
		want, err := parseNumber(value)
		return constant(func(s string) bool {
			got, err := parseNumber(s)
			return err == nil && compare(got, want)
		}), err
	}
}

func parseNumber(s string) (float64, error) {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
		return 0, fmt.Errorf("%q must be a number", s)
	}
	return n, nil
}

func date(compare func(int) bool) func(string, bool) (operand, error) {
	return func(value string, _ bool) (operand, error) {
		want, err := parseDate(value)
		return constant(func(s string) bool {
			got, err := parseDate(s)
			return err == nil && compare(got.Compare(want))
		}), err
	}
}

// parseDate reads the forms of ISO 8601 that W3C's note on dates has, and seconds since 1970.
func parseDate(s string) (time.Time, error) {
	if seconds, err := strconv.ParseInt(s, 10, 64); err == nil && len(s) > 4 {
		return time.Unix(seconds, 0), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02", "2006-01", "2006"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q must be a date such as 2006-01-02T15:04:05Z", s)
}

func address(value string, _ bool) (operand, error) {
	prefix, err := netip.ParsePrefix(value)
	if err != nil {
		single, errAddress := netip.ParseAddr(value)
		if errAddress != nil {
			return operand{}, fmt.Errorf("%q must be an IP address or a range such as 203.0.113.0/24", value)
		}
		prefix = netip.PrefixFrom(single, single.BitLen())
	}
	prefix = prefix.Masked()
	return constant(func(s string) bool {
		a, err := netip.ParseAddr(s)
		return err == nil && prefix.Contains(a.Unmap().WithZone(""))
	}), nil
}
