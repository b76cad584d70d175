package iam_test

import (
	"fmt"
	"math/big"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"postern/aws/iam"
)

// quoted writes a text as JSON has it.
func quoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		if r < ' ' || r == '"' || r == '\\' {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String() + `"`
}

// compared reports whether a condition that compares a value with an operand holds; ok is false where the operand is
// refused. Its variables have the values of the keys.
func compared(operator, operand, value string, keys map[string]string) (holds, ok bool) {
	p, err := iam.Parse(iam.Identity, "p", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*",`+
		`"Resource":"*","Condition":{"`+operator+`":{"k:v":`+quoted(operand)+`}}}}`)
	if err != nil {
		return false, false
	}
	r := &iam.Request{Principal: bob, Action: "a:B", Resource: "*", Keys: func(key string) []string {
		if key == "k:v" {
			return []string{value}
		}
		if v, ok := keys[key]; ok {
			return []string{v}
		}
		return nil
	}}
	return iam.Evaluate(r, &iam.Policies{Identity: []*iam.Policy{p}}).Allow, true
}

// substituted makes a regular expression of an operand, in the plainest way: ok is false where a variable has no value.
func substituted(operand string, wild bool, keys map[string]string) (expression string, ok bool) {
	var b strings.Builder
	for operand != "" {
		if name, rest, found := strings.Cut(operand, "}"); found && strings.HasPrefix(name, "${") {
			name, operand = strings.TrimPrefix(name, "${"), rest
			if !strings.Contains(name, ":") { // ${*} and the like
				b.WriteString(regexp.QuoteMeta(name))
				continue
			}
			name, fallback, hasDefault := strings.Cut(name, ",")
			value, has := keys[strings.ToLower(strings.TrimSpace(name))]
			if !has && !hasDefault {
				return "", false
			}
			if !has {
				value = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(fallback), "'"), "'")
			}
			b.WriteString(regexp.QuoteMeta(value))
			continue
		}
		_, size := utf8.DecodeRuneInString(operand)
		switch one := operand[:size]; {
		case wild && one == "*":
			b.WriteString(".*")
		case wild && one == "?":
			b.WriteString(".")
		default:
			b.WriteString(regexp.QuoteMeta(one))
		}
		operand = operand[size:]
	}
	return b.String(), true
}

// FuzzVariables compares texts with operands that have variables, and a regular expression with their values in it.
func FuzzVariables(f *testing.F) {
	for _, operand := range []string{
		"a${k:a}b", "*${k:a}*", "${k:a}?${k:b}", "*?${k:a}*${k:b}b*?", "${k:c, 'a*'}*", "${*}${?}${$}", "${k:c}", "a${K:A}",
		"*a*${k:a}a*b", "${k:b}${k:a}*${k:b}", "é*${k:a}?", "${k:c,''}*b",
	} {
		f.Add(operand, "aab", "a", "b")
		f.Add(operand, "xaxbxaé", "xa", "")
	}
	f.Fuzz(func(t *testing.T, operand, s, a, b string) {
		for _, text := range []string{operand, s, a, b} {
			if !utf8.ValidString(text) || len(text) > 200 {
				t.Skip("requests and policies are text")
			}
		}
		keys := map[string]string{"k:a": a, "k:b": b}
		for _, tt := range []struct {
			operator string
			flags    string
			wild     bool
		}{{"StringLike", "(?s)", true}, {"StringEquals", "(?s)", false}, {"StringEqualsIgnoreCase", "(?si)", false}} {
			got, ok := compared(tt.operator, operand, s, keys)
			if !ok {
				continue
			}
			text, has := substituted(operand, tt.wild, keys)
			want := has && regexp.MustCompile(tt.flags+"^(?:"+text+")$").MatchString(s)
			if got != want {
				t.Fatalf("%s: %q with a = %q, b = %q and %q: %v", tt.operator, operand, a, b, s, got)
			}
		}
	})
}

// FuzzOperands compares values with operands of all kinds, and what other readers make of both.
func FuzzOperands(f *testing.F) {
	for _, pair := range [][2]string{
		{"10", "9.5"}, {"1e1", "10"}, {"-0", "0"}, {"2026-11-21", "2026-11-21T00:00:00Z"}, {"1795219200", "2026"},
		{"true", "TRUE"},
		{"10.0.0.0/8", "10.1.2.3"}, {"::/0", "::1"}, {"::ffff:10.0.0.1", "10.0.0.1"}, {"fe80::1%eth0", "fe80::1"},
		{"YQ==", "YQ=="},
		{"arn:aws:s3:::*", "arn:aws:s3:::b"}, {"*", "arn:a"}, {"2026-11-21T00:00:00+25:00", "x"}, {"0x1p-2", "1_0"},
	} {
		f.Add(pair[0], pair[1])
	}
	f.Fuzz(func(t *testing.T, operand, value string) {
		if !utf8.ValidString(operand) || len(operand) > 100 || len(value) > 100 {
			t.Skip("policies are text")
		}
		holds := func(operator string) bool {
			got, _ := compared(operator, operand, value, nil)
			return got
		}
		for _, pair := range []string{"NumericNotEquals", "DateNotEquals", "StringNotLike", "StringNotEquals", "ArnNotLike",
			"StringNotEqualsIgnoreCase", "NotIpAddress", "ArnNotEquals"} {
			if not, ok := compared(pair, operand, value, nil); ok && not == holds(strings.Replace(pair, "Not", "", 1)) &&
				!strings.Contains(operand, "${") {
				t.Fatalf("%s: %q with %q: %v, and so without Not", pair, operand, value, not)
			}
		}
		for _, kind := range []string{"Numeric", "Date"} {
			less, equal, greater := holds(kind+"LessThan"), holds(kind+"Equals"), holds(kind+"GreaterThan")
			if less && equal || less && greater || equal && greater || holds(kind+"LessThanEquals") != (less || equal) ||
				holds(kind+"GreaterThanEquals") != (greater || equal) {
				t.Fatalf("%s: %q with %q: less %v, equal %v, greater %v", kind, operand, value, less, equal, greater)
			}
			if want, ok := order(kind, value, operand); ok && (less != (want < 0) || equal != (want == 0)) {
				t.Fatalf("%s: %q with %q: less %v, equal %v, want %d", kind, operand, value, less, equal, want)
			}
		}
		prefix, errPrefix := netip.ParsePrefix(operand)
		at, errAt := netip.ParseAddr(value)
		if want := errPrefix == nil && errAt == nil && prefix.Contains(at.Unmap().WithZone("")); errPrefix == nil &&
			holds("IpAddress") != want {
			t.Fatalf("%q has %q: %v", operand, value, !want)
		}
	})
}

// order compares plain numbers exactly, and plain times by the other package that reads them.
func order(kind, a, b string) (n int, ok bool) {
	if kind == "Date" {
		x, errX := time.Parse(time.RFC3339, a)
		y, errY := time.Parse(time.RFC3339, b)
		return x.Compare(y), errX == nil && errY == nil
	}
	plain := regexp.MustCompile(`^-?[0-9]{1,15}$`)
	x, okX := new(big.Int).SetString(a, 10)
	y, okY := new(big.Int).SetString(b, 10)
	if !plain.MatchString(a) || !plain.MatchString(b) || !okX || !okY {
		return 0, false
	}
	return x.Cmp(y), true
}

// FuzzTimes: a time that the request tells is compared as its text would be.
func FuzzTimes(f *testing.F) {
	f.Add("2026-11-21T12:00:00Z", int64(1795262400), int64(5), "Equals")
	f.Add("1795262400", int64(1795262400), int64(0), "LessThan")
	f.Add("2026", int64(0), int64(1), "GreaterThanEquals")
	f.Fuzz(func(t *testing.T, operand string, seconds, nanoseconds int64, compare string) {
		now := time.Unix(seconds, nanoseconds%1e9).UTC()
		if seconds < 10000 || seconds > 200_000_000_000 || nanoseconds < 0 || !utf8.ValidString(operand) {
			t.Skip("texts of such times are read in another way")
		}
		issued := *node
		issued.Issued = now
		for _, tt := range []struct{ key, text, operator string }{
			{"aws:CurrentTime", now.Format(time.RFC3339), "Date"}, {"aws:TokenIssueTime", now.Format(time.RFC3339), "Date"},
			{"aws:EpochTime", strconv.FormatInt(now.Unix(), 10), "Date"},
			{"aws:EpochTime", strconv.FormatInt(now.Unix(), 10), "Numeric"},
			{"aws:CurrentTime", now.Format(time.RFC3339), "Numeric"},
		} {
			for _, not := range []string{"", "Not"} {
				if not != "" && compare != "Equals" {
					continue
				}
				operator := tt.operator + not + compare
				want, ok := compared(operator, operand, tt.text, nil)
				p, err := iam.Parse(iam.Identity, "p", `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{`+
					quoted(operator)+`:{"`+tt.key+`":`+quoted(operand)+`}}}}`)
				if (err == nil) != ok {
					continue // of another version of the language
				}
				if !ok {
					continue
				}
				r := &iam.Request{Principal: &issued, Action: "a:B", Resource: "*", Time: now}
				if d := iam.Evaluate(r, &iam.Policies{Identity: []*iam.Policy{p}}); d.Allow != want {
					t.Fatalf("%s %s %q: %v, as text %v", tt.key, operator, operand, d.Allow, want)
				}
			}
		}
	})
}
