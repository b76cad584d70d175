package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// said is the events of a test that prints lines and ends.
func said(test, end string, lines ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"Action":"run","Package":"postern/a","Test":%q}`+"\n", test)
	for _, line := range lines {
		fmt.Fprintf(&b, `{"Action":"output","Package":"postern/a","Test":%q,"Output":%q}`+"\n", test, line+"\n")
	}
	if end != "" {
		fmt.Fprintf(&b, `{"Action":%q,"Package":"postern/a","Test":%q}`+"\n", end, test)
	}
	return b.String()
}

func ended(end, line string) string {
	return fmt.Sprintf(`{"Action":"output","Package":"postern/a","Output":"PASS\n"}
{"Action":"output","Package":"postern/a","Output":%q}
{"Action":%q,"Package":"postern/a"}
`, line+"\n", end)
}

func skipped(name, why string) string {
	return said(name, "skip", "=== RUN   "+name, "    a_test.go:7: "+why, "--- SKIP: "+name+" (0.00s)")
}

var (
	passed = ended("pass", "ok  \tpostern/a\t0.1s")
	failed = ended("fail", "FAIL\tpostern/a\t0.1s")
)

// reports pairs the events of go test with the report of them.
var reports = []struct{ name, events, want string }{
	{"nothing", "", "0 passed, 0 failed, 0 skipped\n"},
	{
		"what passes is quiet",
		said("TestA", "pass", "=== RUN   TestA", "chatter", "--- PASS: TestA (0.00s)") + passed,
		"ok  \tpostern/a\t0.1s\n1 passed, 0 failed, 0 skipped\n",
	},
	{
		"what fails is heard",
		said("TestA", "pass", "quiet") + said("TestB", "fail", "loud") + failed,
		"loud\nPASS\nFAIL\tpostern/a\t0.1s\n1 passed, 1 failed, 0 skipped\nfailed: a TestB\n",
	},
	{
		"the names come last, of subtests only the innermost",
		said("TestA/x/y", "fail", "loud") + said("TestA/x", "fail") + said("TestA", "fail") +
			said("TestB", "fail", "loud too") + failed,
		"loud\nloud too\nPASS\nFAIL\tpostern/a\t0.1s\n0 passed, 4 failed, 0 skipped\n" +
			"failed: a TestA/x/y\nfailed: a TestB\n",
	},
	{
		"what never ends is heard",
		said("TestA", "", "panic: test timed out") + failed,
		"panic: test timed out\nPASS\nFAIL\tpostern/a\t0.1s\n0 passed, 0 failed, 0 skipped\n" +
			"failed: a TestA (did not end)\n",
	},
	{
		"one reason, one line",
		skipped("TestA", "no tun") + skipped("TestB", "no aws") + skipped("TestC", "no tun") + passed,
		"ok  \tpostern/a\t0.1s\nskipped: no tun (a TestA, a TestC)\nskipped: no aws (a TestB)\n" +
			"0 passed, 0 failed, 3 skipped\n",
	},
	{
		"many of one reason",
		skipped("TestA", "x") + skipped("TestB", "x") + skipped("TestC", "x") + skipped("TestD", "x") +
			skipped("TestE", "x") + skipped("TestF", "x"),
		"skipped: x (a TestA, a TestB, a TestC, a TestD and 2 more)\n0 passed, 0 failed, 6 skipped\n",
	},
	{
		"script",
		said("TestA", "skip", "        > [!aws] skip 'no aws'"),
		"skipped: no aws (a TestA)\n0 passed, 0 failed, 1 skipped\n",
	},
	{
		"no reason",
		said("TestA", "skip", "=== RUN   TestA", "--- SKIP: TestA (0.00s)"),
		"skipped: no reason given (a TestA)\n0 passed, 0 failed, 1 skipped\n",
	},
	{
		"no test files",
		`{"Action":"output","Package":"postern/a","Output":"?   \tpostern/a\t[no test files]\n"}` + "\n" +
			`{"Action":"skip","Package":"postern/a"}` + "\n",
		"?   \tpostern/a\t[no test files]\n0 passed, 0 failed, 0 skipped\n",
	},
	{
		"does not build",
		`{"ImportPath":"postern/a","Action":"build-output","Output":"a.go:1: undefined: x\n"}` + "\n" +
			`{"Action":"output","Package":"postern/a","Output":"FAIL\tpostern/a [build failed]\n"}` + "\n" +
			`{"Action":"fail","Package":"postern/a"}`,
		"a.go:1: undefined: x\nFAIL\tpostern/a [build failed]\n0 passed, 0 failed, 0 skipped\n" +
			"failed: a (the package)\n",
	},
	{"go itself", "go: cannot find module\n", "go: cannot find module\n0 passed, 0 failed, 0 skipped\n"},
}

func TestReport(t *testing.T) {
	for _, tt := range reports {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			r := newReport(&out)
			if err := r.read(strings.NewReader(tt.events)); err != nil {
				t.Fatal(err)
			}
			r.close()
			if diff := cmp.Diff(tt.want, out.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestExitStatus(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want int
	}{
		{[]string{"-run", "TestReport/nothing", "."}, 0},
		{[]string{"./nowhere"}, 1},
		{[]string{"-count", "x"}, 2},
	} {
		var out, diagnostics bytes.Buffer
		if got := run(tt.args, &out, &diagnostics); got != tt.want {
			t.Errorf("%q: %d, want %d\n%s%s", tt.args, got, tt.want, &out, &diagnostics)
		}
	}
}
