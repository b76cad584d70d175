package main

import (
	"context"
	"fmt"
	"time"

	"postern/bench/report"
)

var judge = part{
	name: "judge", longest: 2 * time.Minute, measure: (*bench).measureJudge,
	targets: []target{
		{"judge: established packet, with 1,000 rules and 10,000 interfaces", "≤ 200 ns, no allocation"},
		{"judge: new flow, with 1,000 rules and 10,000 interfaces", "≤ 2 µs"},
	},
	how: "A network of 10,000 interfaces whose groups have 1,000 rules each, the allowed flow's rule being the last. " +
		"The established packet " +
		"goes the whole way through the fabric: headers, source check, connection table, verdict, next link. So does the " +
		"new flow, with " +
		"the table full, so that making room is part of it; the judge's own share is given beside it. The median of three " +
		"runs.",
}

func (b *bench) measureJudge(ctx context.Context) ([]report.Row, error) {
	compiled, err := b.compile(ctx, fabricDir)
	if err != nil {
		return nil, err
	}
	packets, err := compiled.bench(ctx, "^Benchmark(EstablishedPacket|NewFlow)$", "500ms", 3)
	if err != nil {
		return nil, err
	}
	own, err := b.compile(ctx, "network/vpc")
	if err != nil {
		return nil, err
	}
	decisions, err := own.bench(ctx, "^BenchmarkDecide$", "500ms", 3)
	if err != nil {
		return nil, err
	}
	const single, batch, fresh = "EstablishedPacket/batch=1", "EstablishedPacket/batch=16", "NewFlow"
	const decide, tracked = "Decide/rules=1000/new", "Decide/rules=1000/tracked"
	one, allocations := median(packets, of(single, "ns/packet")), median(packets, of(single, "allocs/op"))
	flow := median(packets, of(fresh, "ns/op"))
	return []report.Row{
		{
			Figure: fmt.Sprintf("%.0f ns alone, %.0f ns in batches of 16, through the whole fabric; %.0f allocations",
				one, median(packets, of(batch, "ns/packet")), allocations),
			Reference: fmt.Sprintf("the judge alone, where a rule has changed: %.0f ns",
				median(decisions, of(tracked, "ns/op"))),
			Verdict: report.Judge(one <= 200 && allocations == 0),
			Limit:   limits["established"],
		},
		{
			Figure: fmt.Sprintf("%.0f ns through the whole fabric, of which the judge %.0f ns", flow,
				median(decisions, of(decide, "ns/op"))),
			Verdict: report.Judge(flow <= 2000),
			Limit:   limits["flow"],
		},
	}, nil
}
