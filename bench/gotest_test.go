package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// figuresOutput is the output of go test, with its tabs.
const figuresOutput = "goos: linux\npkg: postern/network/fabric\nBenchmarkEstablishedPacket\n" +
	"BenchmarkEstablishedPacket/batch=16\n" +
	"BenchmarkEstablishedPacket/batch=16-2         \t  123456\t      1234 ns/op\t        77.1 ns/packet" +
	"\t       0 B/op\t       0 allocs/op\n" +
	"BenchmarkHTTPSOverTUN/down-2\t1\t0 ns/op\t512.5 MB/s\nPASS\n"

func TestParseBenchmarks(t *testing.T) {
	for _, tt := range []struct {
		name, out string
		want      figures
		fails     string
	}{
		{"figures", figuresOutput, figures{
			"EstablishedPacket/batch=16": {"ns/op": 1234, "ns/packet": 77.1, "B/op": 0, "allocs/op": 0},
			"HTTPSOverTUN/down":          {"ns/op": 0, "MB/s": 512.5},
		}, ""},
		{"skipped", "BenchmarkX\n--- SKIP: BenchmarkX\n    x_test.go:1: needs a namespace\nPASS\n", nil, "needs a namespace"},
		{"nothing", "PASS\n", nil, "no figures"},
		{"not a number", "BenchmarkX-2 1 x ns/op\n", nil, "read"},
	} {
		got, err := parseBenchmarks([]byte(tt.out))
		if tt.fails != "" {
			if err == nil || !strings.Contains(err.Error(), tt.fails) {
				t.Errorf("%s: error %v, want one with %q", tt.name, err, tt.fails)
			}
			continue
		}
		if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", tt.name, err, diff)
		}
	}
}

func TestMedianOfRuns(t *testing.T) {
	runs := []figures{{"A": {"x": 3}}, {"A": {"x": 1}}, {"A": {"x": 2}}}
	if got := median(runs, of("A", "x")); got != 2 {
		t.Errorf("median %v", got)
	}
}
