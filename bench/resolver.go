package main

import (
	"context"
	"fmt"
	"time"

	"postern/bench/report"
)

var resolver = part{
	name: "resolver", longest: time.Minute, measure: (*bench).measureResolver,
	targets: []target{{"VPC resolver, over UDP", "≥ 50 % of a bare server of the same DNS library"}},
	how: "Sixteen askers, each with a socket of its own and one question at a time, in one process with the server. " +
		"The resolver is asked " +
		"for an endpoint's private name from a node's TCP/IP stack through the fabric; the bare server answers every " +
		"question with one fixed address, " +
		"at a socket of the host. The median of three runs.",
}

func (b *bench) measureResolver(ctx context.Context) ([]report.Row, error) {
	own, err := b.compile(ctx, "network/dns")
	if err != nil {
		return nil, err
	}
	runs, err := own.bench(ctx, "^BenchmarkUDP$", "1s", 3)
	if err != nil {
		return nil, err
	}
	const rate = "queries/s"
	through, socket := median(runs, of("UDP/fabric", rate)), median(runs, of("UDP/postern", rate))
	bare := median(runs, of("UDP/bare", rate))
	share := median(runs, func(f figures) float64 { return f["UDP/fabric"][rate] / f["UDP/bare"][rate] })
	return []report.Row{{
		Figure: fmt.Sprintf("%s queries/s through the fabric; %s at a socket of the host", report.Thousands(through),
			report.Thousands(socket)),
		Reference: fmt.Sprintf("%s queries/s", report.Thousands(bare)),
		Ratio:     report.Percent(share),
		Verdict:   report.Judge(share >= 0.5),
		Limit:     limits["resolver"],
	}}, nil
}
