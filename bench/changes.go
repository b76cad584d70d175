package main

import (
	"context"
	"fmt"
	"time"

	"postern/bench/report"
)

var changes = part{
	name: "changes", longest: 6 * time.Minute, measure: (*bench).measureChanges,
	targets: []target{
		{"one rule or interface changed, 10,000 interfaces in 100 VPCs: until it is in force", "≤ 1 ms"},
		{"the same, 100,000 interfaces in 1,000 VPCs", "≤ 2 ms"},
		{"16 writers in 16 VPCs, against one: changes a second", "≥ 1.6 × on two cores"},
		{"another server's change taken over, at 32,000 interfaces", "≤ 5 ms"},
		{"a rule made on one server lets packets pass at another, which shares its PostgreSQL", "≤ 50 ms"},
		{"durable changes: SQLite, and PostgreSQL on the same disk", "no target"},
	},
	how: "A change is a verb of the network's state, from the call until the fabric has the snapshot: a rule of a group " +
		"made and taken away, an interface made and deleted, in one VPC after another. No interface is plugged in. The " +
		"store is in memory, but for the last two rows. What is taken over is timed from the hint until the other server's " +
		"fabric has its snapshot. For packets, datagrams are sent every half millisecond, and the first that arrives " +
		"counts. PostgreSQL is one that the benchmark starts, which does not sync; SQLite does. " +
		"One run of what is large, the median of three of the rest.",
}

func (b *bench) measureChanges(ctx context.Context) ([]report.Row, error) {
	suite, err := b.compile(ctx, "bench/reach")
	if err != nil {
		return nil, err
	}
	f, err := suite.bench(ctx, "^Benchmark(Change|Writers|TakeOver)$", "500ms", 1)
	if err != nil {
		return nil, err
	}
	rows := []report.Row{
		changeRow(f, 10_000, time.Millisecond), changeRow(f, 100_000, 2*time.Millisecond), writersRow(f),
	}
	taken := nanoseconds(f, "TakeOver/interfaces=32000", "ns/refresh")
	rows = append(rows, report.Row{
		Figure: report.Time(taken), Verdict: report.Judge(taken <= 5*time.Millisecond), Limit: limits["change"],
	})
	servers, err := b.compile(ctx, "server")
	if err != nil {
		return rows, err
	}
	if f, err = servers.bench(ctx, "^BenchmarkRuleAtAnotherServer$", "20x", 3); err != nil {
		return rows, err
	}
	passes := nanoseconds(f, "RuleAtAnotherServer", "ns/rule")
	rows = append(rows, report.Row{
		Figure: report.Time(passes), Verdict: report.Judge(passes <= 50*time.Millisecond), Limit: limits["change"],
	})
	if f, err = suite.bench(ctx, "^BenchmarkCommit$", "500ms", 3); err != nil {
		return rows, err
	}
	return append(rows, report.Row{Figure: fmt.Sprintf("SQLite %s, PostgreSQL %s", commits(f, "sqlite"),
		commits(f, "postgres"))}), nil
}

func nanoseconds(f []figures, name, unit string) time.Duration {
	return time.Duration(median(f, of(name, unit)))
}

// changeRow is the row of a network's size.
func changeRow(f []figures, interfaces int, reach time.Duration) report.Row {
	rule := nanoseconds(f, fmt.Sprintf("Change/rule/interfaces=%d", interfaces), "ns/change")
	eni := nanoseconds(f, fmt.Sprintf("Change/interface/interfaces=%d", interfaces), "ns/change")
	return report.Row{
		Figure:  fmt.Sprintf("a rule %s, an interface %s", report.Time(rule), report.Time(eni)),
		Verdict: report.Judge(max(rule, eni) <= reach),
		Limit:   limits["change"],
	}
}

// writersRow compares what sixteen writers reach together with what one does.
func writersRow(f []figures) report.Row {
	one, all := median(f, of("Writers/writers=1", "ns/change")), median(f, of("Writers/writers=16", "ns/change"))
	busy := median(f, of("Writers/writers=1", "cpu-ns/change")) / one
	return report.Row{
		Figure:    fmt.Sprintf("%.0f/s", 1e9/all),
		Reference: fmt.Sprintf("one writer: %.0f/s, with %.2f processors busy for it", 1e9/one, busy),
		Ratio:     fmt.Sprintf("%.2f ×", one/all),
		Verdict:   report.Judge(one/all >= 1.6),
		Limit:     limits["writers"],
	}
}

// commits are the figures of an engine.
func commits(f []figures, engine string) string {
	one := nanoseconds(f, "Commit/"+engine+"/writers=1", "ns/change")
	all := median(f, of("Commit/"+engine+"/writers=16", "ns/change"))
	return fmt.Sprintf("%s one after another, %.0f/s of 16 writers", report.Time(one), 1e9/all)
}
