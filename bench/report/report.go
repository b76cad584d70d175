package report

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Verdict says what became of a target.
type Verdict string

// The verdicts.
const (
	Reached    Verdict = "yes"
	Missed     Verdict = "**no**"
	Unmeasured Verdict = "not measured"
)

// Judge is the verdict on a target that was measured.
func Judge(ok bool) Verdict {
	if ok {
		return Reached
	}
	return Missed
}

// Row is one measurement. Texts are one line each; an empty one is shown as a dash.
type Row struct {
	What string
	// Figure holds the result, Reference the one measured beside it in the same run, and Ratio the one against the
	// other.
	Figure, Reference, Ratio string
	Target                   string
	Verdict                  Verdict
	// Limit is one sentence on what limits the figure; of a row that was not measured, it says why.
	Limit string
}

// Skipped is the row of something that was not measured.
func Skipped(what, target string, why error) Row {
	return Row{What: what, Target: target, Verdict: Unmeasured, Limit: oneLine(why.Error())}
}

// Document is one run's report.
type Document struct {
	Machine Machine
	Began   time.Time
	Took    time.Duration
	Rows    []Row
	// Notes say how things were measured, one paragraph each.
	Notes []string
}

const preamble = `# Performance

Written by ` + "`make bench`" + `; do not edit. Every figure has its reference beside it, taken in the same run on the
same machine, so that the ratio means something where the figure alone would not. All traffic is on loopback or in
namespaces of the benchmark's own, and both ends share the machine's cores.

`

// Markdown is the document as docs/performance.md has it.
func (d *Document) Markdown() []byte {
	var b bytes.Buffer
	b.WriteString(preamble)
	m := d.Machine
	fmt.Fprintf(&b, "- machine: %s, %d cores, %s of memory\n- kernel: %s\n- Go: %s\n- date: %s, %s in all\n\n", m.CPU,
		m.Cores, Bytes(m.Memory), m.Kernel, m.Go, d.Began.UTC().Format("2006-01-02 15:04 MST"), d.Took.Round(time.Second))
	b.WriteString(
		"| what | figure | reference in the same run | ratio | reach | reached | what limits it " +
			"|\n|---|---|---|---|---|---|---|\n",
	)
	for _, r := range d.Rows {
		cells := []string{r.What, r.Figure, r.Reference, r.Ratio, r.Target, string(r.Verdict), r.Limit}
		for i, c := range cells {
			cells[i] = cell(c)
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
	}
	if len(d.Notes) > 0 {
		b.WriteString("\n## How it was measured\n")
		for _, n := range d.Notes {
			fmt.Fprintf(&b, "\n%s\n", n)
		}
	}
	return b.Bytes()
}

// cell makes a text fit into a table's cell.
func cell(s string) string {
	if s = oneLine(s); s == "" {
		return "–"
	}
	return strings.ReplaceAll(s, "|", `\|`)
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// Missing reports whether any target was missed or not measured.
func (d *Document) Missing() bool {
	return slices.ContainsFunc(d.Rows, func(r Row) bool { return r.Verdict != Reached })
}
