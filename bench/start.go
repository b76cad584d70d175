package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"postern/bench/report"
)

var start = part{
	name: "start", longest: 3 * time.Minute, measure: (*bench).measureStart,
	targets: []target{
		{"start → first API answer", "≤ 200 ms"},
		{"idle memory with the sample network", "≤ 90 MiB"},
		{"agent binary", "≤ 15 MiB"},
		{"agent's idle memory", "≤ 15 MiB"},
	},
	how: "From the exec of `postern up` on an empty data directory (it makes its CA, keys and state) until the first " +
		"good answer to `GetCallerIdentity`, the " +
		"client's TLS handshake included; the median of five, and of five starts on a directory that is there. Idle " +
		"memory is the resident set of `postern up --sample` after it " +
		"has settled; the sample's own node runs in processes of its own. The agent is `postern-agent join` with its " +
		"tunnel, 15 s after it came online.",
}

func (b *bench) measureStart(ctx context.Context) ([]report.Row, error) {
	fresh, again, err := b.starts(ctx, 5)
	if err != nil {
		return nil, err
	}
	rows := []report.Row{{
		Figure: fmt.Sprintf("%s; %s on a data directory that is there", report.Time(report.Median(fresh)),
			report.Time(report.Median(again))),
		Verdict: report.Judge(report.Median(fresh) <= 200*time.Millisecond),
		Limit:   limits["start"],
	}}
	idle, agent, err := b.idle(ctx)
	if err != nil {
		return rows, err
	}
	rows = append(rows, report.Row{
		Figure: report.Bytes(idle), Verdict: report.Judge(idle <= 90<<20), Limit: limits["idle"],
	})
	server, err := os.Stat(b.program("postern"))
	if err != nil {
		return rows, err
	}
	node, err := os.Stat(b.program("postern-agent"))
	if err != nil {
		return rows, err
	}
	return append(rows, report.Row{
		Figure: fmt.Sprintf("%s (postern itself: %s)", report.Bytes(uint64(node.Size())),
			report.Bytes(uint64(server.Size()))),
		Verdict: report.Judge(node.Size() <= 15<<20), Limit: limits["size"],
	}, report.Row{
		Figure: report.Bytes(agent), Verdict: report.Judge(agent <= 15<<20), Limit: limits["agent"],
	}), nil
}

// starts measures starts on empty data directories, and on the same ones again.
func (b *bench) starts(ctx context.Context, n int) (fresh, again []time.Duration, err error) {
	for range n {
		data, err := b.directory("data")
		if err != nil {
			return nil, nil, err
		}
		for _, times := range []*[]time.Duration{&fresh, &again} {
			began := time.Now()
			s, err := b.up(ctx, data, anywhere)
			if err != nil {
				return nil, nil, err
			}
			*times = append(*times, time.Since(began))
			s.stop()
		}
	}
	return fresh, again, nil
}

// idle measures the memory of a server with the sample network, and of an agent that joins it.
func (b *bench) idle(ctx context.Context) (server, agent uint64, err error) {
	data, err := b.directory("data")
	if err != nil {
		return 0, 0, err
	}
	s, err := b.up(ctx, data, anywhere, "--sample")
	if err != nil {
		return 0, 0, err
	}
	defer s.stop()
	if server, err = s.settle(ctx, 20*time.Second); err != nil {
		return 0, 0, err
	}
	if err := s.ended(); err != nil {
		return 0, 0, err
	}
	if err := s.makeRole(ctx); err != nil {
		return 0, 0, err
	}
	network, err := s.makeNetwork(ctx)
	if err != nil {
		return 0, 0, err
	}
	p, _, err := b.join(ctx, s, network)
	if err != nil {
		return 0, 0, err
	}
	defer p.stop()
	agent, err = p.settle(ctx, 15*time.Second)
	return server, agent, err
}
