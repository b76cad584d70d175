package postern_test

import (
	"fmt"
	"go/ast"
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

// clockReads returns where a file reads the wall clock, other than to set a deadline of a connection, which the system
// compares with its own.
func clockReads(f *goFile) (found []string) {
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		selector, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if strings.HasPrefix(selector.Sel.Name, "Set") && strings.HasSuffix(selector.Sel.Name, "Deadline") {
			return false
		}
		if lastName(selector.X) == "time" && slices.Contains(readsClock, selector.Sel.Name) {
			found = append(found, fmt.Sprintf("%s:%d reads the wall clock: take it from who makes you (Now func() time.Time)",
				f.name, f.line(call.Pos())))
		}
		return true
	})
	return found
}

func TestClocksAreInjected(t *testing.T) {
	for _, f := range readTree(t) {
		if f.test() || f.generated || withinAny(wired, f.dir()) || mending("clock", f.dir()) {
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
}`)
	if found := clockReads(f); len(found) != 2 {
		t.Errorf("%q", found)
	}
}
