package agent

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

func TestBackoff(t *testing.T) {
	for _, tt := range []struct {
		name    string
		failure error
		longest time.Duration
	}{
		{"no path", &net.OpError{Op: "dial", Err: errors.New("i/o timeout")}, maxNoPath},
		{"refused", errors.New("HTTP 503"), maxWait},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newBackoff()
			for n := range 20 {
				began := time.Now()
				if !b.sleep(t.Context(), tt.failure) {
					t.Fatal("the context has ended")
				}
				wait, most := time.Since(began), min(firstWait<<min(n, 10), tt.longest)
				if wait < most/2 || wait > most+time.Nanosecond {
					t.Errorf("%s: wait %d is %v, want %v–%v", tt.name, n, wait, most/2, most)
				}
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if b.sleep(ctx, nil) {
				t.Error("slept although the context had ended")
			}
		})
	}
}
