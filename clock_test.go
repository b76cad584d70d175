package postern_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// readsClock are the functions of package time that read the wall clock. Timers and tickers do not: they may be used
// anywhere, and run in the bubbles of testing/synctest.
var readsClock = []string{"Now", "Since", "Until"}

// wired are the rooms that choose the clock: programs, and what only measures or tests. A first process and the command
// line are programs.
var wired = []string{
	"agent/pid1", "agent/program", "cli", "cmd/...", "internal/...", "test/...", "bench/...", "tools/...",
}

// clockReads returns where a file reads the wall clock, other than where it is right: to set a deadline of a
// connection, or to see how far off the deadline is that a connection of ours was given, both of which the system
// compares with its own clock; and to stand in for a Now that is nil.
func clockReads(f *goFile) (found []string) {
	var visit func(ast.Node) bool
	visit = func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.IfStmt:
			if isNil(n.Cond, "Now") {
				if n.Else != nil {
					ast.Inspect(n.Else, visit)
				}
				return false
			}
		case *ast.CallExpr:
			selector, ok := n.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			name := selector.Sel.Name
			switch {
			case strings.HasPrefix(name, "Set") && strings.HasSuffix(name, "Deadline"):
				return false
			case lastName(selector.X) != "time" || !slices.Contains(readsClock, name):
			case name == "Until" && lastName(n.Args[0]) == "deadline":
			default:
				found = append(found, fmt.Sprintf(
					"%s:%d reads the wall clock: take it from who makes you (Now func() time.Time)", f.name, f.line(n.Pos()),
				))
			}
		}
		return true
	}
	ast.Inspect(f.syntax, visit)
	return found
}

// isNil reports whether a condition is that a field of a name is nil.
func isNil(cond ast.Expr, field string) bool {
	c, ok := cond.(*ast.BinaryExpr)
	return ok && c.Op == token.EQL && lastName(c.X) == field && lastName(c.Y) == "nil"
}

func TestClocksAreInjected(t *testing.T) {
	for _, f := range readTree(t) {
		if f.test() || f.generated || withinAny(wired, f.dir()) {
			continue
		}
		for _, found := range clockReads(f) {
			t.Error(found)
		}
	}
}

func TestClockReadsAreSeen(t *testing.T) {
	f := example(t, "a/a.go", `package a
func f() {
	c.SetReadDeadline(time.Now().Add(time.Second))
	c := Config{Now: time.Now}
	began := time.Now()
	d := time.Since(began)
	timer := time.NewTimer(d)
	timer = time.NewTimer(time.Until(c.deadline))
	left := time.Until(c.end)
	if c.Now == nil {
		return time.Since(began)
	} else {
		began = time.Now()
	}
	if c.Now != nil {
		return time.Since(began)
	}
}`)
	var lines []string
	for _, found := range clockReads(f) {
		where, _, _ := strings.Cut(found, " ")
		lines = append(lines, where)
	}
	if want := []string{"a/a.go:5", "a/a.go:6", "a/a.go:9", "a/a.go:13", "a/a.go:16"}; !slices.Equal(lines, want) {
		t.Errorf("found at %q, want %q", lines, want)
	}
}
