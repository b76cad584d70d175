package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// build builds a module of one file in an empty cache of its own, with ticks as fast as they are taken.
func build(t *testing.T, source string) (code int, stdout, stderr string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module x\n\ngo 1.26\n", "x.go": source} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	ticks, stop := make(chan time.Time), make(chan struct{})
	go func() {
		for {
			select {
			case ticks <- time.Time{}:
			case <-stop:
				return
			}
		}
	}()
	defer close(stop)
	var out, errs bytes.Buffer
	code = run([]string{"-o", filepath.Join(dir, "x"), "./"}, &out, &errs, ticks)
	return code, out.String(), errs.String()
}

func TestProgress(t *testing.T) {
	code, stdout, stderr := build(t, "package main\n\nfunc main() {}\n")
	if code != 0 || stderr != "" || !strings.Contains(stdout, "looking for what has changed") {
		t.Errorf("exit code %d\n%s\n%s", code, stdout[:min(len(stdout), 1000)], stderr)
	}
}

func TestErrorsAreShown(t *testing.T) {
	for _, source := range []string{
		"package main\n\nfunc main() { missing() }\n", "package main\n\nfunc main() {\n", "package main\n\nimport " +
			"\"nosuch/thing\"\n",
	} {
		code, _, stderr := build(t, source)
		if code == 0 || !strings.Contains(stderr, "x.go:") {
			t.Errorf("%q: exit code %d, %q", source, code, stderr)
		}
	}
}

func TestLines(t *testing.T) {
	p := newProgress([]string{"runtime", "postern/cli"})
	for _, c := range []struct {
		line string
		want bool
	}{
		{"runtime", true}, {"# postern/cli", false}, {"cli/cli.go:1:1: undefined: x", false}, {"postern/cli", true},
		{"postern/cli", false},
	} {
		if got := p.compiles(c.line); got != c.want {
			t.Errorf("%q is a package: %v, want %v", c.line, got, c.want)
		}
	}
	if said := p.String(); !strings.Contains(said, "compiled 2 of at most 2 packages, now postern/cli") {
		t.Error(said)
	}
}

// TestNews: what is compiled is told at the next tick; without news every tenth tick says that the build goes on.
func TestNews(t *testing.T) {
	p := newProgress([]string{"a", "b"})
	var told string
	for tick := range 25 {
		if tick == 12 {
			p.compiles("a")
		}
		if p.news() {
			told += "!"
		} else {
			told += "."
		}
	}
	if want := ".........!..!.........!.."; told != want {
		t.Errorf("told %s, want %s", told, want)
	}
}
