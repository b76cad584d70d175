package postern_test

import (
	"fmt"
	"go/ast"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

const (
	maxColumns = 120
	// maxFunction and maxFile are in lines; one function of a hundred may be longer than usualFunction.
	maxFunction, usualFunction = 70, 45
	maxFile                    = 500
)

// longLines returns the lines of a file that end beyond the last column. A tab is one.
func longLines(f *goFile) (found []string) {
	n := 0
	for line := range strings.Lines(f.text) {
		n++
		if columns := utf8.RuneCountInString(strings.TrimRight(line, "\r\n")); columns > maxColumns {
			found = append(found, fmt.Sprintf("%s:%d has %d columns; %d are the most", f.name, n, columns, maxColumns))
		}
	}
	return found
}

// functionLines returns how many lines each function of a file has, its literals included.
func functionLines(f *goFile) map[string]int {
	lines := map[string]int{}
	for _, d := range f.syntax.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok {
			where := fmt.Sprintf("%s:%d %s", f.name, f.line(fn.Pos()), fn.Name.Name)
			lines[where] = f.line(fn.End()) - f.line(fn.Pos()) + 1
		}
	}
	return lines
}

func TestLinesEndInTime(t *testing.T) {
	for _, f := range readTree(t) {
		for _, found := range longLines(f) {
			t.Error(found)
		}
	}
}

func TestFunctionsAreShort(t *testing.T) {
	var all []int
	for _, f := range readTree(t) {
		if f.generated {
			continue
		}
		for where, lines := range functionLines(f) {
			if !f.test() {
				all = append(all, lines)
			}
			if lines > maxFunction {
				t.Errorf("%s has %d lines; %d are the most", where, lines, maxFunction)
			}
		}
	}
	slices.Sort(all)
	if p99 := all[len(all)*99/100]; p99 > usualFunction {
		t.Errorf("one function of a hundred has more than %d lines; it should be %d", p99, usualFunction)
	}
}

func TestFilesAreShort(t *testing.T) {
	for _, f := range readTree(t) {
		lines := strings.Count(f.text, "\n")
		if lines > maxFile && !f.generated {
			t.Errorf("%s has %d lines; %d are the most", f.name, lines, maxFile)
		}
	}
}

// TestShapeIsSeen tries what measures on files that break the rules.
func TestShapeIsSeen(t *testing.T) {
	long := "// " + strings.Repeat("é", maxColumns-3)
	f := example(t, "a/b.go", "package b\n\n"+long+"\n"+long+".\nfunc F() {\n"+strings.Repeat("\n", 70)+"}\n")
	if found := longLines(f); len(found) != 1 || !strings.HasPrefix(found[0], "a/b.go:4 has 121 ") {
		t.Errorf("long lines: %q", found)
	}
	if lines := functionLines(f); lines["a/b.go:5 F"] != 72 {
		t.Errorf("functions: %v", lines)
	}
}
