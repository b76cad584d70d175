package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// event is one line of `go test -json` (go doc test2json).
type event struct {
	Action     string
	Package    string
	ImportPath string // of build-output
	Test       string
	Output     string
}

// key names a test; one without a test names its package.
type key struct{ pkg, test string }

// A report collects what tests say until it is known whether a reader wants it.
type report struct {
	out                     io.Writer
	said                    map[key][]string
	order                   map[string][]string // tests of a package, as they began
	skips                   map[string][]string // names by reason
	reason                  []string            // as they came up
	ended                   map[key]bool        // tests that have come to an end of any kind
	fails                   []string            // names of what failed, as it came up
	passed, failed, skipped int
}

func newReport(out io.Writer) *report {
	return &report{
		out:   out,
		said:  map[key][]string{},
		order: map[string][]string{},
		skips: map[string][]string{},
		ended: map[key]bool{},
	}
}

// read takes events until the end.
func (r *report) read(events io.Reader) error {
	lines := bufio.NewReader(events)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			r.line(line)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (r *report) line(line []byte) {
	var e event
	if !bytes.HasPrefix(line, []byte("{")) || json.Unmarshal(line, &e) != nil {
		fmt.Fprintf(r.out, "%s", line) // not an event: go itself speaks
		return
	}
	k := key{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		fmt.Fprint(r.out, e.Output)
	case "run":
		r.order[e.Package] = append(r.order[e.Package], e.Test)
	case "output":
		r.said[k] = append(r.said[k], e.Output)
	case "pass", "skip", "fail":
		if e.Test == "" {
			r.packageEnds(e)
			return
		}
		r.testEnds(e, k)
	}
}

func (r *report) testEnds(e event, k key) {
	r.ended[k] = true
	switch e.Action {
	case "pass":
		r.passed++
		delete(r.said, k)
	case "skip":
		r.skipped++
		why := reasonOf(r.said[k])
		if r.skips[why] == nil {
			r.reason = append(r.reason, why)
		}
		r.skips[why] = append(r.skips[why], k.name())
		delete(r.said, k)
	case "fail":
		r.failed++
		r.fails = append(r.fails, k.name())
	}
}

// name is a test as a reader finds it again.
func (k key) name() string {
	return strings.TrimSpace(strings.TrimPrefix(k.pkg, "postern/") + " " + k.test)
}

// packageEnds prints a package's line, and if it failed, what its tests said that did not end well: those that failed
// and those that never ended.
func (r *report) packageEnds(e event) {
	if e.Action == "fail" {
		r.packageFails(e.Package)
		for _, test := range r.order[e.Package] {
			fmt.Fprint(r.out, strings.Join(r.said[key{e.Package, test}], ""))
		}
	}
	for _, line := range r.said[key{e.Package, ""}] {
		if e.Action == "fail" || strings.HasPrefix(line, "ok ") || strings.HasPrefix(line, "? ") {
			fmt.Fprint(r.out, line)
		}
	}
	for _, test := range append(r.order[e.Package], "") {
		delete(r.said, key{e.Package, test})
	}
	delete(r.order, e.Package)
}

// packageFails names the tests that never ended, and where no test is to blame, the package.
func (r *report) packageFails(pkg string) {
	before := len(r.fails)
	for _, test := range r.order[pkg] {
		if k := (key{pkg, test}); !r.ended[k] {
			r.fails = append(r.fails, k.name()+" (did not end)")
		}
	}
	prefix := key{pkg: pkg}.name() + " "
	if len(r.fails) == before &&
		!slices.ContainsFunc(r.fails, func(name string) bool { return strings.HasPrefix(name, prefix) }) {
		r.fails = append(r.fails, key{pkg: pkg}.name()+" (the package)")
	}
}

var (
	frame    = regexp.MustCompile(`^\s*(=== |--- )`)
	position = regexp.MustCompile(`^\s*\S+\.go:\d+: `)
	script   = regexp.MustCompile(`^\s*> (?:\[.*\] )?skip '(.*)'`) // testscript shows its line
)

// reasonOf finds the reason in the output of a skipped test: its last line that is not the frame around it.
func reasonOf(said []string) string {
	for _, line := range slices.Backward(said) {
		if m := script.FindStringSubmatch(line); m != nil {
			return m[1]
		}
		if text := strings.TrimSpace(position.ReplaceAllString(line, "")); text != "" && !frame.MatchString(line) {
			return text
		}
	}
	return "no reason given"
}

// close prints which tests were skipped and why, the sum, and last, where a reader looks first, what failed. A test
// that failed because of its subtests is named by these.
func (r *report) close() {
	for _, why := range r.reason {
		names := r.skips[why]
		more := ""
		if most := 4; len(names) > most {
			more = fmt.Sprintf(" and %d more", len(names)-most)
			names = names[:most]
		}
		fmt.Fprintf(r.out, "skipped: %s (%s%s)\n", why, strings.Join(names, ", "), more)
	}
	fmt.Fprintf(r.out, "%d passed, %d failed, %d skipped\n", r.passed, r.failed, r.skipped)
	for _, name := range r.fails {
		if !slices.ContainsFunc(r.fails, func(other string) bool { return strings.HasPrefix(other, name+"/") }) {
			fmt.Fprintf(r.out, "failed: %s\n", name)
		}
	}
}
