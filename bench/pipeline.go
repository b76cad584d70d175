package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"postern/aws/sigv4"
	"postern/bench/report"
)

var pipeline = part{
	name: "pipeline", longest: 3 * time.Minute, measure: (*bench).measurePipeline,
	targets: []target{
		{"signed JSON call, TLS kept alive, through the whole pipeline", "≥ 30 % of its requests per second"},
	},
	how: "A signed `ssm:DescribeInstanceInformation` to `postern up` (its real store, identities and policies), as " +
		"often as it goes on 16 connections " +
		"that stay open, and the same bytes to a process with nothing but a `net/http` handler over TLS 1.3 that answers " +
		"with as many " +
		"bytes. Three alternating rounds of two seconds each; the load has the same cores. The signature is verified each " +
		"time; the client signs once.",
}

const jsonBody = `{"MaxResults":50}`

func (b *bench) measurePipeline(ctx context.Context) ([]report.Row, error) {
	data, err := b.directory("data")
	if err != nil {
		return nil, err
	}
	s, err := b.up(ctx, data, anywhere)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	request, size, err := s.signed(ctx)
	if err != nil {
		return nil, err
	}
	beside, at, err := b.startBare(ctx, size)
	if err != nil {
		return nil, err
	}
	defer beside.stop()
	address, err := s.address()
	if err != nil {
		return nil, err
	}
	const rounds, lasting = 3, 2 * time.Second
	var ours, plain, ratios []float64
	for range rounds {
		p, err := hammer(ctx, at, &tls.Config{InsecureSkipVerify: true}, request, lasting)
		if err != nil {
			return nil, fmt.Errorf("bare handler: %w", err)
		}
		o, err := hammer(ctx, address, &tls.Config{RootCAs: s.roots}, request, lasting)
		if err != nil {
			return nil, fmt.Errorf("pipeline: %w", err)
		}
		ours, plain, ratios = append(ours, o), append(plain, p), append(ratios, o/p)
	}
	alone, err := b.pipelineAlone(ctx)
	if err != nil {
		return nil, err
	}
	ratio := report.Median(ratios)
	return []report.Row{{
		Figure:    report.Thousands(report.Median(ours)) + " requests/s",
		Reference: fmt.Sprintf("bare net/http TLS handler: %s requests/s", report.Thousands(report.Median(plain))),
		Ratio: fmt.Sprintf(
			"%s; with an empty handler behind the pipeline %s", report.Percent(ratio), report.Percent(alone),
		),
		Verdict: report.Judge(ratio >= 0.3),
		Limit:   limits["pipeline"],
	}}, nil
}

// pipelineAlone compares the pipeline with an empty handler behind it.
func (b *bench) pipelineAlone(ctx context.Context) (float64, error) {
	s, err := b.compile(ctx, "api")
	if err != nil {
		return 0, err
	}
	runs, err := s.bench(ctx, "^BenchmarkPipeline$/^(bare|pipeline)$", "1s", 3)
	if err != nil {
		return 0, err
	}
	return median(runs,
		func(f figures) float64 { return f["Pipeline/bare"]["ns/op"] / f["Pipeline/pipeline"]["ns/op"] }), nil
}

// signed is the call on the wire, and how many bytes its answer has.
func (s *server) signed(ctx context.Context) (request []byte, answer int, err error) {
	build := func() (*http.Request, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.connection.Endpoint+"/", strings.NewReader(jsonBody))
		if err != nil {
			return nil, err
		}
		r.Header.Set("Content-Type", "application/x-amz-json-1.1")
		r.Header.Set("X-Amz-Target", "AmazonSSM.DescribeInstanceInformation")
		return r, sigv4.Sign(r, []byte(jsonBody), s.keys(),
			sigv4.Target{Region: s.connection.Region, Service: "ssm", Time: time.Now()})
	}
	r, err := build()
	if err != nil {
		return nil, 0, err
	}
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.roots}}}
	defer client.CloseIdleConnections()
	response, err := client.Do(r)
	if err != nil {
		return nil, 0, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, 0, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, 0, fmt.Errorf("DescribeInstanceInformation: HTTP %d: %s", response.StatusCode, tail(body))
	}
	if r, err = build(); err != nil {
		return nil, 0, err
	}
	request, err = wire(r)
	return request, len(body), err
}

// startBare starts the reference. It ends when the process does that started it, too.
func (b *bench) startBare(ctx context.Context, size int) (*process, string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	in, hold, err := os.Pipe()
	if err != nil {
		return nil, "", err
	}
	out, tell, err := os.Pipe()
	if err != nil {
		return nil, "", err
	}
	p, err := b.start("bare", in, tell, self, "bare", strconv.Itoa(size))
	in.Close()
	tell.Close()
	if err != nil {
		return nil, "", err
	}
	go func() {
		<-p.done
		hold.Close()
		out.Close()
	}()
	defer context.AfterFunc(ctx, p.stop)()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		p.stop()
		return nil, "", fmt.Errorf("bare handler: %w", err)
	}
	return p, strings.TrimSpace(line), nil
}
