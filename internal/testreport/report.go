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
	passed, failed, skipped int
}

func newReport(out io.Writer) *report {
	return &report{out: out, said: map[key][]string{}, order: map[string][]string{}, skips: map[string][]string{}}
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
		r.skips[why] = append(r.skips[why], strings.TrimPrefix(e.Package, "postern/")+" "+e.Test)
		delete(r.said, k)
	case "fail":
		r.failed++
	}
}

// packageEnds prints a package's line, and if it failed, what its tests said that did not end well: those that failed and
// those that never ended.
func (r *report) packageEnds(e event) {
	if e.Action == "fail" {
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

// close prints which tests were skipped and why, and the sum.
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
}
