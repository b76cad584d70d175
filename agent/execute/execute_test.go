package execute_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"postern/agent/execute"
	"postern/ssm/mgs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var node = execute.Node{
	ID: "i-1", Region: "us-east-1", Platform: "Linux", PlatformName: "Debian GNU/Linux", PlatformVersion: "12",
}

// play is a Runner whose scripts do what their first line says: "exit N", "timeout", or nothing.
type play struct{ ran []execute.Script }

func (p *play) Run(ctx context.Context, s execute.Script) execute.Outcome {
	p.ran = append(p.ran, s)
	var code int
	switch {
	case s.Lines[0] == "timeout":
		return execute.Outcome{Code: 137, Status: mgs.TimedOut, Stdout: "part"}
	case len(s.Lines) > 0:
		fmt.Sscanf(s.Lines[0], "exit %d", &code)
	}
	if code != 0 {
		return execute.Outcome{Code: code, Status: mgs.Failed, Stdout: "out", Err: fmt.Errorf("exit status %d", code)}
	}
	return execute.Outcome{Status: mgs.Success, Stdout: "out"}
}

func runDocument(t *testing.T, ctx context.Context, runner execute.Runner, document string) (results []execute.Result) {
	t.Helper()
	j, err := execute.Read(&mgs.CommandContent{CommandID: "c", DocumentContent: json.RawMessage(document)})
	if err != nil {
		t.Fatal(err)
	}
	j.Run(ctx, nil,
		execute.On{Node: node, Runner: runner, Report: func(r execute.Result) { results = append(results, r) }})
	return results
}

type step struct{ name, more string }

// steps returns a document of schema 2.2 with shell steps; more is put into each step's inputs or beside them.
func steps(list ...step) string {
	var b []string
	for i, s := range list {
		action := "aws:runShellScript"
		inputs, beside := s.more, ""
		if strings.HasPrefix(s.more, "+") {
			inputs, beside = "", s.more[1:]
		}
		if strings.Contains(beside, `"action"`) {
			action = ""
		}
		if action != "" {
			beside += `,"action":"aws:runShellScript"`
		}
		b = append(b, fmt.Sprintf(`{"name":"s%d"%s,"inputs":{"runCommand":[%q]%s}}`, i, beside, s.name, inputs))
	}
	return `{"schemaVersion":"2.2","mainSteps":[` + strings.Join(b, ",") + `]}`
}

func TestFlow(t *testing.T) {
	for _, tt := range []struct {
		name     string
		document string
		want     string // of the document and each step: status/code
	}{
		{"all well", steps(step{"exit 0", ""}, step{"exit 0", ""}), "Success: Success/0 Success/0"},
		{"a failure does not end it", steps(step{"exit 3", ""}, step{"exit 0", ""}), "Failed: Failed/3 Success/0"},
		{"a timeout does not end it", steps(step{"timeout", ""}, step{"exit 0", ""}), "TimedOut: TimedOut/137 Success/0"},
		{"failed before timed out", steps(step{"timeout", ""}, step{"exit 1", ""}), "Failed: TimedOut/137 Failed/1"},
		{"exit 168", steps(step{"exit 168", ""}, step{"exit 1", ""}), "Success: Success/168 Skipped/0"},
		{"exit 169", steps(step{"exit 169", ""}, step{"exit 0", ""}), "Failed: Failed/169 Skipped/0"},
		{"exit 168 and a last step", steps(step{"exit 168", ""}, step{"exit 0", ""}, step{"exit 0", `,"finallyStep":true`}),
			"Success: Success/168 Skipped/0 Success/0"},
		{"onFailure exit", steps(step{"exit 2", `,"onFailure":"exit"`}, step{"exit 0", ""}), "Failed: Failed/2 Skipped/0"},
		{"onFailure successAndExit", steps(step{"exit 2", `,"onFailure":"successAndExit"`}, step{"exit 0", ""}),
			"Success: Success/168 Skipped/0"},
		{"onSuccess exit", steps(step{"exit 0", `,"onSuccess":"exit"`}, step{"exit 0", ""}), "Success: Success/0 Skipped/0"},
		{"not for Linux",
			steps(step{"exit 1", `+,"precondition":{"StringEquals":["platformType","Windows"]}`}, step{"exit 0", ""}),
			"Success: Skipped/0 Success/0"},
		{"unknown precondition", steps(step{"exit 0", `+,"precondition":{"Other":["a","b"]}`}), "Failed: Failed/0"},
		{"unknown plugin", steps(step{"exit 0", `+,"action":"aws:foo"`}), "Failed: Failed/0"},
		{"plugin of Windows", steps(step{"exit 0", `+,"action":"aws:psModule"`}), "Success: Skipped/0"},
		{"two sets",
			`{"schemaVersion":"1.2","runtimeConfig":{"aws:runShellScript":{"properties":[{"id":"a","runCommand":["exit 0"]},` +
				`{"id":"b","runCommand":["exit 4"]}]}}}`,
			"Failed: Failed/4"},
	} {
		results := runDocument(t, t.Context(), &play{}, tt.document)
		last := results[len(results)-1]
		got := string(last.Status) + ":"
		for _, r := range results[1 : len(results)-1] {
			for _, s := range r.Steps {
				got += fmt.Sprintf(" %s/%d", s.Status, s.Code)
			}
			if r.Status != mgs.InProgress || len(r.Steps) != 1 {
				t.Errorf("%s: in between %+v", tt.name, r)
			}
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
		if first := results[0]; first.Status != mgs.InProgress || first.Steps != nil {
			t.Errorf("%s: first %+v", tt.name, first)
		}
		sum := 0
		for _, n := range last.Counts {
			sum += n
		}
		if sum != len(results)-2 || (len(last.Steps) == 1) != (sum == 1) {
			t.Errorf("%s: last %+v", tt.name, last)
		}
	}
}

// What a parameter of interpolation type ENV_VAR holds is never read as code.
func TestInterpolationByEnvironment(t *testing.T) {
	text := `{"schemaVersion":"2.2","parameters":{"who":{"type":"String","interpolationType":"ENV_VAR"}},"mainSteps":[
		{"action":"aws:runShellScript","name":"s","inputs":{
			"runCommand":["echo hello {{who}}","printf '[%s]' \"$SSM_who\""]}}]}`
	j, err := execute.Read(&mgs.CommandContent{
		DocumentContent: json.RawMessage(text), Parameters: map[string]any{"who": "x; echo INJECTED; $(id)"},
	})
	if err != nil {
		t.Fatal(err)
	}
	var out string
	j.Run(t.Context(), nil, execute.On{Node: node, Runner: execute.OS{Dir: t.TempDir()}, Report: func(r execute.Result) {
		for _, s := range r.Steps {
			out = s.StandardOutput
		}
	}})
	if want := "hello x; echo INJECTED; $(id)\n[x; echo INJECTED; $(id)]"; out != want {
		t.Errorf("%q, want %q", out, want)
	}
}

// TestReboot goes on with the step that asked for it, and keeps what was done before.
func TestReboot(t *testing.T) {
	j, err := execute.Read(&mgs.CommandContent{
		CommandID: "c", DocumentContent: json.RawMessage(steps(step{"exit 3", ""}, step{"exit 194", ""}, step{"exit 0", ""})),
	})
	if err != nil {
		t.Fatal(err)
	}
	var results []execute.Result
	on := execute.On{Node: node, Runner: &play{}, Report: func(r execute.Result) { results = append(results, r) }}
	p := j.Run(t.Context(), nil, on)
	if p == nil || p.Step != 1 || len(p.Done) != 1 || p.Done["s0"].Code != 3 ||
		results[len(results)-1].Status != mgs.SuccessAndReboot {
		t.Fatalf("%+v, %+v", p, results)
	}
	on.Runner = &well{}
	if again := j.Run(t.Context(), p, on); again != nil {
		t.Fatalf("again %+v", again)
	}
	last := results[len(results)-1]
	if last.Status != mgs.Failed || last.Counts[mgs.Success] != 2 || last.Counts[mgs.Failed] != 1 {
		t.Errorf("%+v", last)
	}
	if ran := on.Runner.(*well).ran; len(ran) != 2 || ran[0].Lines[0] != "exit 194" || ran[1].Lines[0] != "exit 0" {
		t.Errorf("after the reboot it ran %+v", ran)
	}
}

// well is a Runner whose scripts all end well.
type well struct{ ran []execute.Script }

func (w *well) Run(_ context.Context, s execute.Script) execute.Outcome {
	w.ran = append(w.ran, s)
	return execute.Outcome{Status: mgs.Success}
}

func TestCancelledAndStopped(t *testing.T) {
	for _, tt := range []struct {
		cause error
		want  mgs.Status
	}{{context.Canceled, mgs.Cancelled}, {execute.ErrShutdown, mgs.Failed}} {
		ctx, cancel := context.WithCancelCause(t.Context())
		runner := execute.OS{Dir: t.TempDir()}
		time.AfterFunc(50*time.Millisecond, func() { cancel(tt.cause) })
		results := runDocument(t, ctx, runner, steps(step{"sleep 1000", ""}, step{"echo no", ""}))
		last := results[len(results)-1]
		if last.Status != tt.want || results[1].Steps["s0"].Code != 137 || results[2].Steps["s1"].Code != 1 ||
			results[2].Steps["s1"].StandardOutput != "" {
			t.Errorf("%v: %+v, %+v, %+v", tt.cause, last, results[1].Steps["s0"], results[2].Steps["s1"])
		}
	}
}

func TestReadRefuses(t *testing.T) {
	for name, c := range map[string]*mgs.CommandContent{
		"no document": {},
		"schema":      {DocumentContent: json.RawMessage(`{"schemaVersion":"0.3"}`)},
		"parameter":   {DocumentContent: json.RawMessage(steps(step{"exit 0", ""})), Parameters: map[string]any{"x": "y"}},
		"secret": {
			DocumentContent: json.RawMessage(`{"schemaVersion":"2.2","parameters":{"x":{"type":"String"}},` +
				`"mainSteps":[{"action":"a:b","name":"a"}]}`),
			Parameters: map[string]any{"x": "{{ssm-secure:y}}"},
		},
	} {
		if _, err := execute.Read(c); err == nil {
			t.Errorf("%s: read", name)
		}
	}
}

func TestOS(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("POSTERN_ACTIVATION_CODE", "secret")
	long := strings.Repeat("x", mgs.StreamLimit+1)
	for _, tt := range []struct {
		name   string
		script execute.Script
		want   execute.Outcome
	}{
		{"output", execute.Script{Lines: []string{"echo a", "echo b >&2"}},
			execute.Outcome{Status: mgs.Success, Stdout: "a\n", Stderr: "b\n"}},
		{"status", execute.Script{Lines: []string{"exit 7"}}, execute.Outcome{Code: 7, Status: mgs.Failed}},
		{"directory", execute.Script{Lines: []string{"pwd"}, Dir: dir},
			execute.Outcome{Status: mgs.Success, Stdout: dir + "\n"}},
		{"relative directory", execute.Script{Lines: []string{"pwd"}, Dir: "x"},
			execute.Outcome{Status: mgs.Success, Stdout: "/\n"}},
		{"no directory", execute.Script{Lines: []string{"pwd"}, Dir: "/does/not/exist"},
			execute.Outcome{Code: 1, Status: mgs.Failed}},
		{"no interpreter", execute.Script{Interpreter: "no-such-shell", Lines: []string{"pwd"}},
			execute.Outcome{Code: 1, Status: mgs.Failed}},
		{"environment", execute.Script{Lines: []string{"echo $A-$POSTERN_ACTIVATION_CODE"}, Env: []string{"A=b"}},
			execute.Outcome{Status: mgs.Success, Stdout: "b-\n"}},
		{"time-out", execute.Script{Lines: []string{"echo a; sleep 1000 & sleep 1000"}, Timeout: 100 * time.Millisecond},
			execute.Outcome{Code: 137, Status: mgs.TimedOut, Stdout: "a\n"}},
		{"left behind", execute.Script{Lines: []string{"sleep 1 & echo a"}},
			execute.Outcome{Status: mgs.Success, Stdout: "a\n"}},
		{"flood", execute.Script{Lines: []string{"head -c 10000000 /dev/zero | tr '\\0' x"}},
			execute.Outcome{Status: mgs.Success, Stdout: long}},
		{"interpreter by the first line", execute.Script{Lines: []string{"#!/bin/bash", "a=(x y)", `echo "${a[1]}"`}},
			execute.Outcome{Status: mgs.Success, Stdout: "y\n"}},
		{"interpreter from the path", execute.Script{Lines: []string{"#!/usr/bin/env -S sed 1d", "text"}},
			execute.Outcome{Status: mgs.Success, Stdout: "text\n"}},
		{"indented first line is a comment", execute.Script{Lines: []string{"  #!/bin/false", "echo sh"}},
			execute.Outcome{Status: mgs.Success, Stdout: "sh\n"}},
		{"nothing", execute.Script{}, execute.Outcome{Status: mgs.Success}},
		{"killed", execute.Script{Lines: []string{"kill -9 $$"}}, execute.Outcome{Code: -1, Status: mgs.Failed}},
	} {
		if tt.script.Interpreter == "" {
			tt.script.Interpreter = "sh"
		}
		if tt.script.Timeout == 0 {
			tt.script.Timeout = time.Minute
		}
		got := execute.OS{Dir: dir}.Run(t.Context(), tt.script)
		if (got.Err == nil) != (tt.want.Status != mgs.Failed) {
			t.Errorf("%s: error %v", tt.name, got.Err)
		}
		got.Err = nil
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestTruncate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "text")
		limit := rapid.IntRange(25, 200).Draw(t, "limit")
		got := execute.Truncate(s, limit)
		switch {
		case len(got) > limit || !utf8.ValidString(got):
			t.Fatalf("%q (%d bytes, limit %d)", got, len(got), limit)
		case len(s) < limit && got != s:
			t.Fatalf("%q became %q", s, got)
		case len(s) >= limit && !strings.HasSuffix(got, mgs.TruncatedMark):
			t.Fatalf("%q has no mark", got)
		}
	})
}

func TestLongOutput(t *testing.T) {
	long := func(n int) string {
		return fmt.Sprintf("head -c %d /dev/zero | tr '\\0' x; head -c %d /dev/zero | tr '\\0' y >&2", n, n)
	}
	results := runDocument(t, t.Context(), execute.OS{Dir: t.TempDir()}, steps(step{long(30000), ""}))
	s := results[1].Steps["s0"]
	if len(s.Output) > mgs.OutputLimit || len(s.StandardOutput) != mgs.StreamLimit ||
		len(s.StandardError) != mgs.StreamLimit {
		t.Errorf("%d, %d, %d bytes", len(s.Output), len(s.StandardOutput), len(s.StandardError))
	}
	if !strings.HasSuffix(s.StandardOutput, mgs.TruncatedMark) || !strings.Contains(s.Output, "Output truncated") ||
		!strings.Contains(s.Output, mgs.ErrorMark) {
		t.Errorf("no marks: %q", s.Output[:200])
	}
}

// Without a directory of its own, a script lies where no other user of the machine can have prepared something.
func TestScriptsInTheTemporaryDirectory(t *testing.T) {
	shared := t.TempDir()
	t.Setenv("TMPDIR", shared)
	got := execute.OS{}.Run(t.Context(),
		execute.Script{Interpreter: "sh", Lines: []string{`stat -c '%a %n' "$(dirname "$0")"`}, Timeout: time.Minute})
	mode, dir, _ := strings.Cut(strings.TrimSpace(got.Stdout), " ")
	if got.Status != mgs.Success || mode != "700" || filepath.Dir(dir) != shared {
		t.Errorf("%+v", got)
	}
	if left, err := os.ReadDir(shared); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// A state directory that is named from the working directory is the same one for the script, which runs elsewhere.
func TestRelativeDirectory(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("TMPDIR", ".")
	for _, dir := range []string{"node/scripts", ""} {
		got := execute.OS{
			Dir: dir,
		}.Run(t.Context(), execute.Script{Interpreter: "sh", Lines: []string{"echo here"}, Timeout: time.Minute})
		if got.Status != mgs.Success || got.Stdout != "here\n" {
			t.Errorf("%q: %+v", dir, got)
		}
	}
}

func BenchmarkOS(b *testing.B) {
	dir := b.TempDir()
	for b.Loop() {
		execute.OS{
			Dir: dir,
		}.Run(b.Context(), execute.Script{Interpreter: "sh", Lines: []string{"echo hi"}, Timeout: time.Minute})
	}
}
