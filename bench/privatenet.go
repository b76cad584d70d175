package main

import (
	"context"
	"fmt"
	"time"

	"postern/bench/report"
)

var ruleChange = part{
	name: "rules", longest: 2 * time.Minute, measure: (*bench).measureRuleChange,
	targets: []target{
		{
			"one security-group rule changed with 10,000 interfaces and 1,000 groups: new snapshot in force",
			"≤ 20 ms; no packet waits > 5 ms meanwhile",
		},
	},
	how: "`network.Service` on a store that keeps nothing on disk, and a fabric with a link at each interface. From " +
		"the call that authorises or revokes a " +
		"rule until it returns, when the rule is in force in the fabric. A conversation whose own group changes sends a " +
		"packet every 100 µs all the while; " +
		"the slowest is told, which on a busy machine is the scheduler's doing as well. The median of three runs.",
}

func (b *bench) measureRuleChange(ctx context.Context) ([]report.Row, error) {
	s, err := b.compile(ctx, fabricDir)
	if err != nil {
		return nil, err
	}
	runs, err := s.bench(ctx, "^BenchmarkRuleChange$", "2s", 3)
	if err != nil {
		return nil, err
	}
	change, slowest := median(runs, of("RuleChange", "ms/change")), median(runs, of("RuleChange", "ms-slowest-packet"))
	return []report.Row{{
		Figure: fmt.Sprintf("%.2g ms; the slowest of %s packets %.2g ms", change,
			report.Thousands(median(runs, of("RuleChange", "packets"))), slowest),
		Verdict: report.Judge(change <= 20 && slowest <= 5),
		Limit:   limits["rules"],
	}}, nil
}

var interfacePage = part{
	name: "interfaces", longest: 2 * time.Minute, measure: (*bench).measureInterfacePage,
	targets: []target{{"DescribeNetworkInterfaces with filters over 10,000", "≤ 10 ms a page of 1,000"}},
	how: "A signed call with four filters, through the whole pipeline without a socket: the signature is verified " +
		"and 1,000 interfaces are written as XML. The median of three runs.",
}

func (b *bench) measureInterfacePage(ctx context.Context) ([]report.Row, error) {
	s, err := b.compile(ctx, "api/ec2")
	if err != nil {
		return nil, err
	}
	runs, err := s.bench(ctx, "^BenchmarkDescribeInterfaces$", "2s", 3)
	if err != nil {
		return nil, err
	}
	page := time.Duration(median(runs, of("DescribeInterfaces", "ns/op")))
	return []report.Row{
		{Figure: report.Time(page), Verdict: report.Judge(page <= 10*time.Millisecond), Limit: limits["interfaces"]},
	}, nil
}

var connects = part{
	name: "connects", longest: 2 * time.Minute, measure: (*bench).measureConnects,
	targets: []target{{"new TCP+TLS connections through an endpoint", "≥ 60 %"}},
	how: "A process behind a TUN device opens connections to an endpoint, 16 at once, each with a TLS 1.3 " +
		"handshake; beside it the same to a listener on loopback. The median of three runs.",
}

func (b *bench) measureConnects(ctx context.Context) ([]report.Row, error) {
	return b.besides(ctx, "ConnectOverTUN", []string{"conn/s", "loopback-conn/s"}, "plain loopback", 0.6,
		limits["connects"])
}

var nodeToNode = part{
	name: "nodes", longest: 2 * time.Minute, measure: (*bench).measureNodeToNode,
	targets: []target{{"node ↔ node inside a VPC, one TCP stream", "≥ 30 %"}},
	how: "A process behind a TUN device sends 1.5 GB to another one behind another TUN device, through the fabric; " +
		"beside it the same between two " +
		"network namespaces that the kernel joins by a pair of virtual Ethernet devices, with the same MTU. The median of " +
		"three runs.",
}

func (b *bench) measureNodeToNode(ctx context.Context) ([]report.Row, error) {
	return b.besides(ctx, "NodesOverTUN", []string{"MB/s", "kernel-MB/s"}, "joined by the kernel", 0.3, limits["nodes"])
}

// besides runs a benchmark of the fabric that measures its reference itself, in the second of two units.
func (b *bench) besides(
	ctx context.Context,
	name string,
	units []string,
	reference string,
	reach float64,
	limit string,
) ([]report.Row, error) {
	s, err := b.compile(ctx, fabricDir)
	if err != nil {
		return nil, err
	}
	runs, err := s.bench(ctx, "^Benchmark"+name+"$", "1x", 3)
	if err != nil {
		return nil, err
	}
	ratio := median(runs, of(name, "%")) / 100
	return []report.Row{{
		Figure:    report.Thousands(median(runs, of(name, units[0]))) + " " + units[0],
		Reference: reference + ": " + report.Thousands(median(runs, of(name, units[1]))) + " " + units[0],
		Ratio:     report.Percent(ratio), Verdict: report.Judge(ratio >= reach), Limit: limit,
	}}, nil
}
