package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"time"

	"postern/bench/report"
)

var lab = part{
	name: "lab", longest: 2 * time.Minute, measure: (*bench).measureLab,
	targets: []target{
		{"lab start → first answer", "≤ 150 ms"},
		{"lab's idle memory", "≤ 60 MiB"},
		{"reset of a lab with the sample network and its node", "≤ 100 ms"},
	},
	how: "`postern up --ephemeral`, as CI starts it: from the exec until the first good answer to `GetCallerIdentity`, " +
		"the client's TLS handshake included, the " +
		"median of five. Idle memory is the resident set of an empty lab after it has settled. The reset is `POST " +
		"/_postern/reset` of one started with `--sample`, whose node " +
		"runs, as its client sees it, the TLS handshake included.",
}

func (b *bench) measureLab(ctx context.Context) ([]report.Row, error) {
	starts, err := b.labStarts(ctx, 5)
	if err != nil {
		return nil, err
	}
	rows := []report.Row{{
		Figure: report.Time(
			report.Median(starts),
		), Verdict: report.Judge(report.Median(starts) <= 150*time.Millisecond), Limit: limits["start"],
	}}
	idle, err := b.labIdle(ctx)
	if err != nil {
		return rows, err
	}
	rows = append(rows,
		report.Row{Figure: report.Bytes(idle), Verdict: report.Judge(idle <= 60<<20), Limit: limits["idle"]})
	reset, err := b.labReset(ctx)
	if err != nil {
		return rows, err
	}
	return append(rows, report.Row{
		Figure: report.Time(reset), Verdict: report.Judge(reset <= 100*time.Millisecond), Limit: limits["reset"],
	}), nil
}

func (b *bench) lab(ctx context.Context, flags ...string) (*server, error) {
	data, err := b.directory("lab")
	if err != nil {
		return nil, err
	}
	return b.up(ctx, data, anywhere, append([]string{"--ephemeral"}, flags...)...)
}

func (b *bench) labStarts(ctx context.Context, n int) ([]time.Duration, error) {
	var times []time.Duration
	for range n {
		began := time.Now()
		s, err := b.lab(ctx)
		if err != nil {
			return nil, err
		}
		times = append(times, time.Since(began))
		s.stop()
	}
	return times, nil
}

func (b *bench) labIdle(ctx context.Context) (uint64, error) {
	s, err := b.lab(ctx)
	if err != nil {
		return 0, err
	}
	defer s.stop()
	return s.settle(ctx, 10*time.Second)
}

// labReset empties a lab whose node has come online.
func (b *bench) labReset(ctx context.Context) (time.Duration, error) {
	s, err := b.lab(ctx, "--sample")
	if err != nil {
		return 0, err
	}
	defer s.stop()
	if _, err := s.awaitOnline(ctx, 1); err != nil {
		return 0, fmt.Errorf("the sample's node: %w", err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.connection.Endpoint+"/_postern/reset", nil)
	if err != nil {
		return 0, err
	}
	client := &http.Client{
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.roots}, DisableKeepAlives: true},
	}
	began := time.Now()
	answer, err := client.Do(r)
	took := time.Since(began)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("the reset was answered with %s", answer.Status)
	}
	return took, nil
}
