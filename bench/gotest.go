package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"postern/bench/report"
)

// figures holds the results of benchmarks: by name, without the "Benchmark" and the number of processors, and by unit.
type figures map[string]map[string]float64

// suite is a package's test program.
type suite struct {
	program string // absolute
	dir     string
}

// compile builds a package's tests.
func (b *bench) compile(ctx context.Context, dir string) (*suite, error) {
	program := filepath.Join(b.tmp, strings.ReplaceAll(dir, "/", "-")+".test")
	build := exec.CommandContext(ctx, "go", "test", "-c", "-o", program, "./"+dir)
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the tests of %s: %w: %s", dir, err, tail(out))
	}
	return &suite{program, dir}, nil
}

// bench runs the benchmarks that match a pattern several times over, one after another, and returns each run's figures:
// what is compared within one run has met the same machine.
func (s *suite) bench(ctx context.Context, pattern, time string, runs int) ([]figures, error) {
	var all []figures
	for range runs {
		run := exec.CommandContext(ctx, s.program, "-test.run=^$", "-test.bench="+pattern, "-test.benchtime="+time,
			"-test.benchmem", "-test.v")
		run.Dir = s.dir
		out, err := run.Output()
		if err != nil {
			return nil, fmt.Errorf("benchmark %s of %s: %w: %s", pattern, s.dir, err, tail(out))
		}
		f, err := parseBenchmarks(out)
		if err != nil {
			return nil, fmt.Errorf("benchmark %s of %s: %w", pattern, s.dir, err)
		}
		all = append(all, f)
	}
	return all, nil
}

var processors = regexp.MustCompile(`-\d+$`)

// parseBenchmarks reads what `go test -bench -v` prints. A benchmark that was skipped, or nothing at all, is an error.
func parseBenchmarks(out []byte) (figures, error) {
	all := figures{}
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "--- SKIP") {
			_, why, _ := strings.Cut(string(out), line)
			return nil, fmt.Errorf("skipped: %s", tail([]byte(strings.SplitN(why, "\n", 2)[0])))
		}
		fields := strings.Fields(line)
		if len(fields) < 4 || len(fields)%2 != 0 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		if _, err := strconv.Atoi(fields[1]); err != nil {
			continue
		}
		name := processors.ReplaceAllString(strings.TrimPrefix(fields[0], "Benchmark"), "")
		units := map[string]float64{}
		for i := 2; i < len(fields); i += 2 {
			value, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return nil, fmt.Errorf("read %q: %w", strings.TrimSpace(line), err)
			}
			units[fields[i+1]] = value
		}
		all[name] = units
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no figures in %q", tail(out))
	}
	return all, nil
}

// median is the middle of the runs' values that f takes out.
func median(runs []figures, f func(figures) float64) float64 {
	var values []float64
	for _, r := range runs {
		values = append(values, f(r))
	}
	return report.Median(values)
}

// of takes one value out.
func of(name, unit string) func(figures) float64 {
	return func(f figures) float64 { return f[name][unit] }
}

// tail is the end of a program's output, for an error.
func tail(out []byte) string {
	const most = 600
	out = bytes.TrimSpace(out)
	if len(out) > most {
		out = append([]byte("… "), out[len(out)-most:]...)
	}
	return string(out)
}
