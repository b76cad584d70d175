package main

import (
	"testing"
	"time"
)

func TestParseResident(t *testing.T) {
	for _, tt := range []struct {
		status string
		want   uint64
		ok     bool
	}{
		{"Name:\tpostern\nVmHWM:\t  2000 kB\nVmRSS:\t  1024 kB\nRssAnon:\t 1 kB\n", 1 << 20, true},
		{"Name:\tpostern\n", 0, false},
		{"VmRSS:\tmuch kB\n", 0, false},
	} {
		got, err := parseResident(tt.status)
		if got != tt.want || (err == nil) != tt.ok {
			t.Errorf("%q: %d, %v", tt.status, got, err)
		}
	}
}

func TestParseProcessorTime(t *testing.T) {
	for _, tt := range []struct {
		stat string
		want time.Duration
		ok   bool
	}{
		{"42 (postern) S 1 42 42 0 -1 4194560 9 0 0 0 150 50 0 0 20 0 9 0 1 2 3", 2 * time.Second, true},
		{"42 (a ) b) S 1 42 42 0 -1 4194560 9 0 0 0 1 0 0 0 20", 10 * time.Millisecond, true},
		{"42 (postern) S 1", 0, false},
		{"", 0, false},
		{"42 (postern) S 1 42 42 0 -1 4194560 9 0 0 0 x 50 0 0 20", 0, false},
	} {
		got, err := parseProcessorTime(tt.stat)
		if (err == nil) != tt.ok || tt.ok && got != tt.want {
			t.Errorf("%q: %v, %v", tt.stat, got, err)
		}
	}
}
