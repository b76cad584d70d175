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

// quantifier says how a condition deals with a key that has several values.
type quantifier uint8

const (
	single quantifier = iota
	forAllValues
	forAnyValue
)

// A condition is one key below one operator: at least one of the values has to fit, or none if the operator is negative.
type condition struct {
	key        string // in lower case
	quantifier quantifier
	ifExists   bool
	negative   bool
	null       bool // the values are "true" (the key is absent) and "false"
	values     []matcher
}

// A matcher compares one value of the request with one value of the policy. resolved is false where the policy's value
// has a variable without value; such a value fits nothing.
type matcher func(r *Request, s string) (fits, resolved bool)

// An operator is a way to compare.
type operator struct {
	negative bool
	null     bool
	compile  func(value string, variables bool) (matcher, error)
}

// operators are the condition operators by their names in lower case, without prefix and suffix.
var operators = makeOperators()

func makeOperators() map[string]operator {
	m := map[string]operator{"null": {null: true, compile: boolean}, "bool": {compile: boolean}, "binaryequals": {compile: binary}}
	for _, both := range []struct {
		yes, no string
		compile func(string, bool) (matcher, error)
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

// holds says whether the request meets the condition. cautious is set in statements that allow: there, a negative
// comparison with an unresolved variable does not hold.
func (c *condition) holds(r *Request, cautious bool) bool {
	values := r.lookup(c.key)
	if c.null {
		absent := strconv.FormatBool(len(values) == 0)
		fits, _ := c.oneFits(r, absent)
		return fits
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
	some, all := false, true
	for _, v := range values {
		fits, resolved := c.oneFits(r, v)
		if c.negative {
			fits = !fits && (resolved || !cautious)
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
func (c *condition) oneFits(r *Request, v string) (fits, resolved bool) {
	resolved = true
	for _, m := range c.values {
		f, res := m(r, v)
		fits, resolved = fits || f, resolved && res
	}
	return fits, resolved
}

func stringEquals(value string, variables bool) (matcher, error) {
	t, err := parseTemplate(value, false, variables)
	return func(r *Request, s string) (bool, bool) {
		want, ok := t.resolve(r)
		return ok && want == s, ok
	}, err
}

func stringEqualsFold(value string, variables bool) (matcher, error) {
	t, err := parseTemplate(value, false, variables)
	return func(r *Request, s string) (bool, bool) {
		want, ok := t.resolve(r)
		return ok && strings.EqualFold(want, s), ok
	}, err
}

func stringLike(value string, variables bool) (matcher, error) {
	t, err := parseTemplate(value, true, variables)
	return func(r *Request, s string) (bool, bool) {
		p, ok := t.resolvePattern(r)
		return ok && p.Match(s), ok
	}, err
}

// arnLike compares segment by segment. The segments are cut in the policy's text, before variables get their values, so
// that no value can reach into another segment.
func arnLike(value string, variables bool) (matcher, error) {
	if value == "*" {
		return func(_ *Request, s string) (bool, bool) {
			_, ok := arn.Split(s)
			return ok, true
		}, nil
	}
	segments, ok := splitOutsideVariables(value)
	if !ok {
		return nil, fmt.Errorf("%q must be in ARN format", value)
	}
	var templates [arn.Segments]template
	for i, segment := range segments {
		var err error
		if templates[i], err = parseTemplate(segment, true, variables); err != nil {
			return nil, err
		}
	}
	return func(r *Request, s string) (bool, bool) {
		parts, isARN := arn.Split(s)
		fits := isARN
		for i := range templates {
			p, resolved := templates[i].resolvePattern(r)
			if !resolved {
				return false, false
			}
			fits = fits && p.Match(parts[i])
		}
		return fits, true
	}, nil
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

func boolean(value string, _ bool) (matcher, error) {
	want, err := parseBool(value)
	return func(_ *Request, s string) (bool, bool) {
		got, err := parseBool(s)
		return err == nil && got == want, true
	}, err
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

func binary(value string, _ bool) (matcher, error) {
	want, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		return nil, fmt.Errorf("%q must be base64", value)
	}
	return func(_ *Request, s string) (bool, bool) {
		got, err := base64.StdEncoding.DecodeString(s)
		return err == nil && string(got) == string(want), true
	}, nil
}

func numeric(compare func(a, b float64) bool) func(string, bool) (matcher, error) {
	return func(value string, _ bool) (matcher, error) {
		want, err := parseNumber(value)
		return func(_ *Request, s string) (bool, bool) {
			got, err := parseNumber(s)
			return err == nil && compare(got, want), true
		}, err
	}
}

func parseNumber(s string) (float64, error) {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
		return 0, fmt.Errorf("%q must be a number", s)
	}
	return n, nil
}

func date(compare func(int) bool) func(string, bool) (matcher, error) {
	return func(value string, _ bool) (matcher, error) {
		want, err := parseDate(value)
		return func(_ *Request, s string) (bool, bool) {
			got, err := parseDate(s)
			return err == nil && compare(got.Compare(want)), true
		}, err
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

func address(value string, _ bool) (matcher, error) {
	prefix, err := netip.ParsePrefix(value)
	if err != nil {
		single, errAddress := netip.ParseAddr(value)
		if errAddress != nil {
			return nil, fmt.Errorf("%q must be an IP address or a range such as 203.0.113.0/24", value)
		}
		prefix = netip.PrefixFrom(single, single.BitLen())
	}
	prefix = prefix.Masked()
	return func(_ *Request, s string) (bool, bool) {
		a, err := netip.ParseAddr(s)
		return err == nil && prefix.Contains(a.Unmap().WithZone("")), true
	}, nil
}
