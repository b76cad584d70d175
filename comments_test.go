package postern_test

import (
	"fmt"
	"regexp"
	"testing"
)

// evasive is a comment that says "X is what …" where a verb or a noun would say what X does or is.
var evasive = regexp.MustCompile(`^// \w+ (is|are) (what|who|whoever|whatever|those) `)

// evasiveComments returns the comments of a file that do not say plainly what is commented.
func evasiveComments(f *goFile) (found []string) {
	for _, group := range f.syntax.Comments {
		if first := group.List[0]; evasive.MatchString(first.Text) {
			found = append(found, fmt.Sprintf("%s:%d %.50s: say the verb (\"Handler routes requests\") or the noun", f.name,
				f.line(first.Pos()), first.Text))
		}
	}
	return found
}

func TestCommentsSayTheVerb(t *testing.T) {
	for _, f := range readTree(t) {
		if f.generated {
			continue
		}
		for _, found := range evasiveComments(f) {
			t.Error(found)
		}
	}
}

func TestEvasiveCommentsAreSeen(t *testing.T) {
	f := example(t, "a/a.go", `package a

// x is what holds y.
var x int

// z holds what x is.
var z int
`)
	if found := evasiveComments(f); len(found) != 1 {
		t.Errorf("%q", found)
	}
}
