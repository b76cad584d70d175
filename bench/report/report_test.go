package report_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"postern/bench/report"
)

func TestPercentile(t *testing.T) {
	ten := []int{10, 9, 8, 7, 6, 5, 4, 3, 2, 1}
	for _, tt := range []struct {
		values []int
		p      float64
		want   int
	}{
		{nil, 50, 0},
		{[]int{7}, 1, 7},
		{[]int{7}, 99, 7},
		{ten, 50, 5},
		{ten, 51, 6},
		{ten, 90, 9},
		{ten, 99, 10},
		{ten, 100, 10},
		{ten, 0.1, 1},
	} {
		if got := report.Percentile(tt.values, tt.p); got != tt.want {
			t.Errorf("Percentile(%v, %v) = %d, want %d", tt.values, tt.p, got, tt.want)
		}
	}
	if ten[0] != 10 {
		t.Error("the values were sorted in place")
	}
}

// The definition itself: enough values are not above, and for no smaller value are there enough.
func TestPercentileIsTheNearestRank(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.IntRange(-5, 5), 1, 30).Draw(t, "values")
		p := float64(rapid.IntRange(1, 100).Draw(t, "p"))
		covered := func(x int) float64 {
			n := 0
			for _, v := range values {
				if v <= x {
					n++
				}
			}
			return 100 * float64(n)
		}
		got, need := report.Percentile(values, p), p*float64(len(values))
		if covered(got) < need {
			t.Fatalf("%d covers too little", got)
		}
		for _, v := range values {
			if v < got && covered(v) >= need {
				t.Fatalf("%d would do, got %d", v, got)
			}
		}
	})
}

func TestFigures(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{report.Bytes(0), "0 B"},
		{report.Bytes(1023), "1023 B"},
		{report.Bytes(1536), "1.5 KiB"},
		{report.Bytes(90 << 20), "90.0 MiB"},
		{report.Bytes(24 << 30), "24.0 GiB"},
		{report.Bytes(400 << 20), "400 MiB"},
		{report.Kilobytes(25_300), "25.3 KB"},
		{report.Rate(1234.4), "1,234 MB/s"},
		{report.Percent(0.351), "35 %"},
		{report.Percent(0.004), "0.4 %"},
		{report.Percent(1.7), "170 %"},
		{report.Thousands(0), "0"},
		{report.Thousands(999.6), "1,000"},
		{report.Thousands(-1234567), "-1,234,567"},
		{report.Time(120), "120 ns"},
		{report.Time(1510), "1.51 µs"},
		{report.Time(12345 * time.Microsecond), "12.3 ms"},
		{report.Time(2346 * time.Millisecond), "2.35 s"},
		{report.Time(123456 * time.Millisecond), "123 s"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}

func TestMarkdown(t *testing.T) {
	d := report.Document{
		Machine: report.Machine{CPU: "A CPU", Cores: 2, Memory: 8 << 30, Kernel: "Linux 6", Go: "go1"},
		Began:   time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Took: 90 * time.Second,
		Rows: []report.Row{
			{
				What:      "a | b",
				Figure:    "1",
				Reference: "2",
				Ratio:     "50 %",
				Target:    "≥ 35 %",
				Verdict:   report.Reached,
				Limit:     "copies",
			},
			report.Skipped("c", "≤ 1 s", errors.New("no\nsuch  thing")),
		},
		Notes: []string{"Carefully."},
	}
	got := string(d.Markdown())
	_, rest, _ := strings.Cut(got, "- machine")
	want := `: A CPU, 2 cores, 8.0 GiB of memory
- kernel: Linux 6
- Go: go1
- date: 2026-01-02 03:04 UTC, 1m30s in all

| what | figure | reference in the same run | ratio | reach | reached | what limits it |
|---|---|---|---|---|---|---|
| a \| b | 1 | 2 | 50 % | ≥ 35 % | yes | copies |
| c | – | – | – | ≤ 1 s | not measured | no such thing |

## How it was measured

Carefully.
`
	if diff := cmp.Diff(want, rest); diff != "" {
		t.Error(diff)
	}
	if !d.Missing() {
		t.Error("a row that was not measured is missing")
	}
}

func TestThisMachine(t *testing.T) {
	m := report.ThisMachine()
	if m.Cores < 1 || m.Go == "" || m.CPU == "" || m.Kernel == "" {
		t.Errorf("%+v", m)
	}
}
