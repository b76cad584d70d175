package iam_test

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestWildcardsBesideVariables: what a * takes begins and ends anywhere, at the very beginning too, and a ? takes one
// character, whatever the values of the variables beside them are.
func TestWildcardsBesideVariables(t *testing.T) {
	keys := map[string]string{"k:a": "ab", "k:b": "", "k:star": "*", "k:é": "é"}
	for _, tt := range []struct {
		operand, text string
		want          bool
	}{
		{"${k:a}", "ab", true},
		{"${k:a}", "abc", false},
		{"*${k:a}*", "ab", true},
		{"*${k:a}*", "xaby", true},
		{"*${k:a}*", "a", false},
		{"*${k:a}*", "", false},
		{"x*${k:a}*y", "xaby", true},
		{"x*${k:a}*y", "xay", false},
		{"*${k:a}x*${k:a}y", "abxaby", true},
		{"*${k:a}x*${k:a}y", "ababxy", false},
		{"*${k:a}", "abaab", true},
		{"*${k:a}", "aba", false},
		{"${k:a}*", "ab", true},
		{"${k:a}?", "ab", false},
		{"${k:a}?", "abé", true},
		{"?${k:a}", "éab", true},
		{"?${k:a}", "ab", false},
		{"*?${k:a}?*", "xaby", true},
		{"*?${k:a}?*", "aby", false},
		{"*?${k:a}?*", "xab", false},
		{"*?${k:é}?*", "ééé", true},
		{"*?${k:é}?*", "éé", false},
		{"*${k:a}*?", "abc", true},
		{"*${k:a}*?", "ab", false},
		{"*${k:b}*", "", true},
		{"a${k:b}b", "ab", true},
		{"a*${k:b}", "", false},
		{"${k:star}b", "*b", true},
		{"${k:star}b", "ab", false},
		{"${*}${k:a}*", "*ab", true},
		{"${*}${k:a}*", "xab", false},
		{"*a*${k:a}*b*", "aabb", true},
		{"*a*${k:a}*b*", "aab", false},
		{"${k:none}*", "x", false},
		{"${k:none, 'ab'}*", "abx", true},
	} {
		if got, ok := compared("StringLike", tt.operand, tt.text, keys); got != tt.want || !ok {
			t.Errorf("%q of %q: %v", tt.operand, tt.text, got)
		}
	}
}

// TestLongValues: where the quick search would take the square of the text's length, another one answers.
func TestLongValues(t *testing.T) {
	keys := map[string]string{"k:a": strings.Repeat("a", 300) + "b", "k:b": "x"}
	text := strings.Repeat("a", 2000)
	for operand, want := range map[string]bool{
		"*?${k:a}*": true, "*?${k:a}": true, "*?${k:a}?*": false, "${k:b}*?${k:a}*": false, "*?${k:a}*${k:b}*": false,
		"*a?${k:a}*": true, "*b?${k:a}*": false,
	} {
		if got, ok := compared("StringLike", operand, text+"b", keys); got != want || !ok {
			t.Errorf("%s: %v", operand, got)
		}
		if got, ok := compared("StringLike", operand, text+"c", keys); got || !ok {
			t.Errorf("%s matches without a b", operand)
		}
	}
}

// TestVariablesAgreeWithOthers: operands with variables, and a regular expression that has their values.
func TestVariablesAgreeWithOthers(t *testing.T) {
	pieces := []string{
		"a", "b", "é", "ab", "*", "?", "${k:a}", "${k:b}", "${k:none, 'a*'}", "${*}", "${?}", "*${k:a}", "${K:B}*",
	}
	texts := rapid.StringMatching(`[aAbé*]{0,10}`)
	rapid.Check(t, func(t *rapid.T) {
		operand := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 1, 7).Draw(t, "operand"), "")
		keys := map[string]string{
			"k:a": rapid.StringMatching(`[ab]{0,3}`).Draw(t, "a"), "k:b": rapid.StringMatching(`[aé*]{0,2}`).Draw(t, "b"),
		}
		text := texts.Draw(t, "text")
		for operator, how := range map[string]struct {
			flags string
			wild  bool
		}{"StringLike": {"(?s)", true}, "StringEquals": {"(?s)", false}, "StringEqualsIgnoreCase": {"(?si)", false}} {
			expression, _ := substituted(operand, how.wild, keys)
			want := regexp.MustCompile(how.flags + "^(?:" + expression + ")$").MatchString(text)
			if got, ok := compared(operator, operand, text, keys); got != want || !ok {
				t.Fatalf("%s: %q of %q with %q: %v, want %v", operator, operand, text, keys, got, want)
			}
		}
	})
}
