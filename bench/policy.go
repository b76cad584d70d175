package main

import (
	"context"
	"fmt"
	"time"

	"postern/bench/report"
)

var policy = part{
	name: "policy", longest: 2 * time.Minute, measure: (*bench).measurePolicy,
	targets: []target{
		{"policy decision, ten policies of 2 KB, compiled, with variables", "≤ 2 µs, no allocation"},
		{"policy decision, endpoint policy of 20 KB", "≤ 10 µs"},
		{"parse of a policy of 20 KB", "≤ 1 ms"},
	},
	how: "Ten identity policies with 200 statements between them, each with two variables in its resource, of which the " +
		"last one allows; beside it the same where every statement's variable is asked for, because no text before it " +
		"tells the statements apart. The endpoint policy has as many statements, each for two resources and with two " +
		"conditions, as 20,480 characters hold: one request is allowed by its last statement, another one by none. That " +
		"policy is the one that is parsed. The median of three runs.",
}

func (b *bench) measurePolicy(ctx context.Context) ([]report.Row, error) {
	compiled, err := b.compile(ctx, "aws/iam")
	if err != nil {
		return nil, err
	}
	runs, err := compiled.bench(ctx,
		"^Benchmark(EvaluateTenPolicies|EvaluateEveryVariable|EvaluateFullEndpointPolicy|Parse)$", "500ms", 3)
	if err != nil {
		return nil, err
	}
	const unit = "ns/op"
	ten, allocations := median(runs, of("EvaluateTenPolicies", unit)), median(runs, of("EvaluateTenPolicies", "allocs/op"))
	last, none := median(runs, of("EvaluateFullEndpointPolicy/last", unit)),
		median(runs, of("EvaluateFullEndpointPolicy/none", unit))
	parse := median(runs, of("Parse", unit))
	return []report.Row{
		{
			Figure: fmt.Sprintf("%.2f µs; %.0f allocations", ten/1e3, allocations),
			Reference: fmt.Sprintf("with the variables of all statements reached: %.1f µs",
				median(runs, of("EvaluateEveryVariable", unit))/1e3),
			Verdict: report.Judge(ten <= 2000 && allocations == 0),
			Limit:   limits["decision"],
		},
		{
			Figure:  fmt.Sprintf("%.2f µs where the last statement allows, %.2f µs where none does", last/1e3, none/1e3),
			Verdict: report.Judge(last <= 10_000 && none <= 10_000),
			Limit:   limits["decision"],
		},
		{
			Figure:  fmt.Sprintf("%.2f ms; %.0f allocations", parse/1e6, median(runs, of("Parse", "allocs/op"))),
			Verdict: report.Judge(parse <= 1e6),
			Limit:   limits["parse"],
		},
	}, nil
}
