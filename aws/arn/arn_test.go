package arn_test

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"postern/aws/arn"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want arn.ARN
		typ  string
		id   string
	}{
		{"arn:aws:ec2:us-east-1:000000000000:instance/i-1", arn.New("ec2", "us-east-1", "000000000000", "instance/i-1"), "instance", "i-1"},
		{"arn:aws:iam::aws:policy/service-role/X", arn.New("iam", "", "aws", "policy/service-role/X"), "policy", "service-role/X"},
		{"arn:aws:s3:::bucket", arn.New("s3", "", "", "bucket"), "", "bucket"},
		{"arn:aws:logs:eu-west-1:123456789012:log-group:a:b", arn.New("logs", "eu-west-1", "123456789012", "log-group:a:b"), "log-group", "a:b"},
	} {
		got, err := arn.Parse(tt.in)
		if err != nil || got != tt.want || got.String() != tt.in || got.Type() != tt.typ || got.ID() != tt.id {
			t.Errorf("Parse(%q) = %+v, %v; type %q, id %q, again %q", tt.in, got, err, got.Type(), got.ID(), got)
		}
	}
	for _, in := range []string{"", "arn", "arn:aws:s3", "arn:aws:s3:::", "arn::s3:::b", "arn:aws::::b", "urn:aws:s3:::b", "*"} {
		if got, err := arn.Parse(in); err == nil {
			t.Errorf("Parse(%q) = %+v, want an error", in, got)
		}
	}
}

func TestPatternMatch(t *testing.T) {
	for _, tt := range []struct {
		pattern, s string
		want       bool
	}{
		{"", "", true},
		{"", "a", false},
		{"*", "", true},
		{"*", "arn:aws:s3:::b", true},
		{"a", "a", true},
		{"a", "ab", false},
		{"a*", "a", true},
		{"a*", "abc", true},
		{"a*", "b", false},
		{"*c", "abc", true},
		{"*c", "abcd", false},
		{"a*b*c", "aXbYbc", true},
		{"a*b*c", "aXbY", false},
		{"a**c", "abc", true},
		{"a?c", "abc", true},
		{"a?c", "ac", false},
		{"a?c", "aéc", true},
		{"??", "é", false},
		{"*?", "", false},
		{"*a?b*", "xxaabyy", true},
		{"arn:aws:s3:::*", "arn:aws:s3:::b/k", true},
		{"A", "a", false},
	} {
		if got := arn.Compile(tt.pattern).Match(tt.s); got != tt.want {
			t.Errorf("%q matches %q: %v, want %v", tt.pattern, tt.s, got, tt.want)
		}
	}
}

func TestPatternFold(t *testing.T) {
	for _, tt := range []struct {
		pattern, s string
		want       bool
	}{
		{"ssm:Get*", "SSM:getParameter", true},
		{"ssm:GetParameter", "ssm:getparameter", true},
		{"ssm:*Parameter?", "ssm:GETPARAMETERS", true},
		{"ssm:Get*", "ssm:PutParameter", false},
	} {
		if got := arn.CompileFold(tt.pattern).Match(tt.s); got != tt.want {
			t.Errorf("%q matches %q: %v, want %v", tt.pattern, tt.s, got, tt.want)
		}
	}
}

func TestBuilderKeepsLiterals(t *testing.T) {
	var b arn.Builder
	b.Literal("a*")
	b.Wildcards("-*")
	p := b.Pattern()
	if !p.Match("a*-x") || p.Match("ab-x") {
		t.Errorf("%v takes the literal * for a wildcard", p)
	}
	if p.IsLiteral() || p.MatchesAll() || !arn.Compile("*").MatchesAll() || !arn.Compile("x").IsLiteral() {
		t.Error("IsLiteral or MatchesAll is wrong")
	}
}

func TestLike(t *testing.T) {
	for _, tt := range []struct {
		pattern, s string
		want       bool
	}{
		{"arn:aws:iam::*:role/*", "arn:aws:iam::123456789012:role/a/b", true},
		{"arn:aws:iam::*:role/*", "arn:aws:iam::123456789012:user/a", false},
		{"arn:*:role/x:::x", "arn:aws:iam::1:role/x", false},
		{"arn:aws:*:*:*:*", "arn:aws:sts:r:1:assumed-role/a/b:c", true},
		{"arn:aws:*:*:*:*", "not an arn", false},
	} {
		l, ok := arn.CompileLike(tt.pattern)
		if !ok {
			t.Errorf("%q is no pattern", tt.pattern)
		} else if got := l.Match(tt.s); got != tt.want {
			t.Errorf("%q is like %q: %v, want %v", tt.s, tt.pattern, got, tt.want)
		}
	}
	if _, ok := arn.CompileLike("arn:aws:*"); ok {
		t.Error("a pattern of three segments was taken")
	}
}

// The regular expression is an independent implementation of the same wildcards.
func TestPatternAgreesWithRegexp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringMatching(`[ab*?é]{0,8}`).Draw(t, "pattern")
		s := rapid.StringMatching(`[abé]{0,10}`).Draw(t, "s")
		quoted := strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(regexp.QuoteMeta(pattern))
		want := regexp.MustCompile(`(?s)^` + quoted + `$`).MatchString(s)
		if got := arn.Compile(pattern).Match(s); got != want {
			t.Fatalf("%q matches %q: %v, regexp says %v", pattern, s, got, want)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add("arn:aws:s3:::b")
	f.Add("arn:aws:ssm:us-east-1:000000000000:document/*")
	f.Fuzz(func(t *testing.T, s string) {
		a, err := arn.Parse(s)
		if err == nil && a.String() != s {
			t.Errorf("Parse(%q).String() = %q", s, a.String())
		}
		arn.Compile(s).Match(s)
	})
}

func BenchmarkPattern(b *testing.B) {
	p := arn.Compile("arn:aws:ssm:*:000000000000:parameter/app/*/secret")
	s := "arn:aws:ssm:us-east-1:000000000000:parameter/app/production/secret"
	if !p.Match(s) {
		b.Fatal("no match")
	}
	b.ReportAllocs()
	for b.Loop() {
		p.Match(s)
	}
}
