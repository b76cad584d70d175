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

// An operand is one value of a condition in a policy, compiled.
type operand interface {
	// fits compares it with one value of the request. An operand that has a variable without value fits nothing.
	fits(r *Request, value string) bool
	// templates are where variables may stand.
	templates() []template
}

// A timeOperand can be compared with a time that is not written as text.
type timeOperand interface {
	operand
	fitsTime(t time.Time) bool
}

// constant is an operand without variables.
type constant func(value string) bool

func (c constant) fits(_ *Request, value string) bool { return c(value) }
func (c constant) templates() []template              { return nil }

// textOperand is compared letter by letter, or with wildcards.
type textOperand [1]template

func (o *textOperand) fits(r *Request, value string) bool {
	f, _ := o[0].match(r, value)
	return f == fits
}

func (o *textOperand) templates() []template { return o[:] }

// foldOperand is compared without regard to letter case.
type foldOperand struct{ textOperand }

func (o *foldOperand) fits(r *Request, value string) bool {
	f, _ := o.textOperand[0].matchFold(r, value)
	return f == fits
}

func stringEquals(value string, variables bool) (operand, error) {
	return text(value, false, variables)
}

func stringLike(value string, variables bool) (operand, error) { return text(value, true, variables) }

func text(value string, wild, variables bool) (operand, error) {
	t, err := parseTemplate(value, wild, variables)
	return &textOperand{t}, err
}

func stringEqualsFold(value string, variables bool) (operand, error) {
	t, err := parseTemplate(value, false, variables)
	return &foldOperand{textOperand{t}}, err
}

// arnOperand is compared segment by segment. The segments are cut in the policy's text, before variables get their
// values, so that no value can reach into another segment.
type arnOperand [arn.Segments]template

func (o *arnOperand) fits(r *Request, value string) bool {
	parts, isARN := arn.Split(value)
	if !isARN {
		return false
	}
	for i := range o {
		if f, _ := o[i].match(r, parts[i]); f != fits {
			return false
		}
	}
	return true
}

func (o *arnOperand) templates() []template { return o[:] }

func arnLike(value string, variables bool) (operand, error) {
	if value == "*" {
		return constant(func(s string) bool {
			_, ok := arn.Split(s)
			return ok
		}), nil
	}
	segments, ok := splitOutsideVariables(value)
	if !ok {
		return nil, fmt.Errorf("%q must be in ARN format", value)
	}
	o := new(arnOperand)
	for i, segment := range segments {
		var err error
		if o[i], err = parseTemplate(segment, true, variables); err != nil {
			return nil, err
		}
	}
	return o, nil
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
	switch { // the lengths keep out letters beyond ASCII that fold to one of these
	case len(s) == len("true") && strings.EqualFold(s, "true"):
		return true, nil
	case len(s) == len("false") && strings.EqualFold(s, "false"):
		return false, nil
	}
	return false, fmt.Errorf("%q must be true or false", s)
}

func binary(value string, _ bool) (operand, error) {
	want, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		return nil, fmt.Errorf("%q must be base64", value)
	}
	return constant(func(s string) bool {
		got, err := base64.StdEncoding.DecodeString(s)
		return err == nil && string(got) == string(want)
	}), nil
}

// numberOperand is compared as a number.
type numberOperand struct {
	want    float64
	compare func(a, b float64) bool
}

func (o *numberOperand) fits(_ *Request, value string) bool {
	got, err := parseNumber(value)
	return err == nil && o.compare(got, o.want)
}

func (o *numberOperand) templates() []template { return nil }

// fitsTime compares with the seconds since 1970.
func (o *numberOperand) fitsTime(t time.Time) bool { return o.compare(float64(t.Unix()), o.want) }

func numeric(compare func(a, b float64) bool) func(string, bool) (operand, error) {
	return func(value string, _ bool) (operand, error) {
		want, err := parseNumber(value)
		return &numberOperand{want, compare}, err
	}
}

// parseNumber reads a decimal number. Go's other forms, hexadecimal and with underscores, are none in a policy.
func parseNumber(s string) (float64, error) {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || strings.ContainsAny(s, "xX_") || math.IsNaN(n) || math.IsInf(n, 0) {
		return 0, fmt.Errorf("%q must be a number", s)
	}
	return n, nil
}

// dateOperand is compared as a time.
type dateOperand struct {
	want    time.Time
	compare func(int) bool
}

func (o *dateOperand) fits(_ *Request, value string) bool {
	got, err := parseDate(value)
	return err == nil && o.fitsTime(got)
}

func (o *dateOperand) templates() []template { return nil }

func (o *dateOperand) fitsTime(t time.Time) bool { return o.compare(t.Compare(o.want)) }

func date(compare func(int) bool) func(string, bool) (operand, error) {
	return func(value string, _ bool) (operand, error) {
		want, err := parseDate(value)
		return &dateOperand{want, compare}, err
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
			return nil, fmt.Errorf("%q must be an IP address or a range such as 203.0.113.0/24", value)
		}
		single = single.Unmap()
		prefix = netip.PrefixFrom(single, single.BitLen())
	}
	if a := prefix.Addr(); a.Is4In6() && prefix.Bits() >= 96 { // requests' addresses are written as IPv4
		prefix = netip.PrefixFrom(a.Unmap(), prefix.Bits()-96)
	}
	prefix = prefix.Masked()
	return constant(func(s string) bool {
		a, err := netip.ParseAddr(s)
		return err == nil && prefix.Contains(a.Unmap().WithZone(""))
	}), nil
}
