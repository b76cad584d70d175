package query

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestLike(t *testing.T) {
	for _, tt := range []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true},
		{"", "a", false},
		{"a", "a", true},
		{"A", "a", false},
		{"*", "", true},
		{"a*c", "abbc", true},
		{"a*c", "abbcd", false},
		{"*a*b*", "xxayybzz", true},
		{"a?c", "abc", true},
		{"a?c", "aéc", true},
		{"a?c", "ac", false},
		{"?", "", false},
		{`\*`, "*", true},
		{`\*`, "a", false},
		{`a\?`, "a?", true},
		{`a\\`, `a\`, true},
		{`a\`, `a\`, true},
		{`*\*b`, "a*b", true},
	} {
		if got := like(tt.pattern, tt.text); got != tt.want {
			t.Errorf("like(%q, %q) = %v", tt.pattern, tt.text, got)
		}
	}
}

// TestLikeIsARegexp compares patterns with the regular expressions that they stand for.
func TestLikeIsARegexp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringOf(rapid.RuneFrom([]rune(`ab*?\é`))).Draw(t, "pattern")
		text := rapid.StringOf(rapid.RuneFrom([]rune(`ab*?\é`))).Draw(t, "text")
		var b strings.Builder
		b.WriteString(`(?s)^`)
		runes := []rune(pattern)
		for i := 0; i < len(runes); i++ {
			switch c := runes[i]; {
			case c == '*':
				b.WriteString(".*")
			case c == '?':
				b.WriteString(".")
			case c == '\\' && i+1 < len(runes):
				i++
				b.WriteString(regexp.QuoteMeta(string(runes[i])))
			default:
				b.WriteString(regexp.QuoteMeta(string(c)))
			}
		}
		if want := regexp.MustCompile(b.String() + `$`).MatchString(text); like(pattern, text) != want {
			t.Fatalf("like(%q, %q) = %v", pattern, text, !want)
		}
	})
}
