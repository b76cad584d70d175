package arn_test

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

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
		{
			"arn:aws:ec2:us-east-1:000000000000:instance/i-1", arn.New("ec2", "us-east-1", "000000000000", "instance/i-1"),
			"instance", "i-1",
		},
		{
			"arn:aws:iam::aws:policy/service-role/X", arn.New("iam", "", "aws", "policy/service-role/X"), "policy",
			"service-role/X",
		},
		{"arn:aws:s3:::bucket", arn.New("s3", "", "", "bucket"), "", "bucket"},
		{
			"arn:aws:logs:eu-west-1:123456789012:log-group:a:b", arn.New("logs", "eu-west-1", "123456789012", "log-group:a:b"),
			"log-group", "a:b",
		},
	} {
		got, err := arn.Parse(tt.in)
		if err != nil || got != tt.want || got.String() != tt.in || got.Type() != tt.typ || got.ID() != tt.id {
			t.Errorf("Parse(%q) = %+v, %v; type %q, id %q, again %q", tt.in, got, err, got.Type(), got.ID(), got)
		}
	}
	for _, in := range []string{
		"", "arn", "arn:aws:s3", "arn:aws:s3:::", "arn::s3:::b", "arn:aws::::b", "urn:aws:s3:::b", "*",
	} {
		if got, err := arn.Parse(in); err == nil {
			t.Errorf("Parse(%q) = %+v, want an error", in, got)
		}
	}
}

// TestPartition: the region says the partition; services without regions are named in one.
func TestPartition(t *testing.T) {
	for region, want := range map[string]string{
		"us-east-1": "aws", "cn-north-1": "aws-cn", "cn-northwest-1": "aws-cn", "us-gov-west-1": "aws-us-gov", "lab-1": "aws",
		"": "aws",
	} {
		if got := arn.New("ec2", region, "000000000000", "vpc/v").Partition; got != want || arn.Partition(region) != want {
			t.Errorf("%s is in %s, want %s", region, got, want)
		}
	}
	if got := arn.Global("aws-cn", "iam", "aws", "policy/X").String(); got != "arn:aws-cn:iam::aws:policy/X" {
		t.Error(got)
	}
	if got := arn.Global("", "iam", "aws", "policy/X").String(); got != "arn:aws:iam::aws:policy/X" {
		t.Error(got)
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

// naive compares one character after the other and tries every length for a *.
func naive(pattern, s []rune) bool {
	switch {
	case len(pattern) == 0:
		return len(s) == 0
	case pattern[0] == '*':
		for i := range len(s) + 1 {
			if naive(pattern[1:], s[i:]) {
				return true
			}
		}
		return false
	}
	return len(s) > 0 && (pattern[0] == '?' || pattern[0] == s[0]) && naive(pattern[1:], s[1:])
}

// The naive matcher and the regular expression are independent implementations of the same wildcards.
func TestPatternAgreesWithOthers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringMatching(`[ab*?é]{0,12}`).Draw(t, "pattern")
		s := rapid.StringMatching(`[abé]{0,16}`).Draw(t, "s")
		quoted := strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(regexp.QuoteMeta(pattern))
		want := regexp.MustCompile(`(?s)^` + quoted + `$`).MatchString(s)
		p := arn.Compile(pattern)
		if got := p.Match(s); got != want || naive([]rune(pattern), []rune(s)) != want {
			t.Fatalf("%q matches %q: %v, regexp says %v, naive %v", pattern, s, got, want, naive([]rune(pattern), []rune(s)))
		}
		if again := strings.ReplaceAll(p.String(), "**", "*"); arn.Compile(again).Match(s) != want {
			t.Fatalf("%q is written as %q, which is another pattern", pattern, again)
		}
	})
}

// Long pieces have more places than a machine word, and than what is kept on the stack.
func TestLongPieces(t *testing.T) {
	for _, n := range []int{1, 63, 64, 65, 500, 3000} {
		run := strings.Repeat("ab", n)
		for _, pattern := range []string{
			"*" + run + "c*", "*" + run + "?c*", "*?" + run[1:] + "c*", "*" + run + "c", run + "c*" + run,
		} {
			p := arn.Compile(pattern)
			if s := "ab" + run + "c"; strings.Contains(pattern, "?c") {
				if p.Match(s) || !p.Match(run+"abdc"+run) {
					t.Errorf("%d: %.20s… is wrong", n, pattern)
				}
			} else if want := !strings.HasSuffix(
				pattern, "c*"+run,
			); p.Match(s) != want || !p.Match(run+"c"+map[bool]string{false: run}[want]) {
				t.Errorf("%d: %.20s… is wrong", n, pattern)
			}
			if p.Match(run + run) {
				t.Errorf("%d: %.20s… matches without a c", n, pattern)
			}
		}
	}
}

func FuzzPattern(f *testing.F) {
	f.Add("a*b?c*", "aXbYc")
	f.Add("*é?*", "xéy")
	f.Fuzz(func(t *testing.T, pattern, s string) {
		if len(pattern) > 12 || len(s) > 24 || !utf8.ValidString(pattern) || !utf8.ValidString(s) {
			t.Skip("the naive matcher is slow")
		}
		if got, want := arn.Compile(pattern).Match(s), naive([]rune(pattern), []rune(s)); got != want {
			t.Errorf("%q matches %q: %v", pattern, s, got)
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

// BenchmarkPatternWorst matches a text that holds nearly the needle everywhere, for which a naive search is quadratic.
func BenchmarkPatternWorst(b *testing.B) {
	text := strings.Repeat("a", 1<<20)
	for name, pattern := range map[string]string{
		"literal": "*" + strings.Repeat("a", 3500) + "b", "inner": "*" + strings.Repeat("a", 3500) + "b*",
		"question mark": "*" + strings.Repeat("a", 3500) + "?b*", "many": strings.Repeat("*a", 1000) + "*b*",
	} {
		p := arn.Compile(pattern)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if p.Match(text) {
					b.Fatal("a match")
				}
			}
		})
	}
}
