package wire

import (
	"regexp"
	"strings"
	"testing"
)

// Every pattern of the tables compiles, and every equivalent stands for one that is there.
func TestPatternsCompile(t *testing.T) {
	used := map[string]bool{}
	patterns := 0
	for _, service := range []string{"ec2", "iam", "route53resolver", "ssm", "sts"} {
		for line := range strings.Lines(limitsTable(service)) {
			name, _, _ := strings.Cut(line, " ")
			if name == "#" || strings.HasPrefix(line, name+" {") {
				continue
			}
			if l := lineOf(limitsTable(service), name); !strings.HasSuffix(
				strings.TrimSuffix(line, "\n"), name+" "+l,
			) || l == "" {
				t.Errorf("%s %s: found %q", service, name, l)
			}
			l := makeLimit(limitsTable(service), name)
			if l.pattern == "" {
				continue
			}
			patterns++
			used[l.pattern] = true
			e, err := regexp.Compile(expression(l.pattern))
			if err != nil {
				t.Errorf("%s %s: %v", service, name, err)
				continue
			}
			match := compile(expression(l.pattern))
			for _, text := range []string{
				"", "x", "abc", "a b", "1", "é", "中文", "a\n", strings.Repeat("a", 51), strings.Repeat("a", 129), l.sample(),
				"tag:x", "~",
			} {
				if match(text) != e.MatchString(text) {
					t.Errorf("%s %s: %q matches %s: %v", service, name, text, l.pattern, match(text))
				}
			}
		}
	}
	if patterns < 100 {
		t.Errorf("only %d patterns found", patterns)
	}
	for pattern := range equivalents {
		if !used[pattern] {
			t.Errorf("no model has the pattern %s any more", pattern)
		}
	}
}
