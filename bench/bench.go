package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"postern/bench/report"
)

// options are the flags.
type options struct {
	only    string
	out     string
	bin     string
	agents  int
	tunnels int
	swarms  int
	longest time.Duration
}

func parse(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.StringVar(&o.only, "only", "",
		"comma-separated `parts` to measure, printed instead of written: "+strings.Join(partNames(), ", "))
	f.StringVar(&o.out, "out", "", "`file` to write; default docs/performance.md, or with -only the standard output")
	f.StringVar(&o.bin, "bin", "bin", "`directory` of postern, postern-agent and postern-s3")
	f.IntVar(&o.agents, "agents", 10_000, "simulated agents without a tunnel")
	f.IntVar(&o.tunnels, "tunnels", 1_000, "simulated agents with a tunnel each")
	f.IntVar(&o.swarms, "swarms", 4, "processes that the simulated agents are spread over")
	f.DurationVar(&o.longest, "longest", 16*time.Minute, "when to give up; what is not measured by then is reported so")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	if o.out == "" && o.only == "" {
		o.out = filepath.Join("docs", "performance.md")
	}
	return o, nil
}

// A part measures one thing and reports it in rows. Where it cannot, it returns the error, and every target of its own
// is reported as not measured.
type part struct {
	name string
	// longest bounds it in time.
	longest time.Duration
	measure func(*bench, context.Context) ([]report.Row, error)
	// targets name its rows, in their order, and say what they are to reach. measure leaves that out.
	targets []target
	// how says how it was measured.
	how string
}

// A target is a row before it was measured.
type target struct{ what, reach string }

var parts = []part{
	overTUN,
	overWireGuard,
	judge,
	policy,
	pipeline,
	oneNode,
	objects,
	start,
	lab,
	terraform,
	ruleChange,
	interfacePage,
	resolver,
	connects,
	nodeToNode,
	twenty,
	emulator,
	changes,
	swarm,
	tunnels,
}

func partNames() []string {
	var names []string
	for i := range parts {
		names = append(names, parts[i].name)
	}
	return names
}

// bench is one run.
type bench struct {
	options
	// tmp is a directory that goes with the run.
	tmp string
}

func run(ctx context.Context, args []string) error {
	if role, ok := roles[first(args)]; ok {
		return role(ctx, args[1:])
	}
	o, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	chosen, err := choose(o.only)
	if err != nil {
		return err
	}
	tmp, err := os.MkdirTemp("", "postern-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp) //nolint:errcheck // a temporary directory
	b := &bench{options: o, tmp: tmp}
	d := b.measure(ctx, chosen)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if o.out == "" {
		_, err = os.Stdout.Write(d.Markdown())
		return err
	}
	b.say("writing %s", o.out)
	return os.WriteFile(o.out, d.Markdown(), 0o644)
}

func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

// choose finds parts by name; none means all.
func choose(only string) ([]part, error) {
	if only == "" {
		return parts, nil
	}
	var chosen []part
	for name := range strings.SplitSeq(only, ",") {
		i := slices.IndexFunc(parts, func(p part) bool { return p.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no part %q; there are %s", name, strings.Join(partNames(), ", "))
		}
		chosen = append(chosen, parts[i])
	}
	return chosen, nil
}

func (b *bench) measure(ctx context.Context, chosen []part) *report.Document {
	d := &report.Document{Machine: report.ThisMachine(), Began: time.Now()}
	whole, cancel := context.WithTimeout(ctx, b.longest)
	defer cancel()
	for i := range chosen {
		p := &chosen[i]
		began := time.Now()
		b.say("%s …", p.name)
		d.Rows = append(d.Rows, b.one(whole, p)...)
		d.Notes = append(d.Notes, fmt.Sprintf("**%s** (%s). %s", p.name, time.Since(began).Round(time.Second), p.how))
		b.say("%s took %s", p.name, time.Since(began).Round(time.Second))
	}
	d.Took = time.Since(d.Began)
	return d
}

// one measures one part. What it measured before it failed is kept.
func (b *bench) one(ctx context.Context, p *part) []report.Row {
	ctx, cancel := context.WithTimeout(ctx, p.longest)
	defer cancel()
	rows, err := p.measure(b, ctx)
	if err == nil && len(rows) < len(p.targets) {
		err = errors.New("the part ended early")
	}
	if ctx.Err() != nil {
		err = errors.Join(fmt.Errorf("its time was up: %w", ctx.Err()), err)
	}
	if err != nil {
		b.say("%s: %v", p.name, err)
	}
	for i, t := range p.targets {
		if i >= len(rows) {
			rows = append(rows, report.Skipped(t.what, t.reach, err))
		}
		rows[i].What, rows[i].Target = t.what, t.reach
	}
	return rows
}

// say tells on standard error what is going on.
func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05 ")+format+"\n", args...)
}

// pause waits, and fails if ctx ended meanwhile.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// until asks every so often until the answer is yes, an error, or ctx ends.
func until(ctx context.Context, every time.Duration, ask func() (bool, error)) error {
	for {
		yes, err := ask()
		if yes || err != nil {
			return err
		}
		if err := pause(ctx, every); err != nil {
			return err
		}
	}
}
