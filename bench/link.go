package main

import (
	"context"
	"fmt"
	"time"

	"postern/bench/report"
)

const fabricDir = "network/fabric"

var overTUN = part{
	name: "tun", longest: 3 * time.Minute, measure: (*bench).measureTUN,
	targets: []target{
		{
			"node → interface endpoint HTTPS, one connection, TUN link, user-space stack",
			"≥ 35 % of it; ≥ 400 MB/s where plain gives 1.2 GB/s",
		},
	},
	how: "A process behind a TUN device in namespaces of its own downloads and uploads 1.5 GB over one HTTPS " +
		"connection from the " +
		"endpoint's user-space stack, through the fabric, and the same process does so from a kernel socket on loopback. " +
		"The median " +
		"of three alternating runs.",
}

func (b *bench) measureTUN(ctx context.Context) ([]report.Row, error) {
	s, err := b.compile(ctx, fabricDir)
	if err != nil {
		return nil, err
	}
	runs, err := s.bench(ctx, "^BenchmarkHTTPSOverTUN$", "1x", 3)
	if err != nil {
		return nil, err
	}
	const up, down = "HTTPSOverTUN/up", "HTTPSOverTUN/down"
	ratio := func(name string) float64 { return median(runs, of(name, "%")) / 100 }
	enough := min(ratio(down), ratio(up)) >= 0.35
	for _, name := range []string{down, up} {
		if median(runs, of(name, "loopback-MB/s")) >= 1200 && median(runs, of(name, "MB/s")) < 400 {
			enough = false
		}
	}
	return []report.Row{{
		Figure:    both(runs, down, up, "MB/s"),
		Reference: "plain loopback TLS 1.3: " + both(runs, down, up, "loopback-MB/s"),
		Ratio:     fmt.Sprintf("%s down, %s up", report.Percent(ratio(down)), report.Percent(ratio(up))),
		Verdict:   report.Judge(enough),
		Limit:     limits["tun"],
	}}, nil
}

// both writes the two directions' rates.
func both(runs []figures, down, up, unit string) string {
	return fmt.Sprintf("%s down, %s up", report.Rate(median(runs, of(down, unit))),
		report.Rate(median(runs, of(up, unit))))
}

var overWireGuard = part{
	name: "wireguard", longest: 4 * time.Minute, measure: (*bench).measureWireGuard,
	targets: []target{
		{"the same over a WireGuard link, MTU 1420", "≥ 100 %"},
		{"the same over a WireGuard link, MTU 8920", "≥ 100 %"},
	},
	how: "One HTTPS connection through a tunnel of ours (agent's stack, WireGuard, fabric, endpoint's stack), and " +
		"beside it one through " +
		"wireguard-go with TUN devices between two network namespaces with the kernel's TCP at both ends. Both ends and " +
		"all of the cryptography share " +
		"the machine's cores. The median of three alternating runs; the ratio is the median of the runs' ratios.",
}

func (b *bench) measureWireGuard(ctx context.Context) ([]report.Row, error) {
	s, err := b.compile(ctx, fabricDir)
	if err != nil {
		return nil, err
	}
	runs, err := s.bench(ctx, "^BenchmarkWireGuardHTTPS$", "1s", 3)
	if err != nil {
		return nil, err
	}
	var rows []report.Row
	for _, mtu := range []int{1420, 8920} {
		name := func(over, direction string) string {
			return fmt.Sprintf("WireGuardHTTPS/mtu=%d/over=%s/%s", mtu, over, direction)
		}
		ratio := func(direction string) float64 {
			return median(runs, func(f figures) float64 {
				return f[name("fabric", direction)]["MB/s"] / f[name("wireguard-go", direction)]["MB/s"]
			})
		}
		perCPU := func(direction string) float64 {
			return median(runs, func(f figures) float64 {
				return f[name("fabric", direction)]["MB/cpu-s"] / f[name("wireguard-go", direction)]["MB/cpu-s"]
			})
		}
		rows = append(rows, report.Row{
			Figure: both(runs, name("fabric", "down"), name("fabric", "up"), "MB/s"),
			Reference: "wireguard-go over kernel TUN: " + both(runs, name("wireguard-go", "down"), name("wireguard-go", "up"),
				"MB/s"),
			Ratio: fmt.Sprintf("%s down, %s up; for each second of processor time %s and %s", report.Percent(ratio("down")),
				report.Percent(ratio("up")), report.Percent(perCPU("down")), report.Percent(perCPU("up"))),
			Verdict: report.Judge(min(ratio("down"), ratio("up")) >= 1),
			Limit:   limits["wireguard"],
		})
	}
	return rows, nil
}
